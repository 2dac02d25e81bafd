-- billing watch: low balances are told once, notices are mailed until it works, silence of the
-- webhooks is noticed, and plans end by themselves.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada'), tests.create_user('Eve');

-- low balances ----------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select is(
  (select count(*) from api.set_alert_thresholds(tests.account_of('Ada'), '{400000000,100000000}')), 2::bigint,
  'an owner sets two thresholds'
);
select tests.throws(
  format('select api.set_alert_thresholds(%L, %L)', tests.account_of('Ada'), '{0}'), 422, 'invalid_input', 'none of nothing'
);
select tests.throws(
  format('select api.set_alert_thresholds(%L, %L)', tests.account_of('Eve'), '{5}'), 404, 'not_found', 'and none for a stranger'
);
select tests.sign_out();
select is(private.check_balances(), 0, 'while the balance is above, nobody is told');
select private.adjust_credits(tests.account_of('Ada'), -200000000, 'spend-1', 'Spent', 'tests');
select is(private.check_balances(), 1, 'below the first, they are');
select is(private.check_balances(), 0, 'once');
select private.grant_credits(tests.account_of('Ada'), 200000000, 'bonus', 'more', 'More', 'tests');
select private.check_balances();
select private.adjust_credits(tests.account_of('Ada'), -450000000, 'spend-2', 'Spent', 'tests');
select tests.travel('1 hour');
select is(private.check_balances(), 2, 'after it was above, again, and of each it fell below');
select is((select count(*) from private.notices where kind = 'low_balance'), 3::bigint, 'each time a notice');

-- notices ---------------------------------------------------------------------------------------

select tests.sign_in_as('Eve');
select is((select count(*) from api.notices), 0::bigint, 'a stranger reads no notice');
select is(api.read_notices((select array_agg(id) from private.notices)), 0, 'and marks none');
select tests.sign_in_as('Ada');
select is(api.read_notices((select array_agg(id) from api.notices)), 3, 'the owner does');
select tests.sign_in_as_service();
select is(jsonb_array_length(api.claim_notices()), 3, 'notices are claimed to be mailed');
select is(jsonb_array_length(api.claim_notices()), 0, 'by one worker at a time');
select tests.travel('2 minutes');
select is(api.claim_notices() #>> '{0,to,0}', 'ada@example.com', 'and again while it did not work');
select api.note_mailed((select array_agg(id) from api.notices));
select tests.travel('10 hours');
select is(jsonb_array_length(api.claim_notices()), 0, 'until it did');
select tests.sign_out();

-- silence ---------------------------------------------------------------------------------------

select private.check_silence();
select is((select count(*) from admin.alerts), 0::bigint, 'quiet times are no alarm');
insert into private.payments (id, account_id, currency, amount_minor, status, is_captured, paid_at)
values ('pay_silent', tests.account_of('Ada'), 'GBP', 500, 'captured', true, private.clock() - interval '1 hour');
select private.check_silence();
select is((select kind from admin.alerts), 'webhooks_silent', 'payments without webhooks are');
update private.webhook_events set received_at = private.clock();
insert into private.webhook_events (id, body, state, received_at) values ('evt_1', '{}', 'applied', private.clock());
select private.check_silence();
select is((select count(*) from admin.alerts), 0::bigint, 'until they come again');

-- strays ----------------------------------------------------------------------------------------

insert into private.payments (id, currency, amount_minor, status, is_captured, razorpay_order_id, paid_at) values
  ('pay_young', 'GBP', 500, 'captured', true, 'order_1', private.clock() - interval '59 minutes'),
  ('pay_open', 'GBP', 500, 'authorized', false, 'order_2', private.clock() - interval '2 days'),
  ('pay_stray', 'GBP', 500, 'captured', true, 'order_3', private.clock() - interval '61 minutes');
select private.check_strays();
select private.check_strays();
select results_eq(
  'select kind, detail from admin.alerts',
  $$values ('payment_without_owner', 'Payment pay_stray of GBP 5.00 was captured for an order we do not know (order_3). Find out whose it is, or refund it.')$$,
  'money that belongs to nothing we know is told of, once, after an hour'
);
update private.payments set refunded_minor = 500 where id = 'pay_stray';
select private.check_strays();
select is((select count(*) from admin.alerts), 0::bigint, 'until it is given back');
delete from private.payments where account_id is null;

-- the sweep's claim --------------------------------------------------------------------------------

insert into private.orders (id, account_id, price_id, request_key, currency, amount_minor, credits_micros, created_at)
select gen_random_uuid(), tests.account_of('Ada'), prices.id, 'request-' || days, 'GBP', 500, 1, private.clock() - make_interval(days => days)
from private.prices, unnest('{1,4,40}'::integer[]) as days
where prices.package_id = 'starter' and prices.currency = 'GBP';
select is(jsonb_array_length(private.claim_sweep() -> 'orders'), 3, 'the first sweep asks for every open order');
select private.end_sweep(extract(epoch from private.clock())::bigint);
select is(jsonb_array_length(private.claim_sweep() -> 'orders'), 2, 'later ones not for those of long before the last');
select is(
  (private.claim_sweep() ->> 'since')::bigint, extract(epoch from private.clock() - interval '1 day')::bigint,
  'and lists from a day before it'
);
select tests.travel('1 hour');
insert into private.orders (account_id, price_id, request_key, currency, amount_minor, credits_micros, created_at)
select account_id, price_id, 'request-new', currency, amount_minor, credits_micros, private.clock() from private.orders where request_key = 'request-1';
select isnt(request_key, 'request-new', 'an order that is new waits for those that were asked about long ago')
from private.orders where id = (select (private.claim_sweep(1) #>> '{orders,0,id}')::uuid);
select isnt(request_key, 'request-new', 'for all of them')
from private.orders where id = (select (private.claim_sweep(1) #>> '{orders,0,id}')::uuid);
select is(request_key, 'request-new', 'and is asked about then')
from private.orders where id = (select (private.claim_sweep(1) #>> '{orders,0,id}')::uuid);

select * from finish();
rollback;
