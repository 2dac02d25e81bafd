-- billing acts: what people ask for (buy, subscribe, change, cancel, pause), judged here and written
-- down before Razorpay hears of it, and the notes that functions/billing makes while it carries it out.
--
-- A caller names a price, never an amount; what Razorpay is sent stands in the answer of these
-- functions, so no rule about money lives in a function that carries.

create function private.require_payer(account_id uuid)
returns void
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if not private.has_role(require_payer.account_id, 'owner', 'admin', 'billing') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose an account whose billing you manage.');
  end if;
  if exists (
    select from private.accounts where accounts.id = require_payer.account_id and accounts.suspended_at is not null
  ) then
    perform private.fail(403, 'forbidden', 'This account is suspended.', 'Write to us, and we look at it together.');
  end if;
end
$$;

comment on function private.require_payer is 'Lets only those pass who may pay for an account.';

create function private.require_price(price_id bigint, of_plan boolean)
returns private.prices
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  price private.prices;
begin
  select * into price from private.prices
  where prices.id = require_price.price_id and (prices.plan_id is not null) = require_price.of_plan;
  if price.id is null then
    perform private.fail(404, 'not_found', 'There is no such price.', 'Choose one from the list.');
  end if;
  if price.retired_at is not null then
    perform private.fail(409, 'conflict', 'This price has changed since the page was loaded.', 'Load the page again to see the new one.');
  end if;
  if require_price.of_plan and price.razorpay_plan_id is null then
    perform private.fail(503, 'upstream_unavailable', 'This plan cannot be bought yet.', 'Try again shortly, or choose another currency.');
  end if;
  return price;
end
$$;

comment on function private.require_price is 'A price that is for sale now.';

create function private.require_request_key(request_key text)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if request_key is null or request_key !~ '^[\w.:-]{8,100}$' then
    perform private.fail(422, 'invalid_input', 'A request key must be 8 to 100 letters, digits, dots, colons or dashes.', 'Send a uuid.');
  end if;
  return request_key;
end
$$;

create function private.require_razorpay_id(value text)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if value is null or value !~ '^[\w-]{5,60}$' then
    perform private.fail(422, 'invalid_input', 'An id of Razorpay''s has 5 to 60 letters, digits, underscores or dashes.', null);
  end if;
  return value;
end
$$;

comment on function private.require_razorpay_id is 'A name that Razorpay gave to something, before it is noted as such.';

-- buying ------------------------------------------------------------------------------------

create function private.describe_customer(account_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'razorpay_customer_id', customers.razorpay_customer_id,
    'name', coalesce(nullif(customers.billing_name, ''), accounts.name),
    'email', coalesce(nullif(customers.billing_email, ''), owners.email),
    'owner_email', owners.email
  )
  from private.accounts
  left join private.customers on customers.account_id = accounts.id
  left join lateral (
    select users.email
    from private.members
    join auth.users on users.id = members.user_id
    where members.account_id = accounts.id and members.role = 'owner'
    order by members.created_at, users.email
    limit 1
  ) as owners on true
  where accounts.id = describe_customer.account_id
$$;

comment on function private.describe_customer is 'Who pays for an account: the name and address Razorpay is told.';

create function private.describe_order(asked private.orders)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'order_id', asked.id,
    'account_id', asked.account_id,
    'status', asked.status,
    'currency', asked.currency,
    'amount_minor', asked.amount_minor,
    'credits_micros', asked.credits_micros,
    'bonus_micros', asked.bonus_micros,
    'razorpay_order_id', asked.razorpay_order_id,
    'description', packages.name || ' package',
    'keeps_card', asked.mandate_until is not null,
    'customer', private.describe_customer(asked.account_id),
    'request', jsonb_build_object(
      'amount', asked.amount_minor, 'currency', asked.currency, 'receipt', asked.id,
      'payment_capture', true, 'notes', jsonb_build_object('oneai_account', asked.account_id)
    ) || case
      when asked.mandate_until is null then '{}'
      else jsonb_build_object('method', 'card', 'token', jsonb_build_object(
        'max_amount', asked.amount_minor, 'expire_at', floor(extract(epoch from asked.mandate_until)), 'frequency', 'as_presented'
      ))
    end
  )
  from private.prices
  join private.packages on packages.id = prices.package_id
  where prices.id = asked.price_id
$$;

comment on function private.describe_order is 'An order as functions/billing needs it, with the request that makes it at Razorpay.';

create function private.start_top_up(account_id uuid, price_id bigint, request_key text, keeps_card boolean)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write orders. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  price private.prices;
  asked private.orders;
begin
  perform private.require_payer(start_top_up.account_id);
  perform private.require_request_key(start_top_up.request_key);
  select * into asked from private.orders
  where orders.account_id = start_top_up.account_id and orders.request_key = start_top_up.request_key;
  if asked.id is null then
    price := private.require_price(start_top_up.price_id, false);
    -- What the central bank lets a card be charged with nobody there to confirm it.
    if start_top_up.keeps_card and price.currency = 'INR' and price.amount_minor > 1500000 then
      perform private.fail(
        409, 'conflict', format('A card in rupees can be charged by itself with at most %s.', private.price_text('INR', 1500000)),
        'Buy a smaller package to keep the card, or buy this one without.'
      );
    end if;
    insert into private.orders (
      account_id, user_id, price_id, request_key, currency, amount_minor, credits_micros, bonus_micros, created_at, mandate_until
    )
    values (
      start_top_up.account_id, auth.uid(), price.id, start_top_up.request_key, price.currency, price.amount_minor,
      price.credits_micros, floor(price.credits_micros * price.bonus_percent / 100)::bigint, private.clock(),
      case when start_top_up.keeps_card then private.clock() + interval '5 years' end
    )
    on conflict on constraint orders_account_id_request_key_key do nothing;
    select * into asked from private.orders
    where orders.account_id = start_top_up.account_id and orders.request_key = start_top_up.request_key;
  end if;
  if (asked.price_id, asked.mandate_until is not null) is distinct from (start_top_up.price_id, start_top_up.keeps_card) then
    perform private.fail(409, 'conflict', 'This request was made before, for something else.', 'Send a new request key.');
  end if;
  return private.describe_order(asked);
end
$$;

comment on function private.start_top_up is
  'Writes down that somebody sets out to buy a package, and whether they agree to later charges of as much; the same request key is the same order.';

create function private.live_mandate(account_id uuid)
returns setof private.mandates
language sql
stable
security invoker
set search_path = ''
as $$
  select mandates.*
  from private.mandates
  where mandates.account_id = live_mandate.account_id
    and mandates.status = 'confirmed' and mandates.removed_at is null and mandates.expires_at > private.clock()
  order by mandates.agreed_at desc, mandates.id desc
  limit 1
$$;

comment on function private.live_mandate is 'The card of an account that may be charged by itself now, if any.';

create function private.start_card_removal(account_id uuid)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write mandates. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  ended jsonb;
begin
  perform private.require_payer(start_card_removal.account_id);
  perform private.require_wallet(start_card_removal.account_id);
  update private.auto_top_ups set enabled = false where auto_top_ups.account_id = start_card_removal.account_id;
  update private.mandates set removed_at = private.clock()
  where mandates.account_id = start_card_removal.account_id and mandates.removed_at is null;
  select coalesce(jsonb_agg(private.describe_mandate(mandates)), '[]') into ended
  from private.mandates
  where mandates.account_id = start_card_removal.account_id and mandates.status not in ('rejected', 'cancelled');
  return jsonb_build_object('asked_at', clock_timestamp(), 'mandates', ended);
end
$$;

comment on function private.start_card_removal is
  'Lets no card of an account be charged by itself from now on, and says which ones Razorpay is to delete.';

create function private.describe_mandate(mandate private.mandates)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'id', mandate.id, 'payment_id', mandate.payment_id, 'razorpay_customer_id', customers.razorpay_customer_id,
    'is_removed', mandate.removed_at is not null
  )
  from private.customers
  where customers.account_id = mandate.account_id
$$;

comment on function private.describe_mandate is 'A mandate as the functions that carry need it.';

create function private.describe_subscription(asked private.subscriptions)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'subscription_id', asked.id,
    'account_id', asked.account_id,
    'asked_at', clock_timestamp(),
    'status', asked.status,
    'plan_id', prices.plan_id,
    'price_id', prices.id,
    'currency', prices.currency,
    'amount_minor', prices.amount_minor,
    'period', prices.period,
    'razorpay_subscription_id', asked.razorpay_subscription_id,
    'short_url', asked.short_url,
    'starts_at', asked.start_at,
    'trial_until', asked.trial_until,
    'description', plans.name || ' plan',
    'customer', private.describe_customer(asked.account_id),
    'request', jsonb_strip_nulls(jsonb_build_object(
      'plan_id', prices.razorpay_plan_id,
      'total_count', case prices.period when 'year' then 10 else 120 end,
      'quantity', 1,
      'customer_notify', false,
      'start_at', floor(extract(epoch from asked.start_at)),
      'notes', jsonb_build_object('oneai_subscription', asked.id, 'oneai_account', asked.account_id)
    ))
  )
  from private.prices
  join private.plans on plans.id = prices.plan_id
  where prices.id = asked.price_id
$$;

comment on function private.describe_subscription is 'A subscription as functions/billing needs it, with the request that makes it at Razorpay.';

create function private.open_subscription(
  account_id uuid, price private.prices, request_key text, start_at timestamptz, trial_until timestamptz, replaces uuid
)
returns private.subscriptions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  opened private.subscriptions;
begin
  -- Two tabs get the same one; one of another price that nobody paid is withdrawn.
  select * into opened from private.subscriptions
  where subscriptions.account_id = open_subscription.account_id and subscriptions.status = 'created'
    and subscriptions.price_id = price.id and subscriptions.cancel_wish is null
    and subscriptions.replaces is not distinct from open_subscription.replaces
    and subscriptions.start_at is not distinct from open_subscription.start_at;
  if opened.id is not null then
    return opened;
  end if;
  update private.subscriptions set
    cancel_wish = 'now',
    status = case when subscriptions.razorpay_subscription_id is null then 'cancelled' else subscriptions.status end
  where subscriptions.account_id = open_subscription.account_id and subscriptions.status = 'created';
  insert into private.subscriptions (account_id, user_id, price_id, request_key, replaces, start_at, trial_until, anchor_at, created_at)
  values (
    open_subscription.account_id, auth.uid(), price.id, open_subscription.request_key, open_subscription.replaces,
    open_subscription.start_at, open_subscription.trial_until,
    (
      select account_plans.cycle_anchor from private.account_plans
      where open_subscription.replaces is not null and account_plans.account_id = open_subscription.account_id
    ),
    private.clock()
  )
  returning * into opened;
  insert into private.subscription_prices (subscription_id, price_id, valid_from, state)
  values (opened.id, price.id, private.clock() - interval '1 day', 'agreed');
  return opened;
end
$$;

comment on function private.open_subscription is 'A new subscription that is not yet agreed to, or the one already waiting for that.';

create function private.start_subscription(account_id uuid, price_id bigint, request_key text)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write subscriptions. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  price private.prices;
  asked private.subscriptions;
  trial_until timestamptz;
begin
  perform private.require_payer(start_subscription.account_id);
  perform private.require_request_key(start_subscription.request_key);
  perform private.require_wallet(start_subscription.account_id);
  select * into asked from private.subscriptions
  where subscriptions.account_id = start_subscription.account_id and subscriptions.request_key = start_subscription.request_key;
  if asked.id is not null then
    if asked.price_id <> start_subscription.price_id then
      perform private.fail(409, 'conflict', 'This request was made before, for something else.', 'Send a new request key.');
    end if;
    return private.describe_subscription(asked);
  end if;
  price := private.require_price(start_subscription.price_id, true);
  if exists (select from private.live_subscription(start_subscription.account_id)) then
    perform private.fail(409, 'conflict', 'This account has a subscription already.', 'Change its plan instead of taking another.');
  end if;
  if price.trial_days > 0 and not exists (
    select from private.transactions where transactions.account_id = start_subscription.account_id and transactions.fact = 'trial'
  ) then
    trial_until := date_trunc('second', private.clock()) + make_interval(days => price.trial_days);
  end if;
  return private.describe_subscription(private.open_subscription(
    start_subscription.account_id, price, start_subscription.request_key, trial_until, trial_until, null
  ));
end
$$;

comment on function private.start_subscription is 'Writes down that somebody sets out to subscribe; the same request key is the same subscription.';

create function private.live_subscription(account_id uuid)
returns setof private.subscriptions
language sql
stable
security invoker
set search_path = ''
as $$
  select subscriptions.*
  from private.subscriptions
  where subscriptions.account_id = live_subscription.account_id
    and subscriptions.status in ('authenticated', 'active', 'pending', 'halted', 'paused')
  order by subscriptions.cancel_wish is not null, subscriptions.created_at desc
  limit 1
$$;

comment on function private.live_subscription is 'The subscription an account pays for now, if any.';

create function private.find_checkout(id uuid)
returns jsonb
language plpgsql
stable
-- As its owner, because the answer names the payer. Only those who may pay for the account get one.
security definer
set search_path = ''
as $$
declare
  bought private.orders;
  taken private.subscriptions;
begin
  select * into bought from private.orders where orders.id = find_checkout.id;
  select * into taken from private.subscriptions where subscriptions.id = find_checkout.id;
  if not private.has_role(coalesce(bought.account_id, taken.account_id), 'owner', 'admin', 'billing')
    or coalesce(bought.razorpay_order_id, taken.razorpay_subscription_id) is null
  then
    perform private.fail(404, 'not_found', 'There is no such purchase.', 'Begin again from the billing page.');
  end if;
  return coalesce(private.describe_order(bought), private.describe_subscription(taken));
end
$$;

comment on function private.find_checkout is 'A purchase of the caller''s own, by our id of its order or subscription: what a checkout is verified against.';

-- changing ----------------------------------------------------------------------------------

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

-- what the function that asks Razorpay notes ---------------------------------------------------

create function private.begin_call(act text, fact text, account_id uuid, user_id uuid)
returns bigint
language plpgsql
volatile
-- As its owner, because the function that asks may write nothing of ours.
security definer
set search_path = ''
as $$
declare
  begun_id bigint;
begin
  if act is null or act !~ '^[a-z][a-z_]{1,40}$' or coalesce(octet_length(fact), 0) not between 1 and 200 then
    perform private.fail(422, 'invalid_input', 'A call has an act and a fact.', null);
  end if;
  if begin_call.account_id is not null and not exists (select from private.accounts where accounts.id = begin_call.account_id) then
    perform private.fail(404, 'not_found', 'There is no such account.', null);
  end if;
  insert into private.razorpay_calls (act, fact, account_id, user_id, request_id, started_at)
  values (begin_call.act, begin_call.fact, begin_call.account_id, begin_call.user_id, private.request_id(), private.clock())
  returning razorpay_calls.id into begun_id;
  return begun_id;
end
$$;

comment on function private.begin_call is 'Writes down that Razorpay is about to be asked for something.';

create function private.end_call(call_id bigint, state text, attempts integer, answer jsonb)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
begin
  if end_call.state is null or end_call.state not in ('done', 'refused', 'unknown') or coalesce(end_call.attempts, -1) < 0 then
    perform private.fail(422, 'invalid_input', 'A call ends done, refused or unknown, after some attempts.', null);
  end if;
  update private.razorpay_calls set
    state = end_call.state, attempts = end_call.attempts, answer = end_call.answer, ended_at = private.clock()
  where razorpay_calls.id = end_call.call_id and razorpay_calls.state = 'started';
end
$$;

comment on function private.end_call is 'Writes down what Razorpay answered.';

create function private.note_customer(account_id uuid, razorpay_customer_id text)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
begin
  perform private.require_razorpay_id(note_customer.razorpay_customer_id);
  if not exists (select from private.accounts where accounts.id = note_customer.account_id) then
    perform private.fail(404, 'not_found', 'There is no such account.', null);
  end if;
  -- Razorpay knows people by their address, and one person may have several accounts.
  if exists (
    select from private.customers
    where customers.razorpay_customer_id = note_customer.razorpay_customer_id
      and private.describe_customer(customers.account_id) -> 'owner_email'
        is distinct from private.describe_customer(note_customer.account_id) -> 'owner_email'
  ) then
    perform private.fail(409, 'conflict', 'Razorpay calls somebody else''s customer that.', null);
  end if;
  perform private.require_customer(note_customer.account_id);
  update private.customers set razorpay_customer_id = coalesce(customers.razorpay_customer_id, note_customer.razorpay_customer_id)
  where customers.account_id = note_customer.account_id;
end
$$;

comment on function private.note_customer is 'Notes what Razorpay calls a customer; two accounts share one only if they have the same owner.';

create function private.ask_refund(payment_id text, amount_minor bigint, reason text, author text, reference text)
returns private.refunds
language plpgsql
volatile
-- As its owner, for the same reason. Only our own server and admins get here.
security definer
set search_path = ''
as $$
declare
  payment private.payments;
  asked private.refunds;
  left_minor bigint;
  wanted_reference constant text := private.require_text('Reference', coalesce(reference, ''), 100);
begin
  select * into payment from private.payments where payments.id = ask_refund.payment_id for update;
  if payment.id is null or payment.account_id is null then
    perform private.fail(404, 'not_found', 'There is no such payment.', 'Look it up in admin.payments.');
  end if;
  select * into asked from private.refunds where refunds.reference = wanted_reference;
  if asked.id is not null then
    if asked.payment_id <> payment.id or asked.amount_minor <> coalesce(ask_refund.amount_minor, asked.amount_minor) then
      perform private.fail(409, 'conflict', 'This reference was used for another refund.', 'Use a new reference.');
    end if;
    return asked;
  end if;
  select payment.amount_minor - coalesce(sum(gone.amount_minor), 0) into left_minor
  from (
    select refunds.amount_minor from private.refunds where refunds.payment_id = payment.id and refunds.status <> 'failed'
    union all
    select disputes.amount_minor from private.disputes where disputes.payment_id = payment.id and disputes.status = 'lost'
  ) as gone;
  if not payment.is_captured then
    perform private.fail(409, 'conflict', 'This payment was never captured: it goes back by itself.', null);
  end if;
  if left_minor <= 0 or coalesce(ask_refund.amount_minor, left_minor) not between 1 and left_minor then
    perform private.fail(
      409, 'conflict', format('Only %s of this payment is left to refund.', private.price_text(payment.currency, greatest(left_minor, 0))),
      'Refund that much or less.'
    );
  end if;
  insert into private.refunds (payment_id, amount_minor, reason, author, reference, created_at)
  values (
    payment.id, coalesce(ask_refund.amount_minor, left_minor), private.require_text('Reason', coalesce(ask_refund.reason, ''), 500),
    private.require_text('Author', coalesce(ask_refund.author, ''), 100), wanted_reference, private.clock()
  )
  returning * into asked;
  return asked;
end
$$;

comment on function private.ask_refund is
  'Asks for all that is left of a payment, or part of it, to go back. The function or the next sweep carries it to Razorpay, once per reference.';

create function private.prices_to_sync()
returns table (price_id bigint, request jsonb)
language sql
stable
-- As its owner, because names of plans that are not public are in it.
security definer
set search_path = ''
as $$
  select prices.id, jsonb_build_object(
    'period', case prices.period when 'year' then 'yearly' else 'monthly' end,
    'interval', 1,
    'item', jsonb_build_object(
      'name', format('%s, by the %s', plans.name, prices.period), 'amount', prices.amount_minor, 'currency', prices.currency
    ),
    'notes', jsonb_build_object('oneai_price', prices.id::text)
  )
  from private.prices
  join private.plans on plans.id = prices.plan_id
  where prices.razorpay_plan_id is null and prices.retired_at is null
  order by prices.id
$$;

comment on function private.prices_to_sync is 'The prices of plans that Razorpay does not know yet, with the request that makes each.';

create function private.note_price(price_id bigint, razorpay_plan_id text)
returns void
language plpgsql
volatile
-- As its owner, because the command that asks may not write prices.
security definer
set search_path = ''
as $$
begin
  perform private.require_razorpay_id(note_price.razorpay_plan_id);
  update private.prices set razorpay_plan_id = note_price.razorpay_plan_id
  where prices.id = note_price.price_id and prices.razorpay_plan_id is null;
exception
  when unique_violation then
    perform private.fail(409, 'conflict', 'Razorpay calls another price that.', null);
end
$$;

comment on function private.note_price is 'Notes what Razorpay calls a price.';
