-- credits, how they move: an account's locks, the one function that posts, the lots that pay, grants,
-- and what a call held.
--
-- private.post is the only function that moves a credit, under the lock of the account's money, once
-- per fact.

-- moving money --------------------------------------------------------------------------------

create function private.transaction_hash(
  previous_hash bytea, account_id uuid, sequence bigint, kind private.transaction_kind, book private.book,
  amount_micros bigint, balance_micros bigint, fact text
)
returns bytea
language sql
stable
security invoker
return sha256(convert_to(
  concat_ws('|', encode(previous_hash, 'hex'), account_id, sequence, kind, book, amount_micros, balance_micros, fact), 'UTF8'
));

comment on function private.transaction_hash is
  'The link of the chain: SHA-256 over the previous link and what the transaction says, joined by bars, the fact last.';

create function private.lock_calls(account_id uuid)
returns boolean
language sql
volatile
security invoker
-- A queue in which each waits once: a locked row would wake all who wait for it at every turn.
return pg_advisory_xact_lock(uuid_hash_extended(account_id, 1)) is not null;

comment on function private.lock_calls is
  'The lock under which calls of an account begin and what they may do changes, until the end of the transaction. Never taken after that of its money.';

create function private.lock_money(account_id uuid)
returns boolean
language sql
volatile
security invoker
return pg_advisory_xact_lock(uuid_hash_extended(account_id, 0)) is not null;

comment on function private.lock_money is
  'The lock under which the credits of an account move, until the end of the transaction. Alone it is for calls that end, which free what they held.';

create function private.take_back_room(account_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  room bigint;
begin
  select allowances.room_micros into room from private.allowances where allowances.account_id = take_back_room.account_id;
  if room > 0 then
    update private.wallets set set_aside_micros = wallets.set_aside_micros - room
    where wallets.account_id = take_back_room.account_id;
    update private.allowances set room_micros = allowances.room_micros - room
    where allowances.account_id = take_back_room.account_id;
  end if;
end
$$;

comment on function private.take_back_room is 'Leaves nothing set aside in a wallet but what open calls hold.';

create function private.lock_account(account_id uuid)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.lock_calls(account_id);
  perform private.lock_money(account_id);
  perform private.take_back_room(account_id);
  return true;
end
$$;

comment on function private.lock_account is
  'Both locks of an account, until the end of the transaction: nothing that it has, may and did changes without one of them. In its wallet no more is set aside than open calls hold.';

create function private.try_lock_account(account_id uuid)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if not pg_try_advisory_xact_lock(uuid_hash_extended(account_id, 1))
    or not pg_try_advisory_xact_lock(uuid_hash_extended(account_id, 0))
  then
    perform private.fail(409, 'conflict', 'Somebody is at work on the account.', null);
  end if;
  perform private.take_back_room(account_id);
  return true;
exception when sqlstate 'PT409' then
  -- By now the first is free again, where only the second was taken: calls would wait for the whole batch.
  return false;
end
$$;

comment on function private.try_lock_account is
  'The same for batches, which hold many and so never wait for one: what is busy comes up again.';

create function private.make_room(account_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  free bigint;
begin
  perform private.lock_money(account_id);
  select greatest(wallets.balance_micros - wallets.set_aside_micros, 0) into free
  from private.wallets
  where wallets.account_id = make_room.account_id;
  update private.wallets set set_aside_micros = wallets.set_aside_micros + free
  where wallets.account_id = make_room.account_id;
  update private.allowances set room_micros = allowances.room_micros + free
  where allowances.account_id = make_room.account_id;
end
$$;

comment on function private.make_room is 'Sets all that is free in a wallet aside for the next calls, which then begin without its lock.';

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

comment on function private.require_wallet is 'The wallet of an account, which is locked until the end of the transaction.';

create function private.post(
  wallet private.wallets,
  kind private.transaction_kind,
  book private.book,
  amount_micros bigint,
  fact text,
  reason text,
  author text,
  refers_to bigint default null,
  release_micros bigint default 0,
  id bigint default null
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
  new_id constant bigint := coalesce(id, nextval('private.transactions_id_seq'));
begin
  insert into private.transactions (
    id, account_id, sequence, kind, book, amount_micros, balance_micros, fact, refers_to, reason, author, previous_hash, hash
  )
  values (
    new_id, wallet.account_id, wallet.transaction_count + 1, post.kind, post.book, post.amount_micros,
    wallet.balance_micros + post.amount_micros, post.fact, post.refers_to, post.reason, post.author,
    wallet.last_hash, new_hash
  );

  update private.wallets set
    balance_micros = wallet.balance_micros + post.amount_micros,
    set_aside_micros = wallets.set_aside_micros - post.release_micros,
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
  'The only function that moves a credit: from a book to a wallet (or back, when negative), once per fact. Takes the wallet as it was locked, and the id if it was taken from the sequence before.';

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
    -- While there is a debt nothing lapses.
    select min(lots.expires_at) filter (where owing.debt_micros = 0) as expires_at, (array_agg(lots.id))[1] as lot_id
    from private.wallets as owing
    cross join private.lots_to_burn(owing.account_id) as lots
    where owing.account_id = note_lots.account_id
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
  select least(wallets.debt_micros, wallets.balance_micros + wallets.debt_micros - wallets.set_aside_micros) into payable
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
  wallet private.wallets, held_micros bigint, charge_micros bigint, fact text, reason text, charge_id bigint default null
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
    update private.wallets set set_aside_micros = wallets.set_aside_micros - settle_hold.held_micros
    where wallets.account_id = wallet.account_id;
    return null;
  end if;
  -- What the upstream bills beyond the hold is our loss, never the customer's.
  if settle_hold.charge_micros not between 1 and settle_hold.held_micros then
    perform private.fail(500, 'unbalanced', 'A charge cannot exceed its hold.', 'Nothing was written.');
  end if;
  new_id := private.post(
    wallet, 'charge', 'revenue', -settle_hold.charge_micros, settle_hold.fact, settle_hold.reason, 'system',
    release_micros => settle_hold.held_micros, id => settle_hold.charge_id
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
