-- gateway, keys from their making to their end.
--
-- A key is shown once and kept as its SHA-256. Once a revocation or a rotation has returned, the old
-- key admits nothing.

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
      then private.read_list('Allowed models', changes -> 'allowed_models', private.model_pattern_form(), 50)
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
  -- So that nobody takes those of all others.
  if (
    select count(*) from private.api_keys
    where api_keys.account_id = create_key.account_id and api_keys.created_by = (select auth.uid()) and api_keys.revoked_at is null
  ) >= 50 then
    perform private.fail(409, 'conflict', 'You have made 50 keys for this account already.', 'Revoke one that is not used.');
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

create function private.end_key(key_id uuid)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update private.api_keys set revoked_at = private.clock(), previous_hash = null, previous_until = null
  where api_keys.id = end_key.key_id and api_keys.revoked_at is null
$$;

comment on function private.end_key is 'Lets no call in with a key, nor with the one before it. Whoever calls this has its account locked.';

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
  perform private.end_key(key_id);
end
$$;

comment on function private.revoke_key is 'Ends a key. Calls that run go on to their end; no other is let in once this has returned.';

grant execute on function private.create_key, private.update_key, private.rotate_key, private.revoke_key to authenticated;

-- api ---------------------------------------------------------------------------------------------

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
