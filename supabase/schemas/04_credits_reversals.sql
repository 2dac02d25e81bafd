-- credits, otherwise than by a grant or a call: what lapses, is refunded, is reversed with its payment
-- or adjusted by hand, and the sums of our own books.
--
-- What an open hold may need is never taken, and nothing lapses that a debt may need. No grant is
-- reversed for more than it gave and did not lapse, and no charge refunded for more than it was.

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
      -- Those of an account in debt wait for the next grant, to pay it.
      and wallet.debt_micros = 0
    order by lots.expires_at, lots.id
  loop
    -- What an open hold may still need does not lapse under it.
    taken := least(lot.remaining_micros, wallet.balance_micros - wallet.set_aside_micros);
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

comment on function private.expire_lots is 'Takes back what lapsed in one account, but nothing that an open hold or a debt may need.';

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

create function private.left_to_reverse(granted private.transactions)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return granted.amount_micros + coalesce((
    select sum(taken.amount_micros)
    from private.transactions as taken
    where taken.refers_to = granted.id and taken.kind in ('reversal', 'expiry')
  ), 0);
end
$$;

comment on function private.left_to_reverse is 'What of a grant neither went back nor lapsed: spent or not, it can be taken back once.';

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
  most bigint;
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
  most := private.left_to_reverse(granted);
  if reverse_grant.amount_micros > most then
    perform private.fail(
      409, 'conflict', format('Only %s micro-credits of this grant are left to reverse.', most),
      'Reverse that much or less.'
    );
  end if;

  -- The lot itself pays first, then any other that is free; what is spent already is owed.
  owed := reverse_grant.amount_micros - least(
    reverse_grant.amount_micros, wallet.balance_micros + wallet.debt_micros - wallet.set_aside_micros
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
  free constant bigint := wallet.balance_micros - wallet.set_aside_micros;
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
    select balances.account_id
    from private.balances
    where balances.next_expiry_at <= private.clock()
      -- Credits that an open hold keeps alive come up again when it has ended.
      and balances.free_micros > 0
    order by balances.next_expiry_at
    limit expire_due_lots.max_accounts
  loop
    -- One account whose books are wrong keeps no other waiting.
    begin
      continue when not private.try_lock_account(due.account_id);
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
