-- credits: how they come, in which order they are spent, how they lapse and how they are given
-- or taken back. Codes and rights have files of their own.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');

create function pg_temp.account(name text)
returns uuid
language sql
as $$
  select id from private.accounts where accounts.name = account.name and kind = 'team'
$$;

create function pg_temp.open_team(name text)
returns void
language sql
as $$
  insert into private.accounts (kind, name) values ('team', open_team.name)
$$;

create function pg_temp.grants(
  name text, amount bigint, fact text, source private.lot_source default 'top_up', expires timestamptz default null,
  priority smallint default 100
)
returns bigint
language sql
as $$
  select private.grant_credits(pg_temp.account(name), amount, source, fact, 'For tests', 'tests', expires, priority)
$$;

create function pg_temp.hold_id(word text)
returns uuid
language sql
as $$
  select md5(word)::uuid
$$;

-- A call costs a micro for every token of its answer, so that a test can say what it costs.
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd) values ('acme/unit', 'Unit', 1000, 1000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/unit', 1, 0, 0.001);

create function pg_temp.holds(name text, amount bigint, word text)
returns void
language sql
as $$
  -- What authorising does, without its rules.
  update private.wallets set held_micros = held_micros + amount where account_id = pg_temp.account(name);
  insert into private.runs (
    id, account_id, user_id, task, requested_model, model_ids, upstream_names, price_version_ids, shape, max_tokens, is_clamped, held_micros,
    month_start, lease_until, started_at
  )
  select
    pg_temp.hold_id(word), pg_temp.account(holds.name), gen_random_uuid(), 'completion', 'acme/unit', '{acme/unit}', '{acme/unit}', array[price_version_id],
    row(1, 1, 0, null, 1, 0)::private.request_shape, 1, false, amount, '-infinity', private.clock(), private.clock()
  from private.models where models.id = 'acme/unit'
$$;

create function pg_temp.ends(word text, outcome private.run_outcome, tokens numeric)
returns private.usage_events
language sql
as $$
  select private.finish_run(
    pg_temp.hold_id(word),
    row(outcome, null, null, null, null, row(1, tokens, 0, 0, 0, 0, 0, 0)::private.token_counts, null, null, null, null, null)::private.run_report
  )
$$;

create function pg_temp.settles(word text, charge bigint)
returns bigint
language sql
as $$
  select (pg_temp.ends(word, 'completed', charge)).charged_micros::bigint
$$;

create function pg_temp.ended(word text)
returns text
language sql
as $$
  select format('%s %s', outcome, charged_micros) from private.resolutions where hold_id = pg_temp.hold_id(word)
$$;

create function pg_temp.spends(name text, amount bigint, word text)
returns bigint
language sql
as $$
  select pg_temp.holds(name, amount, word);
  select pg_temp.settles(word, amount);
$$;

create function pg_temp.charge_of(word text)
returns bigint
language sql
as $$
  select transaction_id from private.resolutions where hold_id = pg_temp.hold_id(word)
$$;

-- What a wallet says: balance, held, debt; and what its lots say.
create function pg_temp.has(name text, balance bigint, held bigint, debt bigint, description text)
returns text
language sql
as $$
  select is(
    (
      select format('%s/%s/%s', balance_micros, held_micros, debt_micros)
        || case when balance_micros + debt_micros <> (
          select coalesce(sum(remaining_micros), 0) from private.lots where lots.account_id = wallets.account_id
        ) then ' but its lots have another sum' else '' end
      from private.wallets
      where account_id = pg_temp.account(name)
    ),
    format('%s/%s/%s', balance, held, debt), description
  )
$$;

-- granting --------------------------------------------------------------------------------

select pg_temp.open_team('Engine');
select pg_temp.has('Engine', 0, 0, 0, 'a new wallet is empty');
create temporary table first as select pg_temp.grants('Engine', 100, 'payment:1') as id;
select pg_temp.has('Engine', 100, 0, 0, 'a grant is in the wallet and in a lot');
select results_eq(
  'select kind::text, book::text, amount_micros::bigint, balance_micros::bigint, fact::text, reason::text, author::text, sequence::bigint from private.transactions where id = (select id from first)',
  $$values ('grant', 'issuance', 100::bigint, 100::bigint, 'payment:1', 'For tests', 'tests', 1::bigint)$$,
  'its transaction says where it came from, why, by whom and what the balance is now'
);
select is(pg_temp.grants('Engine', 100, 'payment:1'), (select id from first), 'the same fact again is the same transaction');
select pg_temp.has('Engine', 100, 0, 0, 'and gives nothing more');
select tests.throws($$select pg_temp.grants('Engine', 101, 'payment:1')$$, 409, 'conflict', 'the same fact with another amount is a conflict');
select tests.throws(
  $$select private.adjust_credits(pg_temp.account('Engine'), 100, 'payment:1', 'x', 'x')$$, 409, 'conflict',
  'so is the same fact as another kind'
);
select pg_temp.open_team('Other');
select isnt(pg_temp.grants('Other', 100, 'payment:1'), (select id from first), 'a fact is one account''s: another may have the same');

select tests.throws(format($$select pg_temp.grants('Engine', %s, 'odd')$$, amount), 422, 'invalid_input', 'no grant of ' || amount)
from unnest(array['0', '-1', 'null', '9007199254740992', '9223372036854775807', '-9223372036854775808']) as amount;
select tests.throws(
  $$select private.grant_credits(gen_random_uuid(), 1, 'top_up', 'x', 'x', 'x')$$, 404, 'not_found', 'nobody can be granted to who is not there'
);
select tests.throws(
  $$select private.grant_credits(null, 1, 'top_up', 'x', 'x', 'x')$$, 404, 'not_found', 'nor nobody at all'
);
select pg_temp.has('Engine', 100, 0, 0, 'a refused grant leaves the wallet as it was');

-- burn order ----------------------------------------------------------------------------------

select pg_temp.open_team('Burn');
select
  pg_temp.grants('Burn', 10, 'old paid'),
  pg_temp.grants('Burn', 10, 'gift', 'bonus'),
  pg_temp.grants('Burn', 10, 'ten days', 'subscription', private.clock() + interval '10 days'),
  pg_temp.grants('Burn', 10, 'ten days gift', 'welcome', private.clock() + interval '10 days'),
  pg_temp.grants('Burn', 10, 'five days', 'top_up', private.clock() + interval '5 days'),
  pg_temp.grants('Burn', 10, 'first of all', 'refund', null, 50::smallint),
  pg_temp.grants('Burn', 10, 'new paid'),
  pg_temp.grants('Burn', 10, 'last of all', 'bonus', private.clock() + interval '1 day', 200::smallint);
select pg_temp.spends('Burn', 10, 'burn ' || nth) from generate_series(1, 8) as nth;
select is(
  (
    select string_agg(source.fact, ', ' order by charge.sequence)
    from private.allocations
    join private.transactions as charge on charge.id = allocations.transaction_id and charge.kind = 'charge'
    join private.lots on lots.id = allocations.lot_id
    join private.transactions as source on source.id = lots.transaction_id
    where lots.account_id = pg_temp.account('Burn')
  ),
  'first of all, five days, ten days gift, ten days, gift, old paid, new paid, last of all',
  'lots burn by priority, then earliest expiry, then gifts before what was paid, then oldest'
);
select pg_temp.has('Burn', 0, 0, 0, 'until nothing is left');

select pg_temp.grants('Burn', 10, 'third'), pg_temp.grants('Burn', 10, 'fourth');
select pg_temp.spends('Burn', 15, 'across');
select results_eq(
  $$select allocations.amount_micros::bigint from private.allocations where transaction_id = pg_temp.charge_of('across') order by lot_id$$,
  'values (10::bigint), (5::bigint)', 'a charge may take part of a lot, and says how much of each'
);

-- holds -------------------------------------------------------------------------------------

select pg_temp.open_team('Hold');
select pg_temp.grants('Hold', 100, 'grant');
select pg_temp.holds('Hold', 60, 'a');
select pg_temp.has('Hold', 100, 60, 0, 'a hold sets aside and spends nothing');
select throws_ok($$select pg_temp.holds('Hold', 41, 'b')$$, '23514', null, 'more than is free cannot be held');
select throws_ok($$select pg_temp.holds('Hold', -1, 'b')$$, '23514', null, 'a hold is not negative');
select throws_ok($$select pg_temp.holds('Hold', 1, 'a')$$, '23505', null, 'a hold is placed once');
select pg_temp.has('Hold', 100, 60, 0, 'what was refused held nothing');
select is(pg_temp.ended('a'), null, 'a hold whose call runs has not ended');
select results_eq(
  $$select amount_micros::bigint, expires_at - created_at from private.holds where id = pg_temp.hold_id('a')$$,
  $$values (60::bigint, interval '15 minutes')$$, 'it says how much, and for how long at most'
);

select is(pg_temp.settles('a', 45), 45::bigint, 'a hold is settled with what the call cost');
select pg_temp.has('Hold', 55, 0, 0, 'the rest is free again');
select is(pg_temp.ended('a'), 'settled 45', 'the receipt is how it ended');
select results_eq(
  $$select count(*), sum(amount_micros)::bigint from private.holds where id = pg_temp.hold_id('a')$$, 'values (1::bigint, 60::bigint)',
  'and what it was stays known, once'
);
select is(pg_temp.settles('a', 50), 45::bigint, 'settled again, the first answer stands');
select is((pg_temp.ends('a', 'failed', 0)).outcome::text, 'completed', 'nor can it be released afterwards');
select is((pg_temp.ends('a', 'expired', null)).charged_micros::bigint, 45::bigint, 'nor expire');
select is(pg_temp.ended('a'), 'settled 45', 'whatever comes later');
select is((select count(*) from private.usage_events where run_id = pg_temp.hold_id('a')), 1::bigint, 'there is one receipt');
select pg_temp.has('Hold', 55, 0, 0, 'and the wallet does not move');
select throws_ok(
  $$insert into private.usage_events select * from private.usage_events where run_id = pg_temp.hold_id('a')$$, '23505', null,
  'a hold ends once, whoever writes'
);

select pg_temp.holds('Hold', 20, 'c');
select is(pg_temp.settles('c', 9007199254740991), 20::bigint, 'a charge never exceeds its hold');
select pg_temp.holds('Hold', 20, 'd');
select is(pg_temp.settles('d', -5), 0::bigint, 'a negative charge is none');
select is(pg_temp.charge_of('d'), null, 'and makes no transaction');
select pg_temp.holds('Hold', 20, 'e');
select is(pg_temp.settles('e', null), 0::bigint, 'nor does an unknown one');
select pg_temp.holds('Hold', 20, 'f');
select is((pg_temp.ends('f', 'failed', 15)).charged_micros::bigint, 0::bigint, 'a released hold charges nothing');
select is(pg_temp.ended('f'), 'released 0', 'and says that it was released');
select pg_temp.holds('Hold', 20, 'g');
select is((pg_temp.ends('g', 'expired', 15)).charged_micros::bigint, 0::bigint, 'nor does an expired one');
select is(pg_temp.ended('g'), 'expired 0', 'which says that it has expired');
select pg_temp.has('Hold', 35, 0, 0, 'only what was settled is gone');
select tests.throws(
  $$select pg_temp.ends('never', 'completed', 1)$$, 404, 'not_found', 'a hold that is not there cannot end'
);
select pg_temp.holds('Hold', 0, 'zero');
select is(pg_temp.settles('zero', 10), 0::bigint, 'a call that can cost nothing costs nothing');

-- Below the functions that know calls: whoever asks for more than was held is refused, whatever it thinks.
create function pg_temp.settles_hold(held bigint, charge bigint)
returns bigint
language sql
as $$
  select private.settle_hold(private.require_wallet(pg_temp.account('Hold')), held, charge, 'run:odd', 'x')
$$;
select pg_temp.holds('Hold', 20, 'odd');
select tests.throws(format('select pg_temp.settles_hold(20, %s)', charge), 500, 'unbalanced', 'no settlement of 20 held with ' || charge)
from unnest(array['21', '-1', '9007199254740991', '9223372036854775807', '-9223372036854775808']) as charge;
select throws_ok('select pg_temp.settles_hold(20, null)', '23502', null, 'nor with nothing at all');
select throws_ok('select pg_temp.settles_hold(21, 0)', '23514', null, 'nor is more given back than is held');
select throws_ok('select pg_temp.settles_hold(21, 21)', '23514', null, 'nor settled');
select pg_temp.has('Hold', 35, 20, 0, 'what was refused moved nothing');
select isnt(pg_temp.settles_hold(20, 20), null, 'all that was held can be charged');
select throws_ok('select pg_temp.settles_hold(0, 1)', 'PT500', null, 'nothing can be charged to no hold');
select pg_temp.has('Hold', 15, 0, 0, 'to the last micro');
delete from private.runs where id = pg_temp.hold_id('odd');
create function pg_temp.posts(to_account uuid, after_grant boolean)
returns void
language plpgsql
as $$
declare
  wallet private.wallets := private.require_wallet(pg_temp.account('Hold'));
begin
  wallet.account_id := to_account;
  if after_grant then
    perform pg_temp.grants('Hold', 1, 'meanwhile', 'bonus');
  end if;
  perform private.post(wallet, 'grant', 'issuance', 1, 'odd', 'x', 'x');
end
$$;
select tests.throws(
  $$select pg_temp.posts(gen_random_uuid(), false)$$, 500, 'unbalanced', 'nothing is booked to a wallet that is not there'
);
select throws_ok(
  $$select pg_temp.posts(pg_temp.account('Hold'), true)$$, '23505', null, 'nor to one that has moved since it was read'
);
select pg_temp.has('Hold', 15, 0, 0, 'and nothing is left of the attempt');

-- expiry ----------------------------------------------------------------------------------------

select pg_temp.open_team('Lapse');
select
  pg_temp.grants('Lapse', 100, 'short', 'subscription', private.clock() + interval '1 day'),
  pg_temp.grants('Lapse', 50, 'long', 'top_up', private.clock() + interval '1 year');
select is(
  (select next_expiry_at - private.clock() from private.wallets where account_id = pg_temp.account('Lapse')), interval '1 day',
  'a wallet knows when the next of its credits lapse'
);
select is(private.expire_lots(pg_temp.account('Lapse')), 0::bigint, 'nothing lapses before its time');
select pg_temp.holds('Lapse', 120, 'lapse');
select tests.travel('24 hours');
select is(private.expire_lots(pg_temp.account('Lapse')), 30::bigint, 'at its time lapses what no open hold may need');
select pg_temp.has('Lapse', 120, 120, 0, 'so that the hold stays covered');
select is(private.expire_lots(pg_temp.account('Lapse')), 0::bigint, 'asked again, nothing more lapses under it');
select is(
  (select count(*) from private.expire_due_lots() as expired where expired > 0), 0::bigint,
  'and the scheduled work passes such a wallet by'
);
select pg_temp.settles('lapse', 10);
select pg_temp.has('Lapse', 110, 0, 0, 'a call that was running may still spend what has lapsed meanwhile');
select ok(private.expire_due_lots() >= 60, 'once the hold has ended the rest lapses by itself');
select pg_temp.has('Lapse', 50, 0, 0, 'to the last micro, and no more than that');
select results_eq(
  $$
    select amount_micros::bigint, book::text, refers_to = (select transaction_id from private.lots where lots.account_id = transactions.account_id order by id limit 1)
    from private.transactions where account_id = pg_temp.account('Lapse') and kind = 'expiry' order by sequence
  $$,
  $$values (-30::bigint, 'expiry', true), (-60::bigint, 'expiry', true)$$,
  'what lapsed went into its own book and names the grant it came from'
);
select is(
  (select next_expiry_at - private.clock() from private.wallets where account_id = pg_temp.account('Lapse')),
  interval '365 days', 'the wallet looks forward to the next'
);
select tests.throws('select private.expire_lots(gen_random_uuid())', 404, 'not_found', 'nothing lapses where there is no wallet');

select private.expire_due_lots();
select pg_temp.open_team('Batch ' || nth), pg_temp.grants('Batch ' || nth, 7, 'grant', 'bonus', private.clock())
from generate_series(1, 3) as nth;
select is(private.expire_due_lots(2), 14::bigint, 'a batch takes as many accounts as it is told');
select is(private.expire_due_lots(2), 7::bigint, 'the next takes the rest');
select is(private.expire_due_lots(2), 0::bigint, 'then there is nothing left to do');

-- refunds ---------------------------------------------------------------------------------------

select pg_temp.open_team('Refund');
select
  pg_temp.grants('Refund', 40, 'short', 'subscription', private.clock() + interval '2 days'),
  pg_temp.grants('Refund', 40, 'long', 'subscription', private.clock() + interval '90 days'),
  pg_temp.grants('Refund', 40, 'for ever');
select pg_temp.spends('Refund', 30, 'short'), pg_temp.spends('Refund', 30, 'long'), pg_temp.spends('Refund', 30, 'ever');

create function pg_temp.refunds(word text, amount bigint, fact text)
returns bigint
language sql
as $$
  select private.refund_charge(pg_temp.charge_of(word), amount, fact, 'A bad answer', 'admin:test')
$$;
create temporary table refund as select pg_temp.refunds('short', 20, 'refund:1') as id;
select results_eq(
  'select kind::text, book::text, amount_micros::bigint, refers_to, author::text from private.transactions where id = (select id from refund)',
  $$select 'refund', 'refunds', 20::bigint, pg_temp.charge_of('short'), 'admin:test'$$,
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
  where transactions.account_id = pg_temp.account('Refund') and transactions.fact = lot_of.fact
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
select pg_temp.has('Refund', 62, 0, 0, 'what was refunded is there, nothing else');

-- reversals and debt ------------------------------------------------------------------------------

create function pg_temp.reverses(name text, grant_fact text, amount bigint, fact text)
returns bigint
language sql
as $$
  select private.reverse_grant(
    (select id from private.transactions where account_id = pg_temp.account(name) and transactions.fact = grant_fact),
    amount, fact, 'The payment was disputed', 'razorpay'
  )
$$;

select pg_temp.open_team('Debt');
select pg_temp.grants('Debt', 30, 'other'), pg_temp.grants('Debt', 100, 'payment');
select pg_temp.spends('Debt', 110, 'spent');
select pg_temp.has('Debt', 20, 0, 0, 'of 130 credits 110 are spent');
create temporary table reversal as select pg_temp.reverses('Debt', 'payment', 70, 'dispute:1') as id;
select pg_temp.has('Debt', -50, 0, 50, 'a reversal takes what is left, and what is spent becomes a debt');
select is(pg_temp.reverses('Debt', 'payment', 70, 'dispute:1'), (select id from reversal), 'repeated, it is the same reversal');
select tests.throws($$select pg_temp.reverses('Debt', 'payment', 71, 'dispute:1')$$, 409, 'conflict', 'with another amount a conflict');
select tests.throws($$select pg_temp.reverses('Debt', 'payment', 31, 'dispute:2')$$, 409, 'conflict', 'no grant is reversed beyond what it was');
select isnt(pg_temp.reverses('Debt', 'payment', 30, 'dispute:2'), null, 'but to the last micro');
select pg_temp.has('Debt', -80, 0, 80, 'the debt is bounded by the grant');
select tests.throws($$select pg_temp.reverses('Debt', 'payment', 1, 'dispute:3')$$, 409, 'conflict', 'and then no more');
select throws_ok($$select pg_temp.holds('Debt', 1, 'broke')$$, '23514', null, 'an account in debt can hold nothing');
select tests.throws(
  $$select private.adjust_credits(pg_temp.account('Debt'), -1, 'take', 'x', 'x')$$, 402, 'insufficient_credits', 'nor have anything taken'
);
select pg_temp.grants('Debt', 50, 'payment:2');
select pg_temp.has('Debt', -30, 0, 30, 'the next grant pays the debt first');
select pg_temp.grants('Debt', 50, 'payment:3');
select pg_temp.has('Debt', 20, 0, 0, 'and what is left of it is free');
select is(
  (
    select sum(allocations.amount_micros)
    from private.allocations
    join private.transactions on transactions.id = allocations.transaction_id
    where transactions.account_id = pg_temp.account('Debt') and transactions.kind = 'grant'
  ),
  80::numeric, 'the allocations show which grants paid it'
);

select pg_temp.open_team('Own lot');
select pg_temp.grants('Own lot', 10, 'sooner', 'bonus', private.clock() + interval '1 day'), pg_temp.grants('Own lot', 10, 'payment');
select pg_temp.reverses('Own lot', 'payment', 10, 'dispute');
select results_eq(
  $$select remaining_micros::bigint from private.lots where account_id = pg_temp.account('Own lot') order by id$$,
  'values (10::bigint), (0::bigint)', 'a reversal takes the reversed lot before all others'
);

select pg_temp.open_team('Busy');
select pg_temp.grants('Busy', 100, 'payment');
select pg_temp.holds('Busy', 60, 'busy');
select pg_temp.reverses('Busy', 'payment', 100, 'dispute');
select pg_temp.has('Busy', 0, 60, 60, 'an open hold stays covered under a reversal');
select is(pg_temp.settles('busy', 50), 50::bigint, 'so that its call can be settled');
select pg_temp.has('Busy', -50, 0, 60, 'what the hold did not need stays a lot for the debt');
select pg_temp.grants('Busy', 5, 'small');
select pg_temp.has('Busy', -45, 0, 45, 'and pays it with the next grant');

select pg_temp.open_team('Owing');
select pg_temp.grants('Owing', 100, 'payment', 'subscription', private.clock() + interval '1 day'), pg_temp.grants('Owing', 30, 'other');
select pg_temp.holds('Owing', 110, 'owing');
select pg_temp.reverses('Owing', 'payment', 100, 'dispute');
select pg_temp.settles('owing', 10);
select pg_temp.has('Owing', 20, 0, 80, 'a call that cost less than it held leaves lots for the debt');
select tests.travel('2 days');
select is(private.expire_lots(pg_temp.account('Owing')), 0::bigint, 'which do not lapse, or what was never spent would be owed');
select is((select next_expiry_at from private.wallets where account_id = pg_temp.account('Owing')), null, 'nor does anybody wait for it');
select pg_temp.grants('Owing', 1, 'next');
select pg_temp.has('Owing', 21, 0, 0, 'but pay it first');
select is(private.expire_lots(pg_temp.account('Owing')), 0::bigint, 'so that nothing of them is left to lapse');
select pg_temp.grants('Owing', 5, 'small', 'bonus', private.clock());
select is(private.expire_lots(pg_temp.account('Owing')), 5::bigint, 'and without a debt lots lapse again');

select pg_temp.open_team('Late');
select pg_temp.grants('Late', 100, 'payment', 'subscription', private.clock() + interval '1 day'), pg_temp.grants('Late', 500, 'other');
select pg_temp.spends('Late', 40, 'some');
select tests.travel('2 days');
select private.expire_lots(pg_temp.account('Late'));
select pg_temp.has('Late', 500, 0, 0, 'of 100 credits 40 are spent and 60 have lapsed');
select tests.throws($$select pg_temp.reverses('Late', 'payment', 41, 'dispute')$$, 409, 'conflict', 'what lapsed is not taken once more');
select isnt(pg_temp.reverses('Late', 'payment', 40, 'dispute'), null, 'but what was spent is');
select pg_temp.has('Late', 460, 0, 0, 'from what else there is');
select tests.travel('-4 days');

select tests.throws(format($$select pg_temp.reverses('Burn', 'third', %s, 'odd')$$, amount), 422, 'invalid_input', 'no reversal of ' || amount)
from unnest(array['0', '-1', 'null', '-9223372036854775808']) as amount;
select tests.throws(
  $$select private.reverse_grant(pg_temp.charge_of('spent'), 1, 'odd', 'x', 'x')$$, 404, 'not_found', 'a charge cannot be reversed'
);
select tests.throws($$select private.reverse_grant(null, 1, 'odd', 'x', 'x')$$, 404, 'not_found', 'nor nothing');

-- adjustments -----------------------------------------------------------------------------------

create function pg_temp.adjusts(amount bigint, fact text)
returns bigint
language sql
as $$
  select private.adjust_credits(pg_temp.account('Adjust'), amount, fact, 'A mistake of ours', 'admin:test')
$$;
select pg_temp.open_team('Adjust');
create temporary table adjustment as select pg_temp.adjusts(100, 'up') as up;
select is(
  (select source::text from private.lots where transaction_id = (select up from adjustment)), 'adjustment', 'credits added by hand are a lot'
);
select is(pg_temp.adjusts(100, 'up'), (select up from adjustment), 'once per fact');
select pg_temp.holds('Adjust', 40, 'adjust');
select tests.throws($$select pg_temp.adjusts(-61, 'down')$$, 402, 'insufficient_credits', 'what is held cannot be taken');
select isnt(pg_temp.adjusts(-60, 'down'), null, 'what is free can');
select pg_temp.has('Adjust', 40, 40, 0, 'taking leaves the held credits');
select is(
  pg_temp.adjusts(-60, 'down'),
  (select id from private.transactions where account_id = pg_temp.account('Adjust') and fact = 'down'), 'taking happens once per fact as well'
);
select tests.throws($$select pg_temp.adjusts(-59, 'down')$$, 409, 'conflict', 'another amount is a conflict');
select tests.throws($$select pg_temp.adjusts(60, 'down')$$, 409, 'conflict', 'another direction too');
select tests.throws(format('select pg_temp.adjusts(%s, ''odd'')', amount), 422, 'invalid_input', 'no adjustment of ' || amount)
from unnest(array['0', 'null', '9007199254740992', '-9007199254740992', '-9223372036854775808']) as amount;
select pg_temp.has('Adjust', 40, 40, 0, 'what was refused moved nothing');

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
select pg_temp.open_team('Books');
select pg_temp.grants('Books', 1000, 'payment'), pg_temp.spends('Books', 300, 'books');
select private.refund_charge(pg_temp.charge_of('books'), 100, 'refund', 'x', 'x');
select pg_temp.grants('Books', 50, 'lapsing', 'bonus', private.clock());
select private.expire_lots(pg_temp.account('Books'));
select private.roll_up_books();
select is_empty('select * from pg_temp.books_differ()', 'rolled up, our books equal the full sum');
select is((select count(*) from private.book_balances where balance_micros <> 0), 4::bigint, 'all four of them');
select pg_temp.spends('Books', 77, 'books again'), pg_temp.reverses('Books', 'payment', 1000, 'dispute');
select isnt_empty('select * from pg_temp.books_differ()', 'what happens afterwards is not in them yet');
select private.roll_up_books(), private.roll_up_books();
select is_empty('select * from pg_temp.books_differ()', 'the next time it is added, once');

select * from finish();
rollback;
