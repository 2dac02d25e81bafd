-- usage: runs, and what is left of them. A run is one metered call of a model, from the chat or
-- through the API: authorised before it, finished once after it, by whichever of the caller, the
-- sweep or a reconciliation comes first.
--
-- Authorising holds the most a call can cost, or refuses. Finishing settles
-- the hold and writes the receipt in the same transaction. A run never ends twice.

create type private.run_task as enum ('completion', 'embedding');
create type private.run_status as enum ('open', 'reconciling', 'finished');
create type private.run_outcome as enum ('completed', 'stopped', 'failed', 'expired');
create type private.cost_label as enum ('reported', 'reconciled', 'estimated', 'none');

-- tables ------------------------------------------------------------------------------------

create table private.runs (
  id uuid primary key,
  account_id uuid not null,
  user_id uuid not null,
  key_id uuid,
  task private.run_task not null,
  status private.run_status not null default 'open',
  idempotency_key text,
  request_hash bytea,
  requested_model text not null,
  model_ids text[] not null,
  price_version_ids bigint[] not null,
  route_reason text,
  shape private.request_shape not null,
  max_tokens integer not null,
  is_clamped boolean not null,
  held_micros bigint not null,
  period_start timestamptz not null,
  token_quota_id bigint,
  held_tokens bigint not null default 0,
  lease_until timestamptz not null,
  stop_requested_at timestamptz,
  generation_id text,
  request_id text,
  started_at timestamptz not null,
  finished_at timestamptz,
  constraint well_formed check (
    (status = 'finished') = (finished_at is not null) and octet_length(idempotency_key) between 1 and 400
  )
)
with (fillfactor = 70);

comment on table private.runs is 'Every metered call of a model, and how far it has come. A run''s hold has the run''s id.';
comment on column private.runs.lease_until is 'Until when the worker that runs it is believed alive; it says so again every few seconds.';

alter table private.runs enable row level security;
create unique index runs_account_id_idempotency_key_key
  on private.runs (account_id, idempotency_key) where idempotency_key is not null;
create index runs_lease_until_idx on private.runs (lease_until) where finished_at is null;
create index runs_started_at_idx on private.runs using brin (started_at);

create table private.usage_events (
  run_id uuid not null,
  account_id uuid not null,
  user_id uuid not null,
  key_id uuid,
  task private.run_task not null,
  outcome private.run_outcome not null,
  finish_reason text,
  error_code text,
  requested_model text not null,
  model_id text not null,
  route_reason text,
  attempts jsonb not null default '[]',
  price_version_id bigint not null,
  used private.token_counts not null,
  held_micros bigint not null,
  charged_micros bigint not null,
  upstream_micros bigint,
  cost_label private.cost_label not null,
  transaction_id bigint,
  first_token_ms integer,
  latency_ms integer not null,
  request_id text,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  primary key (finished_at, run_id)
)
partition by range (finished_at);

comment on table private.usage_events is
  'The receipt of every run, by month. Written once, in the transaction that settled the run.';

alter table private.usage_events enable row level security;
create index usage_events_account_id_finished_at_idx on private.usage_events (account_id, finished_at);

create table private.usage_events_default partition of private.usage_events default;
comment on table private.usage_events_default is 'Catches receipts of months whose partition is missing; empty when all is well.';
alter table private.usage_events_default enable row level security;

create table private.usage_days (
  account_id uuid not null,
  day date not null,
  model_id text not null,
  user_id uuid not null,
  key_id uuid not null,
  requests bigint not null default 0,
  errors bigint not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  charged_micros bigint not null default 0,
  upstream_micros bigint not null default 0,
  latency_ms bigint not null default 0,
  first_token_ms bigint not null default 0,
  first_tokens bigint not null default 0,
  primary key (account_id, day, model_id, user_id, key_id)
)
with (fillfactor = 60);

comment on table private.usage_days is
  'Usage summed by day, model, member and key, kept up with every run. The nil uuid as a key means the chat.';

alter table private.usage_days enable row level security;
create index usage_days_day_idx on private.usage_days (day);

-- authorising -------------------------------------------------------------------------------

create type private.verdict as (
  allowed boolean,
  run_id uuid,
  is_replay boolean,
  status integer,
  reason text,
  rule text,
  detail text,
  hint text,
  shortfall_micros bigint,
  resets_at timestamptz,
  model_ids text[],
  route_reason text,
  max_tokens integer,
  is_clamped boolean,
  hold_micros bigint,
  available_micros bigint,
  max_prompt_usd numeric,
  max_completion_usd numeric,
  rate_limit integer,
  rate_remaining integer,
  rate_resets_at timestamptz,
  quota_limit bigint,
  quota_remaining bigint,
  quota_resets_at timestamptz
);

comment on type private.verdict is
  'The answer to a wish to call a model: allowed with what was held, or refused with the rule, what is missing and when to come back.';

create function private.refusal(
  status integer, reason text, rule text, detail text, hint text,
  shortfall_micros bigint default null, resets_at timestamptz default null
)
returns private.verdict
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return row(
    false, null, false, status, reason, rule, detail, hint, shortfall_micros, resets_at,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null
  )::private.verdict;
end
$$;

create type private.run_request as (
  account_id uuid,
  user_id uuid,
  key_id uuid,
  task private.run_task,
  models text[],
  shape private.request_shape,
  features private.request_features,
  max_cost_micros bigint,
  idempotency_key text,
  request_hash bytea
);

comment on type private.run_request is 'A wish to call a model, by whom, for which account and of what shape.';

create function private.require_shape(shape private.request_shape)
returns private.request_shape
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if shape.prompt_bytes is null or shape.prompt_bytes not between 1 and 20000000
    or coalesce(shape.messages, 1) not between 1 and 10000
    or coalesce(shape.images, 0) not between 0 and 100
    or coalesce(shape.max_tokens, 1) not between 1 and 10000000
    or coalesce(shape.choices, 1) not between 1 and 8
    or coalesce(shape.searches, 0) not between 0 and 100
  then
    perform private.fail(
      422, 'invalid_input', 'The request is empty, too large, or asks for a number of tokens, images or answers that cannot be.',
      'Check max_tokens, n and the length of the prompt.'
    );
  end if;
  return row(
    shape.prompt_bytes, coalesce(shape.messages, 1), coalesce(shape.images, 0), shape.max_tokens,
    coalesce(shape.choices, 1), coalesce(shape.searches, 0)
  )::private.request_shape;
end
$$;

comment on function private.require_shape is 'The shape of a request with its gaps filled, refused where a number cannot be.';

create function private.why_not_callable(model_id text, key_id uuid, plan_name text)
returns private.verdict
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  model private.models;
  shown constant text := left(coalesce(why_not_callable.model_id, ''), 100);
begin
  select * into model from private.models where models.id = why_not_callable.model_id;
  if model.id is null or not model.enabled then
    return private.refusal(404, 'not_found', 'model', format('There is no model %s.', shown), 'Choose one from the list of models.');
  elsif model.retired_at is not null then
    return private.refusal(404, 'not_found', 'model', format('%s has been retired.', shown), 'Choose one from the list of models.');
  elsif model.price_version_id is null then
    return private.refusal(404, 'not_found', 'model', format('%s has no price and cannot be called.', shown), 'Choose another model.');
  elsif why_not_callable.key_id is not null and not exists (
    select from private.api_keys
    cross join lateral unnest(api_keys.allowed_models) as allowed (pattern)
    where api_keys.id = why_not_callable.key_id and model.id like private.like_pattern(allowed.pattern)
  ) then
    return private.refusal(403, 'forbidden', 'key_models', format('This key may not call %s.', shown), 'Allow the model for this key, or use another key.');
  end if;
  return private.refusal(
    403, 'forbidden', 'plan_models', format('The %s plan does not include %s.', why_not_callable.plan_name, shown),
    'Choose another model or a larger plan.'
  );
end
$$;

comment on function private.why_not_callable is 'Says in words why a model cannot be called.';

create function private.unaffordable(binding text, shortfall_micros bigint, resets_at timestamptz)
returns private.verdict
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return case binding
    when 'balance' then private.refusal(
      402, 'insufficient_credits', 'balance', 'There are not enough credits for this request.',
      'Top up, shorten the prompt or choose a cheaper model.', shortfall_micros
    )
    when 'price_cap' then private.refusal(
      413, 'too_large', 'price_cap', 'This request could cost more than one request may.',
      'Shorten the prompt, choose a cheaper model or a larger plan.', shortfall_micros
    )
    else private.refusal(
      429, 'quota_exceeded', binding, 'The budget is used up.', 'Ask who manages the account, or wait for the next period.',
      shortfall_micros, resets_at
    )
  end;
end
$$;

comment on function private.unaffordable is 'The refusal for want of money, by what it was that did not suffice.';

create function private.authorize_run(request private.run_request)
returns private.verdict
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  shape constant private.request_shape := request.shape;
  verdict private.verdict;
  wallet record;
  holder record;
  earlier private.runs;
  rate private.rate_state;
  key_limits private.limit_overrides;
  key_rate private.rate_state;
  requests bigint;
  budget record;
  room bigint;
  binding text := 'balance';
  wanted_models text[] := request.models[1:10];
  wanted_model text;
  candidate record;
  quota_id bigint;
  held_tokens bigint := 0;
  wanted_tokens integer;
  output_tokens numeric;
  price_version_ids bigint[] := '{}';
  hold numeric := 0;
  is_routed boolean := false;
begin
  -- The wallet's lock comes first: from here on nothing of this account changes under us.
  select wallets.balance_micros - wallets.held_micros as available, wallets.next_expiry_at into wallet
  from private.wallets
  where wallets.account_id = request.account_id
  for no key update;

  -- Read after the lock, so that whatever was decided while this call waited for it counts.
  select
    plans.id as plan_id,
    plans.name as plan_name,
    coalesce(own.requests_per_minute, plans.requests_per_minute) as per_minute,
    coalesce(own.requests_per_hour, plans.requests_per_hour) as per_hour,
    coalesce(own.requests_per_day, plans.requests_per_day) as per_day,
    coalesce(own.requests_per_month, plans.requests_per_month) as per_month,
    least(coalesce(own.max_cost_micros, plans.max_cost_micros), request.max_cost_micros) as max_cost_micros,
    account_plans.cycle_anchor,
    account_plans.month_start,
    account_plans.month_end,
    guard.closed_until,
    case
      when accounts.suspended_at is not null then 'suspended'
      when guard.is_paused or guard.closed_until > at then 'guard'
    end as barred_by
  into holder
  from private.account_plans
  join private.accounts on accounts.id = account_plans.account_id
  join private.plans on plans.id = account_plans.plan_id
  left join private.limit_overrides as own
    on own.subject_id = account_plans.account_id and coalesce(own.expires_at, 'infinity') > at
  left join private.upstream_guard as guard on guard.id
  where account_plans.account_id = request.account_id;

  if holder.plan_id is null then
    return private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.');
  end if;

  if request.idempotency_key is not null then
    select * into earlier from private.runs
    where runs.account_id = request.account_id and runs.idempotency_key = request.idempotency_key;
    if earlier.id is not null and earlier.request_hash is distinct from request.request_hash then
      return private.refusal(
        409, 'conflict', 'idempotency', 'This idempotency key was used for another request.', 'Use a new key for a new request.'
      );
    elsif earlier.id is not null then
      verdict.allowed := true;
      verdict.run_id := earlier.id;
      verdict.is_replay := true;
      verdict.model_ids := earlier.model_ids;
      verdict.route_reason := earlier.route_reason;
      verdict.max_tokens := earlier.max_tokens;
      verdict.is_clamped := earlier.is_clamped;
      verdict.hold_micros := earlier.held_micros;
      return verdict;
    end if;
  end if;

  if holder.barred_by = 'suspended' then
    return private.refusal(403, 'forbidden', 'suspended', 'This account is suspended.', 'Write to support.');
  elsif holder.barred_by = 'guard' then
    return private.refusal(
      503, 'upstream_unavailable', 'guard', 'OneAI is pausing new requests for a moment.', 'Try again shortly.',
      resets_at => holder.closed_until
    );
  end if;
  if request.key_id is not null then
    -- Read again under the lock, which a revocation takes too: once that has returned, nothing gets through.
    if exists (select from private.api_keys where api_keys.id = request.key_id and api_keys.revoked_at is not null) then
      return private.refusal(401, 'unauthorized', 'key', 'This key is not valid.', 'Create a new key in the settings.');
    end if;
  end if;
  if holder.month_end <= at then
    update private.account_plans set
      month_start = private.month_start(account_plans.cycle_anchor, at),
      month_end = private.month_end(account_plans.cycle_anchor, at)
    where account_plans.account_id = request.account_id
    returning account_plans.month_start, account_plans.month_end into holder.month_start, holder.month_end;
  end if;
  if wallet.next_expiry_at <= at then
    wallet.available := wallet.available - private.expire_lots(request.account_id);
  end if;

  -- how often -------------------------------------------------------------------------------
  rate := private.count_call(request.account_id, at, holder.per_minute, holder.per_hour, holder.per_day);
  if request.key_id is not null and rate.resets_at is null then
    select * into key_limits from private.limit_overrides
    where limit_overrides.subject_id = request.key_id and coalesce(limit_overrides.expires_at, 'infinity') > at;
    if key_limits.subject_id is not null then
      key_rate := private.count_call(
        request.key_id, at, key_limits.requests_per_minute, key_limits.requests_per_hour, key_limits.requests_per_day
      );
      if key_rate.resets_at is not null then
        rate := key_rate;
      end if;
    end if;
  end if;
  if rate.resets_at is not null then
    return private.refusal(
      429, 'rate_limited', rate.rule, 'Too many requests in a short time.', 'Wait a little and try again.',
      resets_at => rate.resets_at
    );
  end if;

  select quotas.requests into requests
  from private.quotas
  where quotas.account_id = request.account_id and quotas.period_start = holder.month_start;
  if requests >= holder.per_month then
    return private.refusal(
      429, 'quota_exceeded', 'requests_per_month',
      format('The %s plan''s %s requests of this month are used.', holder.plan_name, holder.per_month),
      'Wait for the next month or choose a larger plan.', resets_at => holder.month_end
    );
  end if;

  -- how much --------------------------------------------------------------------------------
  room := wallet.available;
  if least(holder.max_cost_micros, key_limits.max_cost_micros) < room then
    room := least(holder.max_cost_micros, key_limits.max_cost_micros);
    binding := 'price_cap';
  end if;
  select
    budgets.subject || '_budget' as rule,
    private.budget_end(budgets.period, at) as resets_at,
    budgets.limit_micros - budgets.held_micros
      - case when budgets.window_start >= private.budget_start(budgets.period, at) then budgets.spent_micros else 0 end as room
  into budget
  from private.budgets
  where budgets.account_id = request.account_id and budgets.subject_id in (request.key_id, request.user_id)
  order by 3
  limit 1;
  if budget.room < room then
    room := budget.room;
    binding := budget.rule;
  end if;

  -- of which model --------------------------------------------------------------------------
  if wanted_models[1] like 'oneai/%' then
    is_routed := true;
    select routed.model_ids, routed.reason into wanted_models, verdict.route_reason
    from private.route(wanted_models[1], request.features) as routed;
    if wanted_models is null then
      return private.refusal(
        404, 'not_found', 'model', format('Nothing fits this request among the models of %s.', left(request.models[1], 100)),
        'Choose a model yourself.'
      );
    end if;
  end if;

  foreach wanted_model in array coalesce(wanted_models, array['']) loop
    select
      models.max_output_tokens,
      price.id as price_version_id,
      greatest(private.fixed_bound_micros(price, shape), price.minimum_micros) as fixed_micros,
      greatest(price.completion_micros, price.reasoning_micros) * shape.choices as rate_micros,
      price.upstream_prompt_usd,
      price.upstream_completion_usd,
      (
        select model_quotas.id
        from private.model_quotas
        where model_quotas.plan_id = holder.plan_id and models.id like model_quotas.like_pattern
        order by char_length(model_quotas.pattern) desc, model_quotas.id
        limit 1
      ) as quota_id
    into candidate
    from private.models
    join private.price_versions as price on price.id = models.price_version_id
    where models.id = wanted_model
      and models.enabled
      and models.retired_at is null
      and (
        select plan_models.allowed
        from private.plan_models
        where plan_models.plan_id = holder.plan_id and models.id like plan_models.like_pattern
        order by plan_models.priority, plan_models.id
        limit 1
      )
      and (request.key_id is null or exists (
        select from private.api_keys
        cross join lateral unnest(api_keys.allowed_models) as allowed (pattern)
        where api_keys.id = request.key_id and models.id like private.like_pattern(allowed.pattern)
      ));

    if verdict.model_ids is not null then
      -- A fallback is kept if it can give an answer of the same length with what is set aside at most.
      if candidate.fixed_micros + candidate.rate_micros * output_tokens <= room
        and candidate.max_output_tokens >= output_tokens
        and candidate.quota_id is not distinct from quota_id
      then
        verdict.model_ids := verdict.model_ids || wanted_model;
        price_version_ids := price_version_ids || candidate.price_version_id;
        hold := greatest(hold, ceil(candidate.fixed_micros + candidate.rate_micros * output_tokens));
        verdict.max_prompt_usd := greatest(verdict.max_prompt_usd, candidate.upstream_prompt_usd);
        verdict.max_completion_usd := greatest(verdict.max_completion_usd, candidate.upstream_completion_usd);
      end if;
      continue;
    end if;

    -- The first model decides how long the answer may be.
    if candidate.price_version_id is null then
      continue when is_routed;
      return private.why_not_callable(wanted_model, request.key_id, holder.plan_name);
    end if;
    if candidate.fixed_micros + candidate.rate_micros > room then
      return private.unaffordable(
        binding, least(ceil(candidate.fixed_micros + candidate.rate_micros - room), 9007199254740991)::bigint,
        budget.resets_at
      );
    end if;
    quota_id := candidate.quota_id;
    wanted_tokens := least(shape.max_tokens, candidate.max_output_tokens);
    output_tokens := case
      when candidate.rate_micros > 0
      then least(wanted_tokens, floor((room - candidate.fixed_micros) / candidate.rate_micros))
      else wanted_tokens
    end;
    if quota_id is not null then
      output_tokens := least(
        output_tokens,
        floor(
          (private.tokens_left(request.account_id, quota_id, holder.month_start) - private.prompt_tokens_bound(shape))::numeric
          / shape.choices
        )
      );
      if output_tokens < 1 then
        return private.refusal(
          429, 'quota_exceeded', 'tokens_per_month', 'This month''s tokens of this model are used.',
          'Choose another model, or wait for the next month.', resets_at => holder.month_end
        );
      end if;
      held_tokens := private.prompt_tokens_bound(shape) + output_tokens::bigint * shape.choices;
    end if;
    hold := ceil(candidate.fixed_micros + candidate.rate_micros * output_tokens);
    price_version_ids := array[candidate.price_version_id];
    verdict.model_ids := array[wanted_model];
    verdict.max_prompt_usd := candidate.upstream_prompt_usd;
    verdict.max_completion_usd := candidate.upstream_completion_usd;
  end loop;
  if verdict.model_ids is null then
    return private.why_not_callable(wanted_models[1], request.key_id, holder.plan_name);
  end if;

  -- allowed: write it all down --------------------------------------------------------------
  verdict := row(
    true, private.new_id(), false, null, null, null, null, null, null, null, verdict.model_ids, verdict.route_reason,
    output_tokens, output_tokens < wanted_tokens, hold, wallet.available - hold, verdict.max_prompt_usd,
    verdict.max_completion_usd, rate.max_count, rate.remaining, at + interval '1 minute', holder.per_month,
    holder.per_month - coalesce(requests, 0) - 1, holder.month_end
  );
  insert into private.quotas as quota (account_id, period_start, requests)
  values (request.account_id, holder.month_start, 1)
  on conflict on constraint quotas_pkey do update set requests = quota.requests + 1;
  if budget.rule is not null then
    perform private.hold_budgets(request.account_id, array[request.key_id, request.user_id], hold::bigint);
  end if;
  if quota_id is not null then
    insert into private.token_quotas as quota (account_id, model_quota_id, period_start, held_tokens)
    values (request.account_id, quota_id, holder.month_start, held_tokens)
    on conflict on constraint token_quotas_pkey do update set held_tokens = quota.held_tokens + excluded.held_tokens;
  end if;
  -- The hold outlasts any function that may run, so that it never lapses under a living call.
  update private.wallets set held_micros = wallets.held_micros + hold
  where wallets.account_id = request.account_id;
  insert into private.holds (id, account_id, amount_micros, expires_at)
  values (verdict.run_id, request.account_id, hold, at + interval '15 minutes');
  insert into private.runs (
    id, account_id, user_id, key_id, task, idempotency_key, request_hash, requested_model, model_ids, price_version_ids,
    route_reason, shape, max_tokens, is_clamped, held_micros, period_start, token_quota_id, held_tokens, lease_until,
    request_id, started_at
  )
  values (
    verdict.run_id, request.account_id, request.user_id, request.key_id, request.task, request.idempotency_key,
    request.request_hash, request.models[1], verdict.model_ids, price_version_ids, verdict.route_reason,
    shape, verdict.max_tokens, verdict.is_clamped, hold, holder.month_start, quota_id, held_tokens,
    at + interval '30 seconds', private.request_id(), at
  );
  return verdict;
end
$$;

comment on function private.authorize_run is
  'Decides about a call in one transaction: plan, rate, quota, budgets, price cap and money. Allowed, it holds the most the call can cost; refused, it has counted the attempt and changed nothing else.';

-- finishing ---------------------------------------------------------------------------------

create type private.run_report as (
  outcome private.run_outcome,
  model_id text,
  generation_id text,
  finish_reason text,
  error_code text,
  used private.token_counts,
  produced_bytes bigint,
  upstream_usd numeric,
  attempts jsonb,
  first_token_ms integer,
  is_reconciled boolean
);

comment on type private.run_report is 'What became of a call, as the worker that made it saw it.';

create function private.finish_run(run_id uuid, report private.run_report)
returns private.usage_events
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  run private.runs;
  event private.usage_events;
  price private.price_versions;
  resolution private.resolutions;
  used private.token_counts := coalesce(report.used, row(null, null, null, null, null, null, null, null)::private.token_counts);
  label private.cost_label := case when coalesce(report.is_reconciled, false) then 'reconciled' else 'reported' end;
  charge bigint := 0;
  priced record;
begin
  -- A run is locked before the wallet, here and everywhere.
  select * into run from private.runs where runs.id = finish_run.run_id for no key update;
  if run.id is null then
    perform private.fail(404, 'not_found', 'There is no such run.', null);
  end if;
  if run.status = 'finished' then
    select * into event from private.usage_events
    where usage_events.finished_at = run.finished_at and usage_events.run_id = run.id;
    return event;
  end if;

  if report.outcome in ('completed', 'stopped') and used.prompt_tokens is null then
    if coalesce(report.generation_id, run.generation_id) is not null and not coalesce(report.is_reconciled, false) then
      -- The cost is not known yet: OpenRouter's own record of the call decides, a little later.
      update private.runs set
        status = 'reconciling',
        generation_id = coalesce(report.generation_id, runs.generation_id),
        lease_until = at + interval '2 seconds'
      where runs.id = run.id;
      return null;
    end if;
    label := 'estimated';
    used.prompt_tokens := ceil((run.shape).prompt_bytes / 4.0);
    used.completion_tokens := ceil(coalesce(report.produced_bytes, 0) / 4.0);
  end if;

  select
    price_versions as price,
    exists (select from private.model_health where model_health.model_id = price_versions.model_id) as was_failing
  into priced
  from private.price_versions
  where price_versions.id = run.price_version_ids[coalesce(array_position(run.model_ids, report.model_id), 1)];
  price := priced.price;
  if report.outcome in ('completed', 'stopped') and (used.completion_tokens > 0 or run.task = 'embedding') then
    charge := private.price_micros(price, used);
  else
    label := 'none';
  end if;

  resolution := private.resolve_hold(
    run.id,
    case when report.outcome = 'expired' then 'expired' when label = 'none' then 'released' else 'settled' end::private.hold_outcome,
    charge, price.model_id
  );

  insert into private.usage_events values (
    run.id, run.account_id, run.user_id, run.key_id, run.task, report.outcome, left(report.finish_reason, 100),
    left(report.error_code, 100), run.requested_model, price.model_id, run.route_reason, coalesce(report.attempts, '[]'),
    price.id, used, run.held_micros, resolution.charged_micros,
    case when report.upstream_usd is not null then least(ceil(report.upstream_usd * 1e9), 9007199254740991) end, label, resolution.transaction_id, report.first_token_ms,
    least(extract(epoch from at - run.started_at) * 1000, 2147483647), run.request_id, run.started_at, at
  )
  returning * into event;
  update private.runs set
    status = 'finished', finished_at = at, generation_id = coalesce(report.generation_id, runs.generation_id)
  where runs.id = run.id;
  -- A charge counts in the window in which it is made; it was within the limit already as a hold.
  update private.budgets set
    spent_micros = resolution.charged_micros + case
      when budgets.window_start >= private.budget_start(budgets.period, at) then budgets.spent_micros else 0
    end,
    window_start = greatest(budgets.window_start, private.budget_start(budgets.period, at)),
    held_micros = budgets.held_micros - run.held_micros
  where budgets.account_id = run.account_id and budgets.subject_id in (run.key_id, run.user_id);
  if run.token_quota_id is not null then
    update private.token_quotas set
      held_tokens = token_quotas.held_tokens - run.held_tokens,
      used_tokens = token_quotas.used_tokens + case when label = 'none' then 0
        else least(coalesce(used.prompt_tokens, 0) + coalesce(used.completion_tokens, 0), run.held_tokens) end
    where token_quotas.account_id = run.account_id
      and token_quotas.model_quota_id = run.token_quota_id
      and token_quotas.period_start = run.period_start;
  end if;
  if label = 'none' then
    -- A call that gave nothing does not count against the month.
    update private.quotas set requests = quotas.requests - 1
    where quotas.account_id = run.account_id and quotas.period_start = run.period_start and quotas.requests > 0;
  end if;
  insert into private.usage_days as so_far (
    account_id, day, model_id, user_id, key_id, requests, errors, prompt_tokens, completion_tokens, charged_micros,
    upstream_micros, latency_ms, first_token_ms, first_tokens
  )
  values (
    run.account_id, (at at time zone 'UTC')::date, event.model_id, run.user_id,
    coalesce(run.key_id, '00000000-0000-0000-0000-000000000000'), 1, (report.outcome in ('failed', 'expired'))::integer,
    coalesce(used.prompt_tokens, 0), coalesce(used.completion_tokens, 0), event.charged_micros,
    coalesce(event.upstream_micros, 0), event.latency_ms, coalesce(event.first_token_ms, 0),
    (event.first_token_ms is not null)::integer
  )
  on conflict on constraint usage_days_pkey do update set
    requests = so_far.requests + 1,
    errors = so_far.errors + excluded.errors,
    prompt_tokens = so_far.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = so_far.completion_tokens + excluded.completion_tokens,
    charged_micros = so_far.charged_micros + excluded.charged_micros,
    upstream_micros = so_far.upstream_micros + excluded.upstream_micros,
    latency_ms = so_far.latency_ms + excluded.latency_ms,
    first_token_ms = so_far.first_token_ms + excluded.first_token_ms,
    first_tokens = so_far.first_tokens + excluded.first_tokens;
  if report.outcome <> 'completed' or event.attempts <> '[]' or priced.was_failing then
    perform private.note_attempts(event.attempts, price.model_id, report.outcome);
  end if;
  return event;
end
$$;

comment on function private.finish_run is
  'Ends a run: settles or releases its hold, writes the receipt and moves every counter, all or nothing. A repeated call returns the first receipt; one whose cost is not known yet waits to be reconciled and returns nothing.';

create function private.note_attempts(attempts jsonb, answered_by text, outcome private.run_outcome)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  noted record;
begin
  -- All accounts share these rows: written in one order, no two runs wait for each other.
  for noted in
    select distinct on (tried.model_id) tried.model_id, tried.error
    from (
      select attempt ->> 'model' as model_id, attempt ->> 'error' as error, position
      from jsonb_array_elements(case when jsonb_typeof(attempts) = 'array' then attempts else '[]' end)
        with ordinality as list (attempt, position)
      where position <= 20 and attempt ->> 'error' is not null and attempt ->> 'model' is not null
      union all
      select note_attempts.answered_by, null, 21 where note_attempts.outcome = 'completed'
    ) as tried
    order by tried.model_id, tried.position desc
  loop
    perform private.note_attempt(noted.model_id, noted.error);
  end loop;
end
$$;

comment on function private.note_attempts is 'Remembers which models failed on the way to an answer, and forgets the failures of the one that gave it.';

-- runs whose worker is gone ---------------------------------------------------------------------

create function private.sweep_runs(max_runs integer default 200)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  due record;
  swept integer := 0;
begin
  for due in
    select runs.id, runs.account_id, runs.status, runs.generation_id, holds.expires_at <= private.clock() as is_over
    from private.runs
    join private.holds on holds.id = runs.id
    where runs.finished_at is null
      and runs.lease_until < private.clock()
      and (runs.status = 'open' or holds.expires_at <= private.clock())
    order by runs.lease_until
    limit sweep_runs.max_runs
    for no key update of runs skip locked
  loop
    -- A batch holds many wallets, so it never waits for one: what is busy comes up again.
    continue when not exists (
      select from private.wallets where wallets.account_id = due.account_id for no key update skip locked
    );
    if due.generation_id is null or due.is_over then
      perform private.finish_run(
        due.id,
        row('expired', null, null, null, 'worker_lost', null, null, null, null, null, null)::private.run_report
      );
      swept := swept + 1;
    else
      update private.runs set status = 'reconciling' where runs.id = due.id;
      swept := swept + 1;
    end if;
  end loop;
  return swept;
end
$$;

comment on function private.sweep_runs is
  'Ends runs whose worker is gone: by OpenRouter''s record of the call if it was made, without a charge if not or if no record comes.';

create function private.claim_reconciliations(max_runs integer default 20)
returns table (run_id uuid, generation_id text)
language sql
volatile
-- As its owner, because the worker that asks may not write runs.
security definer
set search_path = ''
as $$
  update private.runs set lease_until = private.clock() + interval '20 seconds'
  where runs.id in (
    select waiting.id
    from private.runs as waiting
    where waiting.finished_at is null and waiting.status = 'reconciling' and waiting.lease_until < private.clock()
    order by waiting.lease_until
    limit least(greatest(claim_reconciliations.max_runs, 0), 100)
    for update skip locked
  )
  returning runs.id, runs.generation_id
$$;

comment on function private.claim_reconciliations is 'Runs whose cost is to be asked of OpenRouter now, each to one asker at a time.';

-- who may start, keep alive, stop and finish ------------------------------------------------------

create function private.start_run(
  account_id uuid, models text[], shape private.request_shape, features private.request_features,
  task private.run_task, max_cost_micros bigint, idempotency_key text, request_hash bytea
)
returns private.verdict
language plpgsql
volatile
-- As its owner, because members may not write runs or holds. It acts for the caller's own id only.
security definer
set search_path = ''
as $$
begin
  if not private.has_role(start_run.account_id, 'owner', 'admin', 'member') then
    return private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  return private.authorize_run(row(
    start_run.account_id, auth.uid(), null, start_run.task, start_run.models, start_run.shape, start_run.features,
    start_run.max_cost_micros, start_run.idempotency_key, start_run.request_hash
  ));
end
$$;

comment on function private.start_run is 'Authorises a call that a member makes for an account.';

create function private.start_key_run(
  key_hash bytea, models text[], shape private.request_shape, features private.request_features,
  task private.run_task, max_cost_micros bigint, idempotency_key text, request_hash bytea
)
returns private.verdict
language plpgsql
volatile
-- As its owner, because the gateway may not write runs or holds.
security definer
set search_path = ''
as $$
declare
  key private.api_keys;
begin
  select api_keys.* into key
  from private.api_keys
  join private.members on members.account_id = api_keys.account_id and members.user_id = api_keys.created_by
  where api_keys.hash = start_key_run.key_hash
    and members.role in ('owner', 'admin', 'member');
  if key.id is null or key.revoked_at is not null or key.expires_at <= private.clock() then
    return private.refusal(401, 'unauthorized', 'key', 'This key is not valid.', 'Create a new key in the settings.');
  end if;
  return private.authorize_run(row(
    key.account_id, key.created_by, key.id, start_key_run.task, start_key_run.models, start_key_run.shape,
    start_key_run.features, start_key_run.max_cost_micros, start_key_run.idempotency_key, start_key_run.request_hash
  ));
end
$$;

comment on function private.start_key_run is 'Authorises a call made with a key. A revoked key admits nothing once its revocation has returned.';

create function private.held_by_subject(account_id uuid, subject_id uuid)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(sum(holds.amount_micros), 0)::bigint
  from private.runs
  join private.holds on holds.id = runs.id
  where runs.finished_at is null
    and runs.account_id = held_by_subject.account_id
    and held_by_subject.subject_id in (runs.key_id, runs.user_id)
$$;

comment on function private.held_by_subject is 'What the open calls of a key or a member may still cost.';

create function private.touch_run(run_id uuid, generation_id text)
returns boolean
language sql
volatile
-- As its owner, because the worker that runs it may not write runs.
security definer
set search_path = ''
as $$
  update private.runs set
    lease_until = private.clock() + interval '30 seconds',
    generation_id = coalesce(left(touch_run.generation_id, 200), runs.generation_id)
  where runs.id = touch_run.run_id and runs.status = 'open'
  returning runs.stop_requested_at is not null
$$;

comment on function private.touch_run is
  'Says that the worker of a run is alive. Returns whether somebody asked it to stop, or nothing when the run has ended.';

create function private.stop_run(run_id uuid)
returns boolean
language sql
volatile
-- As its owner, because members may not write runs.
security definer
set search_path = ''
as $$
  update private.runs set stop_requested_at = coalesce(runs.stop_requested_at, private.clock())
  where runs.id = stop_run.run_id
    and (runs.user_id = (select auth.uid()) or private.has_role(runs.account_id, 'owner', 'admin'))
    and runs.account_id in (select private.my_account_ids())
  returning runs.status = 'open'
$$;

comment on function private.stop_run is 'Asks the worker of a run to stop.';

create function private.finish_reported_run(run_id uuid, report private.run_report)
returns private.usage_events
language sql
volatile
-- As its owner, because the worker that reports may write no money.
security definer
set search_path = ''
as $$
  select private.finish_run(run_id, report)
$$;

comment on function private.finish_reported_run is 'Ends a run as its worker reports it.';

-- reading what callers send ---------------------------------------------------------------------

create function private.read_count(label text, value jsonb, most bigint default 2147483647)
returns bigint
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if value is null or value = 'null' then
    return null;
  end if;
  if jsonb_typeof(value) <> 'number' or value::text !~ '^[0-9]{1,15}(\.0+)?$' then
    perform private.fail(422, 'invalid_input', format('%s must be a whole number, not %s.', label, left(value::text, 40)), null);
  end if;
  if value::numeric > most then
    perform private.fail(422, 'invalid_input', format('%s is too large: %s.', label, left(value::text, 40)), format('At most %s.', most));
  end if;
  return value::numeric::bigint;
end
$$;

comment on function private.read_count is 'A number of something out of JSON: whole, not negative, or refused.';

create function private.read_shape(shape jsonb)
returns private.request_shape
language sql
immutable
security invoker
set search_path = ''
as $$
  select private.require_shape(row(
    private.read_count('prompt_bytes', shape -> 'prompt_bytes'),
    private.read_count('messages', shape -> 'messages'),
    private.read_count('images', shape -> 'images'),
    private.read_count('max_tokens', shape -> 'max_tokens'),
    private.read_count('n', shape -> 'choices'),
    private.read_count('searches', shape -> 'searches')
  )::private.request_shape)
$$;

create function private.require_task(task text)
returns private.run_task
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if coalesce(task, '') not in ('completion', 'embedding') then
    perform private.fail(422, 'invalid_input', 'A task is a completion or an embedding.', null);
  end if;
  return task::private.run_task;
end
$$;

create function private.require_idempotency_key(idempotency_key text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if octet_length(idempotency_key) not between 1 and 255 then
    perform private.fail(422, 'invalid_input', 'An idempotency key has between 1 and 255 bytes.', null);
  end if;
  return idempotency_key;
end
$$;

create function private.read_choice(models text[])
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  -- An array may start at any number; this one starts at 1.
  select array(select unnest(models) limit 10)
$$;

comment on function private.read_choice is 'The models a caller names, the wanted one first, then what to fall back to: ten at most.';

create function private.read_hash(hash text)
returns bytea
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if hash !~ '^[0-9a-f]{64}$' then
    perform private.fail(422, 'invalid_input', 'A hash is a SHA-256 in 64 small hexadecimal digits.', null);
  end if;
  return decode(hash, 'hex');
end
$$;

comment on function private.require_task is 'What kind of call a run is, refused when there is no such kind.';
comment on function private.require_idempotency_key is 'An idempotency key of a length that can be kept.';
comment on function private.read_hash is 'A SHA-256 out of its hexadecimal digits.';

create function private.read_features(features jsonb)
returns private.request_features
language sql
immutable
security invoker
set search_path = ''
as $$
  select row(
    features -> 'has_code' = 'true',
    features -> 'has_math' = 'true',
    features -> 'has_images' = 'true',
    features -> 'has_tools' = 'true',
    case when features ->> 'language' ~ '^[a-z]{2,3}$' then features ->> 'language' end,
    private.read_count('prompt_tokens', features -> 'prompt_tokens'),
    private.read_count('context_tokens', features -> 'context_tokens'),
    case when jsonb_typeof(features -> 'excluded_models') = 'array' then array(
      select left(excluded, 200) from jsonb_array_elements_text(features -> 'excluded_models') as excluded limit 50
    ) end
  )::private.request_features
$$;

create function private.read_used(value jsonb)
returns integer
language sql
immutable
security invoker
set search_path = ''
as $$
  -- An odd figure of the upstream's must not keep a run from ending: it counts as not reported.
  select case when value::text ~ '^[0-9]{1,9}(\.0+)?$' then value::numeric::integer end
$$;

comment on function private.read_used is 'A figure the upstream reported, or nothing when it is not a plausible number.';

create function private.read_report(report jsonb)
returns private.run_report
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  used constant jsonb := case when jsonb_typeof(report -> 'used') = 'object' then report -> 'used' end;
begin
  if report ->> 'outcome' is null or report ->> 'outcome' not in ('completed', 'stopped', 'failed') then
    perform private.fail(422, 'invalid_input', 'A run ends completed, stopped or failed.', null);
  end if;
  return row(
    report ->> 'outcome',
    report ->> 'model_id',
    left(report ->> 'generation_id', 200),
    report ->> 'finish_reason',
    report ->> 'error_code',
    row(
      private.read_used(used -> 'prompt_tokens'),
      private.read_used(used -> 'completion_tokens'),
      private.read_used(used -> 'cache_read_tokens'),
      private.read_used(used -> 'cache_write_tokens'),
      private.read_used(used -> 'reasoning_tokens'),
      private.read_used(used -> 'audio_tokens'),
      private.read_used(used -> 'images'),
      private.read_used(used -> 'searches')
    ),
    private.read_used(report -> 'produced_bytes'),
    case when report ->> 'upstream_usd' ~ '^[0-9]{1,6}(\.[0-9]{1,40})?([eE]-[0-9]{1,2})?$' then report ->> 'upstream_usd' end,
    case when jsonb_typeof(report -> 'attempts') = 'array' then report -> 'attempts' end,
    private.read_used(report -> 'first_token_ms'),
    report -> 'is_reconciled' = 'true'
  )::private.run_report;
end
$$;

comment on function private.read_shape is 'The shape of a request out of JSON.';
comment on function private.read_features is 'What the router may know out of JSON.';
comment on function private.read_report is 'What became of a run out of JSON.';

-- preview -----------------------------------------------------------------------------------

create type private.cost_preview as (
  model_id text,
  route_reason text,
  likely_low_micros bigint,
  likely_high_micros bigint,
  cap_micros bigint,
  max_tokens integer,
  available_micros bigint,
  is_affordable boolean
);

comment on type private.cost_preview is 'What a request will likely cost, and the most it can.';

create function private.preview_cost(
  account_id uuid, model text, shape private.request_shape, features private.request_features
)
returns private.cost_preview
language plpgsql
stable
-- As its owner, because members may not read the router's rules. Only members of the account get past the first check.
security definer
set search_path = ''
as $$
declare
  known constant private.request_shape := shape;
  preview private.cost_preview;
  price private.price_versions;
  chosen private.models;
  most_micros bigint;
begin
  select
    wallets.balance_micros - wallets.held_micros, coalesce(own.max_cost_micros, plans.max_cost_micros)
  into preview.available_micros, most_micros
  from private.wallets
  join private.account_plans on account_plans.account_id = wallets.account_id
  join private.plans on plans.id = account_plans.plan_id
  left join private.limit_overrides as own
    on own.subject_id = wallets.account_id and coalesce(own.expires_at, 'infinity') > private.clock()
  where wallets.account_id = preview_cost.account_id
    and wallets.account_id in (select private.my_account_ids());
  if preview.available_micros is null then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;

  preview.model_id := preview_cost.model;
  if preview_cost.model like 'oneai/%' then
    select routed.model_ids[1], routed.reason into preview.model_id, preview.route_reason
    from private.route(preview_cost.model, features) as routed;
  end if;
  select * into chosen from private.models
  where models.id = preview.model_id and models.enabled and models.retired_at is null;
  select * into price from private.price_versions where price_versions.id = chosen.price_version_id;
  if price.id is null then
    perform private.fail(
      404, 'not_found', format('%s cannot be called.', left(coalesce(preview_cost.model, 'No model'), 100)),
      'Choose one from the list of models.'
    );
  end if;

  preview.max_tokens := least(coalesce(known.max_tokens, chosen.max_output_tokens), chosen.max_output_tokens);
  -- A token of a prompt is rarely under three bytes or over five; an answer rarely longer than 1,200 tokens.
  preview.likely_low_micros := private.price_micros(price, row(
    ceil(known.prompt_bytes / 5.0)::bigint + 300 * known.images, least(20, preview.max_tokens) * known.choices, 0, 0, 0, 0, known.images, known.searches
  ));
  preview.likely_high_micros := private.price_micros(price, row(
    ceil(known.prompt_bytes / 3.0)::bigint + 1600 * known.images, least(1200, preview.max_tokens) * known.choices, 0, 0, 0, 0, known.images, known.searches
  ));
  preview.cap_micros := least(
    9007199254740991,
    ceil(
      greatest(private.fixed_bound_micros(price, known), price.minimum_micros)
      + private.output_token_micros(price) * known.choices * preview.max_tokens
    ),
    greatest(preview.available_micros, 0), most_micros
  );
  preview.is_affordable :=
    greatest(private.fixed_bound_micros(price, known), price.minimum_micros) + private.output_token_micros(price) * known.choices
    <= least(preview.available_micros, most_micros);
  preview.likely_high_micros := least(preview.likely_high_micros, greatest(preview.cap_micros, preview.likely_low_micros));
  return preview;
end
$$;

comment on function private.preview_cost is 'Prices a request before it is made, with the same arithmetic that will charge it.';

create function private.measure_guard()
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update private.upstream_guard set
    closed_until = case when broken.rule is not null then private.clock() + interval '10 seconds' end,
    closed_because = broken.rule
  from private.upstream_guard as guard
  left join lateral (
    select case
      when guard.max_requests_per_minute <= (
        select count(*) from private.runs where runs.started_at > private.clock() - interval '1 minute'
      ) then 'requests_per_minute'
      when guard.max_held_micros <= (
        select coalesce(sum(holds.amount_micros), 0)
        from private.runs
        join private.holds on holds.id = runs.id
        where runs.finished_at is null
      ) then 'held'
      when guard.max_spend_per_hour_micros <= (
        select coalesce(sum(usage_events.upstream_micros), 0)
        from private.usage_events
        where usage_events.finished_at > private.clock() - interval '1 hour'
      ) then 'spend_per_hour'
    end as rule
  ) as broken on true
  where guard.id
    and (upstream_guard.closed_until is not null or broken.rule is not null)
$$;

comment on function private.measure_guard is
  'Closes the door for ten seconds at a time while all accounts together pass a limit of our account upstream.';

-- partitions ----------------------------------------------------------------------------------

create function private.ensure_usage_partitions(months_ahead integer default 2)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  made integer := 0;
  month timestamp;
  starts_at timestamptz;
  ends_at timestamptz;
  name text;
begin
  for month in
    select generate_series(
      date_trunc('month', private.clock() at time zone 'UTC'),
      date_trunc('month', private.clock() at time zone 'UTC') + make_interval(months => ensure_usage_partitions.months_ahead),
      interval '1 month'
    )
  loop
    name := 'usage_events_' || to_char(month, 'YYYY_MM');
    continue when to_regclass('private.' || name) is not null;
    execute format('create table private.%I (like private.usage_events including all)', name);
    -- Receipts that came before their partition did move into it.
    starts_at := month at time zone 'UTC';
    ends_at := (month + interval '1 month') at time zone 'UTC';
    execute format(
      'with late as (delete from private.usage_events_default where finished_at >= %L and finished_at < %L returning *)
       insert into private.%I select * from late',
      starts_at, ends_at, name
    );
    execute format(
      'alter table private.usage_events attach partition private.%I for values from (%L) to (%L)', name, starts_at, ends_at
    );
    execute format('alter table private.%I enable row level security', name);
    execute format('comment on table private.%I is %L', name, 'Receipts of ' || to_char(month, 'FMMonth YYYY') || '.');
    made := made + 1;
  end loop;
  return made;
end
$$;

comment on function private.ensure_usage_partitions is 'Makes the partitions of this month and the next ones.';

create function private.archive_usage(months_kept integer default 13)
returns text[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  archived text[] := '{}';
  old record;
begin
  for old in
    select child.relname
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as child on child.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'private.usage_events'::regclass
      and child.relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$'
      and to_date(right(child.relname, 7), 'YYYY_MM')
        < date_trunc('month', private.clock() at time zone 'UTC') - make_interval(months => archive_usage.months_kept)
    order by child.relname
  loop
    execute format('alter table private.usage_events detach partition private.%I', old.relname);
    execute format('alter table private.%I rename to %I', old.relname, replace(old.relname, 'usage_events', 'usage_archive'));
    archived := archived || replace(old.relname, 'usage_events', 'usage_archive');
  end loop;
  return archived;
end
$$;

comment on function private.archive_usage is
  'Takes months that are older than is kept out of the running table. They stay as tables of their own until an admin has stored them elsewhere; the daily sums stay for ever.';

-- policies and grants -------------------------------------------------------------------------

create policy "members see their own runs, those who manage an account all" on private.runs
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );
create policy "members see their own receipts, those who manage an account all" on private.usage_events
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );
create policy "members see their own days, those who manage an account all" on private.usage_days
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );

grant select on private.runs, private.usage_events, private.usage_days to authenticated, service_role;
grant execute on function private.start_run, private.stop_run, private.preview_cost to authenticated;
grant execute on function private.start_key_run, private.touch_run, private.finish_reported_run, private.claim_reconciliations
  to service_role;
grant execute on function
  private.require_shape, private.require_task, private.require_idempotency_key, private.read_choice, private.read_hash,
  private.read_shape, private.read_features, private.read_count to authenticated, service_role;
grant execute on function private.read_report, private.read_used to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.receipts
with (security_invoker = true)
as
select
  usage_events.run_id,
  usage_events.account_id,
  usage_events.user_id,
  usage_events.key_id,
  usage_events.task,
  usage_events.outcome,
  usage_events.finish_reason,
  usage_events.error_code,
  usage_events.requested_model,
  usage_events.model_id,
  usage_events.route_reason,
  usage_events.attempts,
  usage_events.price_version_id,
  (usage_events.used).prompt_tokens,
  (usage_events.used).completion_tokens,
  (usage_events.used).cache_read_tokens,
  (usage_events.used).cache_write_tokens,
  (usage_events.used).reasoning_tokens,
  (usage_events.used).images,
  usage_events.held_micros,
  usage_events.charged_micros,
  usage_events.cost_label,
  usage_events.transaction_id,
  usage_events.first_token_ms,
  usage_events.latency_ms,
  usage_events.request_id,
  usage_events.started_at,
  usage_events.finished_at
from private.usage_events;

comment on view api.receipts is
  'What every call was and cost: model, attempts, tokens by kind, price version, hold and charge. Its lots are in allocations.';

create view api.runs
with (security_invoker = true)
as
select
  runs.id, runs.account_id, runs.user_id, runs.key_id, runs.status, runs.requested_model, runs.model_ids,
  runs.route_reason, runs.max_tokens, runs.is_clamped, runs.stop_requested_at, runs.started_at, runs.finished_at
from private.runs;

comment on view api.runs is 'Calls that are running, and those that have ended.';

create view api.usage_days
with (security_invoker = true)
as
select
  usage_days.account_id, usage_days.day, usage_days.model_id, usage_days.user_id,
  nullif(usage_days.key_id, '00000000-0000-0000-0000-000000000000') as key_id,
  usage_days.requests, usage_days.errors, usage_days.prompt_tokens, usage_days.completion_tokens,
  usage_days.charged_micros, usage_days.latency_ms, usage_days.first_token_ms, usage_days.first_tokens
from private.usage_days;

comment on view api.usage_days is
  'Usage by day, model, member and key. Latencies are sums: divide by requests, or by first_tokens. No key means the chat.';

grant select on api.receipts, api.runs, api.usage_days to authenticated, service_role;

create function api.preview_cost(account_id uuid, model text, shape jsonb, features jsonb default '{}')
returns private.cost_preview
language sql
stable
security invoker
set search_path = ''
as $$
  select private.preview_cost(account_id, model, private.read_shape(shape), private.read_features(features))
$$;

comment on function api.preview_cost is
  'The likely range and the hard cap of a request before it is made. The shape has prompt_bytes, messages, images, max_tokens, choices, searches.';

create function api.start_run(
  account_id uuid, models text[], shape jsonb, features jsonb default '{}', task text default 'completion',
  max_cost_micros bigint default null, idempotency_key text default null, request_hash text default null
)
returns private.verdict
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_run(
    account_id, private.read_choice(models), private.read_shape(shape), private.read_features(features), private.require_task(task),
    max_cost_micros, private.require_idempotency_key(idempotency_key), private.read_hash(request_hash)
  )
$$;

comment on function api.start_run is
  'Authorises a call that the caller makes for an account: holds what it can cost at most, or says which rule refuses it.';

create function api.start_key_run(
  key_hash text, models text[], shape jsonb, features jsonb default '{}', task text default 'completion',
  max_cost_micros bigint default null, idempotency_key text default null, request_hash text default null
)
returns private.verdict
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_key_run(
    private.read_hash(key_hash), private.read_choice(models), private.read_shape(shape), private.read_features(features), private.require_task(task),
    max_cost_micros, private.require_idempotency_key(idempotency_key), private.read_hash(request_hash)
  )
$$;

comment on function api.start_key_run is 'The same for a call made with an API key, found by the SHA-256 of the key in hex.';

create function api.touch_run(run_id uuid, generation_id text default null)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.touch_run(run_id, generation_id)
$$;

comment on function api.touch_run is 'Keeps a run alive for another 30 seconds and tells whether it should stop.';

create function api.stop_run(run_id uuid)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select coalesce(private.stop_run(run_id), false)
$$;

comment on function api.stop_run is 'Stops a running call from anywhere. Returns whether there was anything left to stop.';

create function api.finish_run(run_id uuid, report jsonb)
returns setof api.receipts
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  event constant private.usage_events := private.finish_reported_run(run_id, private.read_report(report));
begin
  return query
  select * from api.receipts where receipts.run_id = event.run_id and receipts.finished_at = event.finished_at;
end
$$;

comment on function api.finish_run is
  'Ends a run and returns its receipt, the first one when repeated; nothing yet when the cost has still to be asked upstream.';

create function api.claim_reconciliations(max_runs integer default 20)
returns table (run_id uuid, generation_id text)
language sql
volatile
security invoker
set search_path = ''
as $$
  select claimed.run_id, claimed.generation_id from private.claim_reconciliations(max_runs) as claimed
$$;

comment on function api.claim_reconciliations is 'Runs whose cost is to be asked of OpenRouter now.';

grant execute on function api.preview_cost, api.start_run, api.stop_run to authenticated;
grant execute on function api.start_key_run, api.touch_run, api.finish_run, api.claim_reconciliations to service_role;
