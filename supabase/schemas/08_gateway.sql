-- gateway: keys from their making to their end, and what the gateway asks about a call made with
-- one: may it start, what became of it, and the answer kept for whoever repeats the request.
--
-- A key is shown once and kept as its SHA-256. It never does what its scopes, its account's roles
-- or its limits do not allow, and once a revocation or a rotation has returned, the old key admits
-- nothing. An answer kept for an Idempotency-Key is never kept longer than a day.

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

-- making and changing keys ----------------------------------------------------------------------

create function private.new_secret()
returns text
language sql
volatile
security invoker
set search_path = ''
as $$
  -- Three random uuids are 366 bits of randomness; the hash evens them out to 256. The eight digits
  -- at the end are a checksum, so that a mistyped key is known for one without asking anybody.
  select 'sk-oneai-' || body || left(encode(sha256(convert_to('sk-oneai-' || body, 'UTF8')), 'hex'), 8)
  from encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex') as body
$$;

comment on function private.new_secret is 'A new key in clear text.';

create function private.require_my_key(key_id uuid)
returns private.api_keys
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  key private.api_keys;
begin
  select * into key from private.api_keys where api_keys.id = key_id;
  if key.id is null or not (
    private.has_role(key.account_id, 'owner', 'admin')
    or (key.created_by = (select auth.uid()) and private.has_role(key.account_id, 'owner', 'admin', 'member'))
  ) then
    perform private.fail(404, 'not_found', 'There is no such key.', 'Choose one of your own keys.');
  end if;
  -- The lock that admitting a call takes: what is decided here holds for every call after it.
  perform private.require_wallet(key.account_id);
  select * into key from private.api_keys where api_keys.id = key_id;
  if key.revoked_at is not null then
    perform private.fail(409, 'conflict', 'This key has been revoked.', 'Create a new one.');
  end if;
  return key;
end
$$;

comment on function private.require_my_key is 'A key that is in force and that the caller may change, with its account locked.';

create function private.read_list(label text, value jsonb, pattern text, most integer)
returns text[]
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  words text[];
begin
  if jsonb_typeof(value) = 'array' then
    select array_agg(distinct word) into words from jsonb_array_elements_text(value) as word;
  end if;
  if words is null or cardinality(words) > most or exists (select from unnest(words) as word where word is null or word !~ pattern) then
    perform private.fail(422, 'invalid_input', format('%s must be a list of 1 to %s known words.', label, most), null);
  end if;
  return words;
end
$$;

comment on function private.read_list is 'A list of words of a certain form out of JSON.';

create function private.read_limit(label text, value jsonb, most bigint)
returns bigint
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if value = '0' then
    perform private.fail(422, 'invalid_input', format('%s must be above zero.', label), 'Revoke the key to stop it altogether.');
  end if;
  return private.read_count(label, value, most);
end
$$;

comment on function private.read_limit is 'A limit out of JSON: empty for none, otherwise above zero.';

create function private.change_key(key_id uuid, changes jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  unknown text;
begin
  select field into unknown
  from jsonb_object_keys(case when jsonb_typeof(changes) = 'object' then changes else '{"an object": 0}' end) as field
  where field <> all ('{name,scopes,allowed_models,expires_at,requests_per_minute,requests_per_hour,requests_per_day,max_cost_micros}');
  if unknown is not null then
    perform private.fail(
      422, 'invalid_input', format('A key has no setting called %s.', left(unknown, 40)),
      'There are name, scopes, allowed_models, expires_at, requests_per_minute, requests_per_hour, requests_per_day and max_cost_micros.'
    );
  end if;
  if coalesce(changes ->> 'expires_at', '2000-01-01T00:00:00Z') !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d'
    or not pg_input_is_valid(coalesce(changes ->> 'expires_at', 'now'), 'timestamptz')
  then
    perform private.fail(422, 'invalid_input', 'That is not a moment in time.', 'Write it like 2027-01-31T12:00:00Z.');
  end if;
  if (changes ->> 'expires_at')::timestamptz <= private.clock() then
    perform private.fail(422, 'invalid_input', 'A key cannot expire in the past.', 'Revoke it to end it now.');
  end if;

  update private.api_keys set
    name = case when changes ? 'name' then private.require_text('Name', coalesce(changes ->> 'name', ''), 80) else api_keys.name end,
    scopes = case
      when changes ? 'scopes' then private.read_list('Scopes', changes -> 'scopes', '^(completions|embeddings|read)$', 3)
      else api_keys.scopes
    end,
    allowed_models = case
      when changes ? 'allowed_models'
      then private.read_list('Allowed models', changes -> 'allowed_models', '^[a-z0-9~*._:/-]{1,200}$', 50)
      else api_keys.allowed_models
    end,
    expires_at = case when changes ? 'expires_at' then (changes ->> 'expires_at')::timestamptz else api_keys.expires_at end
  where api_keys.id = key_id;

  if changes ?| '{requests_per_minute,requests_per_hour,requests_per_day,max_cost_micros}' then
    insert into private.limit_overrides as limits (
      subject_id, account_id, requests_per_minute, requests_per_hour, requests_per_day, max_cost_micros, reason
    )
    select
      api_keys.id, api_keys.account_id,
      private.read_limit('Requests per minute', changes -> 'requests_per_minute', 1000000000),
      private.read_limit('Requests per hour', changes -> 'requests_per_hour', 1000000000),
      private.read_limit('Requests per day', changes -> 'requests_per_day', 1000000000),
      private.read_limit('The most a request may cost', changes -> 'max_cost_micros', 9007199254740991),
      'Set with the key'
    from private.api_keys
    where api_keys.id = key_id
    on conflict on constraint limit_overrides_pkey do update set
      requests_per_minute = case when changes ? 'requests_per_minute' then excluded.requests_per_minute else limits.requests_per_minute end,
      requests_per_hour = case when changes ? 'requests_per_hour' then excluded.requests_per_hour else limits.requests_per_hour end,
      requests_per_day = case when changes ? 'requests_per_day' then excluded.requests_per_day else limits.requests_per_day end,
      max_cost_micros = case when changes ? 'max_cost_micros' then excluded.max_cost_micros else limits.max_cost_micros end;
  end if;
end
$$;

comment on function private.change_key is 'Changes what is given of a key and leaves the rest; an empty expiry or limit takes it off.';

create function private.create_key(account_id uuid, name text, settings jsonb)
returns table (key_id uuid, secret text)
language plpgsql
volatile
-- As its owner, because members may not write keys. Only those who may spend for the account get past the first check.
security definer
set search_path = ''
as $$
begin
  if not private.has_role(create_key.account_id, 'owner', 'admin', 'member') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  perform private.require_wallet(create_key.account_id);
  if (select count(*) from private.api_keys where api_keys.account_id = create_key.account_id and api_keys.revoked_at is null) >= 200 then
    perform private.fail(409, 'conflict', 'The account has 200 keys already.', 'Revoke one that is not used.');
  end if;
  secret := private.new_secret();
  insert into private.api_keys (account_id, created_by, name, prefix, hash)
  values (
    create_key.account_id, (select auth.uid()), private.require_text('Name', coalesce(create_key.name, ''), 80),
    left(secret, 15), sha256(convert_to(secret, 'UTF8'))
  )
  returning api_keys.id into key_id;
  perform private.change_key(key_id, coalesce(settings, '{}'));
  return next;
end
$$;

comment on function private.create_key is 'Makes a key for an account. The clear text is in this answer and nowhere else.';

create function private.update_key(key_id uuid, changes jsonb)
returns void
language plpgsql
volatile
-- As its owner, because members may not write keys. Only those who may change this key get past the first check.
security definer
set search_path = ''
as $$
begin
  perform private.require_my_key(key_id);
  perform private.change_key(key_id, changes);
end
$$;

comment on function private.update_key is 'Changes a key.';

create function private.rotate_key(key_id uuid, overlap_seconds integer)
returns text
language plpgsql
volatile
-- As its owner, because members may not write keys. Only those who may change this key get past the first check.
security definer
set search_path = ''
as $$
declare
  key private.api_keys := private.require_my_key(key_id);
  secret constant text := private.new_secret();
begin
  if coalesce(overlap_seconds, 0) not between 0 and 2592000 then
    perform private.fail(422, 'invalid_input', 'The old key can go on for 30 days at most.', 'Give a number of seconds up to 2592000.');
  end if;
  update private.api_keys set
    prefix = left(secret, 15),
    hash = sha256(convert_to(secret, 'UTF8')),
    previous_hash = case when overlap_seconds > 0 then key.hash end,
    previous_until = case when overlap_seconds > 0 then private.clock() + make_interval(secs => overlap_seconds) end
  where api_keys.id = key.id;
  return secret;
end
$$;

comment on function private.rotate_key is
  'Gives a key a new clear text; the one before stays good for as long as was chosen. Budgets, limits and usage are the key''s, so they go on.';

create function private.revoke_key(key_id uuid)
returns void
language plpgsql
volatile
-- As its owner, because members may not write keys. Only those who may change this key get past the first check.
security definer
set search_path = ''
as $$
begin
  perform private.require_my_key(key_id);
  update private.api_keys set revoked_at = private.clock(), previous_hash = null, previous_until = null where api_keys.id = key_id;
end
$$;

comment on function private.revoke_key is 'Ends a key. Calls that run go on to their end; no other is let in once this has returned.';

-- calls -------------------------------------------------------------------------------------------

create function private.require_key(key_hash bytea, scope text)
returns private.api_keys
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  key constant private.api_keys := private.find_key(key_hash);
begin
  if key.id is null then
    perform private.fail(401, 'unauthorized', 'This key is not valid.', 'Create a new key in the settings.');
  elsif require_key.scope <> all (key.scopes) then
    perform private.fail(403, 'forbidden', format('This key may not be used for %s.', scope), 'Give the key that scope, or use another key.');
  end if;
  return key;
end
$$;

comment on function private.require_key is 'The key of a hash, refused when it is not in force or lacks a scope.';

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
    return jsonb_build_object('verdict', verdict);
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
      return jsonb_build_object('verdict', verdict);
    elsif stored.run_id is not null then
      verdict.allowed := true;
      verdict.is_replay := true;
      verdict.run_id := stored.run_id;
      return jsonb_build_object('verdict', verdict, 'account_id', key.account_id);
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

-- what a key may know -------------------------------------------------------------------------------

create function private.describe_key(key_hash bytea)
returns jsonb
language plpgsql
volatile
-- As its owner, because the gateway reads for a key, not for a person.
security definer
set search_path = ''
as $$
declare
  key constant private.api_keys := private.require_key(key_hash, 'read');
begin
  return (
    select jsonb_build_object(
      'key', to_jsonb(keys),
      'wallet', to_jsonb(wallets) - '{last_hash,transaction_count}'::text[],
      'account_used_micros', (
        select coalesce(sum(usage_days.charged_micros), 0) from api.usage_days where usage_days.account_id = key.account_id
      ),
      'used', (
        select jsonb_build_object(
          'day', coalesce(sum(usage_days.charged_micros) filter (where usage_days.day >= (private.budget_start('day', private.clock()) at time zone 'UTC')::date), 0),
          'month', coalesce(sum(usage_days.charged_micros) filter (where usage_days.day >= (private.budget_start('month', private.clock()) at time zone 'UTC')::date), 0),
          'total', coalesce(sum(usage_days.charged_micros), 0),
          'requests', coalesce(sum(usage_days.requests), 0)
        )
        from api.usage_days
        where usage_days.account_id = key.account_id and usage_days.key_id = key.id
      ),
      'budgets', array(
        select to_jsonb(budgets) - '{account_id,subject_id}'::text[]
        from api.budgets
        where budgets.account_id = key.account_id and budgets.subject_id in (key.id, key.created_by)
        order by budgets.subject, budgets.period
      ),
      'limits', to_jsonb(limits) - 'account_id'
    )
    from api.keys
    join api.wallets on wallets.account_id = keys.account_id
    join api.limits on limits.account_id = keys.account_id
    where keys.id = key.id
  );
end
$$;

comment on function private.describe_key is 'What a key may know of itself: its settings, budgets, limits, usage and wallet.';

create function private.list_key_models(key_hash bytea)
returns setof jsonb
language plpgsql
volatile
-- As its owner, because the gateway reads for a key, not for a person.
security definer
set search_path = ''
as $$
declare
  key constant private.api_keys := private.require_key(key_hash, 'read');
begin
  return query
  select to_jsonb(presets)
  from api.presets
  order by presets.id;
  return query
  select to_jsonb(models)
  from api.models
  join private.account_plans on account_plans.account_id = key.account_id
  join private.offers on offers.plan_id = account_plans.plan_id and offers.model_id = models.id
  where exists (
      select from unnest(key.allowed_models) as allowed (pattern) where models.id like private.like_pattern(allowed.pattern)
    )
  order by models.id;
end
$$;

comment on function private.list_key_models is 'The presets, and the models that a key can call.';

create function private.find_key_receipt(key_hash bytea, id text)
returns jsonb
language plpgsql
volatile
-- As its owner, because the gateway reads for a key, not for a person.
security definer
set search_path = ''
as $$
declare
  key constant private.api_keys := private.require_key(key_hash, 'read');
  wanted_run_id uuid;
begin
  if pg_input_is_valid(find_key_receipt.id, 'uuid') then
    wanted_run_id := find_key_receipt.id::uuid;
  end if;
  return coalesce(
    (
      select to_jsonb(receipts)
      from api.receipts
      where receipts.run_id = wanted_run_id
        and receipts.account_id = key.account_id
        and receipts.user_id = key.created_by
    ),
    (
      -- Whoever has only the id of the request asks soon, or not at all.
      select to_jsonb(receipts)
      from api.receipts
      where receipts.account_id = key.account_id
        and receipts.finished_at > private.clock() - interval '1 day'
        and receipts.user_id = key.created_by
        and receipts.request_id = find_key_receipt.id
      order by receipts.finished_at desc
      limit 1
    )
  );
end
$$;

comment on function private.find_key_receipt is 'The receipt of a call of the person whose key this is, by the id of the call or of the request.';

-- policies and grants -------------------------------------------------------------------------

grant execute on function
  private.create_key, private.update_key, private.rotate_key, private.revoke_key to authenticated;
grant execute on function
  private.is_key, private.start_call, private.keep_call, private.finish_call, private.read_stored_answer, private.describe_key,
  private.list_key_models, private.find_key_receipt to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.keys
with (security_invoker = true)
as
select
  api_keys.id, api_keys.account_id, api_keys.created_by, api_keys.name, api_keys.prefix, api_keys.scopes,
  api_keys.allowed_models, limit_overrides.requests_per_minute, limit_overrides.requests_per_hour,
  limit_overrides.requests_per_day, limit_overrides.max_cost_micros, api_keys.expires_at, api_keys.previous_until,
  api_keys.revoked_at, api_keys.last_used_at, api_keys.created_at
from private.api_keys
left join private.limit_overrides on limit_overrides.subject_id = api_keys.id;

comment on view api.keys is
  'The keys of the caller''s accounts. Their budgets are in budgets, their usage in usage_days. The clear text is nowhere.';

grant select on api.keys to authenticated, service_role;

create function api.create_key(account_id uuid, name text, settings jsonb default '{}')
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  made record;
begin
  select * into made from private.create_key(account_id, name, settings);
  return jsonb_build_object('secret', made.secret, 'key', (select to_jsonb(keys) from api.keys where keys.id = made.key_id));
end
$$;

comment on function api.create_key is
  'Makes a key: its clear text as secret, shown this once, and its row as key. Settings are scopes, allowed_models, expires_at, requests_per_minute, requests_per_hour, requests_per_day and max_cost_micros.';

create function api.update_key(key_id uuid, changes jsonb)
returns setof api.keys
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.update_key(key_id, changes);
  return query select * from api.keys where keys.id = key_id;
end
$$;

comment on function api.update_key is
  'Changes what is given of a key: name, scopes, allowed_models, expires_at, requests_per_minute, requests_per_hour, requests_per_day, max_cost_micros. An empty expiry or limit takes it off.';

create function api.rotate_key(key_id uuid, overlap_seconds integer default 0)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  secret constant text := private.rotate_key(key_id, overlap_seconds);
begin
  return jsonb_build_object('secret', secret, 'key', (select to_jsonb(keys) from api.keys where keys.id = key_id));
end
$$;

comment on function api.rotate_key is
  'Gives a key a new clear text, shown this once as secret. The one before stays good for the seconds given, 30 days at most.';

create function api.revoke_key(key_id uuid)
returns setof api.keys
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.revoke_key(key_id);
  return query select * from api.keys where keys.id = key_id;
end
$$;

comment on function api.revoke_key is 'Ends a key at once: nothing that comes after this has returned is let in with it.';

grant execute on function api.create_key, api.update_key, api.rotate_key, api.revoke_key to authenticated;

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

create function api.describe_key(key_hash text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.describe_key(private.read_hash(key_hash))
$$;

comment on function api.describe_key is 'What a key may know of itself: settings, budgets, limits, usage and wallet.';

create function api.list_key_models(key_hash text)
returns setof jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.list_key_models(private.read_hash(key_hash))
$$;

comment on function api.list_key_models is 'The presets and the models that a key can call, with our prices.';

create function api.find_key_receipt(key_hash text, id text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.find_key_receipt(private.read_hash(key_hash), id)
$$;

comment on function api.find_key_receipt is 'The receipt of a call by its id or by the id of its request; nothing when there is none.';

grant execute on function
  api.is_key, api.start_call, api.keep_call, api.finish_call, api.read_stored_answer, api.describe_key, api.list_key_models,
  api.find_key_receipt
  to service_role;
