-- usage, how a run ends: once, by whichever of the caller, the sweep or a reconciliation comes first.
-- Its hold is settled and its receipt left in place of the run, in one transaction. With it stand the
-- sweep of runs whose worker is gone, and what guards our account upstream while runs are open.
--
-- A run never ends twice, and none stays open for good.

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
  charge_id bigint;
  locked boolean;
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

  -- A run's row is taken before the account's locks, here and everywhere; it goes, and its receipt stays.
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

  -- The receipt names the charge that is about to be booked, so that the money is locked for less.
  if priced.charge_micros > 0 then
    charge_id := nextval('private.transactions_id_seq');
  end if;
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

  if not gave_answer then
    -- A call that gave nothing does not count against the month.
    locked := private.lock_calls(run.account_id);
    update private.allowances set month_requests = allowances.month_requests - 1
    where allowances.account_id = run.account_id and allowances.month_start = run.month_start and allowances.month_requests > 0;
  end if;
  locked := private.lock_money(run.account_id);
  select * into wallet from private.wallets where wallets.account_id = run.account_id;
  perform private.settle_hold(
    wallet, run.held_micros, priced.charge_micros, 'run:' || run.id, priced.model_id, charge_id
  );
  if wallet.has_budgets then
    perform private.count_in_budgets(
      run.account_id, array[run.key_id, run.user_id], -run.held_micros, priced.charge_micros
    );
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
    -- One that cannot be ended keeps nobody else's credits.
    begin
      continue when not private.try_lock_account(due.account_id);
      if due.generation_id is null or due.is_over then
        perform private.finish_run(
          due.id,
          row('expired', null, null, null, 'run_lost', null, null, null, null, null, null)::private.run_report
        );
      else
        update private.runs set status = 'reconciling' where runs.id = due.id;
      end if;
      swept := swept + 1;
    exception when others then
      raise warning 'run % cannot be ended: %', due.id, sqlerrm;
    end;
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

-- the guard of all accounts together -----------------------------------------------------------

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
        -- Only what went upstream: anybody can begin runs here and leave them. A call has its generation id
        -- with its first bytes, as a rule within seconds; those that wait for longer are bounded by what they hold.
        select (
          select count(*) from private.runs
          where runs.started_at > private.clock() - interval '1 minute' and runs.generation_id is not null
        ) + (
          select count(*) from private.usage_events
          where usage_events.run_id >= private.first_id(private.clock() - interval '1 minute') and usage_events.outcome <> 'expired'
        )
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
