-- billing: what is sold and for how much, who buys it, and what was asked of Razorpay: orders,
-- subscriptions, and every call that changes something there. What it answers is in
-- 09_billing_entities, what becomes of that in the files after it.
--
-- A price is never changed, only replaced. Nobody but the functions of this domain writes here, and
-- money moves only through the ledger's own functions, once per payment, refund and dispute.

create type private.price_period as enum ('once', 'month', 'year');

-- what is sold ----------------------------------------------------------------------------------

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

-- who buys --------------------------------------------------------------------------------------

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

-- what was asked of Razorpay --------------------------------------------------------------------

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

-- policies and grants ---------------------------------------------------------------------------

create policy "anybody sees what is sold" on private.packages for select to anon, authenticated using (true);
create policy "anybody sees what things cost" on private.prices for select to anon, authenticated using (retired_at is null);
create policy "those who manage an account see its customer" on private.customers
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its orders" on private.orders
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its subscriptions" on private.subscriptions
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));

grant select on private.packages, private.prices to anon, authenticated, service_role;
grant select on private.customers, private.orders, private.subscriptions to authenticated, service_role;
grant select on private.billing_settings, private.subscription_prices, private.razorpay_calls to service_role;
