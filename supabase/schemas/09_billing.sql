-- billing: what is sold and for how much, who buys it, and what Razorpay says became of it: orders,
-- subscriptions, payments, refunds, disputes, invoices, and the webhooks all of that arrives in.
--
-- A price is never changed, only replaced. Nobody but the functions of this domain writes here, and
-- money moves only through the ledger's own functions, once per payment, refund and dispute.

create type private.price_period as enum ('once', 'month', 'year');
create type private.webhook_state as enum ('received', 'applied', 'dead');

-- what is sold ------------------------------------------------------------------------------

create table private.packages (
  id text primary key check (id ~ '^[a-z][a-z0-9-]{1,40}$'),
  name text not null check (char_length(name) between 1 and 80),
  position integer not null default 0
);

comment on table private.packages is 'Credits sold by the package. What is in one, and for how much, stands in its prices.';

alter table private.packages enable row level security;

create table private.prices (
  id bigint generated always as identity primary key,
  plan_id text references private.plans (id),
  package_id text references private.packages (id),
  period private.price_period not null,
  currency text not null check (currency in ('INR', 'USD', 'GBP', 'EUR', 'KES')),
  amount_minor bigint not null check (amount_minor between 100 and 100000000000),
  credits_micros bigint not null check (credits_micros between 1 and 9007199254740991),
  bonus_percent numeric not null default 0 check (bonus_percent >= 0 and bonus_percent <= 1000),
  tax_name text not null default '' check (char_length(tax_name) <= 20),
  tax_percent numeric not null default 0 check (tax_percent >= 0 and tax_percent < 100),
  trial_days integer not null default 0 check (trial_days between 0 and 60),
  razorpay_plan_id text unique,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  constraint one_thing check ((plan_id is null) <> (package_id is null) and (period = 'once') = (package_id is not null))
);

comment on table private.prices is
  'What a plan or a package costs in a currency and what that buys, tax included. A version: a new price is a new row.';
comment on column private.prices.credits_micros is 'What is granted for one payment of the full amount: of a month, of a year or of a package.';
comment on column private.prices.razorpay_plan_id is 'What Razorpay calls this price of a plan; written by npm run billing:sync.';

alter table private.prices enable row level security;
create unique index prices_current_idx on private.prices (plan_id, package_id, period, currency) nulls not distinct
  where retired_at is null;
create index prices_package_id_idx on private.prices (package_id);

create function private.protect_price()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if tg_op = 'DELETE' or to_jsonb(new) - '{retired_at,razorpay_plan_id}'::text[] <> to_jsonb(old) - '{retired_at,razorpay_plan_id}'::text[]
    or (old.retired_at is not null and new.retired_at is distinct from old.retired_at)
    or (old.razorpay_plan_id is not null and new.razorpay_plan_id is distinct from old.razorpay_plan_id)
  then
    perform private.fail(409, 'conflict', 'A price is never changed or deleted.', 'Retire it and add another: admin.set_price does both.');
  end if;
  return new;
end
$$;

comment on function private.protect_price is 'Lets a price be retired and be given its name at Razorpay, once each, and nothing else.';

create trigger on_prices_change
  before update or delete on private.prices
  for each row execute function private.protect_price();

create table private.billing_settings (
  id boolean primary key default true check (id),
  grace interval not null default '7 days' check (grace between interval '0' and interval '60 days'),
  silent_after interval not null default '6 hours' check (silent_after > interval '0'),
  auto_cooldown interval not null default '1 hour' check (auto_cooldown > interval '0'),
  razorpay_account_id text,
  swept_until timestamptz
);

comment on table private.billing_settings is
  'One row: how long a failed renewal is forgiven, when silence of the webhooks is suspicious, and how far the sweep has come.';
comment on column private.billing_settings.razorpay_account_id is 'If set, webhooks that name another account of Razorpay are kept as dead.';

alter table private.billing_settings enable row level security;

-- who buys ----------------------------------------------------------------------------------

create table private.customers (
  account_id uuid primary key references private.accounts (id) on delete restrict,
  razorpay_customer_id text,
  billing_name text not null default '' check (char_length(billing_name) <= 200),
  billing_email text not null default '' check (char_length(billing_email) <= 320),
  billing_address text not null default '' check (char_length(billing_address) <= 500),
  tax_number text not null default '' check (char_length(tax_number) <= 40),
  subscription_id uuid,
  plan_id text references private.plans (id),
  plan_until timestamptz,
  created_at timestamptz not null default now()
);

comment on table private.customers is 'An account as Razorpay knows it, what its invoices say, and where its plan comes from.';
comment on column private.customers.subscription_id is 'The subscription that gave the account its plan; empty when it has none, or got its plan by hand.';
comment on column private.customers.plan_until is 'When that subscription stops giving the plan unless another payment arrives.';

alter table private.customers enable row level security;
create index customers_plan_until_idx on private.customers (plan_until) where plan_until is not null;
create index customers_plan_id_idx on private.customers (plan_id);
create index customers_razorpay_customer_id_idx on private.customers (razorpay_customer_id) where razorpay_customer_id is not null;

-- what was asked of Razorpay ------------------------------------------------------------------

create table private.orders (
  id uuid primary key default private.new_id(),
  account_id uuid not null references private.accounts (id) on delete restrict,
  user_id uuid,
  price_id bigint not null references private.prices (id),
  request_key text not null check (octet_length(request_key) between 1 and 100),
  is_automatic boolean not null default false,
  mandate_until timestamptz,
  currency text not null,
  amount_minor bigint not null,
  credits_micros bigint not null,
  bonus_micros bigint not null default 0,
  razorpay_order_id text unique,
  status text not null default 'created' check (status in ('created', 'attempted', 'paid', 'failed')),
  created_at timestamptz not null default now(),
  paid_at timestamptz,
  checked_at timestamptz,
  unique (account_id, request_key)
);

comment on table private.orders is 'Every package somebody set out to buy, with what it cost and gave at that moment. Its id is the receipt at Razorpay.';

comment on column private.orders.mandate_until is
  'If set, whoever pays it agrees to later charges of at most its amount each, until then.';

alter table private.orders enable row level security;
create index orders_price_id_idx on private.orders (price_id);
create index orders_open_idx on private.orders (created_at) where status <> 'paid';
create unique index orders_one_automatic_idx on private.orders (account_id) where is_automatic and status in ('created', 'attempted');

create table private.subscriptions (
  id uuid primary key default private.new_id(),
  account_id uuid not null references private.accounts (id) on delete restrict,
  user_id uuid,
  price_id bigint not null references private.prices (id),
  request_key text not null check (octet_length(request_key) between 1 and 100),
  replaces uuid references private.subscriptions (id),
  start_at timestamptz,
  trial_until timestamptz,
  anchor_at timestamptz,
  razorpay_subscription_id text unique,
  status text not null default 'created',
  seen_at timestamptz not null default '-infinity',
  noted_at timestamptz not null default '-infinity',
  current_start timestamptz,
  current_end timestamptz,
  charge_at timestamptz,
  ended_at timestamptz,
  paid_count integer not null default 0,
  auth_attempts integer not null default 0,
  has_scheduled_changes boolean not null default false,
  method text,
  short_url text,
  cancel_wish text check (cancel_wish in ('now', 'cycle_end')),
  created_at timestamptz not null default now(),
  checked_at timestamptz,
  unique (account_id, request_key)
);

comment on table private.subscriptions is 'Every subscription somebody set out to take, and what Razorpay last said of it.';
comment on column private.subscriptions.seen_at is 'When Razorpay said so: the second of an event, the end of the second of an answer.';
comment on column private.subscriptions.noted_at is
  'When what we know of it last changed, by the clock on the wall. The answer to a question asked since then is newer.';
comment on column private.subscriptions.replaces is 'The subscription this one continues, where a change of plan needed a new one.';
comment on column private.subscriptions.cancel_wish is 'It is to be cancelled: the function does so at once, the sweep if that failed.';

alter table private.subscriptions enable row level security;
create index subscriptions_account_id_idx on private.subscriptions (account_id);
create index subscriptions_price_id_idx on private.subscriptions (price_id);
create index subscriptions_replaces_idx on private.subscriptions (replaces) where replaces is not null;
create index subscriptions_open_idx on private.subscriptions (checked_at nulls first)
  where status not in ('cancelled', 'completed', 'expired');

create table private.subscription_prices (
  id bigint generated always as identity primary key,
  subscription_id uuid not null references private.subscriptions (id) on delete restrict,
  price_id bigint not null references private.prices (id),
  valid_from timestamptz not null,
  state text not null check (state in ('asked', 'agreed', 'refused')),
  created_at timestamptz not null default now()
);

comment on table private.subscription_prices is
  'From when on a subscription is charged which price. A payment is judged by the price of the period it pays, whatever the plan is by then.';

alter table private.subscription_prices enable row level security;
create index subscription_prices_subscription_id_idx on private.subscription_prices (subscription_id, valid_from);
create index subscription_prices_price_id_idx on private.subscription_prices (price_id);

create table private.razorpay_calls (
  id bigint generated always as identity primary key,
  account_id uuid references private.accounts (id) on delete restrict,
  user_id uuid,
  act text not null check (act ~ '^[a-z][a-z_]{1,40}$'),
  fact text not null check (octet_length(fact) between 1 and 200),
  state text not null default 'started' check (state in ('started', 'done', 'refused', 'unknown')),
  attempts integer not null default 0,
  answer jsonb,
  request_id text,
  started_at timestamptz not null default now(),
  ended_at timestamptz
);

comment on table private.razorpay_calls is
  'Everything we ever asked Razorpay to change: written before it is asked, completed with what came of it. One still started was cut off.';
comment on column private.razorpay_calls.fact is 'What makes a repetition of it harmless: our id that Razorpay was given with it.';

alter table private.razorpay_calls enable row level security;
create index razorpay_calls_account_id_idx on private.razorpay_calls (account_id);
create index razorpay_calls_fact_idx on private.razorpay_calls (fact);
create index razorpay_calls_open_idx on private.razorpay_calls (started_at) where state in ('started', 'unknown');

-- what Razorpay says --------------------------------------------------------------------------

create table private.payments (
  id text primary key check (octet_length(id) between 5 and 60),
  account_id uuid references private.accounts (id) on delete restrict,
  order_id uuid references private.orders (id),
  subscription_id uuid references private.subscriptions (id),
  razorpay_order_id text,
  razorpay_invoice_id text,
  currency text not null,
  amount_minor bigint not null,
  refunded_minor bigint not null default 0,
  status text not null,
  is_captured boolean not null default false,
  method text,
  method_label text,
  is_international boolean not null default false,
  error_code text,
  error_description text,
  price_id bigint references private.prices (id),
  period_start timestamptz,
  period_end timestamptz,
  grant_id bigint references private.transactions (id),
  reversed_minor bigint not null default 0,
  problem text,
  paid_at timestamptz not null,
  constraint granted_to_somebody check (grant_id is null or (account_id is not null and is_captured)),
  constraint never_over_reversed check (reversed_minor between 0 and amount_minor)
);

comment on table private.payments is
  'Every payment Razorpay told us of, as far as it got. One whose account is empty belongs to nothing we know, and grants nothing.';
comment on column private.payments.problem is 'Why a captured payment of ours granted nothing; an alert says so too.';

alter table private.payments enable row level security;
create index payments_account_id_idx on private.payments (account_id);
create index payments_order_id_idx on private.payments (order_id);
create index payments_razorpay_order_id_idx on private.payments (razorpay_order_id) where account_id is null;
create index payments_invoice_idx on private.payments (razorpay_invoice_id) where razorpay_invoice_id is not null;
create index payments_stray_idx on private.payments (paid_at) where account_id is null and is_captured;
create index payments_price_id_idx on private.payments (price_id);
create index payments_grant_id_idx on private.payments (grant_id);
create unique index payments_one_a_period_idx on private.payments (subscription_id, period_start, price_id) where grant_id is not null;
create index payments_subscription_id_idx on private.payments (subscription_id);

create table private.mandates (
  id text primary key check (octet_length(id) between 5 and 60),
  account_id uuid references private.accounts (id) on delete restrict,
  payment_id text unique references private.payments (id),
  currency text,
  max_minor bigint,
  label text,
  status text not null default 'initiated',
  reason text,
  expires_at timestamptz,
  agreed_at timestamptz,
  removed_at timestamptz,
  seen_at timestamptz not null default '-infinity',
  noted_at timestamptz not null default '-infinity',
  checked_at timestamptz,
  constraint agreed_to_by_somebody check (account_id is null or (payment_id, currency, max_minor, expires_at, agreed_at) is not null)
);

comment on table private.mandates is
  'Cards that may be charged again without their owner, by what Razorpay calls the token. One whose account is empty was agreed to by nobody we know.';
comment on column private.mandates.payment_id is 'The payment with which its owner agreed to it.';
comment on column private.mandates.max_minor is 'The most that one charge may come to.';
comment on column private.mandates.removed_at is 'Not charged from then on; the function has it deleted at Razorpay at once, the sweep if that failed.';

alter table private.mandates enable row level security;
create index mandates_account_id_idx on private.mandates (account_id, agreed_at) where account_id is not null;

create table private.refunds (
  id uuid primary key default private.new_id(),
  payment_id text not null check (octet_length(payment_id) between 5 and 60),
  razorpay_refund_id text unique,
  amount_minor bigint not null check (amount_minor > 0),
  status text not null default 'asked' check (status in ('asked', 'pending', 'failed', 'processed')),
  reference text unique,
  reason text not null default '',
  author text not null default 'razorpay',
  reversed_at timestamptz,
  created_at timestamptz not null default now()
);

comment on table private.refunds is 'Money that goes back: asked for here (by its reference, once), or begun at Razorpay. Credits go back when it is processed.';

alter table private.refunds enable row level security;
create index refunds_payment_id_idx on private.refunds (payment_id);

create table private.disputes (
  id text primary key check (octet_length(id) between 5 and 60),
  payment_id text not null,
  amount_minor bigint not null,
  deducted_minor bigint not null default 0,
  status text not null,
  phase text,
  reason_code text,
  respond_by timestamptz,
  reversed_at timestamptz,
  created_at timestamptz not null
);

comment on table private.disputes is 'Payments a customer''s bank calls into question. Credits go back when one is lost.';

alter table private.disputes enable row level security;
create index disputes_payment_id_idx on private.disputes (payment_id);

create table private.invoices (
  id uuid primary key default private.new_id(),
  number bigint unique,
  account_id uuid not null references private.accounts (id) on delete restrict,
  payment_id text unique references private.payments (id),
  razorpay_invoice_id text unique,
  subscription_id uuid references private.subscriptions (id),
  description text not null,
  status text not null,
  currency text not null,
  amount_minor bigint not null,
  tax_name text not null default '',
  tax_percent numeric not null default 0,
  tax_minor bigint not null default 0,
  billing jsonb not null default '{}',
  period_start timestamptz,
  period_end timestamptz,
  short_url text,
  issued_at timestamptz not null,
  paid_at timestamptz
);

comment on table private.invoices is
  'One per payment that bought something, and those Razorpay issued and nobody has paid yet. Numbers are given to paid ones, in order and without gaps.';

alter table private.invoices enable row level security;
create index invoices_account_id_idx on private.invoices (account_id, issued_at desc);
create index invoices_subscription_id_idx on private.invoices (subscription_id);
create index invoices_unnumbered_idx on private.invoices (paid_at, id) where number is null and status = 'paid';

create table private.webhook_events (
  id text primary key check (octet_length(id) between 1 and 200),
  event text,
  body text not null,
  state private.webhook_state not null default 'received',
  outcome text,
  attempts integer not null default 0,
  retry_at timestamptz not null default now(),
  received_at timestamptz not null default now(),
  applied_at timestamptz
);

comment on table private.webhook_events is
  'The inbox: every signed event as it came, by its id. Received ones are tried again by themselves, dead ones wait for an admin.';

alter table private.webhook_events enable row level security;
create index webhook_events_received_idx on private.webhook_events (retry_at) where state = 'received';
create index webhook_events_dead_idx on private.webhook_events (received_at) where state = 'dead';
create index webhook_events_received_at_idx on private.webhook_events (received_at);

-- what people want to be told, and what admins must know ---------------------------------------

create table private.auto_top_ups (
  account_id uuid primary key references private.accounts (id) on delete cascade,
  enabled boolean not null default false,
  threshold_micros bigint not null check (threshold_micros between 1 and 9007199254740991),
  package_id text not null references private.packages (id),
  currency text not null,
  ceiling_minor bigint not null check (ceiling_minor between 100 and 100000000000),
  failures integer not null default 0,
  last_order_at timestamptz
);

comment on table private.auto_top_ups is
  'Buys a package with a mandate when the balance falls below the threshold: one at a time, not again for a while, never past the ceiling of a month.';

alter table private.auto_top_ups enable row level security;
create index auto_top_ups_package_id_idx on private.auto_top_ups (package_id);

create table private.alert_thresholds (
  account_id uuid not null references private.accounts (id) on delete cascade,
  threshold_micros bigint not null check (threshold_micros between 1 and 9007199254740991),
  told_at timestamptz,
  primary key (account_id, threshold_micros)
);

comment on table private.alert_thresholds is 'Balances below which the owner wants to hear of it; told once, and again only after the balance was above.';

alter table private.alert_thresholds enable row level security;

create table private.notices (
  id uuid primary key default private.new_id(),
  account_id uuid not null references private.accounts (id) on delete cascade,
  kind text not null check (kind ~ '^[a-z][a-z_]{1,40}$'),
  fact text not null,
  title text not null,
  body text not null,
  link text,
  created_at timestamptz not null default now(),
  read_at timestamptz,
  mail_after timestamptz default now(),
  mail_attempts integer not null default 0,
  unique (account_id, fact)
);

comment on table private.notices is 'What an account is told about its money, in the app and by mail, once per fact.';
comment on column private.notices.mail_after is 'When it may next be tried to mail it; empty once it was mailed or given up.';

alter table private.notices enable row level security;
create index notices_account_id_idx on private.notices (account_id, created_at desc);
create index notices_mail_idx on private.notices (mail_after) where mail_after is not null;

create table private.billing_alerts (
  id bigint generated always as identity primary key,
  kind text not null check (kind ~ '^[a-z][a-z_]{1,40}$'),
  fact text not null unique,
  detail text not null,
  created_at timestamptz not null default now(),
  resolved_at timestamptz
);

comment on table private.billing_alerts is 'What an admin has to look at: money without a purpose, events that cannot be applied, webhooks that stay away.';

alter table private.billing_alerts enable row level security;
create index billing_alerts_open_idx on private.billing_alerts (created_at) where resolved_at is null;

create function private.notify(account_id uuid, kind text, fact text, title text, body text, link text default null)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into private.notices (account_id, kind, fact, title, body, link, created_at, mail_after)
  values (
    notify.account_id, notify.kind, notify.fact, notify.title, notify.body, notify.link, private.clock(), private.clock()
  )
  on conflict on constraint notices_account_id_fact_key do nothing
$$;

comment on function private.notify is 'Tells an account something, once per fact.';

create function private.alert(kind text, fact text, detail text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into private.billing_alerts (kind, fact, detail)
  values (alert.kind, alert.fact, alert.detail)
  on conflict on constraint billing_alerts_fact_key do nothing
$$;

comment on function private.alert is 'Tells the admins something, once per fact.';

create function private.price_text(currency text, amount_minor bigint)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select price_text.currency || ' ' || to_char(price_text.amount_minor / 100.0, 'FM999,999,999,990.00')
$$;

comment on function private.price_text is 'An amount of money as a sentence has it. All our currencies have hundredths.';

create function private.require_customer(account_id uuid)
returns private.customers
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  customer private.customers;
begin
  insert into private.customers (account_id) values (require_customer.account_id)
  on conflict on constraint customers_pkey do nothing;
  select * into customer from private.customers where customers.account_id = require_customer.account_id for update;
  return customer;
end
$$;

comment on function private.require_customer is 'The customer of an account, made if new, locked until the end of the transaction.';

-- policies and grants -------------------------------------------------------------------------

create policy "anybody sees what is sold" on private.packages for select to anon, authenticated using (true);
create policy "anybody sees what things cost" on private.prices for select to anon, authenticated using (retired_at is null);
create policy "those who manage an account see its customer" on private.customers
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its orders" on private.orders
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its subscriptions" on private.subscriptions
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its mandates" on private.mandates
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its payments" on private.payments
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its invoices" on private.invoices
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see how it tops up" on private.auto_top_ups
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its thresholds" on private.alert_thresholds
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account read its notices" on private.notices
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));

grant select on private.packages, private.prices to anon, authenticated, service_role;
grant select on
  private.customers, private.orders, private.subscriptions, private.payments, private.mandates, private.invoices,
  private.auto_top_ups, private.alert_thresholds, private.notices
to authenticated, service_role;
grant select on
  private.billing_settings, private.subscription_prices, private.razorpay_calls, private.refunds, private.disputes,
  private.webhook_events, private.billing_alerts
to service_role;
