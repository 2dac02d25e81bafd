-- usage, how a run begins: authorised, which holds the most it can cost, or refused, in one
-- transaction under the lock of its account's calls.
--
-- Refused, it has at most counted the attempt in its windows. What was due anyway, a new month or lots
-- that lapsed, is done by whichever call comes first.

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
    earlier.max_tokens, earlier.is_clamped, earlier.held_micros, null, null, null, null, null, null, null, null, null, null,
    null, null, null, null
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
  at constant timestamptz := private.clock();
  run_id constant uuid := private.new_id(at);
  request_id constant text := private.request_id();
  shape constant private.request_shape := request.shape;
  -- Whoever knows how large a context the call needs has counted the prompt; of others it is bounded.
  prompt_tokens constant bigint := coalesce(
    case when (request.features).context_tokens is not null then (request.features).prompt_tokens end,
    private.prompt_tokens_bound(shape)
  );
  locked boolean;
  verdict private.verdict;
  allowance private.allowances;
  wallet private.wallets;
  key_models text[];
  key_limits private.limit_overrides;
  key_windows private.key_windows;
  budget_rule text;
  budget_room bigint;
  free bigint;
  room bigint;
  binding text := 'balance';
  wanted_models text[] := request.models;
  route_reason text;
  wanted_model text;
  offer record;
  quota_id bigint;
  held_tokens bigint := 0;
  wanted_tokens integer;
  affordable_tokens bigint;
  fewest_tokens bigint;
  output_tokens bigint;
  price_version_ids bigint[];
  fixed_micros numeric[];
  rate_micros numeric[];
  hold numeric := 0;
begin
  -- From here on nothing of this account changes under us but that other calls end, which frees credits.
  locked := private.lock_calls(request.account_id);
  select * into allowance from private.allowances where allowances.account_id = request.account_id;
  if allowance.valid_until <= at then
    allowance := private.renew_allowance(request.account_id);
  end if;
  if allowance.plan_id is null then
    return private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  if request.idempotency_key is not null then
    verdict := private.earlier_verdict(request, at);
    if verdict.allowed is not null then
      return verdict;
    end if;
  end if;
  if allowance.is_suspended then
    return private.refusal(403, 'forbidden', 'suspended', 'This account is suspended.', 'Write to support.');
  end if;
  select * into wallet from private.wallets where wallets.account_id = request.account_id;
  if wallet.next_expiry_at <= at then
    perform private.expire_lots(request.account_id);
    select * into wallet from private.wallets where wallets.account_id = request.account_id;
    allowance.room_micros := 0;
  end if;

  -- by which key, and how often ------------------------------------------------------------
  if request.key_id is not null then
    key_models := array(
      select private.like_pattern(allowed.pattern)
      from private.api_keys
      cross join lateral unnest(api_keys.allowed_models) as allowed (pattern)
      where api_keys.id = request.key_id
    );
    select * into key_limits from private.limit_overrides
    where limit_overrides.subject_id = request.key_id and coalesce(limit_overrides.expires_at, 'infinity') > at;
    if key_limits.subject_id is not null then
      key_windows := private.count_key_call(key_limits, at);
    end if;
  end if;
  if allowance.requests_per_minute is not null then
    allowance.minute_window := private.count_in_window(allowance.minute_window, 5, allowance.requests_per_minute, at);
  end if;
  if allowance.requests_per_hour is not null then
    allowance.hour_window := private.count_in_window(allowance.hour_window, 300, allowance.requests_per_hour, at);
  end if;
  if allowance.requests_per_day is not null then
    allowance.day_window := private.count_in_window(allowance.day_window, 7200, allowance.requests_per_day, at);
  end if;
  if (allowance.minute_window).full_until is not null or (allowance.hour_window).full_until is not null
    or (allowance.day_window).full_until is not null
  then
    return private.too_often(allowance.minute_window, allowance.hour_window, allowance.day_window);
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
    if allowance.month_requests >= allowance.requests_per_month then
      verdict := private.refusal(
        429, 'quota_exceeded', 'requests_per_month',
        format(
          'The %s plan''s %s requests of this month are used.',
          (select plans.name from private.plans where plans.id = allowance.plan_id), allowance.requests_per_month
        ),
        'Wait for the next month or choose a larger plan.', resets_at => allowance.month_end
      );
      exit decide;
    end if;

    -- how much ------------------------------------------------------------------------------
    free := wallet.balance_micros - wallet.set_aside_micros + allowance.room_micros;
    room := free;
    if least(allowance.max_cost_micros, request.max_cost_micros, key_limits.max_cost_micros) < room then
      room := least(allowance.max_cost_micros, request.max_cost_micros, key_limits.max_cost_micros);
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
    if request.models[1] like 'oneai/%' then
      -- It chooses for whoever calls. Whoever allows a preset allows what it chooses.
      request.features.user_id := request.user_id;
      select routed.model_ids, routed.reason into wanted_models, route_reason
      from private.route_in_plan(
        allowance.plan_id, request.models[1], request.features,
        case when request.models[1] like any (key_models) then null else key_models end
      ) as routed;
      wanted_models := coalesce(wanted_models, '{}');
      if cardinality(request.models) > 1 then
        wanted_models := (wanted_models || array(
          select named.model_id
          from unnest(request.models[2:]) with ordinality as named (model_id, position)
          where named.model_id <> all (wanted_models) and (key_models is null or named.model_id like any (key_models))
          group by named.model_id
          order by min(named.position)
        ))[:10];
      end if;
      if wanted_models = '{}' then
        verdict := private.refusal(
          404, 'not_found', 'model', format('Nothing fits this request among the models of %s.', left(request.models[1], 100)),
          'Choose a model yourself.'
        );
        exit decide;
      end if;
      if request.models[1] like any (key_models) then
        key_models := null;
      end if;
    end if;
    foreach wanted_model in array coalesce(wanted_models, array['']) loop
      select
        offers.model_id, offers.price_version_id, offers.upstream_name, offers.context_tokens, offers.max_output_tokens,
        offers.model_quota_id, offers.upstream_prompt_usd, offers.upstream_completion_usd,
        offers.output_bound_micros * shape.choices as rate_micros,
        private.fixed_bound_micros(
          shape, offers.minimum_micros, offers.request_micros, offers.prompt_bound_micros, offers.image_micros,
          offers.search_micros
        ) as fixed_micros
      into offer
      from private.offers
      where offers.plan_id = allowance.plan_id
        and offers.model_id = wanted_model
        and offers.is_embedding = (request.task = 'embedding')
        and (offers.closed_until is null or offers.closed_until <= at)
        and (key_models is null or offers.model_id like any (key_models));

      -- What the router chose, it chose in order: one that cannot be had gives way to the next, and its
      -- refusal holds if none can. A fallback that cannot be had is left out.
      if offer.model_id is null then
        continue when route_reason is not null or verdict.model_ids is not null;
        verdict := private.why_not_callable(wanted_model, request.task, allowance.plan_id);
        exit decide;
      end if;
      if offer.fixed_micros + offer.rate_micros > room then
        continue when verdict.model_ids is not null;
        if verdict.allowed is null then
          verdict := private.unaffordable(
            binding, least(ceil(offer.fixed_micros + offer.rate_micros - room), 9007199254740991)::bigint, verdict.resets_at
          );
        end if;
        continue when route_reason is not null;
        exit decide;
      end if;
      wanted_tokens := least(shape.max_tokens, offer.max_output_tokens);
      if shape.max_tokens is null then
        -- Nobody said how long: as long as the model can, beside the prompt.
        wanted_tokens := least(
          wanted_tokens, greatest(offer.context_tokens - prompt_tokens, least(4096, offer.context_tokens / 4), 1)
        );
      end if;
      affordable_tokens := wanted_tokens;
      if offer.rate_micros > 0 then
        affordable_tokens := least(wanted_tokens, floor((room - offer.fixed_micros) / offer.rate_micros));
      end if;

      if verdict.model_ids is not null then
        -- A fallback must be able to answer at the length asked for. Where nobody asked for one, the
        -- answer gives way to it, down to the fewest tokens.
        continue when affordable_tokens < fewest_tokens or offer.model_quota_id is distinct from quota_id;
        output_tokens := least(output_tokens, affordable_tokens);
      else
        quota_id := offer.model_quota_id;
        output_tokens := affordable_tokens;
        if quota_id is not null then
          output_tokens := least(
            output_tokens,
            floor(
              (private.tokens_left(request.account_id, quota_id, allowance.month_start) - private.prompt_tokens_bound(shape))::numeric
              / shape.choices
            )
          );
          if output_tokens < 1 then
            if verdict.allowed is null then
              verdict := private.refusal(
                429, 'quota_exceeded', 'tokens_per_month', 'This month''s tokens of this model are used.',
                'Choose another model, or wait for the next month.', resets_at => allowance.month_end
              );
            end if;
            continue when route_reason is not null;
            exit decide;
          end if;
        end if;
        fewest_tokens := case when shape.max_tokens is null then least(output_tokens, 4096) else output_tokens end;
        -- To give way to a fallback is no clamp.
        verdict.is_clamped := output_tokens < wanted_tokens;
      end if;
      verdict.model_ids := verdict.model_ids || offer.model_id;
      verdict.upstream_names := verdict.upstream_names || offer.upstream_name;
      price_version_ids := price_version_ids || offer.price_version_id;
      fixed_micros := fixed_micros || offer.fixed_micros;
      rate_micros := rate_micros || offer.rate_micros;
      verdict.max_prompt_usd := greatest(verdict.max_prompt_usd, offer.upstream_prompt_usd);
      verdict.max_completion_usd := greatest(verdict.max_completion_usd, offer.upstream_completion_usd);
    end loop;
    if verdict.model_ids is null then
      if verdict.allowed is null then
        verdict := private.why_not_callable(wanted_models[1], request.task, allowance.plan_id);
      end if;
      exit decide;
    end if;
    -- Any of them may answer: the dearest decides what is held.
    for nth in 1..cardinality(verdict.model_ids) loop
      hold := greatest(hold, ceil(fixed_micros[nth] + rate_micros[nth] * output_tokens));
    end loop;
    if quota_id is not null then
      held_tokens := private.prompt_tokens_bound(shape) + output_tokens * shape.choices;
    end if;

    verdict := row(
      true, run_id, false, null, null, null, null, null, null, null, verdict.model_ids, route_reason,
      output_tokens, verdict.is_clamped, hold, free - hold,
      verdict.max_prompt_usd, verdict.max_completion_usd, allowance.requests_per_minute,
      allowance.requests_per_minute - (allowance.minute_window).used, at + interval '1 minute', allowance.requests_per_month,
      allowance.requests_per_month - allowance.month_requests - 1, allowance.month_end, verdict.upstream_names,
      null, null, null, null
    );
    -- Most have no more than the minute of their plan.
    if key_windows.key_id is not null or allowance.requests_per_hour is not null or allowance.requests_per_day is not null then
      verdict := private.tell_windows(verdict, allowance, key_limits, key_windows, at);
    end if;
  end decide;

  -- write it all down -------------------------------------------------------------------------
  if verdict.hold_micros > allowance.room_micros then
    perform private.make_room(request.account_id);
  end if;
  update private.allowances set
    room_micros = allowances.room_micros - coalesce(verdict.hold_micros, 0),
    month_requests = allowances.month_requests + verdict.allowed::integer,
    minute_window = allowance.minute_window,
    hour_window = allowance.hour_window,
    day_window = allowance.day_window
  where allowances.account_id = request.account_id;
  if not verdict.allowed then
    if request.models[1] like 'oneai/%' and verdict.rule in ('model', 'plan_models', 'key_models') then
      verdict.hint := coalesce(
        private.exclusions_hint(request.account_id, request.key_id, request.models[1], request.features), verdict.hint
      );
    end if;
    return verdict;
  end if;
  if budget_rule is not null then
    perform private.count_in_budgets(request.account_id, array[request.key_id, request.user_id], verdict.hold_micros, 0);
  end if;
  if quota_id is not null then
    insert into private.token_quotas as quota (account_id, model_quota_id, period_start, held_tokens)
    values (request.account_id, quota_id, allowance.month_start, held_tokens)
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
    verdict.is_clamped, verdict.hold_micros, allowance.month_start, quota_id, held_tokens, at + interval '30 seconds',
    request_id, at
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
  'Decides about a call in one transaction: plan, rate, quota, budgets, price cap and money. Allowed, it holds the most the call can cost; refused, it has at most counted the attempt in its windows.';
