-- credits, codes: who may redeem which, how often, and the bonus that waits for a top-up.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Adam', 'Bill', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine'), ('team', 'Second'), ('team', 'Third');

insert into private.members (account_id, user_id, role)
select tests.team(team), tests.id_of(name), role::private.member_role
from (values ('Ada', 'owner'), ('Adam', 'admin'), ('Bill', 'billing'), ('Mia', 'member'), ('Vic', 'viewer')) as person (name, role)
cross join unnest(array['Engine', 'Second', 'Third']) as team;

insert into private.coupons (code, credits_micros, bonus_percent, lasts, max_redemptions, starts_at, ends_at, active)
values
  ('GIFT-100', 100, null, '30 days', null, private.clock(), null, true),
  ('FOR-TWO', 10, null, null, 2, private.clock(), null, true),
  ('BONUS-10', null, 10, '60 days', null, private.clock(), null, true),
  ('BONUS-THIRD', null, 33.3, null, null, private.clock(), null, true),
  ('TOMORROW', 10, null, null, null, private.clock() + interval '1 day', null, true),
  ('YESTERDAY', 10, null, null, null, private.clock() - interval '2 days', private.clock(), true),
  ('SWITCHED-OFF', 10, null, null, null, private.clock(), null, false);

-- Ids are read as the owner of the schema, before somebody signs in.
create temporary table ids as
select tests.team('Engine') as engine, tests.team('Second') as second, tests.team('Third') as third;
grant select on ids to public;

create function pg_temp.says(account uuid, code text)
returns text
language sql
as $$
  select case when said.allowed then 'allowed' else concat_ws(' ', said.status, said.reason, said.rule) end
  from api.redeem_code(account, code) as said
$$;

grant execute on function pg_temp.says to public;

-- redeeming -----------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select isnt((select transaction_id from ids, api.redeem_code(engine, 'GIFT-100')), null, 'an owner redeems a code');
select is(pg_temp.says(engine, 'GIFT-100'), '409 conflict once', 'once per account') from ids;
select tests.sign_in_as('Adam');
select is(pg_temp.says(engine, 'GIFT-100'), '409 conflict once', 'whoever of the account asks') from ids;
select isnt((select transaction_id from ids, api.redeem_code(second, ' gift-100 ')), null, 'another account may, in any spelling');
select tests.sign_in_as('Bill');
select isnt((select transaction_id from ids, api.redeem_code(third, 'GIFT-100')), null, 'who does the billing may redeem');
select tests.sign_in_as('Mia');
select tests.throws($$select api.redeem_code(engine, 'FOR-TWO') from ids$$, 404, 'not_found', 'a mere member may not');
select tests.sign_in_as('Vic');
select tests.throws($$select api.redeem_code(engine, 'FOR-TWO') from ids$$, 404, 'not_found', 'nor who only looks');
select tests.sign_in_as('Eve');
select tests.throws($$select api.redeem_code(engine, 'FOR-TWO') from ids$$, 404, 'not_found', 'for a stranger the account is not there');
select tests.throws($$select api.redeem_code(gen_random_uuid(), 'FOR-TWO')$$, 404, 'not_found', 'just as one that is not');
select tests.throws($$select api.redeem_code(null, 'FOR-TWO')$$, 404, 'not_found', 'or none');
select tests.sign_in_anonymously();
select tests.is_refused($$select api.redeem_code(gen_random_uuid(), 'FOR-TWO')$$, 'a visitor redeems nothing');
select tests.sign_in_as_service();
select tests.is_refused($$select api.redeem_code(gen_random_uuid(), 'FOR-TWO')$$, 'nor does the server, who is no member');

select tests.sign_out();
select results_eq(
  $$
    select lots.source::text, lots.amount_micros::bigint, lots.expires_at - private.clock(), transactions.fact::text, transactions.author::text
    from private.lots join private.transactions on transactions.id = lots.transaction_id
    where lots.account_id = (select engine from ids)
  $$,
  $$
    select 'bonus', 100::bigint, interval '30 days', 'coupon:' || (select id from private.coupons where code = 'GIFT-100'),
      'user:' || tests.id_of('Ada')
  $$,
  'its credits are a gift that lasts as long as the code says, and names who redeemed it'
);

select tests.sign_in_as('Ada');
select is(pg_temp.says(engine, code), '404 not_found code', 'no code: ' || coalesce(code, 'none'))
from ids, unnest(array['TOMORROW', 'YESTERDAY', 'SWITCHED-OFF', 'UNKNOWN', '', null, 'GIFT-100%']) as code;

select isnt((select transaction_id from ids, api.redeem_code(engine, 'FOR-TWO')), null, 'a code for two is redeemed once');
select isnt((select transaction_id from ids, api.redeem_code(second, 'FOR-TWO')), null, 'and twice');
select is(pg_temp.says(third, 'FOR-TWO'), '409 conflict used_up', 'but not a third time') from ids;
select tests.sign_out();
select is((select redemption_count from private.coupons where code = 'FOR-TWO'), 2, 'a refused redemption does not count');

select tests.travel('1 day');
select tests.sign_in_as('Ada');
select isnt((select transaction_id from ids, api.redeem_code(engine, 'TOMORROW')), null, 'a code begins when it is said to');

-- guessing ------------------------------------------------------------------------------------

-- Ada guessed seven times yesterday, and all of it is a day ago.
select is(pg_temp.says(engine, 'GUESS-' || nth), '404 not_found code', 'wrong code number ' || nth) from ids, generate_series(1, 9) as nth;
select tests.travel('1 hour');
select is(pg_temp.says(second, 'GUESS'), '404 not_found code', 'a person may try ten that do not exist, whatever the account') from ids;
create temporary table waiting as select * from ids, api.redeem_code(engine, 'LAST-GUESS');
select results_eq(
  'select allowed, status, reason, rule, resets_at, coupon_id from waiting',
  $$values (false, 429, 'rate_limited', 'wrong_codes', private.clock() + interval '23 hours', null::bigint)$$,
  'but no more, until the first of them is a day old'
);
select is(pg_temp.says(third, 'BONUS-10'), '429 rate_limited wrong_codes', 'not even a right one, or the refusal would tell') from ids;
select tests.sign_in_as('Adam');
select isnt((select transaction_id from ids, api.redeem_code(third, 'TOMORROW')), null, 'what one guessed keeps nobody else from it');
select pg_temp.says(engine, 'GUESS') from ids, generate_series(1, 9);
select tests.sign_in_as('Bill');
select is(pg_temp.says(engine, 'GUESS'), '404 not_found code', 'a third person guesses for the account') from ids;
select is(pg_temp.says(engine, 'GUESS'), '404 not_found code', 'and makes it twenty') from ids;
select is(
  pg_temp.says(engine, 'GUESS'), '429 rate_limited wrong_codes', 'an account whose people take turns is guessed for twenty times'
)
from ids;
select is(pg_temp.says(second, 'GUESS'), '404 not_found code', 'while for another they may go on') from ids;
select tests.sign_out();
insert into private.members (account_id, user_id, role) values (tests.team('Engine'), tests.id_of('Eve'), 'billing');
insert into private.coupons (code, credits_micros, starts_at) values ('RIGHT', 5, private.clock());
select tests.sign_in_as('Eve');
select is(pg_temp.says(engine, 'RIGHT'), 'allowed', 'whoever never guessed is let through all the same') from ids;
select tests.sign_out();
delete from private.members where user_id = tests.id_of('Eve') and account_id = tests.team('Engine');
select tests.travel('23 hours');
select tests.sign_in_as('Ada');
select is(pg_temp.says(second, 'RIGHT'), 'allowed', 'when it said so she may try again') from ids;
select tests.sign_out();
select tests.travel('1 day');
select tests.sign_in_as('Adam');
select is(pg_temp.says(engine, 'GUESS'), '404 not_found code', 'another day, another guess') from ids;
select tests.sign_out();
select is(
  (select count(*) from private.wrong_codes where account_id = tests.team('Engine')), 1::bigint, 'and those of the days before are forgotten'
);

-- bonus ---------------------------------------------------------------------------------------

select tests.sign_out();
create function pg_temp.tops_up(name text, amount bigint, fact text)
returns bigint
language sql
as $$
  select private.grant_top_up(tests.team(name), amount, fact, 'Starter package', 'razorpay')
$$;
create function pg_temp.bonus_of(top_up bigint)
returns bigint
language sql
as $$
  select amount_micros from private.transactions where refers_to = top_up and kind = 'grant'
$$;

-- Two codes are never redeemed at one moment, except in one transaction of a test.
alter table private.redemptions alter created_at set default clock_timestamp();

create temporary table top_ups as select pg_temp.tops_up('Engine', 1000, 'payment:1') as before_code;
select is((select pg_temp.bonus_of(before_code) from top_ups), null, 'a top-up without a code has no bonus');

select tests.sign_in_as('Ada');
select is((select transaction_id from ids, api.redeem_code(engine, 'BONUS-10')), null, 'a bonus waits for the next top-up');
select is((select redeem_code.transaction_id from ids, api.redeem_code(engine, 'BONUS-THIRD')), null, 'a second one behind it');
select isnt_empty('select * from api.redemptions where transaction_id is null', 'both can be seen waiting');
select tests.sign_out();

select is(pg_temp.tops_up('Engine', 1000, 'payment:1'), (select before_code from top_ups), 'an earlier top-up repeated is the same one');
select is((select pg_temp.bonus_of(before_code) from top_ups), null, 'and does not take the bonus of the next');

select pg_temp.tops_up('Engine', 1000, 'payment:2');
create temporary table topped as
select id from private.transactions where account_id = tests.team('Engine') and fact = 'payment:2';
select is((select pg_temp.bonus_of(id) from topped), 100::bigint, 'the next top-up brings its percentage');
select is(
  (select expires_at - private.clock() from private.lots join private.transactions on transactions.id = transaction_id where refers_to = (select id from topped)),
  interval '60 days', 'for as long as the code says'
);
select is(pg_temp.tops_up('Engine', 1000, 'payment:2'), (select id from topped), 'the top-up repeated is the same one');
select is((select count(*) from private.transactions where refers_to = (select id from topped)), 1::bigint, 'with the one bonus it had');
select tests.throws($$select pg_temp.tops_up('Engine', 1001, 'payment:2')$$, 409, 'conflict', 'with another amount it is a conflict');

select pg_temp.tops_up('Engine', 1000, 'payment:3');
select is(
  (select pg_temp.bonus_of(id) from private.transactions where account_id = tests.team('Engine') and fact = 'payment:3'),
  333::bigint, 'the second bonus comes with the one after, to the whole micro'
);
select is_empty('select * from private.redemptions where transaction_id is null and account_id = (select engine from ids)', 'then none waits');
select pg_temp.tops_up('Engine', 1000, 'payment:4');
select is(
  (select pg_temp.bonus_of(id) from private.transactions where account_id = tests.team('Engine') and fact = 'payment:4'),
  null, 'and a top-up is just a top-up again'
);
select tests.throws(format($$select pg_temp.tops_up('Engine', %s, 'odd')$$, amount), 422, 'invalid_input', 'no top-up of ' || amount)
from unnest(array['0', '-1', 'null', '9223372036854775807']) as amount;
select tests.throws(
  $$select private.grant_top_up(gen_random_uuid(), 1, 'x', 'x', 'x')$$, 404, 'not_found', 'nor into an account that is not there'
);

-- what the tables refuse ------------------------------------------------------------------------

select throws_ok(
  format('insert into private.coupons (code, credits_micros, bonus_percent, lasts, max_redemptions) values (%s)', coupon),
  '23514', null, 'no code ' || coupon
)
from unnest(array[
  $$'abc-lower', 1, null, null, null$$, $$'ABC', 1, null, null, null$$, $$'-ABCD', 1, null, null, null$$,
  $$repeat('A', 41), 1, null, null, null$$, $$'BOTH', 1, 10, null, null$$, $$'NONE', null, null, null, null$$,
  $$'ZERO', 0, null, null, null$$, $$'MINUS', -1, null, null, null$$, $$'HUGE', 9007199254740992, null, null, null$$,
  $$'NOTHING', null, 0, null, null$$, $$'BELOW', null, -1, null, null$$, $$'MUCH', null, 1001, null, null$$,
  $$'NAN-PERCENT', null, 'NaN', null, null$$, $$'SHORT', 1, null, '0', null$$, $$'BACK', 1, null, '-1 day', null$$,
  $$'NOBODY', 1, null, null, 0$$
]) as coupon;
select throws_ok($$insert into private.coupons (code, credits_micros) values ('GIFT-100', 1)$$, '23505', null, 'a code is given out once');
select throws_ok(
  $$update private.coupons set redemption_count = 3 where code = 'FOR-TWO'$$, '23514', null, 'nor is one redeemed more often than it may be'
);
select throws_ok('update private.coupons set redemption_count = -1', '23514', null, 'or less than never');
select throws_ok('delete from private.coupons', '23503', null, 'a code that was redeemed stays');
select throws_ok(
  'insert into private.redemptions (coupon_id, account_id, user_id) select coupon_id, account_id, user_id from private.redemptions limit 1',
  '23505', null, 'an account redeems a code once'
);

select * from finish();
rollback;
