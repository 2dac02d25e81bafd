-- credits that are given or taken back: refunds, reversals and the debt they leave, adjustments; and our
-- own books after all of it.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.price_by_token();

-- refunds ---------------------------------------------------------------------------------------

select tests.open_team('Refund');
select
  tests.grants('Refund', 40, 'short', 'subscription', private.clock() + interval '2 days'),
  tests.grants('Refund', 40, 'long', 'subscription', private.clock() + interval '90 days'),
  tests.grants('Refund', 40, 'for ever');
select tests.spends('Refund', 30, 'short'), tests.spends('Refund', 30, 'long'), tests.spends('Refund', 30, 'ever');

create function pg_temp.refunds(word text, amount bigint, fact text)
returns bigint
language sql
as $$
  select private.refund_charge(tests.charge_of(word), amount, fact, 'A bad answer', 'admin:test')
$$;
create temporary table refund as select pg_temp.refunds('short', 20, 'refund:1') as id;
select results_eq(
  'select kind::text, book::text, amount_micros::bigint, refers_to, author::text from private.transactions where id = (select id from refund)',
  $$select 'refund', 'refunds', 20::bigint, tests.charge_of('short'), 'admin:test'$$,
  'a refund is a transaction of its own that names the charge and who gave it'
);
select pg_temp.refunds('long', 1, 'refund:2'), pg_temp.refunds('ever', 1, 'refund:3');
create function pg_temp.lot_of(fact text)
returns private.lots
language sql
as $$
  select lots
  from private.lots
  join private.transactions on transactions.id = lots.transaction_id
  where transactions.account_id = tests.team('Refund') and transactions.fact = lot_of.fact
$$;
select is(
  (pg_temp.lot_of('refund:1')).expires_at - private.clock(), interval '30 days',
  'credits that would have lapsed soon come back for 30 days'
);
select is(
  (pg_temp.lot_of('refund:2')).expires_at - private.clock(),
  interval '90 days', 'others for as long as the longest of those that paid'
);
select is((pg_temp.lot_of('refund:3')).expires_at, null, 'and what never lapsed, never');
select is(pg_temp.refunds('short', 20, 'refund:1'), (select id from refund), 'a refund repeated is the same refund');
select tests.throws($$select pg_temp.refunds('short', 5, 'refund:1')$$, 409, 'conflict', 'with another amount it is a conflict');
select tests.throws($$select pg_temp.refunds('long', 20, 'refund:1')$$, 409, 'conflict', 'of another charge too');
select tests.throws($$select pg_temp.refunds('short', 11, 'refund:4')$$, 409, 'conflict', 'no charge is refunded beyond what it was');
select isnt(pg_temp.refunds('short', 10, 'refund:4'), null, 'but to the last micro');
select tests.throws($$select pg_temp.refunds('short', 1, 'refund:5')$$, 409, 'conflict', 'and then no more');
select tests.throws(format($$select pg_temp.refunds('long', %s, 'odd')$$, amount), 422, 'invalid_input', 'no refund of ' || amount)
from unnest(array['0', '-1', 'null', '-9223372036854775808']) as amount;
select tests.throws(
  format($$select private.refund_charge(%s, 1, 'odd', 'x', 'x')$$, id), 404, 'not_found', 'a refund is of a charge there is'
)
from (values ('null'), ('-1'), ((select id::text from refund))) as odd (id);
select tests.has('Refund', 62, 0, 0, 'what was refunded is there, nothing else');

-- reversals and debt ------------------------------------------------------------------------------

create function pg_temp.reverses(name text, grant_fact text, amount bigint, fact text)
returns bigint
language sql
as $$
  select private.reverse_grant(
    (select id from private.transactions where account_id = tests.team(name) and transactions.fact = grant_fact),
    amount, fact, 'The payment was disputed', 'razorpay'
  )
$$;

select tests.open_team('Debt');
select tests.grants('Debt', 30, 'other'), tests.grants('Debt', 100, 'payment');
select tests.spends('Debt', 110, 'spent');
select tests.has('Debt', 20, 0, 0, 'of 130 credits 110 are spent');
create temporary table reversal as select pg_temp.reverses('Debt', 'payment', 70, 'dispute:1') as id;
select tests.has('Debt', -50, 0, 50, 'a reversal takes what is left, and what is spent becomes a debt');
select is(pg_temp.reverses('Debt', 'payment', 70, 'dispute:1'), (select id from reversal), 'repeated, it is the same reversal');
select tests.throws($$select pg_temp.reverses('Debt', 'payment', 71, 'dispute:1')$$, 409, 'conflict', 'with another amount a conflict');
select tests.throws($$select pg_temp.reverses('Debt', 'payment', 31, 'dispute:2')$$, 409, 'conflict', 'no grant is reversed beyond what it was');
select isnt(pg_temp.reverses('Debt', 'payment', 30, 'dispute:2'), null, 'but to the last micro');
select tests.has('Debt', -80, 0, 80, 'the debt is bounded by the grant');
select tests.throws($$select pg_temp.reverses('Debt', 'payment', 1, 'dispute:3')$$, 409, 'conflict', 'and then no more');
select throws_ok($$select tests.holds('Debt', 1, 'broke')$$, '23514', null, 'an account in debt can hold nothing');
select tests.throws(
  $$select private.adjust_credits(tests.team('Debt'), -1, 'take', 'x', 'x')$$, 402, 'insufficient_credits', 'nor have anything taken'
);
select tests.grants('Debt', 50, 'payment:2');
select tests.has('Debt', -30, 0, 30, 'the next grant pays the debt first');
select tests.grants('Debt', 50, 'payment:3');
select tests.has('Debt', 20, 0, 0, 'and what is left of it is free');
select is(
  (
    select sum(allocations.amount_micros)
    from private.allocations
    join private.transactions on transactions.id = allocations.transaction_id
    where transactions.account_id = tests.team('Debt') and transactions.kind = 'grant'
  ),
  80::numeric, 'the allocations show which grants paid it'
);

select tests.open_team('Own lot');
select tests.grants('Own lot', 10, 'sooner', 'bonus', private.clock() + interval '1 day'), tests.grants('Own lot', 10, 'payment');
select pg_temp.reverses('Own lot', 'payment', 10, 'dispute');
select results_eq(
  $$select remaining_micros::bigint from private.lots where account_id = tests.team('Own lot') order by id$$,
  'values (10::bigint), (0::bigint)', 'a reversal takes the reversed lot before all others'
);

select tests.open_team('Busy');
select tests.grants('Busy', 100, 'payment');
select tests.holds('Busy', 60, 'busy');
select pg_temp.reverses('Busy', 'payment', 100, 'dispute');
select tests.has('Busy', 0, 60, 60, 'an open hold stays covered under a reversal');
select is(tests.settles('busy', 50), 50::bigint, 'so that its call can be settled');
select tests.has('Busy', -50, 0, 60, 'what the hold did not need stays a lot for the debt');
select tests.grants('Busy', 5, 'small');
select tests.has('Busy', -45, 0, 45, 'and pays it with the next grant');

select tests.open_team('Owing');
select tests.grants('Owing', 100, 'payment', 'subscription', private.clock() + interval '1 day'), tests.grants('Owing', 30, 'other');
select tests.holds('Owing', 110, 'owing');
select pg_temp.reverses('Owing', 'payment', 100, 'dispute');
select tests.settles('owing', 10);
select tests.has('Owing', 20, 0, 80, 'a call that cost less than it held leaves lots for the debt');
select tests.travel('2 days');
select is(private.expire_lots(tests.team('Owing')), 0::bigint, 'which do not lapse, or what was never spent would be owed');
select is((select next_expiry_at from private.wallets where account_id = tests.team('Owing')), null, 'nor does anybody wait for it');
select tests.grants('Owing', 1, 'next');
select tests.has('Owing', 21, 0, 0, 'but pay it first');
select is(private.expire_lots(tests.team('Owing')), 0::bigint, 'so that nothing of them is left to lapse');
select tests.grants('Owing', 5, 'small', 'bonus', private.clock());
select is(private.expire_lots(tests.team('Owing')), 5::bigint, 'and without a debt lots lapse again');

select tests.open_team('Late');
select tests.grants('Late', 100, 'payment', 'subscription', private.clock() + interval '1 day'), tests.grants('Late', 500, 'other');
select tests.spends('Late', 40, 'some');
select tests.travel('2 days');
select private.expire_lots(tests.team('Late'));
select tests.has('Late', 500, 0, 0, 'of 100 credits 40 are spent and 60 have lapsed');
select tests.throws($$select pg_temp.reverses('Late', 'payment', 41, 'dispute')$$, 409, 'conflict', 'what lapsed is not taken once more');
select isnt(pg_temp.reverses('Late', 'payment', 40, 'dispute'), null, 'but what was spent is');
select tests.has('Late', 460, 0, 0, 'from what else there is');
select tests.travel('-4 days');

select tests.throws(format($$select pg_temp.reverses('Burn', 'third', %s, 'odd')$$, amount), 422, 'invalid_input', 'no reversal of ' || amount)
from unnest(array['0', '-1', 'null', '-9223372036854775808']) as amount;
select tests.throws(
  $$select private.reverse_grant(tests.charge_of('spent'), 1, 'odd', 'x', 'x')$$, 404, 'not_found', 'a charge cannot be reversed'
);
select tests.throws($$select private.reverse_grant(null, 1, 'odd', 'x', 'x')$$, 404, 'not_found', 'nor nothing');

-- adjustments -----------------------------------------------------------------------------------

create function pg_temp.adjusts(amount bigint, fact text)
returns bigint
language sql
as $$
  select private.adjust_credits(tests.team('Adjust'), amount, fact, 'A mistake of ours', 'admin:test')
$$;
select tests.open_team('Adjust');
create temporary table adjustment as select pg_temp.adjusts(100, 'up') as up;
select is(
  (select source::text from private.lots where transaction_id = (select up from adjustment)), 'adjustment', 'credits added by hand are a lot'
);
select is(pg_temp.adjusts(100, 'up'), (select up from adjustment), 'once per fact');
select tests.holds('Adjust', 40, 'adjust');
select tests.throws($$select pg_temp.adjusts(-61, 'down')$$, 402, 'insufficient_credits', 'what is held cannot be taken');
select isnt(pg_temp.adjusts(-60, 'down'), null, 'what is free can');
select tests.has('Adjust', 40, 40, 0, 'taking leaves the held credits');
select is(
  pg_temp.adjusts(-60, 'down'),
  (select id from private.transactions where account_id = tests.team('Adjust') and fact = 'down'), 'taking happens once per fact as well'
);
select tests.throws($$select pg_temp.adjusts(-59, 'down')$$, 409, 'conflict', 'another amount is a conflict');
select tests.throws($$select pg_temp.adjusts(60, 'down')$$, 409, 'conflict', 'another direction too');
select tests.throws(format('select pg_temp.adjusts(%s, ''odd'')', amount), 422, 'invalid_input', 'no adjustment of ' || amount)
from unnest(array['0', 'null', '9007199254740992', '-9007199254740992', '-9223372036854775808']) as amount;
select tests.has('Adjust', 40, 40, 0, 'what was refused moved nothing');

-- the books -------------------------------------------------------------------------------------

select is_empty(
  $$
    select transaction_id from private.entries
    group by transaction_id having sum(amount_micros) <> 0 or count(*) <> 2
  $$,
  'the two sides of every transaction sum to zero'
);
select is_empty(
  $$
    select account_id
    from private.wallets
    left join private.transactions using (account_id)
    group by account_id
    having sum(transactions.amount_micros) is distinct from nullif(wallets.balance_micros, 0)
      and coalesce(sum(transactions.amount_micros), 0) <> wallets.balance_micros
      or count(transactions.id) <> wallets.transaction_count
      or coalesce(max(transactions.sequence), 0) <> wallets.transaction_count
  $$,
  'every balance is the sum of its transactions, numbered without a gap'
);
select is_empty(
  $$
    select id from (
      select *, sum(amount_micros) over (partition by account_id order by sequence) as running from private.transactions
    ) as chained where running <> balance_micros
  $$,
  'every transaction carries the balance after it'
);
select is_empty(
  $$
    select id from (
      select
        *,
        coalesce(lag(hash) over (partition by account_id order by sequence), '\x') as expected_previous,
        sha256(convert_to(concat_ws('|',
          encode(previous_hash, 'hex'), account_id, sequence, kind, book, amount_micros, balance_micros, fact
        ), 'UTF8')) as expected_hash
      from private.transactions
    ) as chained
    where previous_hash <> expected_previous or hash <> expected_hash
  $$,
  'every transaction is chained to the one before it'
);
select is_empty(
  $$
    select account_id from private.wallets
    where last_hash <> coalesce(
      (select hash from private.transactions where transactions.account_id = wallets.account_id order by sequence desc limit 1), '\x'
    )
  $$,
  'every wallet holds the end of its chain'
);
select is_empty(
  $$
    select id from private.lots
    where amount_micros - remaining_micros <> (
      select coalesce(sum(amount_micros), 0) from private.allocations where allocations.lot_id = lots.id
    )
  $$,
  'what is gone from a lot is what its allocations say'
);

-- Whether what was rolled up is what a full sum gives.
create function pg_temp.books_differ()
returns setof private.book
language sql
as $$
  select book
  from private.book_balances
  full join (
    select book::private.book, sum(amount_micros) as balance_micros from private.entries where book <> 'wallet' group by book
  ) as summed using (book)
  where coalesce(book_balances.balance_micros, 0) <> coalesce(summed.balance_micros, 0)
$$;

select private.roll_up_books();
select is_empty(
  'select book from private.book_balances where balance_micros <> 0', 'what is younger than ten minutes is not rolled up: it may not be final'
);
-- From here on transactions look an hour old; those before are from this very moment.
alter table private.transactions alter created_at set default now() - interval '1 hour';
select tests.open_team('Books');
select tests.grants('Books', 1000, 'payment'), tests.spends('Books', 300, 'books');
select private.refund_charge(tests.charge_of('books'), 100, 'refund', 'x', 'x');
select tests.grants('Books', 50, 'lapsing', 'bonus', private.clock());
select private.expire_lots(tests.team('Books'));
select private.roll_up_books();
select is_empty('select * from pg_temp.books_differ()', 'rolled up, our books equal the full sum');
select is((select count(*) from private.book_balances where balance_micros <> 0), 4::bigint, 'all four of them');
select tests.spends('Books', 77, 'books again'), pg_temp.reverses('Books', 'payment', 1000, 'dispute');
select isnt_empty('select * from pg_temp.books_differ()', 'what happens afterwards is not in them yet');
select private.roll_up_books(), private.roll_up_books();
select is_empty('select * from pg_temp.books_differ()', 'the next time it is added, once');

select * from finish();
rollback;
