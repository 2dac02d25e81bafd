-- chat, answers: how a message is asked, its answer opened, kept as it streams, closed and read again.
-- One call before the model is asked and one after; in between at most two flushes a second.
--
-- A flush may be lost in a crash of the server, so it never touches money. An answer is closed in the
-- transaction that settles its run; one whose worker is gone is closed as far as it came.

create table private.run_chunks (
  run_id uuid not null,
  first_frame integer not null check (first_frame > 0),
  last_frame integer not null,
  frames jsonb not null,
  created_at timestamptz not null default private.clock(),
  primary key (run_id, first_frame),
  check (last_frame >= first_frame)
);

comment on table private.run_chunks is
  'The text of answers in the pieces it streamed in, numbered from 1, to resume reading from. Kept for a day; the message has the whole.';

alter table private.run_chunks enable row level security;
create index run_chunks_created_at_idx on private.run_chunks (created_at);

create policy "authors see the pieces of their answers" on private.run_chunks
  for select to authenticated
  using (exists (select from private.messages where messages.run_id = run_chunks.run_id));

grant select on private.run_chunks to authenticated, service_role;

-- reading what callers send -------------------------------------------------------------------

create function private.read_id(label text, value jsonb)
returns uuid
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if value is null or value = 'null' then
    return null;
  end if;
  if jsonb_typeof(value) <> 'string' or not pg_input_is_valid(value #>> '{}', 'uuid') then
    perform private.fail(422, 'invalid_input', format('%s must be a uuid, not %s.', label, left(value::text, 50)), null);
  end if;
  return value #>> '{}';
end
$$;

comment on function private.read_id is 'An id out of JSON, or the refusal.';

create type private.new_message as (id uuid, parent_id uuid, content text);

comment on type private.new_message is 'What a person wrote, and below which message.';

create function private.read_message(message jsonb)
returns private.new_message
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  content constant text := message ->> 'content';
begin
  if message is null or message = 'null' then
    return null;
  end if;
  if jsonb_typeof(message) <> 'object' or jsonb_typeof(message -> 'content') is distinct from 'string' then
    perform private.fail(422, 'invalid_input', 'A message has an id, a parent_id and a content that is text.', null);
  end if;
  if octet_length(content) > 1048576 then
    perform private.fail(
      413, 'too_large', format('The message is too long: %s bytes of at most 1,048,576.', to_char(octet_length(content), 'FM999,999,999')),
      'Send it in parts.'
    );
  end if;
  if content !~ '\S' then
    perform private.fail(422, 'invalid_input', 'The message is empty.', 'Write something.');
  end if;
  return row(private.read_id('A message''s id', message -> 'id'), private.read_id('parent_id', message -> 'parent_id'), content)::private.new_message;
end
$$;

comment on function private.read_message is 'A message out of JSON, its text as it is; refused when empty or longer than 1 MB.';

create type private.answer_options as (
  max_tokens integer,
  max_cost_micros bigint,
  system text,
  excluded_models jsonb
);

comment on type private.answer_options is 'What may be said about an answer that is wanted.';

create function private.read_answer_options(options jsonb)
returns private.answer_options
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if jsonb_typeof(coalesce(options -> 'system', 'null')) not in ('string', 'null') then
    perform private.fail(422, 'invalid_input', 'The system prompt must be text.', null);
  end if;
  if octet_length(options ->> 'system') > 102400 then
    perform private.fail(413, 'too_large', 'The system prompt is longer than 100 kB.', 'Shorten it.');
  end if;
  return row(
    private.read_count('max_tokens', options -> 'max_tokens', 10000000),
    private.read_count('max_cost_micros', options -> 'max_cost_micros', 9007199254740991),
    options ->> 'system',
    options -> 'excluded_models'
  )::private.answer_options;
end
$$;

comment on function private.read_answer_options is
  'Options out of JSON. A system prompt that is given, even empty, takes the place of the custom instructions.';

create function private.require_frames(first integer, frames jsonb)
returns jsonb
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if frames is null or frames = 'null' then
    return '[]';
  end if;
  if jsonb_typeof(frames) <> 'array' or coalesce(first, 0) not between 1 and 100000000 or exists (
    select from jsonb_array_elements(frames) as frame
    where jsonb_typeof(frame) <> 'array'
      or jsonb_array_length(frame) <> 2
      or frame -> 0 not in ('"c"', '"r"')
      or jsonb_typeof(frame -> 1) <> 'string'
  ) then
    perform private.fail(
      422, 'invalid_input', 'Frames are a list of ["c", text] and ["r", text], the first with its number from 1.', null
    );
  end if;
  return frames;
end
$$;

comment on function private.require_frames is 'Frames as they are kept, or the refusal; none for nothing.';

-- what is asked ---------------------------------------------------------------------------------

create function private.title_of(content text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return coalesce(nullif(btrim(left(btrim(regexp_replace(left(content, 400), '[\s\u0001-\u001F\u007F]+', ' ', 'g')), 60)), ''), 'New chat');
end
$$;

comment on function private.title_of is 'What a conversation is called until it has a better title: how its first message begins.';

create function private.language_of(content text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return case
    when content ~ '[\u3040-\u30ff]' then 'ja'
    when content ~ '[\u4e00-\u9fff]' then 'zh'
    when content ~ '[\uac00-\ud7af]' then 'ko'
    when content ~ '[\u0400-\u04ff]' then 'ru'
    when content ~ '[\u0600-\u06ff]' then 'ar'
    when content ~ '[\u0900-\u097f]' then 'hi'
    when content ~ '[\u0590-\u05ff]' then 'he'
    when content ~ '[\u0e00-\u0e7f]' then 'th'
    when content ~ '[\u0370-\u03ff]{3}' then 'el'
  end;
end
$$;

comment on function private.language_of is 'The language of a text as far as its script tells, for the router.';

create function private.features_of(content text, prompt_tokens integer, context_tokens integer, excluded_models jsonb)
returns private.request_features
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  start constant text := left(content, 8000);
begin
  return private.read_features(jsonb_build_object(
    'has_code', start ~ '```|(^|\n)\s*(def |class |function |import |#include|SELECT .* FROM )|=>|\w\(\)|;\s*(\n|$)'
      or start ~* '\y(python|javascript|typescript|sql|regex|stack ?trace|compiler|refactor)\y',
    'has_math', start ~ '\$\$|\\\(|\\\[|\\(frac|sum|int|sqrt)\y|∑|∫|√'
      or start ~* '\y(integral|derivative|equation|theorem|prove that|solve for)\y',
    'language', private.language_of(start),
    'prompt_tokens', prompt_tokens,
    'context_tokens', context_tokens,
    'excluded_models', excluded_models
  ));
end
$$;

comment on function private.features_of is 'What the router may know of a message.';

create type private.model_room as (context_tokens integer, max_output_tokens integer);

create function private.room_of(model text)
returns private.model_room
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  -- What a preset will choose is not known yet: the largest of its models counts.
  candidates constant text[] := case when model like 'oneai/%' then array(
    select unnest(router_rules.models) from private.router_rules
    where router_rules.preset_id = room_of.model and router_rules.active
  ) else array[model] end;
begin
  return (
    select row(max(models.context_tokens), max(models.max_output_tokens))::private.model_room
    from private.models
    where models.id = any (candidates)
      and models.retired_at is null
      and models.enabled
      and models.price_version_id is not null
  );
end
$$;

comment on type private.model_room is 'How much a model takes in, and how much it can say.';
comment on function private.room_of is 'How much a model takes in and can say; a preset as much as the largest of its models.';

create type private.answer_context as (
  messages jsonb,
  count integer,
  bytes bigint,
  tokens integer,
  needed_tokens integer,
  trimmed_messages integer,
  trimmed_tokens integer
);

comment on type private.answer_context is
  'What a model is told before it answers. Needed is what cannot be left out: the instructions and the last message.';

create function private.context_of(conversation_id uuid, message_id uuid, instructions text, room_tokens integer)
returns private.answer_context
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    with recursive path as (
      select messages.parent_id, messages.role, messages.content, 1 as step
      from private.messages
      where messages.conversation_id = context_of.conversation_id and messages.id = context_of.message_id
      union all
      select messages.parent_id, messages.role, messages.content, path.step + 1
      from path
      join private.messages
        on messages.conversation_id = context_of.conversation_id and messages.id = path.parent_id
    ),
    said as (
      select path.step, path.role, path.content, octet_length(path.content) as bytes, path.role = 'system' or path.step = 1 as is_needed
      from path
      where path.step = 1 or path.content <> ''
      union all
      -- After everything else in steps, so that it comes first of all.
      select 2147483647, 'system', context_of.instructions, octet_length(context_of.instructions), true
      where context_of.instructions <> ''
    ),
    added_up as (
      -- A token is rarely under three bytes, and a message has a little around it: rather too many than too few.
      select said.*, likely.tokens, sum(likely.tokens) over (order by said.is_needed desc, said.step) as so_far
      from said
      cross join lateral (select (said.bytes + 2) / 3 + 8 as tokens) as likely
    ),
    fitting as (
      select added_up.*, added_up.is_needed or coalesce(added_up.so_far <= context_of.room_tokens, true) as fits
      from added_up
    ),
    chosen as (
      -- What is left must not begin with an answer to nothing.
      select
        fitting.*,
        fitting.is_needed or (fitting.fits and (
          bool_and(fitting.fits) over ()
          or fitting.step <= max(fitting.step) filter (where fitting.fits and fitting.role = 'user') over ()
        )) as is_kept
      from fitting
    )
    select row(
      jsonb_agg(jsonb_build_object('role', chosen.role, 'content', chosen.content) order by chosen.step desc) filter (where chosen.is_kept),
      count(*) filter (where chosen.is_kept),
      sum(chosen.bytes) filter (where chosen.is_kept),
      sum(chosen.tokens) filter (where chosen.is_kept),
      sum(chosen.tokens) filter (where chosen.is_needed),
      count(*) filter (where not chosen.is_kept),
      coalesce(sum(chosen.tokens) filter (where not chosen.is_kept), 0)
    )::private.answer_context
    from chosen
  );
end
$$;

comment on function private.context_of is
  'The branch that leads to a message, instructions first. What does not fit is left out from its beginning, never the instructions or the last message.';

-- starting ----------------------------------------------------------------------------------------

create function private.open_conversation(account_id uuid, conversation_id uuid, message private.new_message)
returns private.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation private.conversations;
begin
  select * into conversation from private.conversations
  where conversations.id = open_conversation.conversation_id
  for no key update;
  if conversation.id is null and message.id is not null and message.parent_id is null then
    insert into private.conversations (id, account_id, user_id, title)
    values (open_conversation.conversation_id, open_conversation.account_id, auth.uid(), private.title_of(message.content))
    on conflict on constraint conversations_pkey do nothing;
    select * into conversation from private.conversations
    where conversations.id = open_conversation.conversation_id
    for no key update;
  end if;
  if conversation.id is null
    or conversation.user_id <> auth.uid()
    or conversation.account_id <> open_conversation.account_id
    or conversation.deleted_at is not null
  then
    perform private.fail(404, 'not_found', 'There is no such conversation.', 'Choose one from your list, or begin a new one.');
  end if;
  return conversation;
end
$$;

comment on function private.open_conversation is 'The caller''s conversation, locked, made if it begins with this message.';

create function private.ask(conversation private.conversations, message private.new_message, answer_to uuid)
returns private.messages
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  asked private.messages;
  parent private.messages;
begin
  select * into asked from private.messages
  where messages.conversation_id = conversation.id and messages.id = coalesce(message.id, ask.answer_to);
  if message.id is null then
    if asked.id is null or asked.role <> 'user' then
      perform private.fail(404, 'not_found', 'There is no such message to answer in this conversation.', 'Load the conversation again.');
    end if;
    return asked;
  end if;
  if asked.id is not null then
    if asked.role <> 'user' or asked.content <> message.content or asked.parent_id is distinct from message.parent_id then
      perform private.fail(409, 'conflict', 'This id was used for another message.', 'Use a new id for a new message.');
    end if;
    return asked;
  end if;

  if message.parent_id is not null then
    select * into parent from private.messages
    where messages.conversation_id = conversation.id and messages.id = message.parent_id;
    if parent.id is null then
      perform private.fail(404, 'not_found', 'The message before this one is not in this conversation.', 'Load the conversation again.');
    elsif parent.status = 'streaming' then
      perform private.fail(409, 'conflict', 'The answer before this message is still being written.', 'Wait for it, or stop it.');
    end if;
  end if;
  insert into private.messages (conversation_id, id, user_id, parent_id, role, content)
  values (conversation.id, message.id, conversation.user_id, message.parent_id, 'user', message.content)
  returning * into asked;
  return asked;
end
$$;

comment on function private.ask is 'The message to be answered: kept now if it is new, the same one if it was kept before.';

create function private.start_answer(
  account_id uuid, conversation_id uuid, answer_id uuid, models text[], message private.new_message, answer_to uuid,
  options private.answer_options, request_hash bytea
)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write messages, runs or holds. It acts for the caller's own id only.
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
-- Plans made while a table was nearly empty must be right when it is not.
set enable_seqscan = off
as $$
declare
  at constant timestamptz := private.clock();
  idempotency_key constant text := 'answer:' || start_answer.answer_id;
  wanted_models text[] := start_answer.models;
  conversation private.conversations;
  earlier private.messages;
  asked private.messages;
  room private.model_room;
  reserve integer;
  context private.answer_context;
  features private.request_features;
  verdict private.verdict;
  is_new boolean;
begin
  if start_answer.conversation_id is null or start_answer.answer_id is null or (message.id is null) = (start_answer.answer_to is null) then
    perform private.fail(
      422, 'invalid_input', 'An answer needs an id, a conversation, and either a message with an id or the message it answers.', null
    );
  end if;
  if not private.has_role(start_answer.account_id, 'owner', 'admin', 'member') then
    return jsonb_build_object(
      'verdict', private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.'),
      'conversation_id', start_answer.conversation_id, 'user_message_id', null, 'answer_id', start_answer.answer_id,
      'context', '[]'::jsonb, 'trimmed', null, 'stored', false
    );
  end if;
  conversation := private.open_conversation(start_answer.account_id, start_answer.conversation_id, message);

  select * into earlier from private.messages
  where messages.conversation_id = conversation.id and messages.id = start_answer.answer_id;
  if earlier.id is not null then
    if earlier.run_id is null or earlier.parent_id is distinct from coalesce(message.id, start_answer.answer_to) then
      perform private.fail(409, 'conflict', 'This id was used for another message.', 'Use a new id for a new answer.');
    end if;
    -- It was asked before: the run of then, or a conflict when the request was another.
    verdict := private.earlier_verdict(
      row(
        conversation.account_id, conversation.user_id, null, 'completion', wanted_models, null, null, null, idempotency_key,
        start_answer.request_hash
      )::private.run_request,
      at
    );
    if verdict.allowed is null then
      -- After a day only the answer itself is known.
      verdict.allowed := true;
      verdict.is_replay := true;
      verdict.run_id := earlier.run_id;
      verdict.model_ids := array[earlier.model_id];
    end if;
    return jsonb_build_object(
      'verdict', verdict, 'conversation_id', conversation.id, 'user_message_id', earlier.parent_id,
      'answer_id', earlier.id, 'context', '[]'::jsonb, 'trimmed', null, 'stored', true
    );
  end if;

  if conversation.message_count >= 5000 then
    perform private.fail(413, 'too_large', 'This conversation has 5,000 messages, and that is all it can have.', 'Begin a new one.');
  end if;
  is_new := message.id is not null and not exists (
    select from private.messages where messages.conversation_id = conversation.id and messages.id = message.id
  );
  asked := private.ask(conversation, message, start_answer.answer_to);

  room := private.room_of(wanted_models[1]);
  reserve := least(coalesce(options.max_tokens, 4096), room.max_output_tokens, room.context_tokens / 2);
  context := private.context_of(
    conversation.id, asked.id,
    coalesce(options.system, (
      select preferences.custom_instructions from private.preferences where preferences.user_id = conversation.user_id
    )),
    room.context_tokens - reserve
  );
  if context.needed_tokens > room.context_tokens - reserve then
    verdict := private.refusal(
      413, 'too_large', 'context',
      format(
        'This is too long for %s by about %s tokens: the message and its instructions have about %s, and there is room for %s beside an answer.',
        left(wanted_models[1], 100), context.needed_tokens - room.context_tokens + reserve, context.needed_tokens,
        room.context_tokens - reserve
      ),
      'Shorten the message, or choose a model with a larger context.'
    );
  else
    if wanted_models[1] like 'oneai/%' then
      features := private.features_of(asked.content, context.tokens, context.tokens + reserve, options.excluded_models);
      select least(room.context_tokens, min(models.context_tokens)) into room.context_tokens
      from private.route(wanted_models[1], features) as routed
      join private.models on models.id = any (routed.model_ids);
    elsif cardinality(wanted_models) > 1 then
      -- What falls back must take it in as well.
      wanted_models := wanted_models[1] || array(
        select fallback.id
        from unnest(wanted_models[2:]) with ordinality as fallback (id, position)
        left join private.models on models.id = fallback.id
        where models.context_tokens >= context.tokens + reserve
        order by fallback.position
      );
    end if;
    verdict := private.authorize_run(row(
      conversation.account_id, conversation.user_id, null, 'completion', wanted_models,
      private.require_shape(row(
        context.bytes, context.count, 0,
        least(options.max_tokens, greatest(room.context_tokens - context.tokens, 1)), 1, 0
      )::private.request_shape),
      features, options.max_cost_micros, idempotency_key, start_answer.request_hash
    ));
    if verdict.is_replay then
      -- The run is of another conversation, or of one that is gone: it must not become this message's.
      perform private.fail(409, 'conflict', 'This id was used for another answer.', 'Use a new id for a new answer.');
    end if;
  end if;

  if verdict.allowed then
    insert into private.messages (conversation_id, id, user_id, parent_id, role, status, content, model_id, run_id)
    values (
      conversation.id, start_answer.answer_id, conversation.user_id, asked.id, 'assistant', 'streaming', '',
      verdict.model_ids[1], verdict.run_id
    );
  end if;
  update private.conversations set
    leaf_id = case when verdict.allowed then start_answer.answer_id when is_new then asked.id else conversations.leaf_id end,
    model_id = coalesce(left(start_answer.models[1], 200), conversations.model_id),
    message_count = conversations.message_count + is_new::integer + verdict.allowed::integer,
    updated_at = case when verdict.allowed or is_new then at else conversations.updated_at end
  where conversations.id = conversation.id;

  return jsonb_build_object(
    'verdict', verdict,
    'conversation_id', conversation.id,
    'user_message_id', asked.id,
    'answer_id', start_answer.answer_id,
    'context', case when verdict.allowed then context.messages else '[]' end,
    'trimmed', case when context.trimmed_messages > 0 then jsonb_build_object(
      'messages', context.trimmed_messages, 'tokens', context.trimmed_tokens
    ) end,
    'stored', true
  );
end
$$;

comment on function private.start_answer is
  'Keeps the message, chooses what the model is told, authorises the call and opens the answer, in one transaction. A refusal keeps the message.';

-- keeping, closing --------------------------------------------------------------------------------

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
      lost.run_id, private.status_of_lost(lost.receipt), coalesce((lost.receipt).error_code, 'worker_lost'), null
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

grant execute on function private.start_answer to authenticated;
grant execute on function private.append_frames, private.finish_answer to service_role;
grant execute on function
  private.read_id, private.read_message, private.read_answer_options, private.status_of_lost
to authenticated;
grant execute on function private.require_frames to service_role;

-- api ---------------------------------------------------------------------------------------

create function api.start_answer(
  account_id uuid, conversation_id uuid, answer_id uuid, models text[], message jsonb default null,
  answer_to uuid default null, options jsonb default '{}', request_hash text default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.start_answer(
    account_id, conversation_id, answer_id, private.read_choice(models), private.read_message(message), answer_to,
    private.read_answer_options(options), private.read_hash(request_hash)
  );
end
$$;

comment on function api.start_answer is
  'Asks for an answer: to a new message {id, parent_id, content}, or once more to one that is there. Returns the verdict and what the model is to be told; the same answer_id again is the same run.';

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
        'available_micros', greatest(wallets.balance_micros - wallets.held_micros, 0),
        'balance_micros', wallets.balance_micros,
        'held_micros', wallets.held_micros
      ),
      'limits', jsonb_build_object(
        'requests_this_month', limits.requests_this_month, 'requests_per_month', limits.requests_per_month
      )
    )
    from private.wallets
    join api.limits on limits.account_id = wallets.account_id
    where wallets.account_id = coalesce(
      event.account_id, (select runs.account_id from private.runs where runs.id = finish_answer.run_id)
    )
  );
end
$$;

comment on function api.finish_answer is
  'The end of an answer: keeps the frames that were not flushed, closes the message and settles the run. No receipt yet when its cost has still to be asked upstream.';

grant execute on function api.start_answer, api.read_answer to authenticated;
grant select on api.limits to service_role;
grant execute on function api.append_frames, api.finish_answer to service_role;
