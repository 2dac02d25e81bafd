-- billing mandates: a card is charged by itself only as its owner agreed, and only those who may pay
-- for an account buy, change or end anything; its other members look on.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada'), tests.create_user('Eve'), tests.create_user('Mel'), tests.create_user('Bill');
insert into private.members (account_id, user_id, role)
values (tests.account_of('Ada'), tests.id_of('Mel'), 'member'), (tests.account_of('Ada'), tests.id_of('Bill'), 'billing');

create function pg_temp.price(name text, currency text default 'GBP', period text default 'once')
returns bigint
language sql
as $$
  select id from private.prices
  where coalesce(package_id, plan_id) = price.name and prices.currency = price.currency
    and prices.period = price.period::private.price_period and retired_at is null
$$;
grant execute on function pg_temp.price to public;
update private.prices set razorpay_plan_id = 'plan_' || id where plan_id is not null;

create function pg_temp.hear(payload jsonb, at timestamptz default private.clock())
returns text
language sql
as $$
  select kept.state || ': ' || kept.outcome
  from private.receive_webhook(gen_random_uuid()::text, jsonb_build_object(
    'event', 'any', 'payload', hear.payload, 'created_at', extract(epoch from hear.at)::bigint
  )::text) as kept
$$;

create function pg_temp.paid(id text, token text)
returns jsonb
language sql
as $$
  select jsonb_build_object('payment', jsonb_build_object('entity', jsonb_build_object(
    'id', paid.id, 'amount', 500, 'currency', 'GBP', 'status', 'captured', 'captured', true, 'order_id', 'order_1', 'invoice_id', null,
    'token_id', paid.token, 'method', 'card', 'card', '{"network": "Visa", "last4": "4242"}'::jsonb,
    'created_at', extract(epoch from private.clock())::bigint
  )))
$$;

create function pg_temp.token(id text, fields jsonb)
returns jsonb
language sql
as $$
  select jsonb_build_object('token', jsonb_build_object('entity', jsonb_build_object('id', token.id, 'method', 'card') || token.fields))
$$;

-- agreeing ----------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select is(
  api.start_top_up(tests.account_of('Ada'), pg_temp.price('starter'), 'with-card', true) -> 'request' -> 'token',
  jsonb_build_object(
    'max_amount', 500, 'expire_at', extract(epoch from timestamptz '2032-03-10 12:00:00+00')::bigint, 'frequency', 'as_presented'
  ),
  'who keeps a card agrees to charges of at most this one, for five years'
);
select is(
  api.start_top_up(tests.account_of('Ada'), pg_temp.price('starter'), 'without-1') -> 'request' -> 'token', null, 'who does not, agrees to none'
);
select tests.throws(
  format('select api.start_top_up(%L, %s, %L)', tests.account_of('Ada'), pg_temp.price('starter'), 'with-card'), 409, 'conflict',
  'a request is with a card or without'
);
select tests.throws(
  format('select api.start_top_up(%L, %s, %L, true)', tests.account_of('Ada'), pg_temp.price('enterprise', 'INR'), 'rupees-1'), 409, 'conflict',
  'rupees that a card cannot be charged by itself are refused before the checkout'
);
select tests.throws(
  format('select api.set_auto_top_up(%L, true, 1000000, %L, %L, 100000)', tests.account_of('Ada'), 'starter', 'GBP'), 409, 'conflict',
  'without a card nothing tops up by itself'
);
select is(
  (select enabled from api.set_auto_top_up(tests.account_of('Ada'), false, 1000000, 'starter', 'GBP', 100000)), false, 'it can be prepared'
);
select tests.sign_out();

update private.orders set razorpay_order_id = 'order_1' where request_key = 'with-card';
select is(pg_temp.hear(pg_temp.token('token_1', '{"recurring": true}')), 'applied: none of ours', 'a token nobody agreed to is nobody''s');
select is(pg_temp.hear(pg_temp.paid('pay_1', 'token_1')), 'applied: granted', 'the purchase itself is a purchase');
select is(
  (select format('%s %s %s %s %s', account_id = tests.account_of('Ada'), status, max_minor, currency, label) from private.mandates),
  't confirmed 500 GBP Visa ···· 4242', 'and its token is the card''s'
);

select tests.sign_in_as('Bill');
select is(
  (select enabled from api.set_auto_top_up(tests.account_of('Ada'), true, 90000000000, 'starter', 'GBP', 100000)), true,
  'those who may pay switch it on, up to what was agreed'
);
select tests.throws(
  format('select api.set_auto_top_up(%L, true, 1000000, %L, %L, 100000)', tests.account_of('Ada'), package, currency), 409, 'conflict', 'not beyond'
)
from (values ('pro', 'GBP'), ('starter', 'USD')) as beyond (package, currency);
select tests.sign_out();

-- charging ----------------------------------------------------------------------------------

select is(count(*), 1::bigint, 'a live card below the threshold is due') from private.due_auto_top_ups;

create function pg_temp.is_due(change text)
returns boolean
language plpgsql
as $$
declare
  due boolean;
begin
  execute 'update private.mandates set ' || change;
  due := exists (select from private.due_auto_top_ups);
  update private.mandates set status = 'confirmed', max_minor = 500, currency = 'GBP', expires_at = '2032-03-10', removed_at = null;
  return due;
end
$$;

select is(pg_temp.is_due(change), false, 'not with ' || change)
from unnest(array[
  $$status = 'initiated'$$, $$status = 'paused'$$, $$status = 'rejected'$$, $$status = 'cancelled'$$, $$max_minor = 499$$,
  $$currency = 'USD'$$, $$expires_at = '2027-03-10 12:00:00+00'$$, $$removed_at = now()$$
]) as change;
select is(pg_temp.is_due('reason = null'), true, 'and again once that is over');

-- the token's word ----------------------------------------------------------------------------

select pg_temp.hear(pg_temp.token('token_1', '{"recurring": true, "max_amount": 450, "expired_at": 1900000000}'));
select is((select max_minor from private.mandates), 450::bigint, 'what the bank allows less, is less');
select pg_temp.hear(pg_temp.token('token_1', '{"recurring": true, "max_amount": 99900, "expired_at": 4000000000}'));
select is(
  (select format('%s %s', max_minor, extract(epoch from expires_at)::bigint) from private.mandates), '450 1900000000',
  'what it allows more, was not agreed to'
);
select pg_temp.hear(pg_temp.token('token_1', '{"recurring_details": {"status": "paused"}}'), private.clock() + interval '2 seconds');
select is((select status from private.mandates), 'paused', 'a pause counts');
select pg_temp.hear(pg_temp.token('token_1', '{"recurring": true}'), private.clock() + interval '1 second');
select is((select status from private.mandates), 'paused', 'what was said before it does not');
select private.note_entities(
  pg_temp.token('token_1', '{"recurring_details": {"status": "confirmed"}}'), extract(epoch from private.clock())::bigint, clock_timestamp()
);
select is((select status from private.mandates), 'confirmed', 'what Razorpay answers when it is asked does');
select pg_temp.hear(pg_temp.token('token_1', '{"recurring_details": {"status": "cancelled"}}'), private.clock() - interval '1 day');
select pg_temp.hear(pg_temp.token('token_1', '{"recurring": true}'), private.clock() + interval '1 day');
select is((select status from private.mandates), 'cancelled', 'an end is final');
select is((select count(*) from private.notices where kind = 'card_lost'), 2::bigint, 'its owner hears of each');

-- who may -------------------------------------------------------------------------------------

update private.mandates set status = 'confirmed';

create function pg_temp.acts()
returns setof text
language sql
security definer
as $$
  select format(act, tests.account_of('Ada'))
  from unnest(array[
    format('select api.start_top_up(%%L, %s, %L)', pg_temp.price('starter'), 'not-mine-1'),
    format('select api.start_subscription(%%L, %s, %L)', pg_temp.price('pro', 'GBP', 'month'), 'not-mine-2'),
    format('select api.start_plan_change(%%L, %s, %L)', pg_temp.price('team', 'GBP', 'month'), 'not-mine-3'),
    format('select api.preview_plan_change(%%L, %s)', pg_temp.price('team', 'GBP', 'month')),
    'select api.preview_cancel(%L)', $a$select api.start_subscription_act(%L, 'cancel_now')$a$,
    $a$select api.start_subscription_act(%L, 'pause')$a$, 'select api.start_card_removal(%L)',
    $a$select api.set_auto_top_up(%L, true, 1000000, 'starter', 'GBP', 100000)$a$, $a$select api.set_alert_thresholds(%L, '{1}')$a$,
    $a$select api.set_billing_details(%L, name => 'Mine')$a$
  ]) as act
$$;
grant execute on function pg_temp.acts to public;

select tests.sign_in_as('Eve');
select tests.throws(act, 404, 'not_found', 'a stranger cannot ' || act) from pg_temp.acts() as act;
select tests.throws(format('select api.billing_overview(%L)', tests.account_of('Ada')), 404, 'not_found', 'nor look');
select tests.throws('select api.billing_overview(null)', 404, 'not_found', 'nor at nothing');
select tests.sign_in_as('Mel');
select tests.throws(act, 404, 'not_found', 'a member who may not pay cannot ' || act) from pg_temp.acts() as act;
select is(
  (
    select format('%s %s %s %s', seen -> 'can_pay', seen #>> '{plan,name}', seen -> 'wallet' ->> 'available_micros' <> '0', seen -> 'payment_method')
    from api.billing_overview(tests.account_of('Ada')) as seen
  ),
  'false Free t null', 'they see the plan and the wallet, and no card'
);
select is(
  (select count(*) from api.invoices) + (select count(*) from api.payments) + (select count(*) from api.orders) + (select count(*) from api.notices),
  0::bigint, 'no invoice, payment, order or notice'
);
select is(api.read_notices(account_id => tests.account_of('Ada')), 0, 'and dismiss none');
select tests.sign_in_as('Bill');
select is(api.billing_overview(tests.account_of('Ada')) -> 'payment_method' ->> 'label', 'Visa ···· 4242', 'those who may pay see the card');
select cmp_ok(api.read_notices(account_id => tests.account_of('Ada')), '>', 1, 'and dismiss all notices at once');
select is(api.billing_overview(tests.account_of('Ada')) -> 'unread_notices', '0', 'then none is left');
select is(
  jsonb_array_length(api.start_card_removal(tests.account_of('Ada')) -> 'mandates'), 1, 'who removes the card, learns what Razorpay is to delete'
);
select is(api.billing_overview(tests.account_of('Ada')) -> 'payment_method', 'null', 'and it is gone from then on');
select is((select enabled from api.auto_top_ups), false, 'with what it paid for');
select tests.sign_out();
select is(
  (select mandate ->> 'is_removed' from jsonb_array_elements(private.claim_sweep() -> 'mandates') as mandate), 'true', 'the sweep makes sure of it'
);

select * from finish();
rollback;
