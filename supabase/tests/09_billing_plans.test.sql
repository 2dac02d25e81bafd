-- billing: subscriptions give their plan for what was paid and a grace, whatever the order in which
-- Razorpay tells of it; changes, trials, cancelling and failed renewals.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada'), tests.create_user('Ben'), tests.create_user('Cy');
update private.prices set razorpay_plan_id = concat_ws('_', 'plan', plan_id, currency, period) where plan_id is not null;

create function pg_temp.price(name text, currency text default 'USD', period text default 'month')
returns bigint
language sql
as $$
  select id from private.prices
  where coalesce(package_id, plan_id) = price.name and prices.currency = price.currency
    and prices.period = price.period::private.price_period and retired_at is null
$$;

create function pg_temp.epoch(moment timestamptz)
returns bigint
language sql
as $$
  select extract(epoch from moment)::bigint
$$;

create function pg_temp.subscription(id text, status text, cycle integer default 1, fields jsonb default '{}', since timestamptz default '2027-03-10 12:00:00+00')
returns jsonb
language sql
as $$
  select jsonb_build_object('subscription', jsonb_build_object('entity', jsonb_build_object(
    'id', subscription.id, 'plan_id', 'plan_pro_USD_month', 'status', subscription.status, 'paid_count', cycle, 'notes', '[]'::jsonb,
    'current_start', pg_temp.epoch(since + make_interval(months => cycle - 1)), 'current_end', pg_temp.epoch(since + make_interval(months => cycle)),
    'charge_at', pg_temp.epoch(since + make_interval(months => cycle)), 'ended_at', null, 'short_url', 'https://rzp.io/i/x'
  ) || subscription.fields))
$$;

create function pg_temp.payment(id text, amount bigint default 1500, fields jsonb default '{}')
returns jsonb
language sql
as $$
  select jsonb_build_object('payment', jsonb_build_object('entity', jsonb_build_object(
    'id', payment.id, 'amount', payment.amount, 'currency', 'USD', 'status', 'captured', 'captured', '1', 'order_id', 'order_' || payment.id,
    'invoice_id', 'inv_' || payment.id, 'method', 'card', 'international', true, 'notes', '[]'::jsonb, 'amount_refunded', 0,
    'card', '{"last4": "4242", "network": "Visa"}'::jsonb, 'created_at', pg_temp.epoch(private.clock())
  ) || payment.fields))
$$;

create function pg_temp.hear(payload jsonb, at timestamptz default private.clock())
returns text
language sql
as $$
  select kept.state || ': ' || kept.outcome
  from private.receive_webhook(gen_random_uuid()::text, jsonb_build_object(
    'event', 'test', 'payload', payload, 'created_at', pg_temp.epoch(hear.at)
  )::text) as kept
$$;

create function pg_temp.subscribe(name text, price_id bigint, razorpay_id text)
returns uuid
language plpgsql
as $$
declare
  new_id uuid;
begin
  perform tests.sign_in_as(name);
  new_id := api.start_subscription(tests.account_of(name), price_id, 'request-' || razorpay_id) ->> 'subscription_id';
  perform tests.sign_out();
  perform private.note_entities(jsonb_build_object('subscription', jsonb_build_object('entity', jsonb_build_object(
    'id', razorpay_id, 'status', 'created', 'paid_count', 0, 'notes', jsonb_build_object('oneai_subscription', new_id)
  ))), pg_temp.epoch(private.clock()) - 1);
  return new_id;
end
$$;

create function pg_temp.plan_of(name text)
returns text
language sql
as $$
  select plan_id from private.account_plans where account_id = tests.account_of(name)
$$;

create function pg_temp.balance(name text)
returns bigint
language sql
as $$
  select balance_micros / 1000000 from private.wallets where account_id = tests.account_of(name)
$$;

grant execute on function pg_temp.price, pg_temp.epoch to public;

-- a first payment, in any order ---------------------------------------------------------------

select isnt(pg_temp.subscribe('Ada', pg_temp.price('pro'), 'sub_1'), null, 'somebody sets out to subscribe');
select is(pg_temp.plan_of('Ada'), 'free', 'which gives nothing yet');
select is(pg_temp.hear(pg_temp.payment('pay_1')), 'applied: none of ours', 'a payment may come before anybody knows what it is for');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'active', 1) || pg_temp.payment('pay_1')), 'applied: subscription active; granted', 'the charge says so');
select is(pg_temp.plan_of('Ada'), 'pro', 'the plan begins');
select is(pg_temp.balance('Ada'), 20500::bigint, 'with its credits');
select is(cycle_anchor, '2027-03-10 12:00:00+00'::timestamptz, 'and its months count from then')
from private.account_plans where account_id = tests.account_of('Ada');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'authenticated', 0), private.clock() - interval '1 minute'), 'applied: subscription active', 'an older state changes nothing');
select is(
  pg_temp.hear(jsonb_build_object('invoice', jsonb_build_object('entity', jsonb_build_object(
    'id', 'inv_pay_1', 'subscription_id', 'sub_1', 'payment_id', 'pay_1', 'amount', 1500, 'currency', 'USD', 'status', 'paid',
    'billing_start', pg_temp.epoch('2027-03-10 12:00:00+00'), 'billing_end', pg_temp.epoch('2027-04-10 12:00:00+00'), 'notes', '[]'::jsonb
  ))) || pg_temp.payment('pay_1')), 'applied: nothing new', 'its invoice adds nothing'
);
select is(count(*), 1::bigint, 'and is one with the payment''s') from private.invoices where account_id = tests.account_of('Ada');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'active', 1) || pg_temp.payment('pay_1b')),
  'applied: subscription active; captured, but: This period was paid for by another payment.', 'a second payment for a period grants nothing');
select is((select count(*) from admin.alerts where kind = 'payment_without_purpose'), 1::bigint, 'and an admin is told');

-- renewal, failure, grace, halt -----------------------------------------------------------------

select tests.travel_to('2027-04-10 12:10:00+00');
select is(
  pg_temp.hear(jsonb_build_object('invoice', jsonb_build_object('entity', jsonb_build_object(
    'id', 'inv_pay_2', 'subscription_id', 'sub_1', 'payment_id', 'pay_2', 'amount', 1500, 'currency', 'USD', 'status', 'paid',
    'billing_start', pg_temp.epoch('2027-04-10 12:00:00+00'), 'billing_end', pg_temp.epoch('2027-05-10 12:00:00+00')
  ))) || pg_temp.payment('pay_2')), 'applied: granted', 'an invoice alone renews as well'
);
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'active', 2) || pg_temp.payment('pay_2')), 'applied: subscription active; nothing new', 'once');
select is(private.expire_lots(tests.account_of('Ada')) / 1000000, 20500::bigint, 'the credits of the month before lapse');

select tests.travel_to('2027-05-10 12:10:00+00');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'pending', 3, '{"paid_count": 2, "auth_attempts": 1}')), 'applied: subscription pending', 'a renewal fails');
select is(pg_temp.plan_of('Ada'), 'pro', 'the plan stays for a grace');
select is(title, 'Your renewal could not be charged', 'and the owner is told') from private.notices where kind = 'renewal_failed';
select tests.sign_in_as('Ada');
select is(api.billing_overview(tests.account_of('Ada')) #>> '{subscription,pay_link}', 'https://rzp.io/i/x', 'with a link to pay');
select tests.throws(format('select api.preview_plan_change(%L, %s)', tests.account_of('Ada'), pg_temp.price('team')), 409, 'conflict', 'nobody changes a plan that is not paid');
select tests.sign_out();
select tests.travel_to('2027-05-13 12:10:00+00');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'halted', 3, '{"paid_count": 2, "auth_attempts": 4}')), 'applied: subscription halted', 'all attempts fail');
select is(private.end_lapsed_plans(), 0, 'the grace is not over');
select tests.travel_to('2027-05-17 12:10:00+00');
select is(private.end_lapsed_plans(), 1, 'then it is');
select is(pg_temp.plan_of('Ada'), 'free', 'and the account is on Free');
select is(private.end_lapsed_plans(), 0, 'once');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'active', 3) || pg_temp.payment('pay_3')), 'applied: subscription active; granted', 'a late payment');
select is(pg_temp.plan_of('Ada'), 'pro', 'brings the plan back');

-- changing --------------------------------------------------------------------------------------

select tests.travel_to('2027-05-25 12:00:00+00');
select tests.sign_in_as('Ada');
select tests.throws(format('select api.preview_plan_change(%L, %s)', tests.account_of('Ada'), pg_temp.price('pro')), 409, 'conflict', 'the plan one has is no change');
select is(api.preview_plan_change(tests.account_of('Ada'), pg_temp.price('team')) ->> 'mode', 'in_place_now', 'a dearer plan on a card begins at once');
select is(api.preview_plan_change(tests.account_of('Ada'), pg_temp.price('team')) ->> 'charge_now_minor', '2323', 'for what is left of the period');
select is(api.preview_plan_change(tests.account_of('Ada'), pg_temp.price('pro', 'USD', 'year')) ->> 'mode', 'in_place_at_cycle_end', 'another period begins at the end of this one');
select is(api.preview_plan_change(tests.account_of('Ada'), pg_temp.price('pro', 'INR')) ->> 'mode', 'new_subscription', 'another currency needs another subscription');
select is(api.start_plan_change(tests.account_of('Ada'), pg_temp.price('team'), 'change-1') #>> '{request,plan_id}', 'plan_team_USD_month', 'the change is asked for');
select tests.sign_out();
select is(
  pg_temp.hear(jsonb_build_object('invoice', jsonb_build_object('entity', jsonb_build_object(
    'id', 'inv_pay_up', 'subscription_id', 'sub_1', 'payment_id', 'pay_up', 'amount', 2323, 'currency', 'USD', 'status', 'paid',
    'billing_start', pg_temp.epoch(private.clock()), 'billing_end', pg_temp.epoch('2027-06-10 12:00:00+00')
  ))) || pg_temp.payment('pay_up', 2323)), 'applied: granted', 'what it costs now'
);
select is(amount_micros::bigint, 38716666666, 'buys that part of a month''s credits') from private.transactions where fact = 'razorpay:payment:pay_up';
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'active', 3, '{"plan_id": "plan_team_USD_month"}')), 'applied: subscription active', 'the plan is another');
select is(pg_temp.plan_of('Ada'), 'team', 'at once');
select is(cycle_anchor, '2027-03-10 12:00:00+00'::timestamptz, 'and the month goes on: no quota begins anew')
from private.account_plans where account_id = tests.account_of('Ada');

-- a way to pay that cannot be moved
select isnt(pg_temp.subscribe('Ben', pg_temp.price('pro', 'INR'), 'sub_b1'), null, 'somebody pays by UPI');
select is(
  pg_temp.hear(
    pg_temp.subscription('sub_b1', 'active', 1, '{"plan_id": "plan_pro_INR_month"}', '2027-05-25 12:00:00+00')
    || pg_temp.payment('pay_b1', 129900, '{"currency": "INR", "method": "upi", "international": false}')
  ), 'applied: subscription active; granted', 'and has a plan'
);
select tests.sign_in_as('Ben');
select is(
  api.start_plan_change(tests.account_of('Ben'), pg_temp.price('team', 'INR'), 'change-2') #>> '{checkout,request,start_at}',
  pg_temp.epoch('2027-06-25 12:00:00+00')::text, 'the new subscription begins when the old one''s time is over'
);
select tests.sign_out();
select private.note_entities(jsonb_build_object('subscription', jsonb_build_object('entity', jsonb_build_object(
  'id', 'sub_b2', 'status', 'created', 'paid_count', 0, 'notes', jsonb_build_object('oneai_subscription', (select id from private.subscriptions where replaces is not null))
))), pg_temp.epoch(private.clock()) - 1);
select is(cancel_wish, null, 'until it is agreed to, nothing ends') from private.subscriptions where razorpay_subscription_id = 'sub_b1';
select is(
  pg_temp.hear(pg_temp.subscription('sub_b2', 'authenticated', 0, '{"plan_id": "plan_team_INR_month", "current_start": null, "current_end": null}')),
  'applied: subscription authenticated', 'then it is'
);
select is(cancel_wish, 'cycle_end', 'the old one is to end with its period') from private.subscriptions where razorpay_subscription_id = 'sub_b1';
select is(pg_temp.plan_of('Ben'), 'pro', 'the old plan stays till then');
select tests.travel_to('2027-06-25 12:00:00+00');
select is(
  pg_temp.hear(pg_temp.subscription('sub_b1', 'cancelled', 1, '{"plan_id": "plan_pro_INR_month", "ended_at": 1813924800}', '2027-05-25 12:00:00+00')),
  'applied: subscription cancelled', 'the old one ends'
);
select is(pg_temp.plan_of('Ben'), 'team', 'and the new one takes over without a gap, though not charged yet');
select is(
  pg_temp.hear(
    pg_temp.subscription('sub_b2', 'active', 1, '{"plan_id": "plan_team_INR_month"}', '2027-06-25 12:00:00+00')
    || pg_temp.payment('pay_b2', 499900, '{"currency": "INR", "method": "upi", "international": false}')
  ), 'applied: subscription active; granted', 'then it is charged'
);
select is(count(*), 3::bigint, 'two periods and the welcome were granted, none twice') from private.transactions
where account_id = tests.account_of('Ben') and kind = 'grant';
select is(cycle_anchor, '2027-05-25 12:00:00+00'::timestamptz, 'in the months of before') from private.account_plans where account_id = tests.account_of('Ben');

-- cancelling ------------------------------------------------------------------------------------

select tests.travel_to('2027-07-01 12:00:00+00');
select tests.sign_in_as('Ben');
select is(api.preview_cancel(tests.account_of('Ben')) #>> '{at_cycle_end,plan_until}', '2027-07-25T12:00:00+00:00', 'what is lost is said before');
select is(api.start_subscription_act(tests.account_of('Ben'), 'cancel_at_cycle_end') ->> 'cancel_wish', 'cycle_end', 'one cancels at the end of the period');
select tests.throws(format('select api.start_subscription_act(%L, %L)', tests.account_of('Ben'), 'resume'), 409, 'conflict', 'what is not paused is not resumed');
select tests.throws(format('select api.start_subscription_act(%L, %L)', tests.account_of('Ben'), 'explode'), 422, 'invalid_input', 'an unknown act is refused');
select tests.throws(format('select api.start_subscription_act(%L, %L)', tests.account_of('Ada'), 'pause'), 404, 'not_found', 'and a stranger''s');
select tests.sign_out();
select is(
  pg_temp.hear(pg_temp.subscription('sub_b2', 'cancelled', 1, jsonb_build_object('plan_id', 'plan_team_INR_month', 'ended_at', pg_temp.epoch(private.clock())), '2027-06-25 12:00:00+00')),
  'applied: subscription cancelled', 'at once, too'
);
select is(pg_temp.plan_of('Ben'), 'free', 'which ends the plan');
select is(pg_temp.hear(pg_temp.subscription('sub_b2', 'active', 2, '{}', '2027-06-25 12:00:00+00'), private.clock() + interval '1 day'), 'applied: subscription cancelled', 'and nothing revives it');

-- an admin's own plan stays
update private.account_plans set plan_id = 'enterprise' where account_id = tests.account_of('Ada');
select is(pg_temp.hear(pg_temp.subscription('sub_1', 'active', 4, '{"plan_id": "plan_team_USD_month"}') || pg_temp.payment('pay_4', 6000)), 'applied: subscription active; granted', 'a renewal');
select is(pg_temp.plan_of('Ada'), 'enterprise', 'leaves a plan that was given by hand');

-- refund of a period
select is(
  pg_temp.hear(jsonb_build_object('refund', jsonb_build_object('entity', jsonb_build_object(
    'id', 'rfnd_4', 'payment_id', 'pay_4', 'amount', 6000, 'currency', 'USD', 'status', 'processed')))),
  'applied: reversed', 'a refunded period'
);
select is(private.entitled_until(subscriptions), '2027-06-17 12:00:00+00'::timestamptz, 'is not paid for') from private.subscriptions where razorpay_subscription_id = 'sub_1';

-- trials ------------------------------------------------------------------------------------------

select lives_ok(
  $$select admin.set_price('Me', 'Trial', 'EUR', 'month', 14, 20000, plan => 'pro', trial_days => 6)$$, 'a price is replaced by one with a trial'
);
update private.prices set razorpay_plan_id = 'plan_trial' where trial_days = 6;
select isnt(pg_temp.subscribe('Cy', pg_temp.price('pro', 'EUR'), 'sub_c'), null, 'somebody tries it');
select is(pg_temp.hear(pg_temp.subscription('sub_c', 'authenticated', 0, '{"plan_id": "plan_trial", "current_start": null, "current_end": null}')), 'applied: subscription authenticated', 'with a card');
select is(pg_temp.plan_of('Cy'), 'pro', 'and has the plan');
select is(amount_micros::bigint, 4000000000, 'with credits for its days') from private.transactions where account_id = tests.account_of('Cy') and fact = 'trial';
select is(pg_temp.hear(pg_temp.subscription('sub_c', 'cancelled', 0, jsonb_build_object('plan_id', 'plan_trial', 'current_start', null, 'current_end', null, 'ended_at', pg_temp.epoch(private.clock())))), 'applied: subscription cancelled', 'cancels');
select is(pg_temp.plan_of('Cy'), 'free', 'and has it no more');
select tests.sign_in_as('Cy');
select is(api.start_subscription(tests.account_of('Cy'), pg_temp.price('pro', 'EUR'), 'second-trial') ->> 'trial_until', null, 'there is one trial for an account');
select tests.throws(
  format('select api.start_subscription(%L, %s, %L)', tests.account_of('Cy'), (select min(id) from private.prices) + 1000, 'no-such-price'), 404, 'not_found', 'an unknown price is refused'
);
select tests.sign_out();
select set_config('tests.retired', (select min(id)::text from private.prices where retired_at is not null), true);
select tests.sign_in_as('Cy');
select tests.throws(
  format('select api.start_subscription(%L, %s, %L)', tests.account_of('Cy'), current_setting('tests.retired'), 'too-late-1'), 409, 'conflict', 'a price that was retired between page and click is refused'
);
select tests.sign_out();

select * from finish();
rollback;
