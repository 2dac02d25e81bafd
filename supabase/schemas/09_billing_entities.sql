-- billing entities: what Razorpay says of payments, cards, refunds, disputes and invoices, and the
-- webhooks in which it says so. How a row comes to say it is in 09_billing_facts and after.
--
-- A row of something that belongs to nobody we know is kept as well, and moves nothing.

create type private.webhook_state as enum ('received', 'applied', 'dead');

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

-- policies and grants ---------------------------------------------------------------------------

create policy "those who manage an account see its mandates" on private.mandates
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its payments" on private.payments
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its invoices" on private.invoices
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));

grant select on private.payments, private.mandates, private.invoices to authenticated, service_role;
grant select on private.refunds, private.disputes, private.webhook_events to service_role;
