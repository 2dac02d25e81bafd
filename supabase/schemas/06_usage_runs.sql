-- usage, while it happens: a run is one metered call of a model, from the chat or through the API,
-- and a verdict says whether it may be made, or why not. How that is decided is in
-- 06_usage_runs_authorize, how a run ends in 06_usage_runs_end, who may ask for all this in
-- 06_usage_runs_surface, for the chat in 08_chat_answers_ask and with a key in 08_gateway.
--
-- Nothing here charges anything.

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

create domain private.idempotency_key as text check (octet_length(value) between 1 and 400);

comment on domain private.idempotency_key is 'A name that a caller gives a request, so that a repetition starts nothing.';

create table private.repeatable_runs (
  account_id uuid not null,
  idempotency_key private.idempotency_key not null,
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

comment on table private.repeatable_runs is 'What was answered to people''s requests with an idempotency key within the last day, so that a repetition starts nothing. Of calls made with a key, private.stored_answers knows.';

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

-- policies and grants -------------------------------------------------------------------------

create policy "members see their own runs, those who manage an account all" on private.runs
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );
grant select on private.runs, private.holds, private.resolutions to authenticated, service_role;
grant execute on function private.hold_end to authenticated, service_role;

-- verdicts --------------------------------------------------------------------------------

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
  upstream_names text[],
  hour_limit integer,
  hour_remaining integer,
  day_limit integer,
  day_remaining integer
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
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null
  )::private.verdict;
end
$$;

create function private.room_in_window(so_far private.rate_window, slice_seconds integer, max_count integer, at timestamptz)
returns integer[]
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if max_count is null then
    return null;
  end if;
  -- One more in a window without a limit says how many there are.
  return array[
    greatest(0, max_count + 1 - (private.count_in_window(so_far, slice_seconds, 2147483647, at)).used), max_count
  ];
end
$$;

comment on function private.room_in_window is 'How many calls a window still has room for, and its limit; nothing where there is none.';

create function private.tell_windows(
  verdict private.verdict, allowance private.allowances, key_limits private.limit_overrides, key_windows private.key_windows, at timestamptz
)
returns private.verdict
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  -- Of the account's and the key's the one that ends first.
  minute constant integer[] := least(
    private.room_in_window(allowance.minute_window, 5, allowance.requests_per_minute, at),
    private.room_in_window(key_windows.minute_window, 5, key_limits.requests_per_minute, at)
  );
  hour constant integer[] := least(
    private.room_in_window(allowance.hour_window, 300, allowance.requests_per_hour, at),
    private.room_in_window(key_windows.hour_window, 300, key_limits.requests_per_hour, at)
  );
  day constant integer[] := least(
    private.room_in_window(allowance.day_window, 7200, allowance.requests_per_day, at),
    private.room_in_window(key_windows.day_window, 7200, key_limits.requests_per_day, at)
  );
begin
  verdict.rate_remaining := minute[1];
  verdict.rate_limit := minute[2];
  verdict.rate_resets_at := at + interval '1 minute';
  verdict.hour_remaining := hour[1];
  verdict.hour_limit := hour[2];
  verdict.day_remaining := day[1];
  verdict.day_limit := day[2];
  return verdict;
end
$$;

comment on function private.tell_windows is 'A verdict with what is left of the minute, the hour and the day of an account and its key.';

create function private.tell_limits(verdict private.verdict, key private.api_keys)
returns private.verdict
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  allowance private.allowances;
  key_limits private.limit_overrides;
  key_windows private.key_windows;
begin
  -- One whose limits are to be worked out anew says nothing of them.
  select * into allowance from private.allowances where allowances.account_id = key.account_id and allowances.valid_until > at;
  select * into key_limits from private.limit_overrides
  where limit_overrides.subject_id = key.id and coalesce(limit_overrides.expires_at, 'infinity') > at;
  select * into key_windows from private.key_windows as counted where counted.key_id = key.id;
  verdict := private.tell_windows(verdict, allowance, key_limits, key_windows, at);
  verdict.quota_limit := allowance.requests_per_month;
  verdict.quota_remaining := allowance.requests_per_month - allowance.month_requests;
  verdict.quota_resets_at := allowance.month_end;
  return verdict;
end
$$;

comment on function private.tell_limits is
  'A verdict that starts nothing with what is left of every limit of its key and account, as it has been written down.';

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

create function private.why_not_callable(model_id text, task private.run_task, plan_id text)
returns private.verdict
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  guard private.upstream_guard;
  model private.models;
  offer private.offers;
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
  end if;
  select * into offer from private.offers
  where offers.plan_id = why_not_callable.plan_id and offers.model_id = why_not_callable.model_id;
  if offer.model_id is null then
    return private.refusal(
      403, 'forbidden', 'plan_models',
      format('The %s plan does not include %s.', (select plans.name from private.plans where plans.id = why_not_callable.plan_id), shown),
      'Choose another model or a larger plan.'
    );
  elsif offer.is_embedding <> (task = 'embedding') then
    return private.refusal(
      404, 'not_found', 'model',
      format('%s cannot be called for %s.', shown, case task when 'embedding' then 'embeddings' else 'completions' end),
      'Choose another model, or the address for this one.'
    );
  end if;
  return private.refusal(403, 'forbidden', 'key_models', format('This key may not call %s.', shown), 'Allow the model for this key, or use another key.');
end
$$;

comment on function private.why_not_callable is 'Says in words why a model cannot be called.';

create function private.exclusions_hint(account_id uuid, key_id uuid, preset_id text, features private.request_features)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  person_id constant uuid := features.user_id;
  key_models text[];
  felt text[];
begin
  if exclusions_hint.key_id is not null then
    select array_agg(private.like_pattern(allowed.pattern)) into key_models
    from private.api_keys
    cross join lateral unnest(api_keys.allowed_models) as allowed (pattern)
    where api_keys.id = exclusions_hint.key_id;
  end if;
  features.user_id := null;
  select array_agg(distinct excluded.pattern order by excluded.pattern) into felt
  from private.route(exclusions_hint.preset_id, features) as routed
  cross join lateral unnest(routed.model_ids) as listed (model_id)
  join private.account_plans on account_plans.account_id = exclusions_hint.account_id
  join private.offers on offers.plan_id = account_plans.plan_id and offers.model_id = listed.model_id
  join private.preferences on preferences.user_id = person_id
  cross join lateral unnest(preferences.exclusions) as excluded (pattern)
  where listed.model_id like private.like_pattern(excluded.pattern)
    and (key_models is null or exclusions_hint.preset_id like any (key_models) or listed.model_id like any (key_models));
  return case when felt is not null then format(
    'You excluded %s%s. Change that in the settings, under Models, or choose a model yourself.',
    array_to_string(felt[:3], ', '), case when cardinality(felt) > 3 then format(' and %s more', cardinality(felt) - 3) end
  ) end;
end
$$;

comment on function private.exclusions_hint is
  'Which of a person''s exclusions keep a preset from what it could choose otherwise, and what to do about it; nothing where none does.';

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
