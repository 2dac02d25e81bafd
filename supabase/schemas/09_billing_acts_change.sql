-- billing acts, changing: another plan, a pause, an end, and what each of them would do, told before it
-- is done.
--
-- What is told beforehand is worked out by the function that decides, so the two never differ.

-- another plan ----------------------------------------------------------------------------------

create function private.judge_plan_change(account_id uuid, price_id bigint)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  wanted constant private.prices := private.require_price(price_id, true);
  current private.subscriptions;
  paid private.prices;
  method_takes_it boolean;
  share numeric;
  charge bigint := 0;
  mode text;
  effective_at timestamptz;
begin
  select * into current from private.live_subscription(judge_plan_change.account_id);
  if current.id is null then
    perform private.fail(409, 'conflict', 'This account has no subscription to change.', 'Subscribe to the plan instead.');
  end if;
  if current.price_id = wanted.id and current.cancel_wish is null then
    perform private.fail(409, 'conflict', 'This is the plan you have.', 'Choose another one.');
  end if;
  if current.status in ('pending', 'halted') then
    perform private.fail(409, 'conflict', 'The last renewal has not been paid.', 'Pay it first, or cancel and subscribe anew.');
  end if;
  if current.status = 'paused' then
    perform private.fail(409, 'conflict', 'The subscription is paused.', 'Resume it first.');
  end if;
  select * into paid from private.prices where prices.id = current.price_id;
  -- Razorpay changes the plan of subscriptions on cards from abroad; every other method needs a new mandate.
  select coalesce(bool_or(latest.is_international and latest.method = 'card'), false) into method_takes_it
  from (
    select payments.is_international, payments.method from private.payments
    where payments.subscription_id = current.id and payments.is_captured
    order by payments.paid_at desc limit 1
  ) as latest;
  method_takes_it := method_takes_it and paid.currency = wanted.currency and current.cancel_wish is null and current.status = 'active';
  if method_takes_it and paid.period = wanted.period and wanted.amount_minor > paid.amount_minor then
    mode := 'in_place_now';
    effective_at := private.clock();
    share := greatest(0, extract(epoch from current.current_end - private.clock()))
      / nullif(extract(epoch from current.current_end - current.current_start), 0);
    charge := round((wanted.amount_minor - paid.amount_minor) * least(1, share));
  else
    mode := case when method_takes_it then 'in_place_at_cycle_end' else 'new_subscription' end;
    effective_at := greatest(coalesce(current.current_end, current.start_at), private.clock());
  end if;
  return jsonb_build_object(
    'mode', mode,
    'subscription_id', current.id,
    'razorpay_subscription_id', current.razorpay_subscription_id,
    'from_price_id', paid.id,
    'to_price_id', wanted.id,
    'effective_at', effective_at,
    'currency', wanted.currency,
    'charge_now_minor', charge,
    'credits_now_micros', floor(wanted.credits_micros * charge / wanted.amount_minor)::bigint,
    'next_charge_minor', wanted.amount_minor,
    'next_charge_at', coalesce(current.current_end, current.start_at),
    'explanation', case mode
      when 'in_place_now' then format('You pay %s now, for the rest of the running period, and get the credits it buys.', private.price_text(wanted.currency, charge))
      when 'in_place_at_cycle_end' then 'You keep your plan until the end of the period you have paid for; the new one begins then.'
      else 'Your way to pay cannot be moved to another plan, so you confirm the new plan once more. It begins when the period you have paid for ends, and the old one stops then: nothing is charged twice.'
    end
  );
end
$$;

comment on function private.judge_plan_change is 'How a change of plan would go: when, what is charged, and whether the way to pay allows it in place.';

create function private.start_plan_change(account_id uuid, price_id bigint, request_key text)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write subscriptions. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  verdict jsonb;
  asked_id bigint;
begin
  perform private.require_payer(start_plan_change.account_id);
  perform private.require_request_key(start_plan_change.request_key);
  perform private.require_wallet(start_plan_change.account_id);
  verdict := private.judge_plan_change(start_plan_change.account_id, start_plan_change.price_id);
  if verdict ->> 'mode' = 'new_subscription' then
    return verdict || jsonb_build_object('checkout', private.describe_subscription(private.open_subscription(
      start_plan_change.account_id, private.require_price(start_plan_change.price_id, true), start_plan_change.request_key,
      date_trunc('second', (verdict ->> 'effective_at')::timestamptz), null, (verdict ->> 'subscription_id')::uuid
    )));
  end if;
  insert into private.subscription_prices (subscription_id, price_id, valid_from, state, created_at)
  values (
    (verdict ->> 'subscription_id')::uuid, start_plan_change.price_id, (verdict ->> 'effective_at')::timestamptz, 'asked', private.clock()
  )
  returning subscription_prices.id into asked_id;
  return verdict || jsonb_build_object('change_id', asked_id, 'asked_at', clock_timestamp(), 'request', jsonb_build_object(
    'plan_id', (select prices.razorpay_plan_id from private.prices where prices.id = start_plan_change.price_id),
    'schedule_change_at', case verdict ->> 'mode' when 'in_place_now' then 'now' else 'cycle_end' end,
    'customer_notify', false
  ));
end
$$;

comment on function private.start_plan_change is 'Writes down a change of plan, and says what to ask Razorpay for.';

create function private.note_plan_change(change_id bigint, state text)
returns void
language plpgsql
volatile
-- As its owner, because the function that asked may not write subscriptions.
security definer
set search_path = ''
as $$
begin
  if note_plan_change.state is null or note_plan_change.state not in ('agreed', 'refused') then
    perform private.fail(422, 'invalid_input', 'A change of plan is agreed or refused.', null);
  end if;
  update private.subscription_prices set state = note_plan_change.state
  where subscription_prices.id = note_plan_change.change_id and subscription_prices.state = 'asked';
end
$$;

comment on function private.note_plan_change is 'Whether Razorpay agreed to a change of plan or refused it.';

-- an end, a pause -------------------------------------------------------------------------------

create function private.judge_cancel(account_id uuid)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  current private.subscriptions;
  plan_until timestamptz;
begin
  select * into current from private.live_subscription(judge_cancel.account_id);
  if current.id is null then
    perform private.fail(409, 'conflict', 'This account has no subscription to cancel.', null);
  end if;
  plan_until := case when current.status in ('pending', 'halted') then private.clock() else coalesce(current.current_end, current.trial_until, private.clock()) end;
  return jsonb_build_object(
    'subscription_id', current.id,
    'razorpay_subscription_id', current.razorpay_subscription_id,
    'status', current.status,
    'at_cycle_end', jsonb_build_object('plan_until', plan_until, 'refunded_minor', 0),
    'now', jsonb_build_object('plan_until', private.clock(), 'refunded_minor', 0),
    'credits', (
      select coalesce(jsonb_agg(jsonb_build_object('source', lots.source, 'remaining_micros', lots.remaining_micros, 'expires_at', lots.expires_at) order by lots.expires_at), '[]')
      from private.lots
      where lots.account_id = judge_cancel.account_id and lots.remaining_micros > 0
    ),
    'explanation', 'Nothing more is charged. Credits you bought stay; those of the plan stay until they lapse. At the end of the period, the account goes on with Free; if you end it now, it does so at once.'
  );
end
$$;

comment on function private.judge_cancel is 'What ending a subscription takes away, and when.';

create function private.start_subscription_act(account_id uuid, act text)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write subscriptions. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  current private.subscriptions;
  allowed text[];
begin
  perform private.require_payer(start_subscription_act.account_id);
  -- The subscription before the account, as for whoever notes what Razorpay says of it.
  perform from private.subscriptions
  where subscriptions.account_id = start_subscription_act.account_id
  order by subscriptions.id
  for no key update;
  perform private.require_wallet(start_subscription_act.account_id);
  allowed := case start_subscription_act.act
    when 'cancel_now' then '{authenticated,active,pending,halted,paused}'
    when 'cancel_at_cycle_end' then '{authenticated,active,pending,halted,paused}'
    when 'pause' then '{active}'
    when 'resume' then '{paused}'
    when 'retry' then '{pending,halted}'
  end;
  if allowed is null then
    perform private.fail(422, 'invalid_input', 'There is no such act.', 'Use cancel_now, cancel_at_cycle_end, pause, resume or retry.');
  end if;
  select * into current from private.live_subscription(start_subscription_act.account_id);
  if current.id is null or current.status <> all (allowed) then
    perform private.fail(
      409, 'conflict',
      case when current.id is null then 'This account has no subscription.' else format('The subscription is %s.', current.status) end,
      'Load the page again.'
    );
  end if;
  if start_subscription_act.act in ('cancel_now', 'cancel_at_cycle_end') then
    update private.subscriptions set cancel_wish = case
      -- What is not paid for ends now: there is no period left to wait for.
      when start_subscription_act.act = 'cancel_now' or subscriptions.status in ('pending', 'halted', 'authenticated', 'paused') then 'now'
      else 'cycle_end'
    end
    where subscriptions.id = current.id
    returning * into current;
  end if;
  return jsonb_build_object(
    'subscription_id', current.id, 'razorpay_subscription_id', current.razorpay_subscription_id, 'status', current.status,
    'cancel_wish', current.cancel_wish, 'short_url', current.short_url, 'asked_at', clock_timestamp()
  );
end
$$;

comment on function private.start_subscription_act is 'Whether a subscription may be cancelled, paused, resumed or paid again now, and what it is called at Razorpay.';

-- what a change would do ------------------------------------------------------------------------

create function private.preview_change(account_id uuid, price_id bigint)
returns jsonb
language plpgsql
stable
-- As its owner, because prices that are no longer sold are in it. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
begin
  perform private.require_payer(preview_change.account_id);
  return case
    when preview_change.price_id is null then private.judge_cancel(preview_change.account_id)
    else private.judge_plan_change(preview_change.account_id, preview_change.price_id)
  end;
end
$$;

comment on function private.preview_change is 'What a change to a price would do, or the end of the subscription when no price is given.';

-- grants ----------------------------------------------------------------------------------------

grant execute on function private.start_plan_change, private.start_subscription_act, private.preview_change to authenticated;
grant execute on function private.note_plan_change to service_role;
