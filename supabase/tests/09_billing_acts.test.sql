-- billing acts: how much an account may set out to buy without paying.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada'), tests.create_user('Eve');
update private.prices set razorpay_plan_id = concat_ws('_', 'plan', plan_id, currency, period) where plan_id is not null;

create function pg_temp.price(name text, period text default 'once')
returns bigint
language sql
as $$
  select id from private.prices
  where coalesce(package_id, plan_id) = price.name and prices.currency = 'GBP'
    and prices.period = price.period::private.price_period and retired_at is null
$$;

-- Another plan than the last time: the same one would be the same subscription.
create function pg_temp.statement(what text, name text, nth integer)
returns text
language sql
as $$
  select format(
    'select api.%s(%L, %s, %L)', 'start_' || statement.what, tests.account_of(statement.name),
    case
      when statement.what = 'top_up' then pg_temp.price('starter')
      when statement.nth % 2 = 0 then pg_temp.price('pro', 'month')
      else pg_temp.price('team', 'month')
    end,
    statement.what || '-' || statement.nth
  )
$$;

create function pg_temp.begin_purchases(what text, name text, first integer, last integer)
returns void
language plpgsql
as $$
begin
  for nth in first..last loop
    execute pg_temp.statement(begin_purchases.what, begin_purchases.name, nth);
    perform tests.travel('1 minute');
  end loop;
end
$$;

create function pg_temp.begins(what text, name text, nth integer, description text)
returns text
language sql
as $$
  select lives_ok(pg_temp.statement(begins.what, begins.name, begins.nth), begins.description)
$$;

create function pg_temp.is_refused(what text, name text, nth integer, description text)
returns text
language sql
as $$
  select tests.throws(pg_temp.statement(is_refused.what, is_refused.name, is_refused.nth), 429, 'rate_limited', is_refused.description)
$$;

grant execute on function pg_temp.price, pg_temp.statement, pg_temp.begin_purchases, pg_temp.begins, pg_temp.is_refused to public;

-- packages --------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select pg_temp.begin_purchases('top_up', 'Ada', 1, 20);
select pg_temp.is_refused('top_up', 'Ada', 21, 'twenty orders that are not paid are enough for a day');
create temporary table refusal as select null::text as hint;
do $$
declare
  said text;
begin
  execute pg_temp.statement('top_up', 'Ada', 21);
exception when sqlstate 'PT429' then
  get stacked diagnostics said = pg_exception_hint;
  update refusal set hint = said;
end
$$;
select is(hint, 'Pay for what you began, or try again on 11 March 2027, 12:00 UTC.', 'the refusal says from when on there is room') from refusal;
select pg_temp.begins('top_up', 'Ada', 20, 'an order that is there already may be asked for again');
select is((select count(*) from api.orders), 20::bigint, 'and is the same');
select pg_temp.begins('subscription', 'Ada', 1, 'a plan is not refused for it');
select tests.sign_in_as('Eve');
select pg_temp.begins('top_up', 'Eve', 1, 'nor is anything of another account');
select tests.sign_out();

insert into private.orders (account_id, price_id, request_key, is_automatic, status, currency, amount_minor, credits_micros, created_at)
select tests.account_of('Eve'), pg_temp.price('starter'), 'auto:' || nth, true, 'failed', 'GBP', 500, 1, private.clock() from generate_series(1, 25) as nth;
select tests.sign_in_as('Eve');
select pg_temp.begins('top_up', 'Eve', 2, 'what was bought by itself does not count');
select tests.sign_out();

select private.note_entities(jsonb_build_object('order', jsonb_build_object('entity', jsonb_build_object(
  'id', 'order_1', 'amount', 500, 'currency', 'GBP', 'status', 'created', 'receipt', orders.id
))), 1804680000)
from private.orders where account_id = tests.account_of('Ada') and request_key = 'top_up-1';
select is(
  (private.receive_webhook('evt_1', jsonb_build_object(
    'event', 'payment.captured', 'created_at', extract(epoch from private.clock())::bigint, 'payload', jsonb_build_object('payment', jsonb_build_object('entity',
      jsonb_build_object(
        'id', 'pay_1', 'amount', 500, 'currency', 'GBP', 'status', 'captured', 'captured', true, 'order_id', 'order_1', 'invoice_id', null,
        'amount_refunded', 0, 'notes', '[]'::jsonb, 'method', 'card', 'created_at', extract(epoch from private.clock())::bigint
      )
    ))
  )::text)).outcome,
  'granted', 'one that is paid after all is granted'
);
select tests.sign_in_as('Ada');
select pg_temp.begins('top_up', 'Ada', 21, 'and makes room for one');
select pg_temp.is_refused('top_up', 'Ada', 22, 'not for two');
select tests.travel_to('2027-03-11 12:01:00+00');
select pg_temp.begins('top_up', 'Ada', 22, 'after a day there is room again, one by one');
select pg_temp.is_refused('top_up', 'Ada', 23, 'as they were begun');
select tests.travel('2 days');
select lives_ok($$select pg_temp.begin_purchases('top_up', 'Ada', 23, 42)$$, 'all of it a day after the last');

-- plans -----------------------------------------------------------------------------------------

select tests.travel_to('2027-03-20 12:00:00+00');
select pg_temp.begin_purchases('subscription', 'Ada', 2, 21);
select pg_temp.is_refused('subscription', 'Ada', 22, 'twenty subscriptions that nobody agreed to are enough for a day');
select pg_temp.begins('subscription', 'Ada', 21, 'the last of them may still be agreed to');
select pg_temp.begins('top_up', 'Ada', 43, 'a package is not refused for it');
select tests.sign_in_as('Eve');
select pg_temp.begins('subscription', 'Eve', 1, 'nor is anything of another account');
select tests.sign_out();
update private.subscriptions set paid_count = 1 where account_id = tests.account_of('Ada') and request_key = 'subscription-2';
select tests.sign_in_as('Ada');
select pg_temp.begins('subscription', 'Ada', 22, 'one that was paid makes room');
select pg_temp.is_refused('subscription', 'Ada', 23, 'for one');
select tests.travel('1 day');
select pg_temp.begins('subscription', 'Ada', 23, 'and a day later there is room for all');

select * from finish();
rollback;
