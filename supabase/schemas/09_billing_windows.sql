-- billing windows: the part of billing that the Data API serves. Prices to everybody, an account's
-- bills to those who look after them, and to our own functions what they need to carry money work.
--
-- Nothing is decided here; each function hands over to the one of the same name in private.

create view api.packages
with (security_invoker = true)
as
select packages.id, packages.name, packages.position from private.packages;

comment on view api.packages is 'What can be bought by the package.';

create view api.prices
with (security_invoker = true)
as
select
  prices.id, prices.plan_id, prices.package_id, prices.period, prices.currency, prices.amount_minor, prices.credits_micros,
  prices.bonus_percent, prices.tax_name, prices.tax_percent, prices.trial_days
from private.prices
where prices.retired_at is null;

comment on view api.prices is 'What plans and packages cost now, tax included, in the smallest unit of each currency, and what that buys.';

create view api.orders
with (security_invoker = true)
as
select
  orders.id, orders.account_id, orders.price_id, orders.is_automatic, orders.currency, orders.amount_minor, orders.credits_micros,
  orders.bonus_micros, orders.status, orders.created_at, orders.paid_at
from private.orders;

comment on view api.orders is 'The packages an account set out to buy.';

create view api.payments
with (security_invoker = true)
as
select
  payments.id, payments.account_id, payments.order_id, payments.subscription_id, payments.currency, payments.amount_minor,
  payments.refunded_minor, payments.status, payments.method, payments.method_label, payments.error_description,
  payments.period_start, payments.period_end, payments.grant_id, payments.paid_at
from private.payments;

comment on view api.payments is 'The payments of an account, as far as each got.';

create view api.subscriptions
with (security_invoker = true)
as
select
  subscriptions.id, subscriptions.account_id, subscriptions.price_id, subscriptions.status, subscriptions.start_at,
  subscriptions.trial_until, subscriptions.current_start, subscriptions.current_end, subscriptions.charge_at, subscriptions.ended_at,
  subscriptions.paid_count, subscriptions.method, subscriptions.cancel_wish, subscriptions.replaces, subscriptions.created_at
from private.subscriptions;

comment on view api.subscriptions is 'The subscriptions an account has or had.';

create view api.invoices
with (security_invoker = true)
as
select
  invoices.id, invoices.number, invoices.account_id, invoices.payment_id, invoices.subscription_id, invoices.description,
  invoices.status, invoices.currency, invoices.amount_minor, invoices.tax_name, invoices.tax_percent, invoices.tax_minor,
  invoices.billing, invoices.period_start, invoices.period_end, invoices.short_url, invoices.issued_at, invoices.paid_at
from private.invoices;

comment on view api.invoices is 'The invoices of an account. Paid ones get their number within moments.';

create view api.notices
with (security_invoker = true)
as
select notices.id, notices.account_id, notices.kind, notices.title, notices.body, notices.link, notices.created_at, notices.read_at
from private.notices;

comment on view api.notices is 'What an account was told about its money.';

create view api.auto_top_ups
with (security_invoker = true)
as
select
  auto_top_ups.account_id, auto_top_ups.enabled, auto_top_ups.threshold_micros, auto_top_ups.package_id, auto_top_ups.currency,
  auto_top_ups.ceiling_minor, auto_top_ups.failures >= 3 as is_stopped, auto_top_ups.last_order_at
from private.auto_top_ups;

comment on view api.auto_top_ups is 'How an account tops up by itself.';

create view api.alert_thresholds
with (security_invoker = true)
as
select alert_thresholds.account_id, alert_thresholds.threshold_micros, alert_thresholds.told_at
from private.alert_thresholds;

comment on view api.alert_thresholds is 'Balances below which an account wants to be told.';

grant select on api.packages, api.prices to anon, authenticated, service_role;
grant select on
  api.orders, api.payments, api.subscriptions, api.invoices, api.notices, api.auto_top_ups, api.alert_thresholds
to authenticated, service_role;

create function api.start_top_up(account_id uuid, price_id bigint, request_key text, keeps_card boolean default false)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_top_up(account_id, price_id, request_key, coalesce(keeps_card, false))
$$;

comment on function api.start_top_up is
  'Sets out to buy a package at a price, and to agree to later charges of as much if the card is kept; the answer has what the checkout needs.';

create function api.start_card_removal(account_id uuid)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_card_removal(account_id)
$$;

comment on function api.start_card_removal is
  'Ends every agreement to charge a card of the account again; functions/billing has them deleted at Razorpay.';

create function api.start_subscription(account_id uuid, price_id bigint, request_key text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_subscription(account_id, price_id, request_key)
$$;

comment on function api.start_subscription is 'Sets out to subscribe at a price; the answer has what the checkout needs.';

create function api.find_checkout(id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select private.find_checkout(id)
$$;

comment on function api.find_checkout is 'A purchase of the caller''s own, to verify its checkout against.';

create function api.preview_plan_change(account_id uuid, price_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select private.preview_change(account_id, coalesce(price_id, 0))
$$;

comment on function api.preview_plan_change is 'How a change of plan would go: when, what is charged now and next, and in which way.';

create function api.preview_cancel(account_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select private.preview_change(account_id, null)
$$;

comment on function api.preview_cancel is 'What cancelling takes away, and when.';

create function api.start_plan_change(account_id uuid, price_id bigint, request_key text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_plan_change(account_id, price_id, request_key)
$$;

comment on function api.start_plan_change is 'Sets out to change the plan; functions/billing carries it out.';

create function api.start_subscription_act(account_id uuid, act text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.start_subscription_act(account_id, act)
$$;

comment on function api.start_subscription_act is 'Sets out to cancel, pause, resume or pay again; functions/billing carries it out.';

create function api.billing_overview(account_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select private.billing_overview(account_id)
$$;

comment on function api.billing_overview is 'All that a billing page begins with.';

create function api.read_notices(notice_ids uuid[] default null, account_id uuid default null)
returns integer
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.read_notices(notice_ids, account_id)
$$;

comment on function api.read_notices is 'Marks notices as read, or all of an account, and says how many were not.';

create function api.receive_webhook(event_id text, event_body text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select jsonb_build_object('state', kept.state, 'outcome', kept.outcome)
  from private.receive_webhook(event_id, event_body) as kept
$$;

comment on function api.receive_webhook is 'Keeps a verified webhook and applies it.';

create function api.replay_webhooks(event_id text default null)
returns setof jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select jsonb_build_object('id', kept.id, 'event', kept.event, 'state', kept.state, 'outcome', kept.outcome)
  from private.replay_webhooks(event_id) as kept
$$;

comment on function api.replay_webhooks is 'Applies dead webhooks again, or one by its id.';

create function api.begin_call(act text, fact text, account_id uuid default null, user_id uuid default null)
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.begin_call(act, fact, account_id, user_id)
$$;

comment on function api.begin_call is 'Written before Razorpay is asked to change something.';

create function api.end_call(call_id bigint, state text, attempts integer, answer jsonb default null)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.end_call(call_id, state, attempts, answer)
$$;

comment on function api.end_call is 'Written once Razorpay has answered.';

create function api.note_customer(account_id uuid, razorpay_customer_id text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.note_customer(account_id, razorpay_customer_id)
$$;

comment on function api.note_customer is 'Notes what Razorpay calls a customer.';

create function api.note_entities(payload jsonb, seen_at bigint, asked_at timestamptz default null)
returns text
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.note_entities(payload, seen_at, asked_at)
$$;

comment on function api.note_entities is 'Applies what Razorpay answered, in the form of its webhooks.';

create function api.note_plan_change(change_id bigint, state text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.note_plan_change(change_id, state)
$$;

comment on function api.note_plan_change is 'Whether Razorpay agreed to a change of plan or refused it.';

create function api.ask_refund(payment_id text, amount_minor bigint, reason text, author text, reference text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select jsonb_build_object('id', asked.id, 'payment_id', asked.payment_id, 'amount_minor', asked.amount_minor, 'status', asked.status)
  from private.ask_refund(payment_id, amount_minor, reason, author, reference) as asked
$$;

comment on function api.ask_refund is 'Asks for a payment, or part of it, to go back; once per reference.';

create function api.prices_to_sync()
returns table (price_id bigint, request jsonb)
language sql
stable
security invoker
set search_path = ''
as $$
  select todo.price_id, todo.request from private.prices_to_sync() as todo
$$;

comment on function api.prices_to_sync is 'Prices of plans that Razorpay does not know yet.';

create function api.note_price(price_id bigint, razorpay_plan_id text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.note_price(price_id, razorpay_plan_id)
$$;

comment on function api.note_price is 'Notes what Razorpay calls a price.';

create function api.claim_sweep(most integer default 200)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.claim_sweep(most)
$$;

comment on function api.claim_sweep is 'What is to be asked of Razorpay now.';

create function api.end_sweep(until bigint)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.end_sweep(until)
$$;

comment on function api.end_sweep is 'Notes how far a whole sweep has come.';

create function api.claim_auto_top_ups(most integer default 20)
returns setof jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select one from private.claim_auto_top_ups(most) as one
$$;

comment on function api.claim_auto_top_ups is 'Orders to be paid with a saved way to pay now.';

create function api.fail_auto_top_up(order_id uuid, reason text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.fail_auto_top_up(order_id, reason)
$$;

comment on function api.fail_auto_top_up is 'Gives up an automatic top-up that was refused.';

create function api.claim_notices(most integer default 50)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.claim_notices(most)
$$;

comment on function api.claim_notices is 'Notices to be mailed now.';

create function api.note_mailed(notice_ids uuid[])
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.note_mailed(notice_ids)
$$;

comment on function api.note_mailed is 'Notes that notices were handed to the mail service.';

create function api.set_auto_top_up(
  account_id uuid, enabled boolean, threshold_micros bigint, package_id text, currency text, ceiling_minor bigint
)
returns setof api.auto_top_ups
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.set_auto_top_up(
    set_auto_top_up.account_id, set_auto_top_up.enabled, set_auto_top_up.threshold_micros, set_auto_top_up.package_id,
    set_auto_top_up.currency, set_auto_top_up.ceiling_minor
  );
  return query select * from api.auto_top_ups where auto_top_ups.account_id = set_auto_top_up.account_id;
end
$$;

comment on function api.set_auto_top_up is 'Sets how an account tops up by itself: below which balance, with which package, up to how much in a month.';

create function api.set_alert_thresholds(account_id uuid, thresholds bigint[])
returns setof api.alert_thresholds
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.set_alert_thresholds(set_alert_thresholds.account_id, set_alert_thresholds.thresholds);
  return query select * from api.alert_thresholds where alert_thresholds.account_id = set_alert_thresholds.account_id;
end
$$;

comment on function api.set_alert_thresholds is 'Sets the balances below which those who look after the bill are told; an empty list switches it off.';

create function api.set_billing_details(
  account_id uuid, name text default null, email text default null, address text default null, tax_number text default null
)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'name', changed.billing_name, 'email', changed.billing_email, 'address', changed.billing_address, 'tax_number', changed.tax_number
  )
  from private.set_billing_details(account_id, name, email, address, tax_number) as changed
$$;

comment on function api.set_billing_details is 'What invoices from now on say about the customer; what is left out stays.';

grant execute on function
  api.start_top_up, api.start_card_removal, api.start_subscription, api.find_checkout, api.preview_plan_change, api.preview_cancel,
  api.start_plan_change, api.start_subscription_act, api.billing_overview, api.read_notices, api.set_auto_top_up,
  api.set_alert_thresholds, api.set_billing_details
to authenticated;
grant execute on function
  api.receive_webhook, api.replay_webhooks, api.begin_call, api.end_call, api.note_customer, api.note_entities,
  api.note_plan_change, api.ask_refund, api.prices_to_sync, api.note_price, api.claim_sweep, api.end_sweep,
  api.claim_auto_top_ups, api.fail_auto_top_up, api.claim_notices, api.note_mailed
to service_role;
