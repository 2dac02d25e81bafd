-- credits: the ledger. Transactions, the wallets they move credits in and out of, and the lots that
-- credits live in. private.post is the only function that moves a credit, under the account's lock.
-- What is held is in the wallet; for which calls, 06_usage_runs.sql knows.
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
  held_micros private.micros not null default 0,
  debt_micros private.micros not null default 0,
  transaction_count bigint not null default 0,
  last_hash bytea not null default '\x',
  next_expiry_at timestamptz,
  next_lot_id bigint,
  constraint never_overspent check (balance_micros + debt_micros >= held_micros)
)
with (fillfactor = 50);

comment on table private.wallets is
  'What an account has. The balance repeats the sum of its transactions, beside the hash that proves them.';
comment on column private.wallets.next_lot_id is 'The lot that pays next; it may just have been used up.';
comment on column private.wallets.debt_micros is 'Reversed payments whose credits were already spent; the next grant pays them first.';

alter table private.wallets enable row level security;
create index wallets_next_expiry_at_idx on private.wallets (next_expiry_at) where next_expiry_at is not null;

create table private.transactions (
  id bigint generated always as identity primary key,
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
  account_id uuid not null references private.wallets (account_id) on delete restrict,
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

-- moving money --------------------------------------------------------------------------------

create function private.transaction_hash(
  previous_hash bytea, account_id uuid, sequence bigint, kind private.transaction_kind, book private.book,
  amount_micros bigint, balance_micros bigint, fact text
)
returns bytea
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return sha256(convert_to(
    concat_ws('|', encode(previous_hash, 'hex'), account_id, sequence, kind, book, amount_micros, balance_micros, fact), 'UTF8'
  ));
end
$$;

comment on function private.transaction_hash is
  'The link of the chain: SHA-256 over the previous link and what the transaction says, joined by bars, the fact last.';

create function private.lock_account(account_id uuid)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- A queue in which each waits once: a locked row would wake all who wait for it at every turn.
  return pg_advisory_xact_lock(uuid_hash_extended(account_id, 0)) is not null;
end
$$;

comment on function private.lock_account is
  'The lock of all that an account has, may and did, until the end of the transaction. Nothing of these changes without it.';

create function private.try_lock_account(account_id uuid)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock(uuid_hash_extended(account_id, 0));
end
$$;

comment on function private.try_lock_account is
  'The same for batches, which hold many and so never wait for one: what is busy comes up again.';

create function private.require_wallet(account_id uuid)
returns private.wallets
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wallet private.wallets;
begin
  perform private.lock_account(account_id);
  select * into wallet from private.wallets where wallets.account_id = require_wallet.account_id;
  if wallet.account_id is null then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Check the account''s id.');
  end if;
  return wallet;
end
$$;

comment on function private.require_wallet is 'The wallet of an account, locked until the end of the transaction.';

create function private.post(
  wallet private.wallets,
  kind private.transaction_kind,
  book private.book,
  amount_micros bigint,
  fact text,
  reason text,
  author text,
  refers_to bigint default null,
  release_micros bigint default 0
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  new_hash constant bytea := private.transaction_hash(
    wallet.last_hash, wallet.account_id, wallet.transaction_count + 1, kind, book, amount_micros,
    wallet.balance_micros + amount_micros, fact
  );
  new_id bigint;
begin
  insert into private.transactions (
    account_id, sequence, kind, book, amount_micros, balance_micros, fact, refers_to, reason, author, previous_hash, hash
  )
  values (
    wallet.account_id, wallet.transaction_count + 1, post.kind, post.book, post.amount_micros,
    wallet.balance_micros + post.amount_micros, post.fact, post.refers_to, post.reason, post.author,
    wallet.last_hash, new_hash
  )
  returning transactions.id into new_id;

  update private.wallets set
    balance_micros = wallet.balance_micros + post.amount_micros,
    held_micros = wallet.held_micros - post.release_micros,
    transaction_count = wallet.transaction_count + 1,
    last_hash = new_hash
  where wallets.account_id = wallet.account_id and wallets.transaction_count = wallet.transaction_count;
  if not found then
    perform private.fail(500, 'unbalanced', 'The wallet changed under its lock.', 'Nothing was written.');
  end if;
  return new_id;
end
$$;

comment on function private.post is
  'The only function that moves a credit: from a book to a wallet (or back, when negative), once per fact. Takes the wallet as it was locked.';

create function private.replay(
  account_id uuid, fact text, kind private.transaction_kind, book private.book, amount_micros bigint, refers_to bigint default null
)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  earlier private.transactions;
begin
  select * into earlier
  from private.transactions
  where transactions.account_id = replay.account_id and transactions.fact = replay.fact;
  if earlier.id is not null and (earlier.kind, earlier.book, earlier.amount_micros, earlier.refers_to)
    is distinct from (replay.kind, replay.book, replay.amount_micros, replay.refers_to)
  then
    perform private.fail(
      409, 'conflict', format('%s was already booked with other figures.', replay.fact),
      'Use a new fact for a new event.'
    );
  end if;
  return earlier.id;
end
$$;

comment on function private.replay is
  'The transaction that booked a fact before, or nothing; refused when it booked something else.';

create function private.lots_to_burn(account_id uuid, first_lot_id bigint default null)
returns setof private.lots
language sql
stable
security invoker
set search_path = ''
as $$
  select lots.*
  from private.lots
  where lots.account_id = lots_to_burn.account_id and lots.remaining_micros > 0
  order by
    lots.id is distinct from lots_to_burn.first_lot_id,
    lots.priority, lots.expires_at nulls last, lots.source not in ('welcome', 'bonus'), lots.id
$$;

comment on function private.lots_to_burn is 'What is left of an account''s lots, in the order in which they pay, a named one before all others.';

create function private.burn_lots(
  account_id uuid, transaction_id bigint, amount_micros bigint, first_lot_id bigint default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  lot record;
  owed bigint := burn_lots.amount_micros;
  taken bigint;
begin
  for lot in
    select lots.id, lots.remaining_micros
    from private.lots_to_burn(burn_lots.account_id, burn_lots.first_lot_id) as lots
  loop
    taken := least(lot.remaining_micros, owed);
    update private.lots set remaining_micros = lot.remaining_micros - taken where lots.id = lot.id;
    insert into private.allocations (transaction_id, lot_id, amount_micros)
    values (burn_lots.transaction_id, lot.id, taken);
    owed := owed - taken;
    exit when owed = 0;
  end loop;

  if owed > 0 then
    perform private.fail(500, 'unbalanced', 'The lots of the account do not cover the amount.', 'Nothing was written.');
  end if;
end
$$;

comment on function private.burn_lots is
  'Takes an amount out of an account''s lots in burn order, a named one before all others, and records which.';

create function private.note_lots(account_id uuid)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update private.wallets set next_expiry_at = soon.expires_at, next_lot_id = soon.lot_id
  from (
    select min(lots.expires_at) as expires_at, (array_agg(lots.id))[1] as lot_id
    from private.lots_to_burn(note_lots.account_id) as lots
  ) as soon
  where wallets.account_id = note_lots.account_id
    and (wallets.next_expiry_at, wallets.next_lot_id) is distinct from (soon.expires_at, soon.lot_id)
$$;

comment on function private.note_lots is 'Writes beside the balance which lot lapses and which pays next.';

create function private.pay_debt(account_id uuid, transaction_id bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  payable bigint;
begin
  -- Lots that a hold may still need stay as they are.
  select least(wallets.debt_micros, wallets.balance_micros + wallets.debt_micros - wallets.held_micros) into payable
  from private.wallets
  where wallets.account_id = pay_debt.account_id;
  if payable > 0 then
    perform private.burn_lots(pay_debt.account_id, pay_debt.transaction_id, payable);
    update private.wallets set debt_micros = wallets.debt_micros - payable
    where wallets.account_id = pay_debt.account_id;
  end if;
end
$$;

comment on function private.pay_debt is 'Lets free lots pay what a reversed payment left owing.';

-- grants --------------------------------------------------------------------------------------

create function private.require_amount(amount_micros bigint)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if amount_micros is null or amount_micros <= 0 or amount_micros > 9007199254740991 then
    perform private.fail(
      422, 'invalid_input', 'An amount must be above zero and at most 9,007,199,254 credits.', 'Check the figure.'
    );
  end if;
  return amount_micros;
end
$$;

create function private.grant_credits(
  account_id uuid,
  amount_micros bigint,
  source private.lot_source,
  fact text,
  reason text,
  author text,
  expires_at timestamptz default null,
  priority smallint default 100,
  kind private.transaction_kind default 'grant',
  book private.book default 'issuance',
  refers_to bigint default null
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wallet private.wallets;
  new_id bigint;
begin
  perform private.require_amount(grant_credits.amount_micros);
  wallet := private.require_wallet(grant_credits.account_id);
  new_id := private.replay(
    grant_credits.account_id, grant_credits.fact, grant_credits.kind, grant_credits.book, grant_credits.amount_micros,
    grant_credits.refers_to
  );
  if new_id is not null then
    return new_id;
  end if;
  if wallet.balance_micros + grant_credits.amount_micros > 9007199254740991 then
    perform private.fail(
      409, 'conflict', 'A wallet holds at most 9,007,199,254 credits.', 'Spend some of them first.'
    );
  end if;

  new_id := private.post(
    wallet, grant_credits.kind, grant_credits.book, grant_credits.amount_micros, grant_credits.fact, grant_credits.reason,
    grant_credits.author, grant_credits.refers_to
  );
  insert into private.lots (account_id, transaction_id, source, priority, amount_micros, remaining_micros, expires_at)
  values (
    grant_credits.account_id, new_id, grant_credits.source, grant_credits.priority, grant_credits.amount_micros,
    grant_credits.amount_micros, grant_credits.expires_at
  );
  perform private.pay_debt(grant_credits.account_id, new_id);
  perform private.note_lots(grant_credits.account_id);
  return new_id;
end
$$;

comment on function private.grant_credits is
  'Gives credits to an account as a new lot, once per fact. Returns the transaction, the first one when the fact is repeated.';

-- holds ---------------------------------------------------------------------------------------

create function private.settle_hold(
  wallet private.wallets, held_micros bigint, charge_micros bigint, fact text, reason text
)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  new_id bigint;
begin
  if settle_hold.charge_micros = 0 then
    update private.wallets set held_micros = wallets.held_micros - settle_hold.held_micros
    where wallets.account_id = wallet.account_id;
    return null;
  end if;
  -- What the upstream bills beyond the hold is our loss, never the customer's.
  if settle_hold.charge_micros not between 1 and settle_hold.held_micros then
    perform private.fail(500, 'unbalanced', 'A charge cannot exceed its hold.', 'Nothing was written.');
  end if;
  new_id := private.post(
    wallet, 'charge', 'revenue', -settle_hold.charge_micros, settle_hold.fact, settle_hold.reason, 'system',
    release_micros => settle_hold.held_micros
  );
  -- Nearly always the lot that pays next covers all of it.
  update private.lots set remaining_micros = lots.remaining_micros - settle_hold.charge_micros
  where lots.id = wallet.next_lot_id and lots.remaining_micros >= settle_hold.charge_micros;
  if found then
    insert into private.allocations (transaction_id, lot_id, amount_micros)
    values (new_id, wallet.next_lot_id, settle_hold.charge_micros);
  else
    perform private.burn_lots(wallet.account_id, new_id, settle_hold.charge_micros);
    perform private.note_lots(wallet.account_id);
  end if;
  return new_id;
end
$$;

comment on function private.settle_hold is
  'Gives back what a wallet held for a call, and books what of it the call cost, if anything. Returns the charge.';

-- expiry, refunds, reversals, adjustments -----------------------------------------------------

create function private.expire_lots(account_id uuid)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wallet private.wallets := private.require_wallet(account_id);
  expired bigint := 0;
  lot private.lots;
  taken bigint;
  new_id bigint;
begin
  for lot in
    select * from private.lots
    where lots.account_id = expire_lots.account_id and lots.remaining_micros > 0 and lots.expires_at <= private.clock()
    order by lots.expires_at, lots.id
  loop
    -- What an open hold may still need does not lapse under it.
    taken := least(lot.remaining_micros, wallet.balance_micros + wallet.debt_micros - wallet.held_micros);
    exit when taken <= 0;
    new_id := private.post(
      wallet, 'expiry', 'expiry', -taken, format('expiry:%s:%s', lot.id, lot.remaining_micros),
      'These credits were not used in time', 'system', refers_to => lot.transaction_id
    );
    insert into private.allocations (transaction_id, lot_id, amount_micros) values (new_id, lot.id, taken);
    update private.lots set remaining_micros = lots.remaining_micros - taken where lots.id = lot.id;
    wallet := private.require_wallet(expire_lots.account_id);
    expired := expired + taken;
  end loop;
  perform private.note_lots(expire_lots.account_id);
  return expired;
end
$$;

comment on function private.expire_lots is 'Takes back what lapsed in one account, but nothing that an open hold may need.';

create function private.refund_charge(charge_id bigint, amount_micros bigint, fact text, reason text, author text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  charge private.transactions;
  earlier bigint;
  refunded bigint;
begin
  perform private.require_amount(refund_charge.amount_micros);
  select * into charge from private.transactions
  where transactions.id = refund_charge.charge_id and transactions.kind = 'charge';
  if charge.id is null then
    perform private.fail(404, 'not_found', 'There is no such charge.', 'Look it up in the account''s transactions.');
  end if;
  perform private.require_wallet(charge.account_id);

  earlier := private.replay(
    charge.account_id, refund_charge.fact, 'refund', 'refunds', refund_charge.amount_micros, charge.id
  );
  if earlier is not null then
    return earlier;
  end if;

  select coalesce(sum(transactions.amount_micros), 0) into refunded
  from private.transactions
  where transactions.refers_to = charge.id and transactions.kind = 'refund';
  if refund_charge.amount_micros > -charge.amount_micros - refunded then
    perform private.fail(
      409, 'conflict', format('Only %s micro-credits of this charge are left to refund.', -charge.amount_micros - refunded),
      'Refund that much or less.'
    );
  end if;

  return private.grant_credits(
    charge.account_id, refund_charge.amount_micros, 'refund', refund_charge.fact, refund_charge.reason,
    refund_charge.author,
    -- As long as the credits that paid, and long enough to be used.
    (
      select case when bool_or(lots.expires_at is null) then null
        else greatest(max(lots.expires_at), private.clock() + interval '30 days') end
      from private.allocations
      join private.lots on lots.id = allocations.lot_id
      where allocations.transaction_id = charge.id
    ),
    kind => 'refund', book => 'refunds', refers_to => charge.id
  );
end
$$;

comment on function private.refund_charge is 'Gives back all or part of a charge, never more than it was.';

create function private.reverse_grant(grant_id bigint, amount_micros bigint, fact text, reason text, author text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  granted private.transactions;
  wallet private.wallets;
  lot private.lots;
  reversed bigint;
  new_id bigint;
  owed bigint;
begin
  perform private.require_amount(reverse_grant.amount_micros);
  select * into granted from private.transactions
  where transactions.id = reverse_grant.grant_id and transactions.kind = 'grant';
  if granted.id is null then
    perform private.fail(404, 'not_found', 'There is no such grant.', 'Look it up in the account''s transactions.');
  end if;
  wallet := private.require_wallet(granted.account_id);

  new_id := private.replay(
    granted.account_id, reverse_grant.fact, 'reversal', 'issuance', -reverse_grant.amount_micros, granted.id
  );
  if new_id is not null then
    return new_id;
  end if;

  select * into lot from private.lots where lots.transaction_id = granted.id;
  select coalesce(sum(-transactions.amount_micros), 0) into reversed
  from private.transactions
  where transactions.refers_to = granted.id and transactions.kind = 'reversal';
  if reverse_grant.amount_micros > lot.amount_micros - reversed then
    perform private.fail(
      409, 'conflict', format('Only %s micro-credits of this grant are left to reverse.', lot.amount_micros - reversed),
      'Reverse that much or less.'
    );
  end if;

  -- The lot itself pays first, then any other that is free; what is spent already is owed.
  owed := reverse_grant.amount_micros - least(
    reverse_grant.amount_micros, wallet.balance_micros + wallet.debt_micros - wallet.held_micros
  );
  update private.wallets set debt_micros = wallets.debt_micros + owed where wallets.account_id = granted.account_id;
  new_id := private.post(
    wallet, 'reversal', 'issuance', -reverse_grant.amount_micros, reverse_grant.fact, reverse_grant.reason,
    reverse_grant.author, granted.id
  );
  if reverse_grant.amount_micros > owed then
    perform private.burn_lots(granted.account_id, new_id, reverse_grant.amount_micros - owed, lot.id);
  end if;
  perform private.note_lots(granted.account_id);
  return new_id;
end
$$;

comment on function private.reverse_grant is
  'Takes back a grant whose payment was refunded or disputed. Credits already spent become a debt, at most the grant; open holds stay covered.';

create function private.adjust_credits(account_id uuid, amount_micros bigint, fact text, reason text, author text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wallet constant private.wallets := private.require_wallet(account_id);
  free constant bigint := wallet.balance_micros - wallet.held_micros;
  new_id bigint;
begin
  if adjust_credits.amount_micros > 0 then
    return private.grant_credits(
      adjust_credits.account_id, adjust_credits.amount_micros, 'adjustment', adjust_credits.fact, adjust_credits.reason,
      adjust_credits.author, kind => 'adjustment'
    );
  end if;
  perform private.require_amount(-greatest(adjust_credits.amount_micros, -9223372036854775807));
  new_id := private.replay(
    adjust_credits.account_id, adjust_credits.fact, 'adjustment', 'issuance', adjust_credits.amount_micros
  );
  if new_id is not null then
    return new_id;
  end if;
  if -adjust_credits.amount_micros > free then
    perform private.fail(
      402, 'insufficient_credits', format('Only %s micro-credits are free to take.', greatest(free, 0)),
      'Take that much or less.'
    );
  end if;
  new_id := private.post(
    wallet, 'adjustment', 'issuance', adjust_credits.amount_micros, adjust_credits.fact,
    adjust_credits.reason, adjust_credits.author
  );
  perform private.burn_lots(adjust_credits.account_id, new_id, -adjust_credits.amount_micros);
  perform private.note_lots(adjust_credits.account_id);
  return new_id;
end
$$;

comment on function private.adjust_credits is 'Adds or takes credits by hand, with a reason and an author. Never takes what is held or not there.';

create function private.expire_due_lots(max_accounts integer default 500)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  due record;
  expired bigint := 0;
begin
  for due in
    select wallets.account_id
    from private.wallets
    where wallets.next_expiry_at <= private.clock()
      -- Credits that an open hold keeps alive come up again when it has ended.
      and wallets.balance_micros + wallets.debt_micros > wallets.held_micros
    order by wallets.next_expiry_at
    limit expire_due_lots.max_accounts
  loop
    continue when not private.try_lock_account(due.account_id);
    -- One account whose books are wrong keeps no other waiting.
    begin
      expired := expired + private.expire_lots(due.account_id);
    exception when others then
      raise warning 'nothing of account % can lapse: %', due.account_id, sqlerrm;
    end;
  end loop;
  return expired;
end
$$;

comment on function private.expire_due_lots is 'Takes back what lapsed, a batch of accounts at a time, without waiting for anybody.';

create function private.roll_up_books()
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  -- No transaction lives for ten minutes, so every number below this one is final.
  with horizon as (
    select coalesce(max(transactions.id), 0) as transaction_id
    from private.transactions
    where transactions.created_at < now() - interval '10 minutes'
  )
  insert into private.book_balances as rolled (book, balance_micros, through_transaction_id)
  select books.book, coalesce(sum(-transactions.amount_micros), 0), horizon.transaction_id
  from unnest(enum_range(null::private.book)) as books (book)
  cross join horizon
  left join private.book_balances as before on before.book = books.book
  left join private.transactions
    on transactions.book = books.book
    and transactions.id > coalesce(before.through_transaction_id, 0)
    and transactions.id <= horizon.transaction_id
  group by books.book, horizon.transaction_id
  on conflict on constraint book_balances_pkey do update set
    balance_micros = rolled.balance_micros + excluded.balance_micros,
    through_transaction_id = greatest(rolled.through_transaction_id, excluded.through_transaction_id)
$$;

comment on function private.roll_up_books is 'Adds what happened since the last time to the balances of our own books.';

-- policies and grants -------------------------------------------------------------------------

create function private.my_ledger_account_ids()
returns setof uuid
language sql
stable
security invoker
set search_path = ''
as $$
  select members.account_id
  from private.members
  where members.user_id = (select auth.uid()) and members.role in ('owner', 'admin', 'billing')
$$;

comment on function private.my_ledger_account_ids is 'The accounts whose books the caller may read.';

grant execute on function private.my_ledger_account_ids to authenticated;

create policy "members see what their accounts have" on private.wallets
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
  private.wallets, private.transactions, private.lots, private.allocations
to authenticated, service_role;
grant select on private.book_balances to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.wallets
with (security_invoker = true)
as
select
  wallets.account_id,
  wallets.balance_micros,
  wallets.held_micros,
  greatest(wallets.balance_micros - wallets.held_micros, 0) as available_micros,
  wallets.debt_micros,
  wallets.next_expiry_at,
  wallets.transaction_count,
  encode(wallets.last_hash, 'hex') as last_hash
from private.wallets;

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
