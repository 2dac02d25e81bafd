-- gateway, what a key may know: its own limits and budgets, the models it can call and the receipts of
-- its maker's calls.
--
-- Only with the scope to read, nothing of another account, and so many times a minute.

create function private.count_read(account_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  max_reads constant integer := 600;
  counted private.rate_window;
begin
  insert into private.read_windows as windows (account_id, minute_window)
  values (count_read.account_id, private.count_in_window(null, 5, max_reads, at))
  on conflict on constraint read_windows_pkey do update
    set minute_window = private.count_in_window(windows.minute_window, 5, max_reads, at)
  returning (windows.minute_window).* into counted;
  if counted.full_until is not null then
    perform private.fail(
      429, 'rate_limited', format('More than %s requests in a minute that only read.', max_reads),
      'Wait a minute; calls of models are not concerned.'
    );
  end if;
  -- The Data API sends them with whatever the question is answered with.
  perform set_config(
    'response.headers',
    jsonb_build_array(
      jsonb_build_object('RateLimit-Policy', format('"minute";q=%s;w=60', max_reads)),
      jsonb_build_object('RateLimit', format('"minute";r=%s;t=60', max_reads - counted.used))
    )::text,
    true
  );
end
$$;

comment on function private.count_read is 'Counts a request that only reads in a minute of its own, in which an account has 600 of them.';

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
  perform private.count_read(key.account_id);
  return key;
end
$$;

comment on function private.require_key is 'The key of a hash, refused when it is not in force, lacks a scope, or its account reads too often.';

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
        -- What the key's maker may see for themselves.
        select coalesce(sum(usage_days.charged_micros), 0) from api.usage_days
        where usage_days.account_id = key.account_id
          and (usage_days.user_id = key.created_by or key.account_id in (select private.ledger_account_ids(key.created_by)))
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
  patterns constant text[] := array(select private.like_pattern(pattern) from unnest(key.allowed_models) as pattern);
begin
  return query
  select to_jsonb(presets)
  from api.presets
  where presets.id like any (patterns)
    or exists (
      select from private.router_rules
      cross join unnest(router_rules.models) as listed (model_id)
      where router_rules.preset_id = presets.id and router_rules.active and listed.model_id like any (patterns)
    )
  order by presets.id;
  return query
  select to_jsonb(models)
  from api.models
  join private.account_plans on account_plans.account_id = key.account_id
  join private.offers on offers.plan_id = account_plans.plan_id and offers.model_id = models.id
  where models.id like any (patterns)
  order by models.id;
end
$$;

comment on function private.list_key_models is 'The presets and the models that a key can call.';

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

grant execute on function private.describe_key, private.list_key_models, private.find_key_receipt to service_role;

-- api ---------------------------------------------------------------------------------------------

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

grant execute on function api.describe_key, api.list_key_models, api.find_key_receipt to service_role;
