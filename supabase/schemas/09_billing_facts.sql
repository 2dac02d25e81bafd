-- billing facts: what Razorpay says of an entity becomes a row, one function per kind of entity, and
-- what follows from the rows is done by private.settle_payment and private.apply_plan.
--
-- Events come in any order, many times or not at all. A row only ever goes forward, and what follows
-- is worked out from the rows as they are, never from the event: so every order ends in the same state.

create function private.read_epoch(value jsonb)
returns timestamptz
language sql
immutable
security invoker
set search_path = ''
as $$
  select case when jsonb_typeof(value) = 'number' then to_timestamp((value #>> '{}')::numeric) end
$$;

comment on function private.read_epoch is 'A moment as Razorpay writes it, seconds since 1970; anything else is none.';

create function private.read_text(entity jsonb, field text, max_bytes integer default 500)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select nullif(left(case when jsonb_typeof(entity -> field) in ('string', 'number') then entity ->> field end, max_bytes), '')
$$;

comment on function private.read_text is 'A field of an entity as text; objects, lists and nothing are none.';

create function private.read_uuid(value text)
returns uuid
language sql
immutable
security invoker
set search_path = ''
as $$
  select case when value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then value::uuid end
$$;

comment on function private.read_uuid is 'An id of ours that Razorpay was given and gave back; anything else is none.';

create function private.read_minor(entity jsonb, field text)
returns bigint
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  amount constant text := coalesce(private.read_text(entity, field), '');
begin
  if amount !~ '^[0-9]{1,15}$' then
    perform private.fail(422, 'invalid_input', format('The %s is not an amount of money.', field), null);
  end if;
  return amount::bigint;
end
$$;

comment on function private.read_minor is 'An amount in the smallest unit of its currency; refused when it is anything else.';

create function private.payment_rank(status text)
returns integer
language sql
immutable
security invoker
set search_path = ''
as $$
  -- A payment that failed may still be authorised by its bank, for days.
  select coalesce(array_position('{created,failed,authorized,captured,refunded}'::text[], status), 0)
$$;

comment on function private.payment_rank is 'How far along a status of a payment is; one we do not know is nowhere.';

create function private.subscription_rank(status text)
returns integer
language sql
immutable
security invoker
set search_path = ''
as $$
  select coalesce(
    array_position('{created,authenticated,active,pending,halted,paused,completed,expired,cancelled}'::text[], status), 0
  )
$$;

comment on function private.subscription_rank is
  'Decides between two states that events reported for the same second. The last three are final.';

-- subscriptions -----------------------------------------------------------------------------

create function private.price_place(subscription_id uuid, price_id bigint)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(max(subscription_prices.id), 0)
  from private.subscription_prices
  where subscription_prices.subscription_id = price_place.subscription_id
    and subscription_prices.price_id = price_place.price_id
    and subscription_prices.state <> 'refused'
$$;

comment on function private.price_place is 'Which of two prices reported for the same second is the later one: the one asked for last.';

create function private.apply_subscription(entity jsonb, seen_at timestamptz, asked_at timestamptz)
returns private.subscriptions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  razorpay_id constant text := private.read_text(entity, 'id', 60);
  noted_id constant uuid := private.read_uuid(
    case when jsonb_typeof(entity -> 'notes') = 'object' then entity #>> '{notes,oneai_subscription}' end
  );
  new_status constant text := coalesce(private.read_text(entity, 'status', 40), 'unknown');
  new_paid_count constant integer := coalesce(private.read_text(entity, 'paid_count')::integer, 0);
  told_period constant timestamptz := private.read_epoch(entity -> 'current_start');
  told_plan constant text := private.read_text(entity, 'plan_id', 60);
  has_changes constant boolean := coalesce(entity -> 'has_scheduled_changes' = 'true', false);
  subscription private.subscriptions;
  price private.prices;
  said_at timestamptz;
begin
  select * into subscription from private.subscriptions
  where subscriptions.razorpay_subscription_id = razorpay_id
    -- We may have been cut off before we could note what it is called.
    or (subscriptions.razorpay_subscription_id is null and subscriptions.id = noted_id)
  order by subscriptions.razorpay_subscription_id nulls last
  limit 1
  -- Whoever asks for another price names it under the account's lock, which is wanted next.
  for no key update;
  if subscription.id is null then
    return null;
  end if;
  select * into price from private.prices where prices.razorpay_plan_id = told_plan;
  update private.subscriptions set
    razorpay_subscription_id = razorpay_id,
    short_url = coalesce(private.read_text(entity, 'short_url'), subscriptions.short_url),
    method = coalesce(private.read_text(entity, 'payment_method', 40), subscriptions.method),
    paid_count = greatest(subscriptions.paid_count, new_paid_count)
  where subscriptions.id = subscription.id;

  -- What was asked before the latest news came may have been answered before it happened.
  said_at := case
    when apply_subscription.asked_at < subscription.noted_at then date_trunc('second', apply_subscription.seen_at)
    else apply_subscription.seen_at
  end;
  if new_status <> subscription.status and date_trunc('second', said_at) = date_trunc('second', subscription.seen_at) then
    -- Which of them came last in that second only Razorpay knows: the next sweep asks for this one first.
    update private.subscriptions set checked_at = null where subscriptions.id = subscription.id;
  end if;

  -- A final state stays; an answer counts if nothing was heard since it was asked for. Of two reports the later one counts:
  -- first by what only ever grows, whatever the clocks say, then by when it was said.
  if private.subscription_rank(new_status) > 6 and private.subscription_rank(subscription.status) > 6
    and private.subscription_rank(new_status) <= private.subscription_rank(subscription.status)
    or private.subscription_rank(new_status) <= 6 and private.subscription_rank(subscription.status) > 6
    or private.subscription_rank(new_status) <= 6
      and (apply_subscription.asked_at >= subscription.noted_at) is not true
      and (
        new_paid_count, least(private.subscription_rank(new_status), 3), said_at, private.subscription_rank(new_status),
        private.price_place(subscription.id, coalesce(price.id, subscription.price_id))
      ) <= (
        subscription.paid_count, least(private.subscription_rank(subscription.status), 3), subscription.seen_at,
        private.subscription_rank(subscription.status), private.price_place(subscription.id, subscription.price_id)
      )
  then
    select * into subscription from private.subscriptions where subscriptions.id = subscription.id;
    return subscription;
  end if;

  if price.id is not null and price.id <> subscription.price_id then
    update private.subscription_prices set state = 'agreed'
    where subscription_prices.id = (
      select asked.id from private.subscription_prices as asked
      where asked.subscription_id = subscription.id and asked.price_id = price.id
      order by asked.valid_from desc limit 1
    );
    if not found then
      insert into private.subscription_prices (subscription_id, price_id, valid_from, state)
      values (
        subscription.id, price.id, coalesce(told_period, apply_subscription.seen_at), 'agreed'
      );
    end if;
  end if;

  update private.subscriptions set
    status = new_status,
    seen_at = said_at,
    -- Real time, not the product's: it is held against the moment of a request.
    noted_at = case
      when (subscriptions.status, subscriptions.price_id, subscriptions.current_start, subscriptions.has_scheduled_changes)
        is distinct from (new_status, coalesce(price.id, subscriptions.price_id), told_period, has_changes)
      then clock_timestamp() else subscriptions.noted_at
    end,
    price_id = coalesce(price.id, subscriptions.price_id),
    current_start = told_period,
    current_end = private.read_epoch(entity -> 'current_end'),
    charge_at = private.read_epoch(entity -> 'charge_at'),
    ended_at = private.read_epoch(entity -> 'ended_at'),
    auth_attempts = coalesce(private.read_text(entity, 'auth_attempts')::integer, 0),
    has_scheduled_changes = has_changes,
    cancel_wish = case
      when new_status in ('cancelled', 'completed', 'expired') then null
      -- Withdrawn in one tab and agreed to in another: what somebody paid for is not taken from them.
      when subscriptions.status = 'created' and new_status <> 'created' then null
      else subscriptions.cancel_wish
    end
  where subscriptions.id = subscription.id
  returning * into subscription;

  if new_status in ('authenticated', 'active') then
    perform private.take_over(subscription);
  end if;
  perform private.tell_of_subscription(subscription);
  return subscription;
end
$$;

comment on function private.apply_subscription is
  'Notes what Razorpay says of a subscription: an event by its second, an answer also by when it was asked for. Returns ours, or nothing if it is none of ours.';

create function private.take_over(subscription private.subscriptions)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  price private.prices;
begin
  -- The one it continues runs out by itself; asked for here so that no lost call leaves two of them.
  update private.subscriptions set cancel_wish = 'cycle_end'
  where subscriptions.id = subscription.replaces
    and subscriptions.status not in ('cancelled', 'completed', 'expired')
    and subscriptions.cancel_wish is null;
  if exists (
    select from private.subscriptions as other
    where other.account_id = subscription.account_id
      and other.id not in (subscription.id, coalesce(subscription.replaces, subscription.id))
      and other.replaces is distinct from subscription.id
      and other.status in ('authenticated', 'active', 'pending', 'halted', 'paused')
      and other.cancel_wish is null
  ) then
    perform private.alert(
      'two_subscriptions', format('two-subscriptions:%s', subscription.account_id),
      format('Account %s pays for more than one subscription. Cancel one of them and refund it.', subscription.account_id)
    );
  end if;
  if subscription.trial_until > private.clock() and not exists (
    select from private.transactions
    where transactions.account_id = subscription.account_id and transactions.fact = 'trial'
  ) then
    select * into price from private.prices where prices.id = subscription.price_id;
    perform private.grant_credits(
      subscription.account_id,
      greatest(1, floor(price.credits_micros * price.trial_days / case price.period when 'year' then 365 else 30 end))::bigint,
      'bonus', 'trial', format('Trial of %s days', price.trial_days), 'system', subscription.trial_until
    );
  end if;
end
$$;

comment on function private.take_over is 'What a subscription that somebody agreed to brings with it: the end of the one before, and the credits of a trial.';

create function private.tell_of_subscription(subscription private.subscriptions)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  period constant text := coalesce(to_char(subscription.current_start at time zone 'UTC', 'YYYY-MM-DD'), 'start');
  fact constant text := format('subscription:%s:%s:%s', subscription.id, subscription.status, period);
  grace constant interval := (select billing_settings.grace from private.billing_settings);
begin
  case subscription.status
    when 'pending' then
      perform private.notify(
        subscription.account_id, 'renewal_failed', fact, 'Your renewal could not be charged',
        format(
          'We try again over the next days. Your plan stays until %s; pay now or change the card to keep it.',
          to_char((coalesce(subscription.current_start, private.clock()) + grace) at time zone 'UTC', 'FMDD Month YYYY')
        ),
        subscription.short_url
      );
    when 'halted' then
      perform private.notify(
        subscription.account_id, 'renewal_stopped', fact, 'We stopped trying to charge your renewal',
        'Every attempt failed. Pay with another card to keep your plan; otherwise your account goes on with Free.',
        subscription.short_url
      );
    when 'paused' then
      perform private.notify(
        subscription.account_id, 'paused', fact, 'Your subscription is paused',
        'Nothing is charged while it is paused. What you have paid for stays until its end.'
      );
    when 'cancelled' then
      perform private.notify(
        subscription.account_id, 'cancelled', fact, 'Your subscription has ended',
        'Nothing more will be charged. Credits you have stay until they lapse.'
      );
    else null;
  end case;
end
$$;

comment on function private.tell_of_subscription is 'The notices that a state of a subscription calls for.';

create function private.entitled_until(subscription private.subscriptions)
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select case
    when subscription.status in ('created', 'expired') then null
    when subscription.status = 'cancelled' then least(covered.until, subscription.ended_at)
    when subscription.status in ('completed', 'paused') then covered.until
    when subscription.replaces is not null then greatest(covered.until, subscription.start_at) + settings.grace
    else covered.until + settings.grace
  end
  from private.billing_settings as settings
  cross join lateral (
    select greatest(
      subscription.trial_until,
      (
        select max(payments.period_end) from private.payments
        where payments.subscription_id = subscription.id
          and payments.grant_id is not null
          and payments.reversed_minor < payments.amount_minor
      )
    ) as until
  ) as covered
$$;

comment on function private.entitled_until is
  'Until when a subscription gives its plan: what was paid for or is a trial, and the grace where it may still be paid.';

create function private.apply_plan(account_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wallet constant private.wallets := private.require_wallet(account_id);
  customer constant private.customers := private.require_customer(account_id);
  best record;
begin
  select
    subscriptions.id, prices.plan_id, plans.name, private.entitled_until(subscriptions) as until,
    coalesce(
      subscriptions.anchor_at,
      (
        select min(payments.period_start) from private.payments
        where payments.subscription_id = subscriptions.id and payments.grant_id is not null
      ),
      subscriptions.start_at, subscriptions.current_start
    ) as anchor
  into best
  from private.subscriptions
  join private.prices on prices.id = subscriptions.price_id
  join private.plans on plans.id = prices.plan_id
  where subscriptions.account_id = wallet.account_id
    and private.entitled_until(subscriptions) > private.clock()
    -- One that continues another begins when that one's time is over.
    and (subscriptions.replaces is null or subscriptions.start_at is null or subscriptions.start_at <= private.clock())
  order by plans.position desc, until desc, subscriptions.id
  limit 1;

  if best.id is null then
    if customer.subscription_id is not null then
      -- A plan that an admin gave in the meantime stays.
      update private.account_plans set plan_id = 'free', cycle_anchor = null
      where account_plans.account_id = wallet.account_id and account_plans.plan_id = customer.plan_id;
      update private.customers set subscription_id = null, plan_id = null, plan_until = null
      where customers.account_id = wallet.account_id;
      perform private.notify(
        wallet.account_id, 'plan_ended', format('plan-ended:%s:%s', customer.subscription_id, extract(epoch from customer.plan_until)),
        'Your account is on the Free plan now', 'Your paid plan has ended. Credits you bought stay. You can subscribe again at any time.',
        '/billing'
      );
    end if;
    return;
  end if;

  if (customer.subscription_id, customer.plan_id) is distinct from (best.id, best.plan_id) then
    update private.account_plans set plan_id = best.plan_id, cycle_anchor = best.anchor
    where account_plans.account_id = wallet.account_id;
  else
    update private.account_plans set cycle_anchor = best.anchor
    where account_plans.account_id = wallet.account_id
      and account_plans.plan_id = best.plan_id
      and account_plans.cycle_anchor is distinct from best.anchor;
  end if;
  update private.customers set subscription_id = best.id, plan_id = best.plan_id, plan_until = best.until
  where customers.account_id = wallet.account_id
    and (customers.subscription_id, customers.plan_id, customers.plan_until) is distinct from (best.id, best.plan_id, best.until);
end
$$;

comment on function private.apply_plan is
  'Puts an account on the best plan its subscriptions give it now, or on Free. A change of plan within a subscription keeps the running month.';
