-- credits: how they come, in which order they are spent, what is held, and how they lapse.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.price_by_token();

-- granting --------------------------------------------------------------------------------

select tests.open_team('Engine');
select tests.has('Engine', 0, 0, 0, 'a new wallet is empty');
create temporary table first as select tests.grants('Engine', 100, 'payment:1') as id;
select tests.has('Engine', 100, 0, 0, 'a grant is in the wallet and in a lot');
select results_eq(
  'select kind::text, book::text, amount_micros::bigint, balance_micros::bigint, fact::text, reason::text, author::text, sequence::bigint from private.transactions where id = (select id from first)',
  $$values ('grant', 'issuance', 100::bigint, 100::bigint, 'payment:1', 'For tests', 'tests', 1::bigint)$$,
  'its transaction says where it came from, why, by whom and what the balance is now'
);
select is(tests.grants('Engine', 100, 'payment:1'), (select id from first), 'the same fact again is the same transaction');
select tests.has('Engine', 100, 0, 0, 'and gives nothing more');
select tests.throws($$select tests.grants('Engine', 101, 'payment:1')$$, 409, 'conflict', 'the same fact with another amount is a conflict');
select tests.throws(
  $$select private.adjust_credits(tests.team('Engine'), 100, 'payment:1', 'x', 'x')$$, 409, 'conflict',
  'so is the same fact as another kind'
);
select tests.open_team('Other');
select isnt(tests.grants('Other', 100, 'payment:1'), (select id from first), 'a fact is one account''s: another may have the same');

select tests.throws(format($$select tests.grants('Engine', %s, 'odd')$$, amount), 422, 'invalid_input', 'no grant of ' || amount)
from unnest(array['0', '-1', 'null', '9007199254740992', '9223372036854775807', '-9223372036854775808']) as amount;
select tests.throws(
  $$select private.grant_credits(gen_random_uuid(), 1, 'top_up', 'x', 'x', 'x')$$, 404, 'not_found', 'nobody can be granted to who is not there'
);
select tests.throws(
  $$select private.grant_credits(null, 1, 'top_up', 'x', 'x', 'x')$$, 404, 'not_found', 'nor nobody at all'
);
select tests.has('Engine', 100, 0, 0, 'a refused grant leaves the wallet as it was');

-- burn order ----------------------------------------------------------------------------------

select tests.open_team('Burn');
select
  tests.grants('Burn', 10, 'old paid'),
  tests.grants('Burn', 10, 'gift', 'bonus'),
  tests.grants('Burn', 10, 'ten days', 'subscription', private.clock() + interval '10 days'),
  tests.grants('Burn', 10, 'ten days gift', 'welcome', private.clock() + interval '10 days'),
  tests.grants('Burn', 10, 'five days', 'top_up', private.clock() + interval '5 days'),
  tests.grants('Burn', 10, 'first of all', 'refund', null, 50::smallint),
  tests.grants('Burn', 10, 'new paid'),
  tests.grants('Burn', 10, 'last of all', 'bonus', private.clock() + interval '1 day', 200::smallint);
select tests.spends('Burn', 10, 'burn ' || nth) from generate_series(1, 8) as nth;
select is(
  (
    select string_agg(source.fact, ', ' order by charge.sequence)
    from private.allocations
    join private.transactions as charge on charge.id = allocations.transaction_id and charge.kind = 'charge'
    join private.lots on lots.id = allocations.lot_id
    join private.transactions as source on source.id = lots.transaction_id
    where lots.account_id = tests.team('Burn')
  ),
  'first of all, five days, ten days gift, ten days, gift, old paid, new paid, last of all',
  'lots burn by priority, then earliest expiry, then gifts before what was paid, then oldest'
);
select tests.has('Burn', 0, 0, 0, 'until nothing is left');

select tests.grants('Burn', 10, 'third'), tests.grants('Burn', 10, 'fourth');
select tests.spends('Burn', 15, 'across');
select results_eq(
  $$select allocations.amount_micros::bigint from private.allocations where transaction_id = tests.charge_of('across') order by lot_id$$,
  'values (10::bigint), (5::bigint)', 'a charge may take part of a lot, and says how much of each'
);

-- holds -------------------------------------------------------------------------------------

select tests.open_team('Hold');
select tests.grants('Hold', 100, 'grant');
select tests.holds('Hold', 60, 'a');
select tests.has('Hold', 100, 60, 0, 'a hold sets aside and spends nothing');
select throws_ok($$select tests.holds('Hold', 41, 'b')$$, '23514', null, 'more than is free cannot be held');
select throws_ok($$select tests.holds('Hold', -1, 'b')$$, '23514', null, 'a hold is not negative');
select throws_ok($$select tests.holds('Hold', 1, 'a')$$, '23505', null, 'a hold is placed once');
select tests.has('Hold', 100, 60, 0, 'what was refused held nothing');
select is(tests.ended('a'), null, 'a hold whose call runs has not ended');
select results_eq(
  $$select amount_micros::bigint, expires_at - created_at from private.holds where id = tests.hold_id('a')$$,
  $$values (60::bigint, interval '15 minutes')$$, 'it says how much, and for how long at most'
);

select is(tests.settles('a', 45), 45::bigint, 'a hold is settled with what the call cost');
select tests.has('Hold', 55, 0, 0, 'the rest is free again');
select is(tests.ended('a'), 'settled 45', 'the receipt is how it ended');
select results_eq(
  $$select count(*), sum(amount_micros)::bigint from private.holds where id = tests.hold_id('a')$$, 'values (1::bigint, 60::bigint)',
  'and what it was stays known, once'
);
select is(tests.settles('a', 50), 45::bigint, 'settled again, the first answer stands');
select is((tests.ends('a', 'failed', 0)).outcome::text, 'completed', 'nor can it be released afterwards');
select is((tests.ends('a', 'expired', null)).charged_micros::bigint, 45::bigint, 'nor expire');
select is(tests.ended('a'), 'settled 45', 'whatever comes later');
select is((select count(*) from private.usage_events where run_id = tests.hold_id('a')), 1::bigint, 'there is one receipt');
select tests.has('Hold', 55, 0, 0, 'and the wallet does not move');
select throws_ok(
  $$insert into private.usage_events select * from private.usage_events where run_id = tests.hold_id('a')$$, '23505', null,
  'a hold ends once, whoever writes'
);

select tests.holds('Hold', 20, 'c');
select is(tests.settles('c', 9007199254740991), 20::bigint, 'a charge never exceeds its hold');
select tests.holds('Hold', 20, 'd');
select is(tests.settles('d', -5), 0::bigint, 'a negative charge is none');
select is(tests.charge_of('d'), null, 'and makes no transaction');
select tests.holds('Hold', 20, 'e');
select is(tests.settles('e', null), 0::bigint, 'nor does an unknown one');
select tests.holds('Hold', 20, 'f');
select is((tests.ends('f', 'failed', 15)).charged_micros::bigint, 0::bigint, 'a released hold charges nothing');
select is(tests.ended('f'), 'released 0', 'and says that it was released');
select tests.holds('Hold', 20, 'g');
select is((tests.ends('g', 'expired', 15)).charged_micros::bigint, 0::bigint, 'nor does an expired one');
select is(tests.ended('g'), 'expired 0', 'which says that it has expired');
select tests.has('Hold', 35, 0, 0, 'only what was settled is gone');
select tests.throws(
  $$select tests.ends('never', 'completed', 1)$$, 404, 'not_found', 'a hold that is not there cannot end'
);
select tests.holds('Hold', 0, 'zero');
select is(tests.settles('zero', 10), 0::bigint, 'a call that can cost nothing costs nothing');

-- Below the functions that know calls: whoever asks for more than was held is refused, whatever it thinks.
create function pg_temp.settles_hold(held bigint, charge bigint)
returns bigint
language sql
as $$
  select private.settle_hold(private.require_wallet(tests.team('Hold')), held, charge, 'run:odd', 'x')
$$;
select tests.holds('Hold', 20, 'odd');
select tests.throws(format('select pg_temp.settles_hold(20, %s)', charge), 500, 'unbalanced', 'no settlement of 20 held with ' || charge)
from unnest(array['21', '-1', '9007199254740991', '9223372036854775807', '-9223372036854775808']) as charge;
select throws_ok('select pg_temp.settles_hold(20, null)', '23502', null, 'nor with nothing at all');
select throws_ok('select pg_temp.settles_hold(21, 0)', '23514', null, 'nor is more given back than is held');
select throws_ok('select pg_temp.settles_hold(21, 21)', '23514', null, 'nor settled');
select tests.has('Hold', 35, 20, 0, 'what was refused moved nothing');
select isnt(pg_temp.settles_hold(20, 20), null, 'all that was held can be charged');
select throws_ok('select pg_temp.settles_hold(0, 1)', 'PT500', null, 'nothing can be charged to no hold');
select tests.has('Hold', 15, 0, 0, 'to the last micro');
delete from private.runs where id = tests.hold_id('odd');
create function pg_temp.posts(to_account uuid, after_grant boolean)
returns void
language plpgsql
as $$
declare
  wallet private.wallets := private.require_wallet(tests.team('Hold'));
begin
  wallet.account_id := to_account;
  if after_grant then
    perform tests.grants('Hold', 1, 'meanwhile', 'bonus');
  end if;
  perform private.post(wallet, 'grant', 'issuance', 1, 'odd', 'x', 'x');
end
$$;
select tests.throws(
  $$select pg_temp.posts(gen_random_uuid(), false)$$, 500, 'unbalanced', 'nothing is booked to a wallet that is not there'
);
select throws_ok(
  $$select pg_temp.posts(tests.team('Hold'), true)$$, '23505', null, 'nor to one that has moved since it was read'
);
select tests.has('Hold', 15, 0, 0, 'and nothing is left of the attempt');

-- expiry ----------------------------------------------------------------------------------------

select tests.open_team('Lapse');
select
  tests.grants('Lapse', 100, 'short', 'subscription', private.clock() + interval '1 day'),
  tests.grants('Lapse', 50, 'long', 'top_up', private.clock() + interval '1 year');
select is(
  (select next_expiry_at - private.clock() from private.wallets where account_id = tests.team('Lapse')), interval '1 day',
  'a wallet knows when the next of its credits lapse'
);
select is(private.expire_lots(tests.team('Lapse')), 0::bigint, 'nothing lapses before its time');
select tests.holds('Lapse', 120, 'lapse');
select tests.travel('24 hours');
select is(private.expire_lots(tests.team('Lapse')), 30::bigint, 'at its time lapses what no open hold may need');
select tests.has('Lapse', 120, 120, 0, 'so that the hold stays covered');
select is(private.expire_lots(tests.team('Lapse')), 0::bigint, 'asked again, nothing more lapses under it');
select is(
  (select count(*) from private.expire_due_lots() as expired where expired > 0), 0::bigint,
  'and the scheduled work passes such a wallet by'
);
select tests.settles('lapse', 10);
select tests.has('Lapse', 110, 0, 0, 'a call that was running may still spend what has lapsed meanwhile');
select ok(private.expire_due_lots() >= 60, 'once the hold has ended the rest lapses by itself');
select tests.has('Lapse', 50, 0, 0, 'to the last micro, and no more than that');
select results_eq(
  $$
    select amount_micros::bigint, book::text, refers_to = (select transaction_id from private.lots where lots.account_id = transactions.account_id order by id limit 1)
    from private.transactions where account_id = tests.team('Lapse') and kind = 'expiry' order by sequence
  $$,
  $$values (-30::bigint, 'expiry', true), (-60::bigint, 'expiry', true)$$,
  'what lapsed went into its own book and names the grant it came from'
);
select is(
  (select next_expiry_at - private.clock() from private.wallets where account_id = tests.team('Lapse')),
  interval '365 days', 'the wallet looks forward to the next'
);
select tests.throws('select private.expire_lots(gen_random_uuid())', 404, 'not_found', 'nothing lapses where there is no wallet');

select private.expire_due_lots();
select tests.open_team('Batch ' || nth), tests.grants('Batch ' || nth, 7, 'grant', 'bonus', private.clock())
from generate_series(1, 3) as nth;
select is(private.expire_due_lots(2), 14::bigint, 'a batch takes as many accounts as it is told');
select is(private.expire_due_lots(2), 7::bigint, 'the next takes the rest');
select is(private.expire_due_lots(2), 0::bigint, 'then there is nothing left to do');

select * from finish();
rollback;
