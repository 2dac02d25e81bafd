-- gateway: what it asks about a call made with a key: may it start, what became of it, and the answer
-- kept for whoever repeats the request. Keys are made and changed in 08_gateway_keys; what one may
-- know of itself is in 08_gateway_info.
--
-- A key never does what its scopes, its account's roles or its limits do not allow. An answer kept for
-- an Idempotency-Key is never kept longer than a day.

-- stored answers ------------------------------------------------------------------------------

-- pgls-ignore lint/safety/preferJsonb: the end of an answer is repeated word for word, and jsonb sorts its keys.
create table private.stored_answers (
  account_id uuid not null references private.accounts (id) on delete cascade,
  idempotency_key text not null check (octet_length(idempotency_key) between 1 and 255),
  run_id uuid not null unique,
  request_hash bytea not null check (octet_length(request_hash) = 32),
  closing json,
  receipt jsonb,
  ended_at timestamptz,
  created_at timestamptz not null,
  primary key (account_id, idempotency_key)
);

comment on table private.stored_answers is
  'Calls made with an Idempotency-Key, for a day: a repeated request joins the running answer or gets the same one again.';
comment on column private.stored_answers.closing is
  'What the gateway needs beside the receipt to write the end of the answer again: word for word, so not jsonb, which sorts its keys.';

alter table private.stored_answers enable row level security;
create index stored_answers_created_at_idx on private.stored_answers (created_at);

create table private.stored_pieces (
  run_id uuid not null references private.stored_answers (run_id) on delete cascade,
  number integer not null check (number > 0),
  body text not null,
  primary key (run_id, number)
);

comment on table private.stored_pieces is 'The answers kept for an Idempotency-Key, as they were sent, piece by piece.';

alter table private.stored_pieces enable row level security;

-- calls -------------------------------------------------------------------------------------------

create function private.find_key(key_hash bytea)
returns private.api_keys
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  key private.api_keys;
begin
  select api_keys.* into key
  from private.api_keys
  join private.members on members.account_id = api_keys.account_id and members.user_id = api_keys.created_by
  where (
      api_keys.hash = find_key.key_hash
      or (api_keys.previous_hash = find_key.key_hash and api_keys.previous_until > private.clock())
    )
    and api_keys.revoked_at is null
    and coalesce(api_keys.expires_at, 'infinity') > private.clock()
    and members.role in ('owner', 'admin', 'member');
  return key;
end
$$;

comment on function private.find_key is 'The key of a hash, if it is in force and whoever made it may still spend for its account.';

create function private.lock_key(key_hash bytea)
returns private.api_keys
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  account_id uuid;
  locked boolean;
begin
  select api_keys.account_id into account_id
  from private.api_keys
  where api_keys.hash = lock_key.key_hash or api_keys.previous_hash = lock_key.key_hash;
  if account_id is null then
    return null;
  end if;
  -- Judged under the lock that rotating and revoking take: once either has returned, the old key admits nothing.
  locked := private.lock_calls(account_id);
  return private.find_key(key_hash);
end
$$;

comment on function private.lock_key is 'The key of a hash, if it is in force, with the calls of its account locked until the end of the transaction.';

create function private.is_key(key_hash bytea)
returns boolean
language sql
stable
-- As its owner, because the gateway may read no hashes.
security definer
set search_path = ''
as $$
  select (private.find_key(key_hash)).id is not null
$$;

comment on function private.is_key is 'Whether a key of that hash is in force.';

create function private.lost_charge(stored private.stored_answers)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select usage_events.charged_micros
  from private.usage_events
  where stored.ended_at is null
    and usage_events.run_id = stored.run_id
$$;

comment on function private.lost_charge is
  'What a kept answer cost whose worker died: the call has ended, and nobody closed the answer. Nothing where that is not so.';

create function private.count_replay(key private.api_keys)
returns private.verdict
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  allowance private.allowances;
  key_limits private.limit_overrides;
  of_key private.rate_window;
begin
  select * into allowance from private.allowances where allowances.account_id = key.account_id;
  if allowance.valid_until <= at then
    allowance := private.renew_allowance(key.account_id);
  end if;
  select * into key_limits from private.limit_overrides
  where limit_overrides.subject_id = key.id and coalesce(limit_overrides.expires_at, 'infinity') > at;
  if allowance.requests_per_minute is not null then
    allowance.minute_window := private.count_in_window(allowance.minute_window, 5, allowance.requests_per_minute, at);
  end if;
  if key_limits.requests_per_minute is not null then
    of_key := private.count_in_window(
      (select key_windows.minute_window from private.key_windows where key_windows.key_id = key.id),
      5, key_limits.requests_per_minute, at
    );
  end if;
  if (allowance.minute_window).full_until is not null or of_key.full_until is not null then
    return private.too_often(
      case when (allowance.minute_window).full_until is not null then allowance.minute_window else of_key end, null, null
    );
  end if;
  update private.allowances set minute_window = allowance.minute_window where allowances.account_id = key.account_id;
  if key_limits.requests_per_minute is not null then
    insert into private.key_windows as counted (key_id, minute_window)
    values (key.id, of_key)
    on conflict on constraint key_windows_pkey do update set minute_window = excluded.minute_window;
  end if;
  return null;
end
$$;

comment on function private.count_replay is
  'Counts a repeated request in the minute of its account and of its key, and in nothing else: it costs a few reads. The refusal where one of them is full, else nothing.';

create function private.start_call(
  key_hash bytea, models text[], shape private.request_shape, features private.request_features,
  task private.run_task, max_cost_micros bigint, idempotency_key text, request_hash bytea
)
returns jsonb
language plpgsql
volatile
-- As its owner, because the gateway may not write runs or holds.
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  scope constant text := case task when 'embedding' then 'embeddings' else 'completions' end;
  key constant private.api_keys := private.lock_key(key_hash);
  stored private.stored_answers;
  verdict private.verdict;
begin
  if key.id is null then
    verdict := private.refusal(401, 'unauthorized', 'key', 'This key is not valid.', 'Create a new key in the settings.');
    return jsonb_build_object('verdict', verdict);
  elsif scope <> all (key.scopes) then
    verdict := private.refusal(
      403, 'forbidden', 'scope', format('This key may not be used for %s.', scope), 'Give the key that scope, or use another key.'
    );
    return jsonb_build_object('verdict', private.tell_limits(verdict, key));
  end if;

  if start_call.idempotency_key is not null then
    if request_hash is null then
      perform private.fail(422, 'invalid_input', 'An idempotency key comes with the hash of its request.', null);
    end if;
    select * into stored from private.stored_answers
    where stored_answers.account_id = key.account_id and stored_answers.idempotency_key = start_call.idempotency_key;
    if stored.created_at <= private.clock() - interval '24 hours' or private.lost_charge(stored) = 0 then
      delete from private.stored_answers where stored_answers.run_id = stored.run_id;
    elsif stored.request_hash <> start_call.request_hash then
      verdict := private.refusal(
        409, 'conflict', 'idempotency', 'This Idempotency-Key was used for another request.', 'Use a new key for a new request.'
      );
      return jsonb_build_object('verdict', private.tell_limits(verdict, key));
    elsif stored.run_id is not null then
      verdict := private.count_replay(key);
      if verdict.allowed is null then
        verdict.allowed := true;
        verdict.is_replay := true;
        verdict.run_id := stored.run_id;
      end if;
      return jsonb_build_object('verdict', private.tell_limits(verdict, key), 'account_id', key.account_id);
    end if;
  end if;

  verdict := private.authorize_run(row(
    key.account_id, key.created_by, key.id, task, models, shape, features, start_call.max_cost_micros, null, null
  ));
  if verdict.allowed then
    if start_call.idempotency_key is not null then
      insert into private.stored_answers (account_id, idempotency_key, run_id, request_hash, created_at)
      values (key.account_id, start_call.idempotency_key, verdict.run_id, start_call.request_hash, private.clock());
    end if;
    if coalesce(key.last_used_at, '-infinity') < private.clock() - interval '1 minute' then
      update private.api_keys set last_used_at = private.clock() where api_keys.id = key.id;
    end if;
  else
    verdict := private.tell_limits(verdict, key);
  end if;
  return jsonb_build_object('verdict', verdict, 'account_id', key.account_id);
end
$$;

comment on function private.start_call is
  'Decides about a call made with a key: refused, started, or a repetition of one that an Idempotency-Key names.';

create function private.keep_pieces(run_id uuid, pieces jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- Nothing to do for the many calls without an Idempotency-Key, and for a piece that came already.
  insert into private.stored_pieces (run_id, number, body)
  select stored_answers.run_id, (piece ->> 'number')::integer, piece ->> 'body'
  from jsonb_array_elements(pieces) as piece
  join private.stored_answers on stored_answers.run_id = keep_pieces.run_id and stored_answers.ended_at is null
  -- Held, or it might be forgotten before its piece is there.
  for key share of stored_answers
  on conflict on constraint stored_pieces_pkey do nothing;
end
$$;

comment on function private.keep_pieces is 'Keeps the next pieces of an answer that is kept at all.';

create function private.keep_call(run_id uuid, generation_id text, pieces jsonb)
returns boolean
language plpgsql
volatile
-- As its owner, because the gateway may write neither runs nor answers.
security definer
set search_path = ''
as $$
declare
  -- The run before its answer, as when both end.
  stop constant boolean := private.touch_run(run_id, generation_id);
begin
  -- Text, not money: a crash may forget the last half second of it.
  set local synchronous_commit = off;
  perform private.keep_pieces(run_id, pieces);
  return stop;
end
$$;

comment on function private.keep_call is
  'Says that the worker of a call is alive and keeps the next pieces of its answer. Returns whether it should stop, or nothing when the call has ended.';

create function private.finish_call(run_id uuid, report private.run_report, pieces jsonb, closing json)
returns jsonb
language plpgsql
volatile
-- As its owner, because the gateway may write no money.
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  event constant private.usage_events := private.finish_run(run_id, report);
  bill jsonb;
begin
  select to_jsonb(receipts) into bill
  from api.receipts
  where receipts.run_id = event.run_id;
  if report.outcome = 'failed' then
    -- It cost nothing, so whoever repeats the request gets another try.
    delete from private.stored_answers where stored_answers.run_id = finish_call.run_id and stored_answers.ended_at is null;
  elsif closing is not null then
    perform private.keep_pieces(run_id, pieces);
    update private.stored_answers set
      ended_at = private.clock(), closing = finish_call.closing, receipt = bill
    where stored_answers.run_id = finish_call.run_id and stored_answers.ended_at is null;
  end if;
  return bill;
end
$$;

comment on function private.finish_call is
  'Ends a call made with a key. What comes to close an answer kept for an Idempotency-Key closes it. Returns the receipt, or nothing while the cost has still to be asked upstream.';

create function private.read_stored_answer(run_id uuid, after integer, max_pieces integer default 200)
returns json
language sql
stable
-- As its owner, because the gateway may read no answers.
security definer
set search_path = ''
as $$
  select json_build_object(
    'pieces', array(
      select stored_pieces.body
      from private.stored_pieces
      where stored_pieces.run_id = stored_answers.run_id and stored_pieces.number > read_stored_answer.after
      order by stored_pieces.number
      limit read_stored_answer.max_pieces
    ),
    'count', (select count(*) from private.stored_pieces where stored_pieces.run_id = stored_answers.run_id),
    'is_ended', stored_answers.ended_at is not null,
    'is_lost', private.lost_charge(stored_answers) is not null,
    'closing', stored_answers.closing,
    -- Where its cost was not known at the end it is known a little later.
    'receipt', coalesce(stored_answers.receipt, (
      select to_jsonb(receipts) from api.receipts where receipts.run_id = stored_answers.run_id
    ))
  )
  from private.stored_answers
  where stored_answers.run_id = read_stored_answer.run_id
$$;

comment on function private.read_stored_answer is 'An answer kept for an Idempotency-Key, from a piece on, as far as it has come.';

create function private.purge_stored_answers(max_answers integer default 5000)
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
  with old as (
    select stored_answers.run_id
    from private.stored_answers
    where stored_answers.created_at <= private.clock() - interval '24 hours'
    order by stored_answers.created_at
    limit purge_stored_answers.max_answers
    for update skip locked
  ),
  gone as (
    delete from private.stored_answers where stored_answers.run_id in (select old.run_id from old) returning 1
  )
  select count(*) from gone
$$;

comment on function private.purge_stored_answers is 'Forgets the answers whose day is over.';

grant execute on function
  private.is_key, private.start_call, private.keep_call, private.finish_call, private.read_stored_answer
to service_role;

-- api ---------------------------------------------------------------------------------------

create function api.is_key(key_hash text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select private.is_key(private.read_hash(key_hash))
$$;

comment on function api.is_key is 'Whether a key is in force, by its SHA-256 in hex; asked before much is read of whoever shows it.';

create function api.start_call(
  key_hash text, models text[], shape jsonb, features jsonb default '{}', task text default 'completion',
  max_cost_micros bigint default null, idempotency_key text default null, request_hash text default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.start_call(
    private.read_hash(key_hash), private.read_choice(models), private.read_shape(shape), private.read_features(features),
    private.require_task(task), max_cost_micros, private.require_idempotency_key(idempotency_key), private.read_hash(request_hash)
  );
end
$$;

comment on function api.start_call is
  'Authorises a call made with an API key, found by its SHA-256 in hex: the verdict, and the account it is for. A repeated Idempotency-Key is a replay.';

create function api.keep_call(run_id uuid, generation_id text default null, pieces jsonb default '[]')
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.keep_call(run_id, generation_id, pieces);
end
$$;

comment on function api.keep_call is
  'Keeps a call alive for another 30 seconds, and the next pieces of its answer with it. Tells whether it should stop.';

create function api.finish_call(run_id uuid, report jsonb, pieces jsonb default '[]', closing json default null)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.finish_call(run_id, private.read_report(report), pieces, closing);
end
$$;

comment on function api.finish_call is
  'Ends a call and returns its receipt, the first one when repeated; nothing yet when the cost has still to be asked upstream.';

create function api.read_stored_answer(run_id uuid, after integer default 0)
returns json
language sql
stable
security invoker
set search_path = ''
as $$
  select private.read_stored_answer(run_id, after)
$$;

comment on function api.read_stored_answer is 'The answer kept for an Idempotency-Key, as far as it has come; nothing when none is kept.';

grant execute on function
  api.is_key, api.start_call, api.keep_call, api.finish_call, api.read_stored_answer
to service_role;
