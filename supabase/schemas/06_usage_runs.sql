-- usage, while it happens: a run is one metered call of a model, from the chat or through the API:
-- authorised before it, finished once after it, by whichever of the caller, the sweep or a
-- reconciliation comes first.
--
-- Authorising holds the most a call can cost, or refuses. Finishing settles the hold and leaves a
-- receipt in place of the run, in one transaction. A run never ends twice.

create type private.run_status as enum ('open', 'reconciling');

create table private.runs (
  id uuid primary key,
  account_id uuid not null,
  user_id uuid not null,
  key_id uuid,
  task private.run_task not null,
  status private.run_status not null default 'open',
  requested_model text not null,
  model_ids text[] not null,
  upstream_names text[] not null,
  price_version_ids bigint[] not null,
  route_reason text,
  shape private.request_shape not null,
  max_tokens integer not null,
  is_clamped boolean not null,
  held_micros private.micros not null,
  month_start timestamptz not null,
  token_quota_id bigint,
  held_tokens bigint not null default 0,
  lease_until timestamptz not null,
  stop_requested_at timestamptz,
  generation_id text,
  request_id text,
  started_at timestamptz not null
)
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

comment on table private.runs is 'Every metered call of a model that has not ended yet, with the most it can cost, which its wallet holds.';
comment on column private.runs.lease_until is 'Until when the worker that runs it is believed alive; it says so again every few seconds.';

alter table private.runs enable row level security;

create table private.repeatable_runs (
  account_id uuid not null,
  idempotency_key text not null check (octet_length(idempotency_key) between 1 and 400),
  run_id uuid not null,
  request_hash bytea,
  model_ids text[] not null,
  route_reason text,
  max_tokens integer not null,
  is_clamped boolean not null,
  held_micros bigint not null,
  started_at timestamptz not null,
  primary key (account_id, idempotency_key)
);

comment on table private.repeatable_runs is 'What was answered to requests with an idempotency key within the last day, so that a repetition starts nothing.';

alter table private.repeatable_runs enable row level security;
create index repeatable_runs_started_at_idx on private.repeatable_runs (started_at);

create function private.hold_end(started_at timestamptz)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- Longer than any function may run, so that a hold never lapses under a living call.
  return started_at + interval '15 minutes';
end
$$;

comment on function private.hold_end is 'Until when a call that began then may be open.';

create view private.holds
with (security_invoker = true)
as
select id, account_id, held_micros as amount_micros, private.hold_end(started_at) as expires_at, started_at as created_at
from private.runs
union all
select run_id, account_id, held_micros, private.hold_end(started_at), started_at
from private.usage_events;

comment on view private.holds is 'Credits set aside for calls before they were made: the most each could cost. Never changed.';

create view private.resolutions
with (security_invoker = true)
as
select
  run_id as hold_id,
  case when cost_label <> 'none' then 'settled' when outcome = 'expired' then 'expired' else 'released' end as outcome,
  charged_micros,
  transaction_id,
  finished_at as created_at
from private.usage_events;

comment on view private.resolutions is
  'How each hold ended, once: settled with what an answer cost, be it nothing, released without one, or expired. A hold that is not here is open.';

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
  quota_resets_at timestamptz,
  upstream_names text[]
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
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null
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

create function private.why_not_callable(model_id text, key_id uuid, plan_id text)
returns private.verdict
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  guard private.upstream_guard;
  model private.models;
  shown constant text := left(coalesce(why_not_callable.model_id, ''), 100);
begin
  select * into guard from private.upstream_guard
  where upstream_guard.is_paused or upstream_guard.closed_until > private.clock();
  if guard.id then
    return private.refusal(
      503, 'upstream_unavailable', 'guard', 'OneAI is pausing new requests for a moment.', 'Try again shortly.',
      resets_at => guard.closed_until
    );
  end if;
  select * into model from private.models where models.id = why_not_callable.model_id;
  if model.id is null or not model.enabled then
    return private.refusal(404, 'not_found', 'model', format('There is no model %s.', shown), 'Choose one from the list of models.');
  elsif model.retired_at is not null then
    return private.refusal(404, 'not_found', 'model', format('%s has been retired.', shown), 'Choose one from the list of models.');
  elsif model.price_version_id is null then
    return private.refusal(404, 'not_found', 'model', format('%s has no price and cannot be called.', shown), 'Choose another model.');
  elsif not exists (
    select from private.offers where offers.plan_id = why_not_callable.plan_id and offers.model_id = why_not_callable.model_id
  ) then
    return private.refusal(
      403, 'forbidden', 'plan_models',
      format('The %s plan does not include %s.', (select plans.name from private.plans where plans.id = why_not_callable.plan_id), shown),
      'Choose another model or a larger plan.'
    );
  end if;
  return private.refusal(403, 'forbidden', 'key_models', format('This key may not call %s.', shown), 'Allow the model for this key, or use another key.');
end
$$;

comment on function private.why_not_callable is 'Says in words why a model cannot be called.';

create function private.too_often(minute private.rate_window, hour private.rate_window, day private.rate_window)
returns private.verdict
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return private.refusal(
    429, 'rate_limited',
    case
      when day.full_until is not null then 'requests_per_day'
      when hour.full_until is not null then 'requests_per_hour'
      else 'requests_per_minute'
    end,
    'Too many requests in a short time.', 'Wait a little and try again.',
    resets_at => coalesce(day.full_until, hour.full_until, minute.full_until)
  );
end
$$;

comment on function private.too_often is 'The refusal of a call for which the longest of the full windows has no room.';

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

create function private.earlier_verdict(request private.run_request, at timestamptz)
returns private.verdict
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  earlier private.repeatable_runs;
begin
  select * into earlier
  from private.repeatable_runs
  where repeatable_runs.account_id = request.account_id
    and repeatable_runs.idempotency_key = request.idempotency_key
    and repeatable_runs.started_at > at - interval '24 hours';
  if earlier.run_id is null then
    return null;
  elsif earlier.request_hash is distinct from request.request_hash then
    return private.refusal(
      409, 'conflict', 'idempotency', 'This idempotency key was used for another request.', 'Use a new key for a new request.'
    );
  end if;
  return row(
    true, earlier.run_id, true, null, null, null, null, null, null, null, earlier.model_ids, earlier.route_reason,
    earlier.max_tokens, earlier.is_clamped, earlier.held_micros, null, null, null, null, null, null, null, null, null, null
  )::private.verdict;
end
$$;

comment on function private.earlier_verdict is 'The run that a repeated request started within the last day, or nothing; refused when it was another request.';

create function private.authorize_run(request private.run_request)
returns private.verdict
language plpgsql
volatile
security invoker
set search_path = ''
-- Plans are made once, and those made while a table was nearly empty must be right when it is not.
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  -- The lock comes first: from here on nothing of this account changes under us.
  locked constant boolean := private.lock_account(request.account_id);
  at constant timestamptz := private.clock();
  shape constant private.request_shape := request.shape;
  verdict private.verdict;
  wallet private.wallets;
  key_limits private.limit_overrides;
  key_windows private.key_windows;
  budget_rule text;
  budget_room bigint;
  room bigint;
  binding text := 'balance';
  wanted_models text[] := request.models;
  wanted_model text;
  offer record;
  quota_id bigint;
  held_tokens bigint := 0;
  wanted_tokens integer;
  output_tokens bigint;
  price_version_ids bigint[];
  hold numeric := 0;
begin
  select * into wallet from private.wallets where wallets.account_id = request.account_id;
  if wallet.allowance_until <= at then
    wallet := private.renew_allowance(request.account_id);
  end if;
  if wallet.plan_id is null then
    return private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  if request.idempotency_key is not null then
    verdict := private.earlier_verdict(request, at);
    if verdict.allowed is not null then
      return verdict;
    end if;
  end if;
  if wallet.is_suspended then
    return private.refusal(403, 'forbidden', 'suspended', 'This account is suspended.', 'Write to support.');
  end if;
  if wallet.next_expiry_at <= at then
    wallet.balance_micros := wallet.balance_micros - private.expire_lots(request.account_id);
  end if;

  -- how often -------------------------------------------------------------------------------
  if request.key_id is not null then
    -- Read again under the lock, which a revocation takes too: once that has returned, nothing gets through.
    if exists (select from private.api_keys where api_keys.id = request.key_id and api_keys.revoked_at is not null) then
      return private.refusal(401, 'unauthorized', 'key', 'This key is not valid.', 'Create a new key in the settings.');
    end if;
    select * into key_limits from private.limit_overrides
    where limit_overrides.subject_id = request.key_id and coalesce(limit_overrides.expires_at, 'infinity') > at;
    if key_limits.subject_id is not null then
      key_windows := private.count_key_call(key_limits, at);
    end if;
  end if;
  if wallet.requests_per_minute is not null then
    wallet.minute_window := private.count_in_window(wallet.minute_window, 5, wallet.requests_per_minute, at);
  end if;
  if wallet.requests_per_hour is not null then
    wallet.hour_window := private.count_in_window(wallet.hour_window, 300, wallet.requests_per_hour, at);
  end if;
  if wallet.requests_per_day is not null then
    wallet.day_window := private.count_in_window(wallet.day_window, 7200, wallet.requests_per_day, at);
  end if;
  if (wallet.minute_window).full_until is not null or (wallet.hour_window).full_until is not null
    or (wallet.day_window).full_until is not null
  then
    return private.too_often(wallet.minute_window, wallet.hour_window, wallet.day_window);
  elsif (key_windows.minute_window).full_until is not null or (key_windows.hour_window).full_until is not null
    or (key_windows.day_window).full_until is not null
  then
    return private.too_often(key_windows.minute_window, key_windows.hour_window, key_windows.day_window);
  end if;
  if key_windows.key_id is not null then
    insert into private.key_windows as counted (key_id, minute_window, hour_window, day_window)
    values (key_windows.key_id, key_windows.minute_window, key_windows.hour_window, key_windows.day_window)
    on conflict on constraint key_windows_pkey do update set
      minute_window = excluded.minute_window, hour_window = excluded.hour_window, day_window = excluded.day_window;
  end if;

  -- From here on the call counts in its windows, whatever becomes of it.
  <<decide>>
  begin
    if wallet.month_requests >= wallet.requests_per_month then
      verdict := private.refusal(
        429, 'quota_exceeded', 'requests_per_month',
        format(
          'The %s plan''s %s requests of this month are used.',
          (select plans.name from private.plans where plans.id = wallet.plan_id), wallet.requests_per_month
        ),
        'Wait for the next month or choose a larger plan.', resets_at => wallet.month_end
      );
      exit decide;
    end if;

    -- how much ------------------------------------------------------------------------------
    room := wallet.balance_micros - wallet.held_micros;
    if least(wallet.max_cost_micros, request.max_cost_micros, key_limits.max_cost_micros) < room then
      room := least(wallet.max_cost_micros, request.max_cost_micros, key_limits.max_cost_micros);
      binding := 'price_cap';
    end if;
    if wallet.has_budgets then
      select
        budgets.subject || '_budget',
        private.budget_end(budgets.period, at),
        budgets.limit_micros - budgets.held_micros
          - case when budgets.window_start >= private.budget_start(budgets.period, at) then budgets.spent_micros else 0 end
      into budget_rule, verdict.resets_at, budget_room
      from private.budgets
      where budgets.account_id = request.account_id and budgets.subject_id in (request.key_id, request.user_id)
      order by 3
      limit 1;
      if budget_room < room then
        room := budget_room;
        binding := budget_rule;
      end if;
    end if;

    -- of which model ------------------------------------------------------------------------
    if wanted_models[1] like 'oneai/%' then
      select routed.model_ids, routed.reason into wanted_models, verdict.route_reason
      from private.route(request.models[1], request.features) as routed;
      if wanted_models is null then
        verdict := private.refusal(
          404, 'not_found', 'model', format('Nothing fits this request among the models of %s.', left(request.models[1], 100)),
          'Choose a model yourself.'
        );
        exit decide;
      end if;
    end if;

    foreach wanted_model in array coalesce(wanted_models, array['']) loop
      select
        price.id as price_version_id,
        offers.context_tokens,
        offers.max_output_tokens,
        offers.model_quota_id,
        offers.upstream_name,
        greatest(private.fixed_bound_micros(price, shape), price.minimum_micros) as fixed_micros,
        greatest(price.completion_micros, price.reasoning_micros) * shape.choices as rate_micros,
        price.upstream_prompt_usd,
        price.upstream_completion_usd
      into offer
      from private.offers
      join private.price_versions as price on price.id = offers.price_version_id
      where offers.plan_id = wallet.plan_id
        and offers.model_id = wanted_model
        and (offers.closed_until is null or offers.closed_until <= at)
        and (request.key_id is null or exists (
          select from private.api_keys
          cross join lateral unnest(api_keys.allowed_models) as allowed (pattern)
          where api_keys.id = request.key_id and wanted_model like private.like_pattern(allowed.pattern)
        ));

      if verdict.model_ids is not null then
        -- A fallback is kept if it can give an answer of the same length with what may be set aside at most.
        if offer.fixed_micros + offer.rate_micros * output_tokens <= room
          and offer.max_output_tokens >= output_tokens
          and offer.model_quota_id is not distinct from quota_id
        then
          verdict.model_ids := verdict.model_ids || wanted_model;
          verdict.upstream_names := verdict.upstream_names || offer.upstream_name;
          price_version_ids := price_version_ids || offer.price_version_id;
          hold := greatest(hold, ceil(offer.fixed_micros + offer.rate_micros * output_tokens));
          verdict.max_prompt_usd := greatest(verdict.max_prompt_usd, offer.upstream_prompt_usd);
          verdict.max_completion_usd := greatest(verdict.max_completion_usd, offer.upstream_completion_usd);
        end if;
        continue;
      end if;

      -- The first model decides how long the answer may be.
      if offer.price_version_id is null then
        continue when verdict.route_reason is not null;
        verdict := private.why_not_callable(wanted_model, request.key_id, wallet.plan_id);
        exit decide;
      end if;
      if offer.fixed_micros + offer.rate_micros > room then
        verdict := private.unaffordable(
          binding, least(ceil(offer.fixed_micros + offer.rate_micros - room), 9007199254740991)::bigint, verdict.resets_at
        );
        exit decide;
      end if;
      quota_id := offer.model_quota_id;
      wanted_tokens := least(shape.max_tokens, offer.max_output_tokens);
      if shape.max_tokens is null then
        -- Nobody said how long: as long as the model can, beside the prompt.
        wanted_tokens := least(wanted_tokens, greatest(
          offer.context_tokens - private.prompt_tokens_bound(shape), least(4096, offer.context_tokens / 4)
        ));
      end if;
      output_tokens := wanted_tokens;
      if offer.rate_micros > 0 then
        output_tokens := least(output_tokens, floor((room - offer.fixed_micros) / offer.rate_micros));
      end if;
      if quota_id is not null then
        output_tokens := least(
          output_tokens,
          floor(
            (private.tokens_left(request.account_id, quota_id, wallet.month_start) - private.prompt_tokens_bound(shape))::numeric
            / shape.choices
          )
        );
        if output_tokens < 1 then
          verdict := private.refusal(
            429, 'quota_exceeded', 'tokens_per_month', 'This month''s tokens of this model are used.',
            'Choose another model, or wait for the next month.', resets_at => wallet.month_end
          );
          exit decide;
        end if;
        held_tokens := private.prompt_tokens_bound(shape) + output_tokens * shape.choices;
      end if;
      hold := ceil(offer.fixed_micros + offer.rate_micros * output_tokens);
      price_version_ids := array[offer.price_version_id];
      verdict.model_ids := array[wanted_model];
      verdict.upstream_names := array[offer.upstream_name];
      verdict.max_prompt_usd := offer.upstream_prompt_usd;
      verdict.max_completion_usd := offer.upstream_completion_usd;
    end loop;
    if verdict.model_ids is null then
      verdict := private.why_not_callable(wanted_models[1], request.key_id, wallet.plan_id);
      exit decide;
    end if;

    verdict := row(
      true, private.new_id(at), false, null, null, null, null, null, null, null, verdict.model_ids, verdict.route_reason,
      output_tokens, output_tokens < wanted_tokens, hold, wallet.balance_micros - wallet.held_micros - hold,
      verdict.max_prompt_usd, verdict.max_completion_usd, wallet.requests_per_minute,
      wallet.requests_per_minute - (wallet.minute_window).used, at + interval '1 minute', wallet.requests_per_month,
      wallet.requests_per_month - wallet.month_requests - 1, wallet.month_end, verdict.upstream_names
    );
  end decide;

  -- write it all down -------------------------------------------------------------------------
  update private.wallets set
    held_micros = wallets.held_micros + coalesce(verdict.hold_micros, 0),
    month_requests = wallets.month_requests + verdict.allowed::integer,
    minute_window = wallet.minute_window,
    hour_window = wallet.hour_window,
    day_window = wallet.day_window
  where wallets.account_id = request.account_id;
  if not verdict.allowed then
    return verdict;
  end if;
  if budget_rule is not null then
    perform private.hold_budgets(request.account_id, array[request.key_id, request.user_id], verdict.hold_micros);
  end if;
  if quota_id is not null then
    insert into private.token_quotas as quota (account_id, model_quota_id, period_start, held_tokens)
    values (request.account_id, quota_id, wallet.month_start, held_tokens)
    on conflict on constraint token_quotas_pkey do update set held_tokens = quota.held_tokens + excluded.held_tokens;
  end if;
  insert into private.runs (
    id, account_id, user_id, key_id, task, requested_model, model_ids, upstream_names, price_version_ids, route_reason,
    shape, max_tokens, is_clamped, held_micros, month_start, token_quota_id, held_tokens, lease_until,
    request_id, started_at
  )
  values (
    verdict.run_id, request.account_id, request.user_id, request.key_id, request.task, request.models[1],
    verdict.model_ids, verdict.upstream_names, price_version_ids, verdict.route_reason, shape, verdict.max_tokens,
    verdict.is_clamped, verdict.hold_micros, wallet.month_start, quota_id, held_tokens, at + interval '30 seconds',
    private.request_id(), at
  );
  if request.idempotency_key is not null then
    insert into private.repeatable_runs as repeatable (
      account_id, idempotency_key, run_id, request_hash, model_ids, route_reason, max_tokens, is_clamped, held_micros, started_at
    )
    values (
      request.account_id, request.idempotency_key, verdict.run_id, request.request_hash, verdict.model_ids,
      verdict.route_reason, verdict.max_tokens, verdict.is_clamped, verdict.hold_micros, at
    )
    -- One that is a day old and not cleared away yet.
    on conflict on constraint repeatable_runs_pkey do update set
      run_id = excluded.run_id, request_hash = excluded.request_hash, model_ids = excluded.model_ids,
      route_reason = excluded.route_reason, max_tokens = excluded.max_tokens, is_clamped = excluded.is_clamped,
      held_micros = excluded.held_micros, started_at = excluded.started_at;
  end if;
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
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  at constant timestamptz := private.clock();
  run private.runs;
  wallet private.wallets;
  event private.usage_events;
  priced record;
  used private.token_counts := coalesce(report.used, row(null, null, null, null, null, null, null, null)::private.token_counts);
  label private.cost_label := 'reported';
  gave_answer boolean := false;
  locked boolean;
  charge_id bigint;
begin
  if report.outcome in ('completed', 'stopped') then
    if report.is_reconciled then
      label := 'reconciled';
    elsif used.prompt_tokens is null or used.completion_tokens is null then
      -- The cost is not known yet: OpenRouter's own record of the call decides, a little later.
      update private.runs set
        status = 'reconciling',
        generation_id = coalesce(report.generation_id, runs.generation_id),
        lease_until = at + interval '2 seconds'
      where runs.id = finish_run.run_id
        and coalesce(report.generation_id, runs.generation_id) is not null
        and (used.prompt_tokens is null or runs.task = 'completion');
      if found then
        return null;
      end if;
    end if;
  end if;

  -- A run's row is taken before the account's lock, here and everywhere; it goes, and its receipt stays.
  delete from private.runs where runs.id = finish_run.run_id returning * into run;
  if run.id is null then
    select * into event from private.usage_events where usage_events.run_id = finish_run.run_id;
    if event.run_id is null then
      perform private.fail(404, 'not_found', 'There is no such run.', null);
    end if;
    return event;
  end if;

  if report.outcome in ('completed', 'stopped') then
    if used.prompt_tokens is null or (used.completion_tokens is null and run.task = 'completion') then
      label := 'estimated';
      used.prompt_tokens := coalesce(used.prompt_tokens, ceil((run.shape).prompt_bytes / 4.0));
      used.completion_tokens := coalesce(used.completion_tokens, ceil(coalesce(report.produced_bytes, 0) / 4.0));
    end if;
    gave_answer := coalesce(used.completion_tokens, 0) > 0 or run.task = 'embedding';
  end if;
  select
    price.id,
    price.model_id,
    case when gave_answer then least(private.price_micros(price, used), run.held_micros) else 0 end as charge_micros,
    exists (select from private.model_health where model_health.model_id = price.model_id) as was_failing
  into priced
  from private.price_versions as price
  where price.id = run.price_version_ids[coalesce(
    array_position(run.model_ids, report.model_id), array_position(run.upstream_names, report.model_id), 1
  )];
  if not gave_answer then
    label := 'none';
  end if;

  locked := private.lock_account(run.account_id);
  select * into wallet from private.wallets where wallets.account_id = run.account_id;
  charge_id := private.settle_hold(wallet, run.held_micros, priced.charge_micros, 'run:' || run.id, priced.model_id);
  insert into private.usage_events (
    run_id, account_id, user_id, key_id, task, outcome, finish_reason, error_code, requested_model, model_id,
    route_reason, attempts, price_version_id, used, shape, max_tokens, held_micros, charged_micros, upstream_micros, cost_label,
    transaction_id, first_token_ms, latency_ms, request_id, started_at, finished_at
  )
  values (
    run.id, run.account_id, run.user_id, run.key_id, run.task, report.outcome, left(report.finish_reason, 100),
    left(report.error_code, 100), run.requested_model, priced.model_id, run.route_reason, coalesce(report.attempts, '[]'),
    priced.id, used, run.shape, run.max_tokens, run.held_micros, priced.charge_micros,
    case when report.upstream_usd is not null then least(ceil(report.upstream_usd * 1e9), 9007199254740991) end, label,
    charge_id, report.first_token_ms,
    least(extract(epoch from at - run.started_at) * 1000, 2147483647), run.request_id, run.started_at, at
  )
  returning * into event;

  if wallet.has_budgets then
    perform private.settle_budgets(run.account_id, array[run.key_id, run.user_id], run.held_micros, priced.charge_micros);
  end if;
  if run.token_quota_id is not null then
    update private.token_quotas set
      held_tokens = token_quotas.held_tokens - run.held_tokens,
      used_tokens = token_quotas.used_tokens + case when gave_answer
        then least(coalesce(used.prompt_tokens, 0) + coalesce(used.completion_tokens, 0), run.held_tokens) else 0 end
    where token_quotas.account_id = run.account_id
      and token_quotas.model_quota_id = run.token_quota_id
      and token_quotas.period_start = run.month_start;
  end if;
  if not gave_answer and wallet.month_start = run.month_start then
    -- A call that gave nothing does not count against the month.
    update private.wallets set month_requests = wallets.month_requests - 1
    where wallets.account_id = run.account_id and wallets.month_requests > 0;
  end if;
  if report.outcome <> 'completed' or event.attempts <> '[]' or priced.was_failing then
    perform private.note_attempts(event.attempts, priced.model_id, report.outcome);
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
    select runs.id, runs.account_id, runs.generation_id, private.hold_end(runs.started_at) <= private.clock() as is_over
    from private.runs
    where runs.lease_until < private.clock()
      and (runs.status = 'open' or private.hold_end(runs.started_at) <= private.clock())
    order by runs.lease_until
    limit sweep_runs.max_runs
    for update skip locked
  loop
    continue when not private.try_lock_account(due.account_id);
    if due.generation_id is null or due.is_over then
      -- One that cannot be ended keeps nobody else's credits.
      begin
        perform private.finish_run(
          due.id,
          row('expired', null, null, null, 'worker_lost', null, null, null, null, null, null)::private.run_report
        );
        swept := swept + 1;
      exception when others then
        raise warning 'run % cannot be ended: %', due.id, sqlerrm;
      end;
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

create function private.forget_repeatable_runs()
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  delete from private.repeatable_runs where repeatable_runs.started_at < private.clock() - interval '24 hours'
$$;

comment on function private.forget_repeatable_runs is 'Clears idempotency keys away after a day.';

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
    where waiting.status = 'reconciling' and waiting.lease_until < private.clock()
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
  key constant private.api_keys := private.find_key(key_hash);
begin
  if key.id is null then
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
  select coalesce(sum(runs.held_micros), 0)::bigint
  from private.runs
  where runs.account_id = held_by_subject.account_id
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
language plpgsql
volatile
-- As its owner, because the worker that reports may write no money.
security definer
set search_path = ''
as $$
begin
  return private.finish_run(run_id, report);
end
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
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return private.require_shape(row(
    private.read_count('prompt_bytes', shape -> 'prompt_bytes'),
    private.read_count('messages', shape -> 'messages'),
    private.read_count('images', shape -> 'images'),
    private.read_count('max_tokens', shape -> 'max_tokens'),
    private.read_count('n', shape -> 'choices'),
    private.read_count('searches', shape -> 'searches')
  )::private.request_shape);
end
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
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- An array may start at any number; this one starts at 1.
  return models[array_lower(models, 1):array_lower(models, 1) + 9];
end
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
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return row(
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
  )::private.request_features;
end
$$;

create function private.read_used(value jsonb)
returns integer
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- An odd figure of the upstream's must not keep a run from ending: it counts as not reported.
  return case when value::text ~ '^[0-9]{1,9}(\.0+)?$' then value::numeric::integer end;
end
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
        select (select count(*) from private.runs where runs.started_at > private.clock() - interval '1 minute')
          + (select count(*) from private.usage_events where usage_events.run_id >= private.first_id(private.clock() - interval '1 minute'))
      ) then 'requests_per_minute'
      when guard.max_held_micros <= (
        select coalesce(sum(runs.held_micros), 0) from private.runs
      ) then 'held'
      when guard.max_spend_per_hour_micros <= (
        select coalesce(sum(usage_events.upstream_micros), 0)
        from private.usage_events
        where usage_events.finished_at > private.clock() - interval '1 hour'
          -- No call is open for as long as an hour; so only the end of the receipts is read.
          and usage_events.run_id >= private.first_id(private.clock() - interval '2 hours')
      ) then 'spend_per_hour'
    end as rule
  ) as broken on true
  where guard.id
    and (upstream_guard.closed_until is not null or broken.rule is not null)
$$;

comment on function private.measure_guard is
  'Closes the door for ten seconds at a time while all accounts together pass a limit of our account upstream.';

-- policies and grants -------------------------------------------------------------------------

create policy "members see their own runs, those who manage an account all" on private.runs
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );
grant select on private.runs, private.holds, private.resolutions to authenticated, service_role;
grant execute on function private.hold_end to authenticated, service_role;
grant execute on function private.start_run, private.stop_run, private.preview_cost to authenticated;
grant execute on function private.start_key_run, private.touch_run, private.finish_reported_run, private.claim_reconciliations
  to service_role;
grant execute on function
  private.require_shape, private.require_task, private.require_idempotency_key, private.read_choice, private.read_hash,
  private.read_shape, private.read_features, private.read_count to authenticated, service_role;
grant execute on function private.read_report, private.read_used to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.runs
with (security_invoker = true)
as
select
  runs.id, runs.account_id, runs.user_id, runs.key_id, runs.status, runs.requested_model, runs.model_ids,
  runs.route_reason, runs.max_tokens, runs.is_clamped, runs.held_micros, runs.stop_requested_at, runs.started_at
from private.runs;

comment on view api.runs is 'Calls that are running or wait for their cost. A call that has ended is a receipt.';

grant select on api.runs to authenticated, service_role;

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
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.start_run(
    account_id, private.read_choice(models), private.read_shape(shape), private.read_features(features), private.require_task(task),
    max_cost_micros, private.require_idempotency_key(idempotency_key), private.read_hash(request_hash)
  );
end
$$;

comment on function api.start_run is
  'Authorises a call that the caller makes for an account: holds what it can cost at most, or says which rule refuses it.';

create function api.start_key_run(
  key_hash text, models text[], shape jsonb, features jsonb default '{}', task text default 'completion',
  max_cost_micros bigint default null, idempotency_key text default null, request_hash text default null
)
returns private.verdict
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.start_key_run(
    private.read_hash(key_hash), private.read_choice(models), private.read_shape(shape), private.read_features(features), private.require_task(task),
    max_cost_micros, private.require_idempotency_key(idempotency_key), private.read_hash(request_hash)
  );
end
$$;

comment on function api.start_key_run is 'The same for a call made with an API key, found by the SHA-256 of the key in hex.';

create function api.touch_run(run_id uuid, generation_id text default null)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.touch_run(run_id, generation_id);
end
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
  select * from api.receipts where receipts.run_id = event.run_id;
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
