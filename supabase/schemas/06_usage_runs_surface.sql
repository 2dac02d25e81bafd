-- usage, the surface of runs: who may start one of their own, keep alive, stop and finish one, and what
-- a call would cost before it is made. How what they send is read is in 06_usage_runs_read; calls made
-- with a key start in 08_gateway.
--
-- No price, limit or amount is taken from a caller.

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
  preview private.cost_preview;
  candidates text[] := array[preview_cost.model];
  likely integer := 1;
  is_known constant boolean := not features is null;
  chosen record;
  plan_id text;
  room bigint;
begin
  select
    balances.free_micros, plans.id, least(balances.free_micros, coalesce(own.max_cost_micros, plans.max_cost_micros))
  into preview.available_micros, plan_id, room
  from private.balances
  join private.account_plans on account_plans.account_id = balances.account_id
  join private.plans on plans.id = account_plans.plan_id
  left join private.limit_overrides as own
    on own.subject_id = balances.account_id and coalesce(own.expires_at, 'infinity') > private.clock()
  where balances.account_id = preview_cost.account_id
    and balances.account_id in (select private.my_account_ids());
  if preview.available_micros is null then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;

  if preview_cost.model like 'oneai/%' then
    -- Counted as when an answer is asked for, where nobody has.
    features.prompt_tokens := coalesce(features.prompt_tokens, (shape.prompt_bytes + 26 * shape.messages) / 3);
    features.context_tokens := coalesce(features.context_tokens, features.prompt_tokens + least(shape.max_tokens, 4096));
    features.user_id := auth.uid();
    select routed.model_ids, routed.reason into candidates, preview.route_reason
    from private.route_in_plan(plan_id, preview_cost.model, features) as routed;
    likely := cardinality(candidates);
    if not is_known then
      -- What it will choose for a text nobody has looked at is not known yet: any of its models may cost what is said.
      candidates := candidates || private.choices_of(preview_cost.model, auth.uid());
    end if;
  end if;
  with priced as (
    select
      listed.position, models.id as model_id, price as price_version, bound.fixed_micros, bound.rate_micros,
      bound.fixed_micros + bound.rate_micros <= room as is_affordable,
      least(
        shape.max_tokens, models.max_output_tokens,
        case when bound.rate_micros > 0 then greatest(floor((room - bound.fixed_micros) / bound.rate_micros), 1) end
      )::integer as max_tokens,
      shape.max_tokens is not null
        or models.context_tokens - private.prompt_tokens_bound(shape) >= models.max_output_tokens as is_roomy
    from unnest(candidates) with ordinality as listed (model_id, position)
    join private.models on models.id = listed.model_id and models.enabled and models.retired_at is null
    join private.price_versions as price on price.id = models.price_version_id
    cross join lateral (
      select
        private.fixed_bound_micros(
          shape, price.minimum_micros, price.request_micros, price.prompt_bound_micros, price.image_micros, price.search_micros
        ) as fixed_micros,
        price.output_bound_micros * shape.choices as rate_micros
    ) as bound
  ),
  first as (
    select * from priced where priced.position <= likely order by priced.is_affordable desc, priced.position limit 1
  ),
  -- Which of them may answer, and how long, is decided as private.authorize_run does.
  kept as (
    select array_agg(priced.position) as positions, min(priced.max_tokens) as max_tokens
    from priced
    cross join first
    where priced.position <= likely
      and (
        priced.position = first.position
        or (
          priced.is_affordable
          and priced.max_tokens >= case when shape.max_tokens is null then least(first.max_tokens, 4096) else first.max_tokens end
        )
      )
    -- Beside a long prompt it depends on how its tokens are counted: then each counts for all it can say.
    having bool_and(priced.is_roomy)
  )
  select
    first.model_id, first.price_version, first.is_affordable, least(first.max_tokens, kept.max_tokens) as max_tokens,
    -- The dearest decides what is held.
    (
      select max(ceil(
        any_of.fixed_micros
        + any_of.rate_micros * case when any_of.position <= likely then least(any_of.max_tokens, kept.max_tokens) else any_of.max_tokens end
      ))
      from priced as any_of
      where any_of.position > likely or kept.positions is null or any_of.position = any (kept.positions)
    ) as cap_micros
  into chosen
  from first
  left join kept on true;
  if chosen.model_id is null then
    perform private.fail(
      404, 'not_found', format('%s cannot be called.', left(coalesce(preview_cost.model, 'No model'), 100)),
      coalesce(private.exclusions_hint(preview_cost.account_id, null, preview_cost.model, features), 'Choose one from the list of models.')
    );
  end if;

  preview.model_id := chosen.model_id;
  preview.max_tokens := chosen.max_tokens;
  preview.is_affordable := chosen.is_affordable;
  -- A token of a prompt is rarely under three bytes or over five; an answer rarely longer than 1,200 tokens.
  preview.likely_low_micros := private.price_micros(chosen.price_version, row(
    ceil(shape.prompt_bytes / 5.0)::bigint + 300 * shape.images, least(20, preview.max_tokens) * shape.choices, 0, 0, 0, 0, shape.images, shape.searches
  ));
  preview.likely_high_micros := private.price_micros(chosen.price_version, row(
    ceil(shape.prompt_bytes / 3.0)::bigint + 1600 * shape.images, least(1200, preview.max_tokens) * shape.choices, 0, 0, 0, 0, shape.images, shape.searches
  ));
  preview.cap_micros := least(9007199254740991, chosen.cap_micros, greatest(room, 0));
  preview.likely_high_micros := least(preview.likely_high_micros, greatest(preview.cap_micros, preview.likely_low_micros));
  return preview;
end
$$;

comment on function private.preview_cost is 'Prices a request before it is made, with the same arithmetic that will charge it.';

-- grants ----------------------------------------------------------------------------------------

grant execute on function private.start_run, private.stop_run, private.preview_cost to authenticated;
grant execute on function private.touch_run, private.finish_reported_run, private.claim_reconciliations to service_role;

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
  'The likely range and the hard cap of a request before it is made. The shape has prompt_bytes, messages, images, max_tokens, choices, searches; of the features a preset wants the beginning of the text.';

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
grant execute on function api.touch_run, api.finish_run, api.claim_reconciliations to service_role;
