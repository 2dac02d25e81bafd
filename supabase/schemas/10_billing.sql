-- billing for admins: payments, webhooks and alerts in words, and the acts on them: find a payment,
-- send money back, change a price, apply an event again. Like all of admin, for Studio only.
--
-- No money moves here: a refund is asked for, and its credits go back once Razorpay has processed it.

create view admin.payments
with (security_invoker = true)
as
select
  payments.paid_at as at,
  owners.account,
  owners.owner_email,
  private.price_text(payments.currency, payments.amount_minor) as amount,
  payments.status,
  coalesce(packages.name || ' package', plans.name || ' plan') as bought,
  admin.credits(transactions.amount_micros) as granted_credits,
  private.price_text(payments.currency, payments.reversed_minor) as went_back,
  payments.method,
  payments.problem,
  payments.error_description as error,
  invoices.number as invoice,
  payments.period_start,
  payments.period_end,
  payments.id as payment_id,
  payments.razorpay_order_id,
  payments.order_id,
  payments.subscription_id,
  payments.account_id
from private.payments
left join admin.owners on owners.account_id = payments.account_id
left join private.prices on prices.id = payments.price_id
left join private.packages on packages.id = prices.package_id
left join private.plans on plans.id = prices.plan_id
left join private.transactions on transactions.id = payments.grant_id
left join private.invoices on invoices.payment_id = payments.id;

comment on view admin.payments is 'Every payment Razorpay told us of: whose, for what, what it gave, and what went back.';

create view admin.subscriptions
with (security_invoker = true)
as
select
  owners.account,
  owners.owner_email,
  plans.name as plan,
  prices.period,
  private.price_text(prices.currency, prices.amount_minor) as price,
  subscriptions.status,
  subscriptions.current_end as paid_or_due_until,
  private.entitled_until(subscriptions) as gives_plan_until,
  subscriptions.cancel_wish,
  subscriptions.paid_count as payments,
  subscriptions.method,
  subscriptions.created_at,
  subscriptions.id as subscription_id,
  subscriptions.razorpay_subscription_id,
  subscriptions.account_id
from private.subscriptions
join admin.owners on owners.account_id = subscriptions.account_id
join private.prices on prices.id = subscriptions.price_id
join private.plans on plans.id = prices.plan_id;

comment on view admin.subscriptions is 'Every subscription, what it costs, and until when it gives its plan.';

create view admin.webhooks
with (security_invoker = true)
as
select
  webhook_events.received_at,
  webhook_events.event,
  webhook_events.state,
  webhook_events.outcome,
  webhook_events.attempts,
  webhook_events.applied_at,
  webhook_events.id as event_id,
  webhook_events.body
from private.webhook_events;

comment on view admin.webhooks is 'The inbox: every event Razorpay sent, and what came of it.';

create view admin.alerts
with (security_invoker = true)
as
select billing_alerts.created_at as at, billing_alerts.kind, billing_alerts.detail, billing_alerts.fact, billing_alerts.id as alert_id
from private.billing_alerts
where billing_alerts.resolved_at is null;

comment on view admin.alerts is 'What somebody has to look at.';

create function admin.find_payment(search text)
returns setof admin.payments
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  wanted constant text := btrim(coalesce(search, ''));
begin
  if wanted like '%@%' or wanted ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' and exists (
    select from private.accounts where accounts.id = wanted::uuid
  ) then
    return query
    select * from admin.payments where payments.account_id = admin.find_account(wanted) order by payments.at desc limit 50;
    return;
  end if;
  return query
  select * from admin.payments
  where payments.payment_id = wanted or payments.razorpay_order_id = wanted or payments.order_id::text = wanted
    or payments.subscription_id::text = wanted or payments.invoice::text = wanted
    or payments.payment_id in (select refunds.payment_id from private.refunds where refunds.razorpay_refund_id = wanted)
  order by payments.at desc
  limit 50;
end
$$;

comment on function admin.find_payment is
  'Payments by whatever is at hand: the id of a payment, an order, a refund or a subscription, an invoice''s number, an email or an account.';

create function admin.refund_payment(
  payment_id text, reason text, author text, reference text, amount numeric default null
)
returns setof admin.payments
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
begin
  if refund_payment.amount is not null and not refund_payment.amount between 0.01 and 1000000000 then
    perform private.fail(422, 'invalid_input', 'Give an amount of money above zero, such as 12.50.', null);
  end if;
  perform private.ask_refund(
    refund_payment.payment_id, round(refund_payment.amount * 100)::bigint, btrim(refund_payment.reason), signature, refund_payment.reference
  );
  return query
  select * from admin.payments where payments.payment_id = refund_payment.payment_id;
end
$$;

comment on function admin.refund_payment is
  'Asks for a payment to go back, all that is left of it or an amount; the next sweep does it. The reference makes sure it happens once.';

create function admin.set_price(
  author text, reason text, currency text, period text, amount numeric, credits numeric,
  plan text default null, package text default null, bonus_percent numeric default 0, trial_days integer default 0
)
returns setof private.prices
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  before private.prices;
begin
  update private.prices set retired_at = private.clock()
  where prices.retired_at is null
    and (prices.plan_id, prices.package_id, prices.period, prices.currency)
      is not distinct from (set_price.plan, set_price.package, set_price.period::private.price_period, upper(set_price.currency))
  returning * into before;
  return query
  insert into private.prices as made (
    plan_id, package_id, period, currency, amount_minor, credits_micros, bonus_percent, trial_days, tax_name, tax_percent
  )
  select
    set_price.plan, set_price.package, set_price.period::private.price_period, upper(set_price.currency),
    round(set_price.amount * 100)::bigint, admin.micros(set_price.credits), set_price.bonus_percent, set_price.trial_days,
    coalesce(before.tax_name, taxes.tax_name, ''), coalesce(before.tax_percent, taxes.tax_percent, 0)
  from (values (true)) as always (is_so)
  left join lateral (
    select prices.tax_name, prices.tax_percent from private.prices
    where prices.currency = upper(set_price.currency)
    order by prices.id desc limit 1
  ) as taxes on true
  returning made.*;
end
$$;

comment on function admin.set_price is
  'Sells something at another price from now on: the old price is retired, and who subscribed at it keeps it. Its tax carries over.';

create function admin.replay_webhook(event_id text default null)
returns setof admin.webhooks
language sql
volatile
security invoker
set search_path = ''
as $$
  select again.received_at, again.event, again.state, again.outcome, again.attempts, again.applied_at, again.id, again.body
  from private.replay_webhooks(event_id) as again
$$;

comment on function admin.replay_webhook is 'Applies all dead events again, or one event by its id.';

-- A price is never deleted.
create trigger on_prices_audit after insert or update on private.prices
  for each row execute function private.note_change();
create trigger on_packages_audit after insert or update or delete on private.packages
  for each row execute function private.note_change();
create trigger on_billing_settings_audit after update of grace, silent_after, auto_cooldown, razorpay_account_id on private.billing_settings
  for each row execute function private.note_change();
