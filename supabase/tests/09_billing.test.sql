-- billing: what is bought is granted once however often and in whatever order Razorpay says so, what
-- goes back takes its credits along, and nobody buys for an account that is not theirs.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada'), tests.create_user('Eve');

create function pg_temp.price(name text, currency text default 'GBP', period text default 'once')
returns bigint
language sql
as $$
  select id from private.prices
  where coalesce(package_id, plan_id) = price.name and prices.currency = price.currency
    and prices.period = price.period::private.price_period and retired_at is null
$$;

create function pg_temp.balance(name text)
returns numeric
language sql
as $$
  select balance_micros / 1000000.0 from private.wallets where account_id = tests.account_of(name)
$$;

create function pg_temp.entity(kind text, fields jsonb)
returns jsonb
language sql
as $$
  select jsonb_build_object(entity.kind, jsonb_build_object('entity', entity.fields))
$$;

create function pg_temp.payment(id text, fields jsonb default '{}')
returns jsonb
language sql
as $$
  select pg_temp.entity('payment', jsonb_build_object(
    'id', payment.id, 'entity', 'payment', 'amount', 500, 'currency', 'GBP', 'status', 'captured', 'captured', true,
    'order_id', 'order_1', 'invoice_id', null, 'amount_refunded', 0, 'notes', '[]'::jsonb, 'method', 'card',
    'created_at', extract(epoch from private.clock())::bigint
  ) || payment.fields)
$$;

create function pg_temp.hear(id text, event text, payload jsonb, at timestamptz default private.clock())
returns text
language sql
as $$
  select kept.state || ': ' || kept.outcome
  from private.receive_webhook(hear.id, jsonb_build_object(
    'entity', 'event', 'account_id', 'acc_test', 'event', hear.event, 'payload', hear.payload,
    'created_at', extract(epoch from hear.at)::bigint
  )::text) as kept
$$;

grant execute on function pg_temp.price, pg_temp.entity to public;

-- prices --------------------------------------------------------------------------------------

select is(count(*), 35::bigint, 'three packages and two plans, monthly and yearly, are sold in five currencies')
from private.prices;
select tests.throws(
  'update private.prices set amount_minor = 1000', 409, 'conflict', 'a price is not changed in place'
);
select tests.throws('delete from private.prices', 409, 'conflict', 'a price is not deleted');
select lives_ok(
  $$update private.prices set razorpay_plan_id = 'plan_' || id where plan_id is not null$$, 'a price is given its name at Razorpay once'
);
select tests.throws(
  $$update private.prices set razorpay_plan_id = 'plan_other' where razorpay_plan_id is not null$$, 409, 'conflict',
  'and keeps it'
);
select tests.sign_in_anonymously();
select is((select count(*) from api.prices), 35::bigint, 'a visitor sees what everything costs');
select tests.sign_out();

-- buying --------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select is(
  api.start_top_up(tests.account_of('Ada'), pg_temp.price('starter'), 'request-1') ->> 'amount_minor', '500',
  'an owner sets out to buy a package for what it costs'
);
select is(
  api.start_top_up(tests.account_of('Ada'), pg_temp.price('starter'), 'request-1') ->> 'order_id',
  api.start_top_up(tests.account_of('Ada'), pg_temp.price('starter'), 'request-1') ->> 'order_id',
  'the same request is the same order'
);
select tests.throws(
  format('select api.start_top_up(%L, %s, %L)', tests.account_of('Ada'), pg_temp.price('pro'), 'request-1'), 409, 'conflict',
  'the same request for something else is refused'
);
select tests.throws(
  format('select api.start_top_up(%L, %s, %L)', tests.account_of('Ada'), pg_temp.price('pro', 'GBP', 'month'), 'request-2'),
  404, 'not_found', 'a plan is no package'
);
select tests.throws(
  format('select api.start_top_up(%L, %s, %L)', tests.account_of('Ada'), pg_temp.price('pro'), 'x'), 422, 'invalid_input',
  'a request key is needed'
);
select tests.sign_in_as('Eve');
select tests.throws(
  format('select api.start_top_up(%L, %s, %L)', tests.account_of('Ada'), pg_temp.price('starter'), 'request-3'), 404, 'not_found',
  'a stranger buys nothing for somebody else'
);
select is((select count(*) from api.orders), 0::bigint, 'a stranger sees no order of somebody else');
select tests.sign_out();

select tests.sign_in_as_service();
select is(
  api.note_entities(
    pg_temp.entity('order', jsonb_build_object(
      'id', 'order_1', 'amount', 500, 'currency', 'GBP', 'status', 'created',
      'receipt', (select id from api.orders where account_id is not null)
    )), 1804680000
  ), 'kept, not known', 'the answer of Razorpay is noted'
);
select tests.sign_out();
select is(razorpay_order_id, 'order_1', 'an order is found by its receipt') from private.orders;

select is(
  pg_temp.hear('ev1', 'payment.failed', pg_temp.payment('pay_1', '{"status": "failed", "captured": false}')), 'applied: failed',
  'a failed payment grants nothing'
);
select is(pg_temp.balance('Ada'), 500.0, 'the balance is as it was');
select is(
  pg_temp.hear('ev2', 'payment.authorized', pg_temp.payment('pay_1', '{"status": "authorized", "captured": false}')),
  'applied: authorized', 'it may still be authorised late'
);
select is(pg_temp.hear('ev3', 'payment.captured', pg_temp.payment('pay_1')), 'applied: granted', 'a captured payment grants');
select is(pg_temp.balance('Ada'), 10500.0, 'what its package has');
select is(pg_temp.hear('ev3', 'payment.captured', pg_temp.payment('pay_1')), 'applied: granted', 'the same event is kept once');
select is(
  pg_temp.hear('ev4', 'order.paid', pg_temp.payment('pay_1') || pg_temp.entity('order', '{"id": "order_1", "amount": 500, "currency": "GBP", "status": "paid", "receipt": "x"}')),
  'applied: nothing new', 'another event of the same payment grants no more'
);
select is(
  pg_temp.hear('ev5', 'payment.failed', pg_temp.payment('pay_1', '{"status": "failed", "captured": false}')), 'applied: nothing new',
  'a late failure of it changes nothing'
);
select is(pg_temp.balance('Ada'), 10500.0, 'it was granted once');
select is(status, 'paid', 'its order is paid') from private.orders;
select is(
  pg_temp.hear('ev6', 'payment.captured', pg_temp.payment('pay_1', '{"amount": 50000}')), 'dead: PT409 conflict Payment pay_1 was GBP 5.00 before.',
  'a payment that changes its amount is left to an admin'
);
select is((select count(*) from admin.alerts), 1::bigint, 'who is told');
select is(
  pg_temp.hear('ev7', 'payment.captured', pg_temp.payment('pay_2', '{"amount": 100}')),
  'applied: captured, but: The order was for GBP 5.00.', 'a payment of another amount than the order''s grants nothing'
);
select is(pg_temp.hear('ev8', 'fund_account.odd', '{}'), 'applied: kept, not known', 'an unknown event is kept');
select is(pg_temp.hear('ev9', 'payment.captured', pg_temp.payment('pay_9', '{"order_id": "order_elsewhere"}')), 'applied: none of ours',
  'a payment for something else is kept, and grants nothing');
select is((select state || ': ' || outcome from private.receive_webhook('ev10', 'no json')), 'dead: 22P02 invalid input syntax for type json Token "no" is invalid.',
  'what is no event is kept as dead');
select is((select state::text from private.receive_webhook('ev11', '{"event": 1, "payload": []}')), 'dead', 'so is odd JSON');
update private.billing_settings set razorpay_account_id = 'acc_ours';
select is(pg_temp.hear('ev12', 'payment.captured', pg_temp.payment('pay_3')), 'dead: PT422 invalid_input The event is for acc_test.', 'an event for another account of Razorpay is dead');
update private.billing_settings set razorpay_account_id = null;
select is((select count(*) from private.invoices where status = 'paid'), 1::bigint, 'the payment has one invoice');
select is(private.number_invoices(), 1, 'which is numbered');
select is(number || ' ' || description || ' ' || tax_minor, '1 Starter package 83', 'from one, with the tax it contains') from private.invoices;

-- going back ------------------------------------------------------------------------------------

create function pg_temp.refund(id text, amount bigint, status text default 'processed', payment_id text default 'pay_1')
returns jsonb
language sql
as $$
  select pg_temp.entity('refund', jsonb_build_object(
    'id', refund.id, 'payment_id', refund.payment_id, 'amount', refund.amount, 'currency', 'GBP', 'status', refund.status,
    'notes', '[]'::jsonb, 'receipt', null, 'created_at', extract(epoch from private.clock())::bigint
  ))
$$;

select is(pg_temp.hear('re1', 'refund.created', pg_temp.refund('rfnd_1', 100, 'pending')), 'applied: nothing new', 'a refund that waits takes nothing yet');
select is(pg_temp.hear('re2', 'refund.processed', pg_temp.refund('rfnd_1', 100)), 'applied: reversed', 'a processed one takes its part');
select is(pg_temp.hear('re3', 'refund.processed', pg_temp.refund('rfnd_1', 100)), 'applied: nothing new', 'once');
select is(pg_temp.balance('Ada'), 8500.0, 'a fifth of the money, a fifth of the credits');
select is(
  pg_temp.hear('di1', 'payment.dispute.created', pg_temp.payment('pay_1') || pg_temp.entity('dispute',
    '{"id": "disp_1", "payment_id": "pay_1", "amount": 400, "amount_deducted": 0, "status": "open", "created_at": 1804680000}')),
  'applied: nothing new', 'an open dispute takes nothing'
);
select is(
  pg_temp.hear('di2', 'payment.dispute.lost', pg_temp.payment('pay_1') || pg_temp.entity('dispute',
    '{"id": "disp_1", "payment_id": "pay_1", "amount": 400, "amount_deducted": 400, "status": "lost", "created_at": 1804680000}')),
  'applied: reversed', 'a lost one takes the rest'
);
select is(pg_temp.balance('Ada'), 500.0, 'nothing is left of the payment');
select is(pg_temp.hear('re4', 'refund.processed', pg_temp.refund('rfnd_2', 300)), 'applied: reversed', 'a refund beyond it is noted');
select is(pg_temp.balance('Ada'), 500.0, 'and takes no more than was granted');

select is(
  pg_temp.hear('au1', 'refund.processed', pg_temp.payment('pay_auth', '{"status": "refunded", "captured": false, "amount_refunded": 500}')
    || pg_temp.refund('rfnd_auth', 500, 'processed', 'pay_auth')),
  'applied: refunded', 'an authorisation that goes back'
);
select is(pg_temp.balance('Ada'), 500.0, 'takes nothing');
select is(
  pg_temp.hear('early', 'refund.processed', pg_temp.refund('rfnd_early', 500, 'processed', 'pay_early')), 'applied: unknown payment',
  'a refund may come before its payment'
);
select is(pg_temp.hear('late', 'payment.captured', pg_temp.payment('pay_early')), 'applied: granted, reversed', 'which then grants and takes back');
select is(pg_temp.balance('Ada'), 500.0, 'so that nothing remains');

-- what lapsed is not taken once more
select is(pg_temp.hear('la1', 'payment.captured', pg_temp.payment('pay_lapse')), 'applied: granted', 'of a payment');
update private.lots set expires_at = private.clock() where transaction_id = (
  select id from private.transactions where account_id = tests.account_of('Ada') order by sequence desc limit 1
);
select private.adjust_credits(tests.account_of('Ada'), -400000000, 'use', 'Used', 'tests'), private.expire_lots(tests.account_of('Ada'));
select is(pg_temp.balance('Ada'), 500.0, '400 credits are used, and the rest lapses');
select is(pg_temp.hear('la2', 'refund.processed', pg_temp.refund('rfnd_lapse', 500, 'processed', 'pay_lapse')), 'applied: reversed', 'refunded');
select is(pg_temp.balance('Ada'), 100.0, 'it takes back what was used');
select private.adjust_credits(tests.account_of('Ada'), 400000000, 'give', 'Given', 'tests');

-- spent credits become a debt, and no more than the grant
select is(pg_temp.hear('de1', 'payment.captured', pg_temp.payment('pay_debt')), 'applied: granted', 'another payment');
select private.adjust_credits(tests.account_of('Ada'), -9000000000, 'spend', 'Spent', 'tests');
select is(pg_temp.hear('de2', 'refund.processed', pg_temp.refund('rfnd_debt', 500, 'processed', 'pay_debt')), 'applied: reversed', 'refunded after it was spent');
select is(debt_micros::bigint, 8500000000, 'leaves a debt') from private.wallets where account_id = tests.account_of('Ada');

-- asking for a refund
select tests.sign_in_as_service();
select tests.throws(
  $$select api.ask_refund('pay_1', null, 'Sorry', 'Me', 'ticket-1')$$, 409, 'conflict', 'nothing is left of it to refund'
);
select tests.throws(
  $$select api.ask_refund('pay_none', null, 'Sorry', 'Me', 'ticket-1')$$, 404, 'not_found', 'an unknown payment is not refunded'
);
select tests.sign_out();
select is(pg_temp.hear('as1', 'payment.captured', pg_temp.payment('pay_asked')), 'applied: granted', 'a payment');
select tests.sign_in_as_service();
select is(api.ask_refund('pay_asked', 200, 'Sorry', 'Me', 'ticket-2') ->> 'amount_minor', '200', 'a part is asked for');
select is(
  api.ask_refund('pay_asked', 200, 'Sorry', 'Me', 'ticket-2') ->> 'id', api.ask_refund('pay_asked', 200, 'Sorry', 'Me', 'ticket-2') ->> 'id',
  'once for a reference'
);
select tests.throws(
  $$select api.ask_refund('pay_asked', 400, 'Sorry', 'Me', 'ticket-3')$$, 409, 'conflict', 'more than is left is refused'
);
select tests.sign_out();

select * from finish();
rollback;
