-- chat, answers, as they stream and end: pieces are kept, the answer closed, and read again from any
-- place by whoever comes back.
--
-- A flush may be lost in a crash of the server, so it never touches money. An answer is closed in the
-- transaction that settles its run; one whose worker is gone is closed as far as it came.

create function private.keep_frames(run_id uuid, first integer, frames jsonb)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  last constant bigint := first::bigint + jsonb_array_length(frames) - 1;
  known integer := coalesce((
    select run_chunks.last_frame from private.run_chunks
    where run_chunks.run_id = keep_frames.run_id
    order by run_chunks.first_frame desc
    limit 1
  ), 0);
begin
  -- Whoever keeps frames has locked the run, so nobody else is about to keep the same.
  if last > known then
    insert into private.run_chunks (run_id, first_frame, last_frame, frames)
    values (
      keep_frames.run_id, greatest(first, known + 1), last,
      case
        when first > known then frames
        else (
          select jsonb_agg(frame.value order by frame.position)
          from jsonb_array_elements(frames) with ordinality as frame (value, position)
          where first + frame.position - 1 > known
        )
      end
    );
  end if;
  return greatest(first - known - 1, 0);
end
$$;

comment on function private.keep_frames is
  'Keeps the frames that are not kept yet, and returns how many before them never came.';

create function private.append_frames(run_id uuid, first integer, frames jsonb, generation_id text)
returns boolean
language plpgsql
volatile
-- As its owner, because the worker may not write runs or text.
security definer
set search_path = ''
as $$
declare
  stop constant boolean := private.touch_run(append_frames.run_id, append_frames.generation_id);
  missing integer;
begin
  -- Text only: what a crash may take of it is in the worker still. Money never goes this way.
  perform set_config('synchronous_commit', 'off', true);
  if stop is not null and frames <> '[]' and exists (
    select from private.messages where messages.run_id = append_frames.run_id
  ) then
    missing := private.keep_frames(append_frames.run_id, append_frames.first, frames);
    if missing > 0 then
      perform private.fail(
        409, 'conflict', format('The %s frames before number %s are missing.', missing, append_frames.first), 'Send them again, with these.'
      );
    end if;
  end if;
  return stop;
end
$$;

comment on function private.append_frames is
  'Keeps what has streamed since the last flush and says that the worker is alive. Whether to stop; nothing once the run has ended.';

create function private.close_answer(run_id uuid, status private.message_status, error_code text, model_id text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update private.messages set
    status = close_answer.status,
    error_code = left(close_answer.error_code, 100),
    model_id = coalesce(left(close_answer.model_id, 200), messages.model_id),
    content = coalesce(spoken.content, ''),
    reasoning = coalesce(spoken.reasoning, '')
  from (
    select
      string_agg(frame.value ->> 1, '' order by run_chunks.first_frame, frame.position) filter (where frame.value ->> 0 = 'c') as content,
      string_agg(frame.value ->> 1, '' order by run_chunks.first_frame, frame.position) filter (where frame.value ->> 0 = 'r') as reasoning
    from private.run_chunks
    cross join lateral jsonb_array_elements(run_chunks.frames) with ordinality as frame (value, position)
    where run_chunks.run_id = close_answer.run_id
  ) as spoken
  where messages.run_id = close_answer.run_id;
end
$$;

comment on function private.close_answer is 'Puts the pieces of an answer together into its message.';

create function private.finish_answer(run_id uuid, report private.run_report, first integer, frames jsonb)
returns private.usage_events
language plpgsql
volatile
-- As its owner, because the worker may not write text or money.
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  ended_at timestamptz;
  missing integer := 0;
begin
  -- The run before its message and before the account, as everywhere.
  perform from private.runs where runs.id = finish_answer.run_id for no key update;
  if not found then
    select usage_events.finished_at into ended_at from private.usage_events where usage_events.run_id = finish_answer.run_id;
  end if;
  -- A worker that was given up may still come with the rest, while its pieces are there. The message
  -- is locked as well, because a run that has ended cannot be.
  perform from private.messages
  where messages.run_id = finish_answer.run_id
    and (
      messages.status = 'streaming'
      or (messages.status = 'lost' and coalesce(ended_at, private.clock()) > private.clock() - interval '1 hour')
    )
  for no key update;
  if found then
    if frames <> '[]' then
      missing := private.keep_frames(finish_answer.run_id, finish_answer.first, frames);
    end if;
    perform private.close_answer(
      finish_answer.run_id,
      case report.outcome when 'completed' then 'complete' when 'stopped' then 'stopped' else 'failed' end::private.message_status,
      coalesce(report.error_code, case when missing > 0 then 'text_incomplete' end), report.model_id
    );
  end if;
  return private.finish_reported_run(finish_answer.run_id, report);
end
$$;

comment on function private.finish_answer is
  'Keeps the rest of an answer, closes it and settles its run, all or nothing. Repeated, it changes nothing and returns the first receipt.';

create function private.status_of_lost(receipt private.usage_events)
returns private.message_status
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- Its worker did not close it, so it is whole for certain only when that worker settled it.
  return case
    when receipt.outcome = 'failed' then 'failed'
    when receipt.outcome = 'stopped' then 'stopped'
    when receipt.outcome = 'completed' and receipt.cost_label = 'reported' then 'complete'
    else 'lost'
  end::private.message_status;
end
$$;

comment on function private.status_of_lost is 'How an answer ended whose worker did not say so.';

create function private.close_lost_answers(max_answers integer default 200)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  lost record;
  closed integer := 0;
begin
  for lost in
    select messages.run_id, usage_events as receipt
    from private.messages
    left join private.usage_events on usage_events.run_id = messages.run_id
    where messages.status = 'streaming'
      and not exists (select from private.runs where runs.id = messages.run_id and runs.status = 'open')
    limit close_lost_answers.max_answers
    for no key update of messages skip locked
  loop
    perform private.close_answer(
      lost.run_id, private.status_of_lost(lost.receipt), coalesce((lost.receipt).error_code, 'run_lost'), null
    );
    closed := closed + 1;
  end loop;
  return closed;
end
$$;

comment on function private.close_lost_answers is 'Closes answers whose run has ended without their worker, as far as they came.';

create function private.forget_chunks(max_chunks integer default 20000)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  forgotten integer;
begin
  delete from private.run_chunks
  where (run_chunks.run_id, run_chunks.first_frame) in (
    select old.run_id, old.first_frame
    from private.run_chunks as old
    where old.created_at < private.clock() - interval '1 day'
    order by old.created_at
    limit forget_chunks.max_chunks
  );
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;

comment on function private.forget_chunks is 'Removes the pieces of answers that are a day old: their messages have the whole.';

grant execute on function private.append_frames, private.finish_answer to service_role;
grant execute on function private.status_of_lost to authenticated;

-- api ---------------------------------------------------------------------------------------------

create function api.read_answer(run_id uuid, after integer default 0)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  from_frame constant integer := least(greatest(coalesce(read_answer.after, 0), 0), 1000000000);
  message private.messages;
  run private.runs;
  receipt private.usage_events;
  chunks jsonb;
  last integer;
  frames_left integer;
begin
  select * into run from private.runs where runs.id = read_answer.run_id and runs.user_id = (select auth.uid());
  select * into receipt from private.usage_events
  where usage_events.run_id = read_answer.run_id and usage_events.user_id = (select auth.uid());
  select * into message from private.messages where messages.run_id = coalesce(run.id, receipt.run_id);
  if run.id is null and receipt.run_id is null then
    perform private.fail(404, 'not_found', 'There is no such run.', 'Load the conversation again.');
  end if;
  select
    jsonb_agg(jsonb_build_object(
      'first', greatest(run_chunks.first_frame, from_frame + 1),
      'last', run_chunks.last_frame,
      'frames', case
        when run_chunks.first_frame > from_frame then run_chunks.frames
        else jsonb_path_query_array(run_chunks.frames, '$[$skip to last]', jsonb_build_object('skip', from_frame - run_chunks.first_frame + 1))
      end
    ) order by run_chunks.first_frame) filter (where run_chunks.last_frame > from_frame),
    max(run_chunks.last_frame),
    coalesce(sum(run_chunks.last_frame - greatest(run_chunks.first_frame - 1, from_frame)) filter (where run_chunks.last_frame > from_frame), 0)
  into chunks, last, frames_left
  from private.run_chunks
  where run_chunks.run_id = read_answer.run_id;
  if coalesce(frames_left < last - from_frame, true) and message.status <> 'streaming' and message.content || message.reasoning <> '' then
    -- The pieces are forgotten after a day. From then on an answer comes in one, and from its start,
    -- because how far a number of before had come is forgotten with them.
    last := 2;
    chunks := jsonb_build_array(jsonb_build_object('first', 1, 'last', 2, 'frames', jsonb_build_array(
      jsonb_build_array('r', message.reasoning), jsonb_build_array('c', message.content)
    )));
  end if;
  return jsonb_build_object(
    'status', case
      when coalesce(message.status, 'streaming') <> 'streaming' then message.status
      when run.status = 'open' then 'streaming'
      -- Its text is kept nowhere: only where nothing was said is nothing missing.
      when message.id is null and (receipt.cost_label is distinct from 'none' or receipt.first_token_ms is not null) then 'lost'
      else private.status_of_lost(receipt)
    end,
    'run_status', coalesce(run.status::text, 'finished'),
    'chunks', coalesce(chunks, '[]'),
    'last', coalesce(last, 0),
    'error_code', coalesce(message.error_code, receipt.error_code),
    'receipt', (
      select to_jsonb(receipts) from api.receipts where receipts.run_id = receipt.run_id
    ),
    'stop_requested', run.stop_requested_at is not null
  );
end
$$;

comment on function api.read_answer is
  'What an answer has come to: its state and the frames after a number, each ["c", text] or ["r", reasoning]. To be asked again until it no longer streams. A chunk whose first frame is not after that number is the whole answer anew.';

create function api.append_frames(run_id uuid, first integer, frames jsonb, generation_id text default null)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.append_frames(run_id, first, private.require_frames(first, frames), generation_id);
end
$$;

comment on function api.append_frames is
  'One flush of an answer''s frames, numbered from 1. Returns whether to stop, nothing when the run has ended. What was flushed before is left out; a gap is refused.';

create function api.finish_answer(run_id uuid, report jsonb, first integer default 1, frames jsonb default '[]')
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  event constant private.usage_events := private.finish_answer(
    run_id, private.read_report(report), first, private.require_frames(first, frames)
  );
begin
  return (
    select jsonb_build_object(
      'receipt', (
        select to_jsonb(receipts) from api.receipts where receipts.run_id = event.run_id
      ),
      'wallet', jsonb_build_object(
        'available_micros', greatest(balances.free_micros, 0),
        'balance_micros', balances.balance_micros,
        'held_micros', balances.held_micros
      ),
      'limits', jsonb_build_object(
        'requests_this_month', limits.requests_this_month, 'requests_per_month', limits.requests_per_month
      )
    )
    from private.balances
    join api.limits on limits.account_id = balances.account_id
    where balances.account_id = coalesce(
      event.account_id, (select runs.account_id from private.runs where runs.id = finish_answer.run_id)
    )
  );
end
$$;

comment on function api.finish_answer is
  'The end of an answer: keeps the frames that were not flushed, closes the message and settles the run. No receipt yet when its cost has still to be asked upstream.';

grant execute on function api.read_answer to authenticated;
grant select on api.limits to service_role;
grant execute on function api.append_frames, api.finish_answer to service_role;
