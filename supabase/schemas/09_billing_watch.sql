-- billing watch: what time brings. The sweep that asks Razorpay what we may have missed, plans that
-- run out, automatic top-ups, low balances, notices to be mailed, webhooks that stay away.
--
-- Each of these takes what is due, so that running it twice at once or not at all for a while
-- does no harm.

create function private.claim_sweep(most integer default 200)
returns jsonb
language plpgsql
volatile
-- As its owner, because the worker that asks may not write billing rows.
security definer
set search_path = ''
as $$
declare
  moment constant timestamptz := private.clock();
  -- What is older was asked about often enough while sweeps came through.
  horizon constant timestamptz := coalesce(
    (select billing_settings.swept_until from private.billing_settings), '-infinity'
  ) - interval '5 days';
  orders jsonb;
  subscriptions jsonb;
  kept jsonb;
begin
  with due as (
    select asked.id from private.orders as asked
    where asked.status <> 'paid' and asked.created_at > horizon
    order by asked.checked_at nulls first, asked.created_at
    limit greatest(claim_sweep.most, 0)
    for update skip locked
  ), claimed as (
    update private.orders set checked_at = moment from due where orders.id = due.id
    returning orders.id, orders.razorpay_order_id, orders.status, orders.amount_minor, orders.currency,
      -- Cut off before it was charged: nothing is under way, and the next one may be tried.
      orders.is_automatic and orders.status in ('created', 'attempted') and orders.created_at < moment - interval '1 hour' as is_stranded
  )
  select coalesce(jsonb_agg(to_jsonb(claimed)), '[]') into orders from claimed;

  with due as (
    select open.id from private.subscriptions as open
    where open.status not in ('cancelled', 'completed', 'expired')
      and (open.status <> 'created' or open.created_at > horizon or open.cancel_wish is not null)
      and open.razorpay_subscription_id is not null
    order by open.cancel_wish is null, open.checked_at nulls first, open.created_at
    limit greatest(claim_sweep.most, 0)
    for update skip locked
  ), claimed as (
    update private.subscriptions set checked_at = moment from due where subscriptions.id = due.id
    returning subscriptions.id, subscriptions.razorpay_subscription_id, subscriptions.status,
      -- What Razorpay has agreed to or refused lately is not asked again.
      case when not exists (
        select from private.razorpay_calls
        where razorpay_calls.fact = subscriptions.id::text
          and razorpay_calls.act = 'cancel_subscription_' || subscriptions.cancel_wish
          and razorpay_calls.state in ('done', 'refused')
          and razorpay_calls.started_at > moment - interval '1 day'
      ) then subscriptions.cancel_wish end as cancel_wish
  )
  select coalesce(jsonb_agg(to_jsonb(claimed)), '[]') into subscriptions from claimed;

  with due as (
    select known.id from private.mandates as known
    where known.account_id is not null and known.status not in ('rejected', 'cancelled') and known.expires_at > moment
    order by known.removed_at is null, known.checked_at nulls first, known.agreed_at
    limit greatest(claim_sweep.most, 0)
    for update skip locked
  ), claimed as (
    update private.mandates set checked_at = moment from due where mandates.id = due.id
    returning private.describe_mandate(mandates) as described
  )
  select coalesce(jsonb_agg(claimed.described), '[]') into kept from claimed;

  return jsonb_build_object(
    'asked_at', clock_timestamp(),
    'orders', orders,
    'subscriptions', subscriptions,
    'mandates', kept,
    'refunds', (
      select coalesce(jsonb_agg(jsonb_build_object('id', refunds.razorpay_refund_id)), '[]')
      from (
        select pending.razorpay_refund_id from private.refunds as pending
        where pending.status = 'pending' and pending.razorpay_refund_id is not null
        order by pending.created_at limit greatest(claim_sweep.most, 0)
      ) as refunds
    ),
    'asked_refunds', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', asked.id, 'payment_id', asked.payment_id, 'amount_minor', asked.amount_minor
      ) order by asked.created_at), '[]')
      from private.refunds as asked
      where asked.status = 'asked'
    ),
    'disputes', (
      select coalesce(jsonb_agg(jsonb_build_object('id', open.id)), '[]')
      from (
        select disputes.id from private.disputes
        where disputes.status in ('open', 'under_review')
        order by disputes.created_at desc limit greatest(claim_sweep.most, 0)
      ) as open
    ),
    -- A day more than was swept: Razorpay's lists go by when a thing began, not by when it changed.
    'since', floor(extract(epoch from coalesce(
      (select billing_settings.swept_until from private.billing_settings), moment - interval '7 days'
    ) - interval '1 day')),
    'until', floor(extract(epoch from moment))
  );
end
$$;

comment on function private.claim_sweep is 'What is to be asked of Razorpay now: what is open here, and the time since the last sweep.';

create function private.end_sweep(until bigint)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
begin
  if end_sweep.until is null or end_sweep.until not between 0 and ceil(extract(epoch from private.clock())) then
    perform private.fail(422, 'invalid_input', 'A sweep comes as far as now, in seconds since 1970.', null);
  end if;
  update private.billing_settings set swept_until = greatest(billing_settings.swept_until, to_timestamp(end_sweep.until));
  perform private.check_silence();
  perform private.check_strays();
end
$$;

comment on function private.end_sweep is 'Notes how far a whole sweep has come.';

create function private.check_silence()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  silence constant interval := (select billing_settings.silent_after from private.billing_settings);
  last_at constant timestamptz := (select max(webhook_events.received_at) from private.webhook_events);
begin
  -- Quiet times are no reason for alarm: only payments that no webhook told us of are.
  if exists (
    select from private.payments
    where payments.account_id is not null and payments.paid_at between private.clock() - silence and private.clock() - interval '10 minutes'
  ) and coalesce(last_at, '-infinity') < private.clock() - silence then
    perform private.alert(
      'webhooks_silent', 'webhooks-silent:' || to_char(private.clock() at time zone 'UTC', 'YYYY-MM-DD'),
      format('Payments come in, but no webhook has since %s. Look whether Razorpay switched it off.', coalesce(last_at::text, 'ever'))
    );
  else
    update private.billing_alerts set resolved_at = private.clock()
    where billing_alerts.kind = 'webhooks_silent' and billing_alerts.resolved_at is null
      and last_at > private.clock() - silence;
  end if;
end
$$;

comment on function private.check_silence is 'Raises an alert when payments come without their webhooks.';

create function private.check_strays()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- A payment may be told of before what it is for; an hour and a sweep later nothing more will come.
  perform private.alert(
    'payment_without_owner', 'stray:' || payments.id,
    format(
      'Payment %s of %s was captured for an order we do not know (%s). Find out whose it is, or refund it.',
      payments.id, private.price_text(payments.currency, payments.amount_minor), coalesce(payments.razorpay_order_id, 'none')
    )
  )
  from private.payments
  where payments.account_id is null
    and payments.is_captured
    and payments.refunded_minor < payments.amount_minor
    and payments.paid_at < private.clock() - interval '1 hour';
  update private.billing_alerts set resolved_at = private.clock()
  where billing_alerts.kind = 'payment_without_owner'
    and billing_alerts.resolved_at is null
    and exists (
      select from private.payments
      where 'stray:' || payments.id = billing_alerts.fact
        and (payments.account_id is not null or payments.refunded_minor >= payments.amount_minor)
    );
end
$$;

comment on function private.check_strays is 'Raises an alert for each payment that was captured and belongs to nothing we know, until it does or is refunded.';

create function private.end_lapsed_plans(most integer default 200)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  due record;
  ended integer := 0;
begin
  for due in
    select customers.account_id from private.customers
    where customers.plan_until <= private.clock()
    order by customers.plan_until
    limit end_lapsed_plans.most
  loop
    continue when not private.try_lock_account(due.account_id);
    perform private.apply_plan(due.account_id);
    ended := ended + 1;
  end loop;
  return ended;
end
$$;

comment on function private.end_lapsed_plans is 'Moves accounts whose paid time and grace are over to what they still have.';

-- automatic top-ups ---------------------------------------------------------------------------

create view private.due_auto_top_ups
with (security_invoker = true)
as
select
  auto_top_ups.account_id,
  prices.id as price_id,
  coalesce(month.spent_minor, 0) + prices.amount_minor > auto_top_ups.ceiling_minor as is_over_ceiling
from private.auto_top_ups
join private.wallets on wallets.account_id = auto_top_ups.account_id
join private.accounts on accounts.id = auto_top_ups.account_id
join private.prices
  on prices.package_id = auto_top_ups.package_id and prices.currency = auto_top_ups.currency and prices.retired_at is null
join private.live_mandate(auto_top_ups.account_id) as mandate
  on mandate.currency = prices.currency and mandate.max_minor >= prices.amount_minor
cross join private.billing_settings as settings
left join lateral (
  select sum(orders.amount_minor) as spent_minor
  from private.orders
  where orders.account_id = auto_top_ups.account_id
    and orders.is_automatic
    and orders.status <> 'failed'
    and orders.created_at >= private.month_start(null, private.clock())
) as month on true
where auto_top_ups.enabled
  and auto_top_ups.failures < 3
  and accounts.suspended_at is null
  and wallets.balance_micros - wallets.held_micros < auto_top_ups.threshold_micros
  and coalesce(auto_top_ups.last_order_at, '-infinity') <= private.clock() - settings.auto_cooldown
  and not exists (
    select from private.orders
    where orders.account_id = auto_top_ups.account_id and orders.is_automatic and orders.status in ('created', 'attempted')
  );

comment on view private.due_auto_top_ups is 'Accounts below their threshold that may top up by themselves now, with a card that was agreed to be charged as much.';

create function private.claim_auto_top_ups(most integer default 20)
returns setof jsonb
language plpgsql
volatile
-- As its owner, because the worker that asks may not write orders.
security definer
set search_path = ''
as $$
declare
  due record;
  price private.prices;
  asked private.orders;
begin
  -- A bank may take days, which is no reason to wait for one that never answers. Should it pay after all, that counts.
  update private.orders set status = 'failed'
  where orders.is_automatic and orders.status in ('created', 'attempted') and orders.created_at < private.clock() - interval '7 days';
  for due in select account_id from private.due_auto_top_ups order by account_id limit greatest(claim_auto_top_ups.most, 0) loop
    -- Under the row's lock and with what is true then: two askers never order for one account.
    perform from private.auto_top_ups where auto_top_ups.account_id = due.account_id for update skip locked;
    continue when not found;
    select due_auto_top_ups.* into due from private.due_auto_top_ups where due_auto_top_ups.account_id = due.account_id;
    continue when due.account_id is null;
    if due.is_over_ceiling then
      perform private.notify(
        due.account_id, 'auto_top_up_ceiling',
        'auto-ceiling:' || to_char(private.clock() at time zone 'UTC', 'YYYY-MM'), 'Automatic top-ups have reached your ceiling',
        'Your balance is low, and another top-up would go past what you allow in a month. Raise the ceiling or top up by hand.', '/billing'
      );
      continue;
    end if;
    select * into price from private.prices where prices.id = due.price_id;
    insert into private.orders (
      account_id, price_id, request_key, is_automatic, currency, amount_minor, credits_micros, bonus_micros, created_at
    )
    values (
      due.account_id, price.id, 'auto:' || private.new_id(), true, price.currency, price.amount_minor, price.credits_micros,
      floor(price.credits_micros * price.bonus_percent / 100)::bigint, private.clock()
    )
    returning * into asked;
    update private.auto_top_ups set last_order_at = private.clock() where auto_top_ups.account_id = due.account_id;
    return next private.describe_order(asked)
      || jsonb_build_object('mandate', (select private.describe_mandate(live) from private.live_mandate(asked.account_id) as live));
  end loop;
end
$$;

comment on function private.claim_auto_top_ups is 'Orders that are to be paid with a mandate now, one at a time for each account.';

create function private.fail_auto_top_up(order_id uuid, reason text)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
declare
  failed private.orders;
begin
  update private.orders set status = 'failed'
  where orders.id = fail_auto_top_up.order_id and orders.is_automatic and orders.status in ('created', 'attempted')
  returning * into failed;
  if failed.id is null then
    return;
  end if;
  update private.auto_top_ups set failures = auto_top_ups.failures + 1 where auto_top_ups.account_id = failed.account_id;
  perform private.notify(
    failed.account_id, 'auto_top_up_failed', 'auto-failed:' || failed.id, 'An automatic top-up failed',
    format('%s could not be charged: %s. After three failures in a row it stops until you set it up again.',
      private.price_text(failed.currency, failed.amount_minor), left(coalesce(fail_auto_top_up.reason, 'it was refused'), 200)),
    '/billing'
  );
end
$$;

comment on function private.fail_auto_top_up is 'Gives up an automatic top-up that Razorpay refused outright.';

-- balances and notices ------------------------------------------------------------------------

create function private.check_balances(most integer default 500)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  low record;
  told integer := 0;
begin
  update private.alert_thresholds set told_at = null
  from private.wallets
  where wallets.account_id = alert_thresholds.account_id
    and alert_thresholds.told_at is not null
    and wallets.balance_micros - wallets.held_micros >= alert_thresholds.threshold_micros;
  for low in
    update private.alert_thresholds set told_at = private.clock()
    from (
      select thresholds.account_id, thresholds.threshold_micros, wallets.balance_micros - wallets.held_micros as free_micros
      from private.alert_thresholds as thresholds
      join private.wallets on wallets.account_id = thresholds.account_id
      where thresholds.told_at is null and wallets.balance_micros - wallets.held_micros < thresholds.threshold_micros
      limit check_balances.most
      for update of thresholds skip locked
    ) as due
    where alert_thresholds.account_id = due.account_id and alert_thresholds.threshold_micros = due.threshold_micros
    returning alert_thresholds.account_id, alert_thresholds.threshold_micros, due.free_micros
  loop
    perform private.notify(
      low.account_id, 'low_balance', format('low:%s:%s', low.threshold_micros, extract(epoch from private.clock())),
      'Your balance is low',
      format('%s credits are left, less than the %s you wanted to hear of.', greatest(low.free_micros, 0) / 1000000, low.threshold_micros / 1000000),
      '/billing'
    );
    told := told + 1;
  end loop;
  return told;
end
$$;

comment on function private.check_balances is 'Tells owners whose balance fell below a threshold of theirs, once for each fall.';

create function private.claim_notices(most integer default 50)
returns jsonb
language plpgsql
volatile
-- As its owner, because the worker that mails may not write notices or read addresses.
security definer
set search_path = ''
as $$
declare
  claimed jsonb;
begin
  with due as (
    select waiting.id from private.notices as waiting
    where waiting.mail_after <= private.clock()
    order by waiting.mail_after
    limit greatest(claim_notices.most, 0)
    for update skip locked
  ), tried as (
    update private.notices set
      mail_attempts = notices.mail_attempts + 1,
      -- Given up after two days; it is still in the app.
      mail_after = case
        when notices.mail_attempts < 8 then private.clock() + interval '1 minute' * power(3, notices.mail_attempts)
      end
    from due
    where notices.id = due.id
    returning notices.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', tried.id, 'title', tried.title, 'body', tried.body, 'link', tried.link,
    'to', (
      select coalesce(jsonb_agg(users.email order by users.email), '[]')
      from private.members
      join auth.users on users.id = members.user_id
      where members.account_id = tried.account_id and members.role in ('owner', 'billing') and users.email is not null
    )
  )), '[]') into claimed
  from tried;
  return claimed;
end
$$;

comment on function private.claim_notices is 'Notices to be mailed now, with the addresses of those who look after the bill.';

create function private.note_mailed(notice_ids uuid[])
returns void
language sql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
  update private.notices set mail_after = null where notices.id = any (note_mailed.notice_ids)
$$;

comment on function private.note_mailed is 'Notes that notices were handed to the mail service.';

-- what people set -------------------------------------------------------------------------------

create function private.set_auto_top_up(
  account_id uuid, enabled boolean, threshold_micros bigint, package_id text, currency text, ceiling_minor bigint
)
returns private.auto_top_ups
language plpgsql
volatile
-- As its owner, because members may not write settings of money. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  price private.prices;
  setting private.auto_top_ups;
begin
  perform private.require_payer(set_auto_top_up.account_id);
  perform private.require_amount(set_auto_top_up.threshold_micros);
  select * into price from private.prices
  where prices.package_id = set_auto_top_up.package_id and prices.currency = set_auto_top_up.currency and prices.retired_at is null;
  if price.id is null then
    perform private.fail(404, 'not_found', 'This package is not sold in that currency.', 'Choose one from the list.');
  end if;
  if set_auto_top_up.ceiling_minor is null or set_auto_top_up.ceiling_minor not between price.amount_minor and 100000000000 then
    perform private.fail(
      422, 'invalid_input', format('A month''s ceiling must allow at least one package: %s.', private.price_text(price.currency, price.amount_minor)),
      'Raise the ceiling.'
    );
  end if;
  if set_auto_top_up.enabled and not exists (
    select from private.live_mandate(set_auto_top_up.account_id) as mandate
    where mandate.currency = price.currency and mandate.max_minor >= price.amount_minor
  ) then
    perform private.fail(
      409, 'conflict',
      format('There is no card that may be charged %s by itself.', private.price_text(price.currency, price.amount_minor)),
      'Buy this package once and keep the card.'
    );
  end if;
  insert into private.auto_top_ups as known (account_id, enabled, threshold_micros, package_id, currency, ceiling_minor)
  values (
    set_auto_top_up.account_id, coalesce(set_auto_top_up.enabled, false), set_auto_top_up.threshold_micros,
    set_auto_top_up.package_id, set_auto_top_up.currency, set_auto_top_up.ceiling_minor
  )
  on conflict on constraint auto_top_ups_pkey do update set
    enabled = excluded.enabled, threshold_micros = excluded.threshold_micros, package_id = excluded.package_id,
    currency = excluded.currency, ceiling_minor = excluded.ceiling_minor, failures = 0
  returning * into setting;
  return setting;
end
$$;

comment on function private.set_auto_top_up is 'Sets how an account tops up by itself. Saving it again also forgives earlier failures.';

create function private.set_alert_thresholds(account_id uuid, thresholds bigint[])
returns setof private.alert_thresholds
language plpgsql
volatile
-- As its owner, because members may not write them. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
begin
  perform private.require_payer(set_alert_thresholds.account_id);
  if set_alert_thresholds.thresholds is null or cardinality(set_alert_thresholds.thresholds) > 5 then
    perform private.fail(422, 'invalid_input', 'Give at most five thresholds.', 'An empty list switches the alerts off.');
  end if;
  perform private.require_amount(one) from unnest(set_alert_thresholds.thresholds) as one;
  delete from private.alert_thresholds
  where alert_thresholds.account_id = set_alert_thresholds.account_id
    and alert_thresholds.threshold_micros <> all (set_alert_thresholds.thresholds);
  insert into private.alert_thresholds (account_id, threshold_micros)
  select distinct set_alert_thresholds.account_id, one from unnest(set_alert_thresholds.thresholds) as one
  on conflict on constraint alert_thresholds_pkey do nothing;
  return query
  select * from private.alert_thresholds
  where alert_thresholds.account_id = set_alert_thresholds.account_id
  order by alert_thresholds.threshold_micros desc;
end
$$;

comment on function private.set_alert_thresholds is 'Sets the balances below which those who look after the bill are told.';

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

create function private.read_notices(notice_ids uuid[], account_id uuid)
returns integer
language plpgsql
volatile
-- As its owner, because members may not write notices. Only those of accounts whose books the caller reads are touched.
security definer
set search_path = ''
as $$
declare
  touched integer;
begin
  update private.notices set read_at = private.clock()
  where (notices.id = any (read_notices.notice_ids) or notices.account_id = read_notices.account_id)
    and notices.read_at is null
    and notices.account_id in (select private.my_ledger_account_ids());
  get diagnostics touched = row_count;
  return touched;
end
$$;

comment on function private.read_notices is 'Marks notices as read: some by their ids, or all of an account.';

create function private.billing_overview(account_id uuid)
returns jsonb
language plpgsql
stable
-- As its owner, because prices that are no longer sold are in it. Members get past the first check, and see more only if they may pay.
security definer
set search_path = ''
as $$
declare
  can_pay constant boolean := private.has_role(billing_overview.account_id, 'owner', 'admin', 'billing');
  current private.subscriptions;
  paid private.prices;
  asked private.prices;
  customer private.customers;
begin
  if billing_overview.account_id is null or billing_overview.account_id not in (select private.my_account_ids()) then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your accounts.');
  end if;
  if can_pay then
    select * into current from private.live_subscription(billing_overview.account_id);
    select * into paid from private.prices where prices.id = current.price_id;
    select * into customer from private.customers where customers.account_id = billing_overview.account_id;
  end if;
  select prices.* into asked
  from private.subscription_prices
  join private.prices on prices.id = subscription_prices.price_id
  where subscription_prices.subscription_id = current.id and subscription_prices.state = 'asked'
    and subscription_prices.price_id <> current.price_id and current.has_scheduled_changes
  order by subscription_prices.id desc limit 1;
  return jsonb_build_object(
    'account_id', billing_overview.account_id,
    'can_pay', can_pay,
    'plan', (
      select jsonb_build_object('id', plans.id, 'name', plans.name, 'until', customer.plan_until)
      from private.account_plans join private.plans on plans.id = account_plans.plan_id
      where account_plans.account_id = billing_overview.account_id
    ),
    'wallet', (
      select jsonb_build_object(
        'balance_micros', wallets.balance_micros, 'available_micros', greatest(wallets.balance_micros - wallets.held_micros, 0),
        'debt_micros', wallets.debt_micros
      )
      from private.wallets where wallets.account_id = billing_overview.account_id
    ),
    'subscription', case when current.id is not null then jsonb_build_object(
      'id', current.id, 'status', current.status, 'plan_id', paid.plan_id, 'price_id', paid.id, 'period', paid.period,
      'currency', paid.currency, 'amount_minor', paid.amount_minor, 'current_start', current.current_start, 'current_end', current.current_end,
      'next_charge_at', case when current.cancel_wish is null then current.charge_at end,
      'trial_until', current.trial_until, 'method', current.method, 'cancels_at', case current.cancel_wish when 'cycle_end' then current.current_end when 'now' then private.clock() end,
      'pay_link', case when current.status in ('pending', 'halted') then current.short_url end,
      'grace_until', case when current.status in ('pending', 'halted') then private.entitled_until(current) end,
      'changes_to', case when asked.id is not null then jsonb_build_object('plan_id', asked.plan_id, 'price_id', asked.id, 'period', asked.period, 'amount_minor', asked.amount_minor, 'at', current.current_end) end
    ) end,
    'next_subscription', (
      select jsonb_build_object('id', following.id, 'plan_id', prices.plan_id, 'price_id', prices.id, 'period', prices.period, 'starts_at', following.start_at)
      from private.subscriptions as following
      join private.prices on prices.id = following.price_id
      where following.replaces = current.id and following.status = 'authenticated'
      limit 1
    ),
    'payment_method', (
      select jsonb_build_object(
        'label', kept.label, 'status', kept.status, 'currency', kept.currency, 'max_minor', kept.max_minor, 'expires_at', kept.expires_at,
        'can_top_up', kept.status = 'confirmed'
      )
      from private.mandates as kept
      where can_pay and kept.account_id = billing_overview.account_id
        and kept.status not in ('rejected', 'cancelled') and kept.removed_at is null and kept.expires_at > private.clock()
      order by kept.status = 'confirmed' desc, kept.agreed_at desc, kept.id desc limit 1
    ),
    'details', jsonb_build_object(
      'name', coalesce(customer.billing_name, ''), 'email', coalesce(customer.billing_email, ''),
      'address', coalesce(customer.billing_address, ''), 'tax_number', coalesce(customer.tax_number, '')
    ),
    'waiting_bonus', (
      select jsonb_build_object('code', coupons.code, 'bonus_percent', coupons.bonus_percent)
      from private.redemptions join private.coupons on coupons.id = redemptions.coupon_id
      where can_pay and redemptions.account_id = billing_overview.account_id and redemptions.transaction_id is null
      order by redemptions.created_at limit 1
    ),
    'unread_notices', (
      select count(*) from private.notices
      where can_pay and notices.account_id = billing_overview.account_id and notices.read_at is null
    )
  );
end
$$;

comment on function private.billing_overview is
  'All that a billing page begins with: plan, next charge, wallet, way to pay, what is about to change. A member who may not pay sees the plan and the wallet.';

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

grant execute on function
  private.start_top_up, private.start_card_removal, private.start_subscription, private.find_checkout, private.start_plan_change, private.start_subscription_act,
  private.set_auto_top_up, private.set_alert_thresholds, private.set_billing_details, private.read_notices, private.billing_overview,
  private.preview_change
to authenticated;
grant execute on function
  private.begin_call, private.end_call, private.note_customer, private.note_entities, private.note_plan_change, private.ask_refund,
  private.prices_to_sync, private.note_price, private.claim_sweep, private.end_sweep, private.claim_auto_top_ups,
  private.fail_auto_top_up, private.claim_notices, private.note_mailed
to service_role;
