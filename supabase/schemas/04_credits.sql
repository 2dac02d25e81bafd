-- credits: the ledger. Transactions, the wallets they move credits in and out of, and the lots that
-- credits live in. They move in 04_credits_moves, also by code in 04_credits_codes, and lapse or go back
-- in 04_credits_reversals. What is set aside is in the wallet; for which calls, 06_usage_runs knows.
--
-- Transactions and allocations are only ever added. A balance goes below zero only by the reversal
-- of a payment, and never below what the debt column allows.

create type private.transaction_kind as enum ('grant', 'charge', 'expiry', 'refund', 'reversal', 'adjustment');
create type private.book as enum ('issuance', 'revenue', 'expiry', 'refunds');
create type private.lot_source as enum ('subscription', 'top_up', 'welcome', 'bonus', 'refund', 'adjustment');

-- Rules about a single value are domains: Postgres reads the check of a table anew for every
-- statement, and that of a domain once.
create domain private.micros as bigint check (value between 0 and 9007199254740991);
create domain private.signed_micros as bigint check (value between -9007199254740991 and 9007199254740991);
create domain private.moved_micros as bigint check (value <> 0 and value between -9007199254740991 and 9007199254740991);
create domain private.some_micros as bigint check (value between 1 and 9007199254740991);
create domain private.ordinal as bigint check (value > 0);
create domain private.burn_priority as smallint check (value between 0 and 1000);
create domain private.fact as text check (octet_length(value) between 1 and 400);
create domain private.remark as text check (octet_length(value) between 1 and 2000);
create domain private.link as bytea check (octet_length(value) = 32);

comment on domain private.micros is 'Micro-credits that are there: never negative, and small enough for every JSON reader.';
comment on domain private.signed_micros is 'Micro-credits that may be owed.';
comment on domain private.moved_micros is 'Micro-credits that move: in, or out when negative, but never none.';
comment on domain private.some_micros is 'Micro-credits of which there is at least one.';
comment on domain private.ordinal is 'A place in a row that begins with 1.';
comment on domain private.burn_priority is 'Which lots pay first: the smallest.';
comment on domain private.fact is 'The business event behind a movement: payment:pay_29QQoUBi66xm2f, run:0190….';
comment on domain private.remark is 'Words that say why, or who.';
comment on domain private.link is 'One link of an account''s hash chain, a SHA-256.';

-- tables ------------------------------------------------------------------------------------

create table private.wallets (
  account_id uuid primary key references private.accounts (id) on delete restrict,
  balance_micros private.signed_micros not null default 0,
  set_aside_micros private.micros not null default 0,
  debt_micros private.micros not null default 0,
  transaction_count bigint not null default 0,
  last_hash bytea not null default '\x',
  next_expiry_at timestamptz,
  next_lot_id bigint,
  constraint never_overspent check (balance_micros + debt_micros >= set_aside_micros)
)
with (fillfactor = 50);

comment on table private.wallets is
  'What an account has. The balance repeats the sum of its transactions, beside the hash that proves them.';
comment on column private.wallets.set_aside_micros is
  'For calls: what those that run hold, and the room that is left for the next ones (private.allowances).';
comment on column private.wallets.next_lot_id is 'The lot that pays next; it may just have been used up.';
comment on column private.wallets.debt_micros is 'Reversed payments whose credits were already spent; the next grant pays them first.';

alter table private.wallets enable row level security;
create index wallets_next_expiry_at_idx on private.wallets (next_expiry_at);

create table private.allowances (
  account_id uuid primary key references private.wallets (account_id) on delete restrict,
  room_micros private.micros not null default 0
)
with (fillfactor = 50);

comment on table private.allowances is
  'What the next calls of an account may do and spend. A call that begins changes this row, one that ends the wallet''s, so that neither waits for the other.';
comment on column private.allowances.room_micros is 'What is set aside in the wallet and held by no call yet.';

alter table private.allowances enable row level security;

create view private.balances
with (security_invoker = true)
as
select
  wallets.account_id,
  wallets.balance_micros,
  wallets.set_aside_micros - allowances.room_micros as held_micros,
  wallets.balance_micros - wallets.set_aside_micros + allowances.room_micros as free_micros,
  wallets.debt_micros,
  wallets.next_expiry_at,
  wallets.transaction_count,
  wallets.last_hash
from private.wallets
join private.allowances on allowances.account_id = wallets.account_id;

comment on view private.balances is 'What each account has, what of it open calls hold, and what is free: below zero only while it is in debt.';

create table private.transactions (
  id bigint generated by default as identity primary key,
  account_id uuid not null,
  sequence private.ordinal not null,
  kind private.transaction_kind not null,
  book private.book not null,
  amount_micros private.moved_micros not null,
  balance_micros private.signed_micros not null,
  fact private.fact not null,
  refers_to bigint references private.transactions (id),
  reason private.remark not null,
  author private.remark not null,
  previous_hash bytea not null,
  hash private.link not null,
  created_at timestamptz not null default now(),
  unique (account_id, fact),
  unique (account_id, sequence)
);

comment on table private.transactions is
  'Every movement of credits between a wallet and one of our books: one row names both sides, so no transaction can be out of balance. It carries the wallet''s balance after it and the hash of the one before.';
comment on column private.transactions.fact is
  'The business event, which happens once per account: payment:pay_29QQoUBi66xm2f, run:0190….';
comment on column private.transactions.book is 'Where the credits came from, or went when the amount is negative.';

alter table private.transactions enable row level security;
create index transactions_refers_to_idx on private.transactions (refers_to) where refers_to is not null;

create view private.entries
with (security_invoker = true)
as
select id as transaction_id, 'wallet' as book, account_id, amount_micros from private.transactions
union all
select id, book::text, account_id, -amount_micros from private.transactions;

comment on view private.entries is 'Both sides of every transaction, as a bookkeeper reads them. They sum to zero.';

create table private.book_balances (
  book private.book primary key,
  balance_micros numeric not null default 0,
  through_transaction_id bigint not null default 0
);

comment on table private.book_balances is
  'Our own side of the ledger, summed up now and then up to a transaction, so that no call ever waits for it.';

alter table private.book_balances enable row level security;

create table private.lots (
  id bigint generated always as identity primary key,
  account_id uuid not null references private.accounts (id) on delete restrict,
  transaction_id bigint not null references private.transactions (id),
  source private.lot_source not null,
  priority private.burn_priority not null default 100,
  amount_micros private.some_micros not null,
  remaining_micros private.micros not null,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  constraint never_refilled check (remaining_micros <= amount_micros)
)
with (fillfactor = 50);

comment on table private.lots is
  'Where credits came from and when they lapse. Burnt by priority, then earliest expiry, then promotional before paid, then oldest.';

alter table private.lots enable row level security;
create index lots_account_id_idx on private.lots (account_id);
create index lots_transaction_id_idx on private.lots (transaction_id);

create table private.allocations (
  transaction_id bigint not null,
  lot_id bigint not null,
  amount_micros private.some_micros not null,
  primary key (transaction_id, lot_id)
);

comment on table private.allocations is 'Which lots paid for a transaction.';

alter table private.allocations enable row level security;
-- what no role may do -----------------------------------------------------------------------

create trigger on_transactions_change before update or delete or truncate on private.transactions
  for each statement execute function private.refuse_change();
create trigger on_allocations_change before update or delete or truncate on private.allocations
  for each statement execute function private.refuse_change();
-- Transactions name wallets, and no foreign key looks: private.post updates the wallet in the same
-- breath, and no wallet ever goes.
create trigger on_wallets_delete before delete or truncate on private.wallets
  for each statement execute function private.refuse_change();
-- With its room would go what the wallet has set aside for it.
create trigger on_allowances_delete before delete or truncate on private.allowances
  for each statement execute function private.refuse_change();

-- policies and grants -------------------------------------------------------------------------

create function private.ledger_account_ids(user_id uuid)
returns setof uuid
language sql
stable
security invoker
set search_path = ''
as $$
  select members.account_id
  from private.members
  where members.user_id = ledger_account_ids.user_id and members.role in ('owner', 'admin', 'billing')
$$;

comment on function private.ledger_account_ids is 'The accounts whose books a person may read.';

create function private.my_ledger_account_ids()
returns setof uuid
language sql
stable
security invoker
set search_path = ''
as $$
  select private.ledger_account_ids((select auth.uid()))
$$;

comment on function private.my_ledger_account_ids is 'The accounts whose books the caller may read.';

grant execute on function private.ledger_account_ids, private.my_ledger_account_ids to authenticated;

create policy "members see what their accounts have" on private.wallets
  for select to authenticated using (account_id in (select private.my_account_ids()));
create policy "members see what their accounts may do" on private.allowances
  for select to authenticated using (account_id in (select private.my_account_ids()));
create policy "those who manage an account see its transactions" on private.transactions
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see its lots" on private.lots
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account see which lots paid" on private.allocations
  for select to authenticated using (
    exists (select from private.lots where lots.id = allocations.lot_id)
  );
grant select on
  private.wallets, private.allowances, private.balances, private.transactions, private.lots, private.allocations
to authenticated, service_role;
grant select on private.book_balances to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.wallets
with (security_invoker = true)
as
select
  balances.account_id,
  balances.balance_micros,
  balances.held_micros,
  greatest(balances.free_micros, 0) as available_micros,
  balances.debt_micros,
  balances.next_expiry_at,
  balances.transaction_count,
  encode(balances.last_hash, 'hex') as last_hash
from private.balances;

comment on view api.wallets is 'What each of the caller''s accounts has, what of it is set aside for running calls, and what is free.';

create view api.transactions
with (security_invoker = true)
as
select
  transactions.id,
  transactions.account_id,
  transactions.sequence,
  transactions.kind,
  transactions.book,
  transactions.amount_micros,
  transactions.balance_micros,
  transactions.fact,
  transactions.refers_to,
  transactions.reason,
  transactions.author,
  transactions.created_at,
  encode(transactions.hash, 'hex') as hash
from private.transactions;

comment on view api.transactions is 'The statement of an account: every movement with the balance after it.';

create view api.lots
with (security_invoker = true)
as
select
  lots.id, lots.account_id, lots.transaction_id, lots.source, lots.priority, lots.amount_micros, lots.remaining_micros,
  lots.expires_at, lots.created_at
from private.lots;

comment on view api.lots is 'Where an account''s credits came from, what is left of each and when it lapses.';

create view api.allocations
with (security_invoker = true)
as
select allocations.transaction_id, allocations.lot_id, allocations.amount_micros
from private.allocations;

comment on view api.allocations is 'Which lots paid for a transaction.';

grant select on api.wallets, api.transactions, api.lots, api.allocations to authenticated;
