-- limits, worked out: which model each plan may call at which price (offers, with all that bounds the
-- cost of a call), and what each account may do (its allowance), so that a call reads one row of each.
--
-- Nothing is decided here that plans, rules and overrides do not say; whenever one of them changes,
-- this follows.

create table private.offers (
  plan_id text not null references private.plans (id) on delete cascade,
  model_id text not null references private.models (id) on delete cascade,
  price_version_id bigint not null,
  context_tokens integer not null,
  max_output_tokens integer not null,
  model_quota_id bigint,
  is_embedding boolean not null,
  upstream_name text not null,
  closed_until timestamptz,
  minimum_micros bigint not null,
  request_micros numeric not null,
  prompt_bound_micros numeric not null,
  output_bound_micros numeric not null,
  image_micros numeric not null,
  search_micros numeric not null,
  upstream_prompt_usd numeric not null,
  upstream_completion_usd numeric not null,
  primary key (plan_id, model_id)
);

comment on table private.offers is
  'Which model each plan may call now, at which price: worked out from plans, their rules and quotas, the guard and the catalogue, whenever one of them changes.';
comment on column private.offers.closed_until is 'While the guard of our upstream account is closed, until when.';

alter table private.offers enable row level security;
create index offers_model_id_idx on private.offers (model_id);

create function private.renew_offers()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  with wanted as (
    select
      plans.id as plan_id, models.id as model_id, models.price_version_id, models.context_tokens, models.max_output_tokens,
      models.upstream_name, 'embeddings' = any (models.output_modalities) as is_embedding,
      (
        select model_quotas.id
        from private.model_quotas
        where model_quotas.plan_id = plans.id and models.id like model_quotas.like_pattern
        order by char_length(model_quotas.pattern) desc, model_quotas.id
        limit 1
      ) as model_quota_id,
      (
        select case when upstream_guard.is_paused then 'infinity' else upstream_guard.closed_until end from private.upstream_guard
      ) as closed_until,
      price.minimum_micros, price.request_micros, price.prompt_bound_micros, price.output_bound_micros,
      price.image_micros, price.search_micros, price.upstream_prompt_usd, price.upstream_completion_usd
    from private.plans
    cross join private.models
    join private.price_versions as price on price.id = models.price_version_id
    where models.enabled
      and models.retired_at is null
      and (
        select plan_models.allowed
        from private.plan_models
        where plan_models.plan_id = plans.id and models.id like plan_models.like_pattern
        order by plan_models.priority, plan_models.id
        limit 1
      )
  ),
  gone as (
    delete from private.offers
    where not exists (
      select from wanted where wanted.plan_id = offers.plan_id and wanted.model_id = offers.model_id
    )
  )
  insert into private.offers as offer (
    plan_id, model_id, price_version_id, context_tokens, max_output_tokens, model_quota_id, is_embedding, upstream_name,
    closed_until, minimum_micros, request_micros, prompt_bound_micros, output_bound_micros, image_micros, search_micros,
    upstream_prompt_usd, upstream_completion_usd
  )
  select
    wanted.plan_id, wanted.model_id, wanted.price_version_id, wanted.context_tokens, wanted.max_output_tokens,
    wanted.model_quota_id, wanted.is_embedding, wanted.upstream_name, wanted.closed_until, wanted.minimum_micros,
    wanted.request_micros, wanted.prompt_bound_micros, wanted.output_bound_micros, wanted.image_micros,
    wanted.search_micros, wanted.upstream_prompt_usd, wanted.upstream_completion_usd
  from wanted
  on conflict on constraint offers_pkey do update set
    price_version_id = excluded.price_version_id,
    context_tokens = excluded.context_tokens,
    max_output_tokens = excluded.max_output_tokens,
    model_quota_id = excluded.model_quota_id,
    is_embedding = excluded.is_embedding,
    upstream_name = excluded.upstream_name,
    closed_until = excluded.closed_until,
    minimum_micros = excluded.minimum_micros,
    request_micros = excluded.request_micros,
    prompt_bound_micros = excluded.prompt_bound_micros,
    output_bound_micros = excluded.output_bound_micros,
    image_micros = excluded.image_micros,
    search_micros = excluded.search_micros,
    upstream_prompt_usd = excluded.upstream_prompt_usd,
    upstream_completion_usd = excluded.upstream_completion_usd
  -- What a price version says never changes, so its number stands for all of it.
  where (
      offer.price_version_id, offer.context_tokens, offer.max_output_tokens, offer.model_quota_id, offer.is_embedding,
      offer.upstream_name, offer.closed_until
    ) is distinct from (
      excluded.price_version_id, excluded.context_tokens, excluded.max_output_tokens, excluded.model_quota_id,
      excluded.is_embedding, excluded.upstream_name, excluded.closed_until
    );
  return null;
end
$$;

comment on function private.renew_offers is 'Works out anew which plan may call which model at which price.';

create function private.route_in_plan(
  plan_id text, preset_id text, features private.request_features, key_models text[] default null
)
returns table (model_ids text[], reason text)
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(offered.model_ids, routed.model_ids), routed.reason
  from private.route(route_in_plan.preset_id, route_in_plan.features) with ordinality as routed (model_ids, reason, position)
  cross join lateral (
    select array_agg(listed.model_id order by listed.position) as model_ids
    from unnest(routed.model_ids) with ordinality as listed (model_id, position)
    join private.offers on offers.plan_id = route_in_plan.plan_id and offers.model_id = listed.model_id
    where key_models is null or listed.model_id like any (key_models)
  ) as offered
  order by offered.model_ids is null, routed.position
  limit 1
$$;

comment on function private.route_in_plan is
  'The models of the first rule that has one which a plan includes, and the key if it names some, and its reason; where none has, the first rule as it is, for the refusal to name.';

create trigger on_plans_lock before insert or update or delete on private.plans
  for each statement execute function private.lock_catalogue();
create trigger on_plan_models_lock before insert or update or delete on private.plan_models
  for each statement execute function private.lock_catalogue();
create trigger on_model_quotas_lock before insert or update or delete on private.model_quotas
  for each statement execute function private.lock_catalogue();
create trigger on_upstream_guard_lock before insert or update on private.upstream_guard
  for each statement execute function private.lock_catalogue();
create trigger on_models_offers after insert or update or delete on private.models
  for each statement execute function private.renew_offers();
create trigger on_plans_offers after insert on private.plans
  for each statement execute function private.renew_offers();
create trigger on_plan_models_offers after insert or update or delete on private.plan_models
  for each statement execute function private.renew_offers();
create trigger on_model_quotas_offers after insert or update or delete on private.model_quotas
  for each statement execute function private.renew_offers();
create trigger on_upstream_guard_offers after insert or update on private.upstream_guard
  for each statement execute function private.renew_offers();

create function private.renew_allowance(account_id uuid)
returns private.allowances
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  allowance private.allowances;
begin
  update private.allowances set
    plan_id = plans.id,
    requests_per_minute = coalesce(own.requests_per_minute, plans.requests_per_minute),
    requests_per_hour = coalesce(own.requests_per_hour, plans.requests_per_hour),
    requests_per_day = coalesce(own.requests_per_day, plans.requests_per_day),
    requests_per_month = coalesce(own.requests_per_month, plans.requests_per_month),
    max_cost_micros = coalesce(own.max_cost_micros, plans.max_cost_micros),
    is_suspended = accounts.suspended_at is not null,
    month_start = private.month_start(account_plans.cycle_anchor, at),
    month_end = private.month_end(account_plans.cycle_anchor, at),
    month_requests = case
      when allowances.month_start = private.month_start(account_plans.cycle_anchor, at) then allowances.month_requests else 0
    end,
    valid_until = least(private.month_end(account_plans.cycle_anchor, at), own.expires_at)
  from private.account_plans
  join private.accounts on accounts.id = account_plans.account_id
  join private.plans on plans.id = account_plans.plan_id
  left join private.limit_overrides as own
    on own.subject_id = account_plans.account_id and coalesce(own.expires_at, 'infinity') > at
  where account_plans.account_id = renew_allowance.account_id
    and allowances.account_id = renew_allowance.account_id
  returning allowances.* into allowance;
  return allowance;
end
$$;

comment on function private.renew_allowance is
  'Works out what an account may do from its plan and its overrides, and starts its month when a new one has begun.';

create function private.outdate_allowances()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  account_ids uuid[];
  locked boolean;
begin
  if tg_table_name = 'plans' then
    -- One lock for all, since a plan may have more accounts than there can be locks. It also waits for
    -- those who move onto the plan now, or went by what it said. Who holds an allowance never
    -- waits for somebody who edits a plan.
    lock table private.allowances in share row exclusive mode;
    update private.allowances set valid_until = '-infinity'
    from private.account_plans
    where account_plans.plan_id in (select to_jsonb(changed) ->> 'id' from changed)
      and allowances.account_id = account_plans.account_id;
    return null;
  end if;
  account_ids := array(
    select coalesce(field ->> 'account_id', field ->> 'id')::uuid from changed cross join lateral to_jsonb(changed) as field
    order by 1
  );
  -- Under the locks of the accounts' calls: once this is committed, none goes by the old limits. Those of
  -- a statement are taken in one order, so that two that change many never wait for each other.
  for nth in 1..cardinality(account_ids) loop
    locked := private.lock_calls(account_ids[nth]);
  end loop;
  update private.allowances set valid_until = '-infinity' where allowances.account_id = any (account_ids);
  return null;
end
$$;

comment on function private.outdate_allowances is 'Has the next call of an account work out anew what it may do.';

create function private.require_order()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  account_id constant uuid := to_jsonb(case tg_op when 'DELETE' then old else new end) ->> 'account_id';
begin
  -- The row is locked already: to wait now for somebody who may wait for the row would be a deadlock.
  if not private.try_lock_account(account_id) then
    perform private.fail(
      409, 'conflict', 'Somebody is at work on the account.', format('Begin with: select private.lock_account(%L);', account_id)
    );
  end if;
  return case tg_op when 'DELETE' then old else new end;
end
$$;

comment on function private.require_order is
  'Lets rows be changed by hand, unless the account is busy and was not locked before them, as the one order of locks wants it.';

create trigger on_account_plans_order before update on private.account_plans
  for each row execute function private.require_order();
create trigger on_limit_overrides_order before insert or update or delete on private.limit_overrides
  for each row execute function private.require_order();
create trigger on_account_plans_insert after insert on private.account_plans
  referencing new table as changed for each statement execute function private.outdate_allowances();
create trigger on_account_plans_update after update on private.account_plans
  referencing new table as changed for each statement execute function private.outdate_allowances();
create trigger on_limit_overrides_insert after insert on private.limit_overrides
  referencing new table as changed for each statement execute function private.outdate_allowances();
create trigger on_limit_overrides_update after update on private.limit_overrides
  referencing new table as changed for each statement execute function private.outdate_allowances();
create trigger on_limit_overrides_delete after delete on private.limit_overrides
  referencing old table as changed for each statement execute function private.outdate_allowances();
create trigger on_accounts_update after update on private.accounts
  referencing new table as changed for each statement execute function private.outdate_allowances();
create trigger on_plans_update after update on private.plans
  referencing new table as changed for each statement execute function private.outdate_allowances();

-- policies and grants -------------------------------------------------------------------------

create policy "members know what a plan may call" on private.offers for select to authenticated using (true);

grant select (plan_id, model_id) on private.offers to authenticated;
grant select on private.offers to service_role;

-- api ---------------------------------------------------------------------------------------

create function api.list_excluded_models(account_id uuid)
returns table (model_id text, plan_name text)
language sql
stable
security invoker
set search_path = ''
as $$
  select
    models.id,
    (
      select plans.name
      from private.offers
      join private.plans on plans.id = offers.plan_id
      where offers.model_id = models.id and plans.is_public
      order by plans.position
      limit 1
    )
  from private.account_plans
  cross join api.models
  where account_plans.account_id = list_excluded_models.account_id
    and not exists (
      select from private.offers where offers.plan_id = account_plans.plan_id and offers.model_id = models.id
    )
  order by models.id
$$;

comment on function api.list_excluded_models is
  'The models that an account''s plan does not include, each with the first plan on offer that does.';

grant execute on function api.list_excluded_models to authenticated;
