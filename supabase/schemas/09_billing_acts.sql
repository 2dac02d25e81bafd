-- billing acts: what people ask for, judged here and written down before Razorpay hears of it: who may
-- ask, and buying a package or a plan. What changes a subscription is in 09_billing_acts_change.
--
-- A caller names a price, never an amount; what Razorpay is sent stands in the answer of these
-- functions, so no rule about money lives in a function that carries.

-- who may ask, and what for ---------------------------------------------------------------------

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

create function private.require_few_unpaid(account_id uuid, of_plan boolean)
returns void
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  waits_until timestamptz;
begin
  select begun.created_at + interval '1 day' into waits_until
  from (
    select orders.created_at from private.orders
    where not require_few_unpaid.of_plan and orders.account_id = require_few_unpaid.account_id
      and orders.status <> 'paid' and not orders.is_automatic
    union all
    select subscriptions.created_at from private.subscriptions
    where require_few_unpaid.of_plan and subscriptions.account_id = require_few_unpaid.account_id
      and subscriptions.status in ('created', 'cancelled', 'expired') and subscriptions.paid_count = 0
  ) as begun
  where begun.created_at > private.clock() - interval '1 day'
  order by begun.created_at desc
  offset 19 limit 1;
  if waits_until is not null then
    perform private.fail(
      429, 'rate_limited', 'This account set out to buy 20 times within a day and did not pay.',
      format('Pay for what you began, or try again on %s.', private.moment_text(waits_until))
    );
  end if;
end
$$;

comment on function private.require_few_unpaid is
  'Refuses the 21st purchase of packages, or of plans, that an account begins within a day and does not pay: each is a call to Razorpay and work for the sweep. Asked under the account''s lock.';

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

create function private.set_billing_details(account_id uuid, name text, email text, address text, tax_number text)
returns private.customers
language plpgsql
volatile
-- As its owner, because members may not write customers. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  customer private.customers;
begin
  perform private.require_payer(set_billing_details.account_id);
  perform private.require_customer(set_billing_details.account_id);
  if coalesce(set_billing_details.email, '') !~ '^([^@\s]+@[^@\s]+)?$' then
    perform private.fail(422, 'invalid_input', 'That is not a mail address.', 'Check it for typing errors.');
  end if;
  update private.customers set
    billing_name = coalesce(private.require_text('Name', set_billing_details.name, 200, true), customers.billing_name),
    billing_email = coalesce(private.require_text('Mail address', set_billing_details.email, 320, true), customers.billing_email),
    billing_address = coalesce(private.require_text('Address', set_billing_details.address, 500, true), customers.billing_address),
    tax_number = coalesce(private.require_text('Tax number', set_billing_details.tax_number, 40, true), customers.tax_number)
  where customers.account_id = set_billing_details.account_id
  returning * into customer;
  return customer;
end
$$;

comment on function private.set_billing_details is 'What invoices from now on say about the customer; what is left out stays.';

-- a package -------------------------------------------------------------------------------------

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
  perform private.require_wallet(start_top_up.account_id);
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
    perform private.require_few_unpaid(start_top_up.account_id, false);
    insert into private.orders (
      account_id, user_id, price_id, request_key, currency, amount_minor, credits_micros, bonus_micros, created_at, mandate_until
    )
    values (
      start_top_up.account_id, auth.uid(), price.id, start_top_up.request_key, price.currency, price.amount_minor,
      price.credits_micros, floor(price.credits_micros * price.bonus_percent / 100)::bigint, private.clock(),
      case when start_top_up.keeps_card then private.clock() + interval '5 years' end
    )
    returning * into asked;
  end if;
  if (asked.price_id, asked.mandate_until is not null) is distinct from (start_top_up.price_id, start_top_up.keeps_card) then
    perform private.fail(409, 'conflict', 'This request was made before, for something else.', 'Send a new request key.');
  end if;
  return private.describe_order(asked);
end
$$;

comment on function private.start_top_up is
  'Writes down that somebody sets out to buy a package, and whether they agree to later charges of as much; the same request key is the same order.';

-- a plan ----------------------------------------------------------------------------------------

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
  perform private.require_few_unpaid(open_subscription.account_id, true);
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

-- a checkout ------------------------------------------------------------------------------------

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

-- grants ----------------------------------------------------------------------------------------

grant execute on function
  private.set_billing_details, private.start_top_up, private.start_subscription, private.find_checkout
to authenticated;
