-- billing payments: what Razorpay says of orders and payments, and what follows from it: a grant for
-- each payment, of what its price promised.
--
-- A payment grants once, by its id, and a period of a subscription is granted once.

create function private.apply_order(entity jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  told_id constant text := private.read_text(entity, 'id', 60);
  told_receipt constant uuid := private.read_uuid(private.read_text(entity, 'receipt', 60));
  told_currency constant text := private.read_text(entity, 'currency', 10);
  told_amount constant bigint := private.read_minor(entity, 'amount');
  new_status constant text := private.read_text(entity, 'status', 40);
begin
  update private.orders set
    razorpay_order_id = told_id,
    status = case when orders.status = 'created' and new_status = 'attempted' then 'attempted' else orders.status end
  where (
    orders.razorpay_order_id = told_id
    or (orders.razorpay_order_id is null and orders.id = told_receipt)
  )
  -- That it is paid follows from its payment, which may be another's for all an order says.
  and (orders.currency, orders.amount_minor) = (told_currency, told_amount);
end
$$;

comment on function private.apply_order is 'Notes what Razorpay says of an order of ours, found by its id or its receipt.';

create function private.price_at(subscription_id uuid, moment timestamptz, amount_minor bigint)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select subscription_prices.price_id
  from private.subscription_prices
  join private.prices on prices.id = subscription_prices.price_id
  where subscription_prices.subscription_id = price_at.subscription_id and subscription_prices.state <> 'refused'
  order by
    -- A whole period costs its price to the unit; what costs less is part of the price asked for last.
    prices.amount_minor = price_at.amount_minor desc,
    -- Razorpay's clock may be a little behind ours.
    subscription_prices.valid_from <= coalesce(price_at.moment, 'infinity') + interval '5 minutes' desc,
    abs(extract(epoch from subscription_prices.valid_from - coalesce(price_at.moment, subscription_prices.valid_from))),
    subscription_prices.id desc
  limit 1
$$;

comment on function private.price_at is 'Which price of a subscription a charge for the period that begins at a moment was for.';

create function private.describe_method(entity jsonb)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select coalesce(
    private.read_text(entity -> 'card', 'network', 40) || ' ···· ' || private.read_text(entity -> 'card', 'last4', 4),
    private.read_text(entity, 'vpa', 80), private.read_text(entity, 'bank', 40), private.read_text(entity, 'wallet', 40)
  )
$$;

comment on function private.describe_method is 'A way to pay as its owner would recognise it.';

create function private.apply_payment(entity jsonb, subscription private.subscriptions default null, charged jsonb default null)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  -- Read once, and not in the statements: there a plan made while a table was small would read them for each of its rows.
  told_id constant text := private.read_text(entity, 'id', 60);
  told_order constant text := private.read_text(entity, 'order_id', 60);
  told_invoice constant text := private.read_text(entity, 'invoice_id', 60);
  told_token constant text := private.read_text(entity, 'token_id', 60);
  told_currency constant text := coalesce(private.read_text(entity, 'currency', 10), '');
  told_amount constant bigint := private.read_minor(entity, 'amount');
  told_refunded constant bigint := coalesce(private.read_text(entity, 'amount_refunded')::bigint, 0);
  told_method constant text := private.read_text(entity, 'method', 40);
  told_at constant timestamptz := coalesce(private.read_epoch(entity -> 'created_at'), private.clock());
  charged_plan constant text := private.read_text(charged, 'plan_id', 60);
  new_status constant text := coalesce(private.read_text(entity, 'status', 40), 'created');
  was_captured constant boolean := coalesce(entity ->> 'captured', '') in ('true', '1') or new_status = 'captured';
  payment private.payments;
  invoice private.invoices;
  wanted private.orders;
  charged_price bigint;
begin
  select * into wanted from private.orders where orders.razorpay_order_id = told_order;
  select * into invoice from private.invoices
  where invoices.razorpay_invoice_id = told_invoice and invoices.subscription_id is not null;
  if charged_plan is not null then
    charged_price := (select prices.id from private.prices where prices.razorpay_plan_id = charged_plan);
  end if;
  insert into private.payments as known (
    id, account_id, order_id, subscription_id, razorpay_order_id, razorpay_invoice_id, currency, amount_minor, refunded_minor,
    status, is_captured, method, method_label, is_international, error_code, error_description, price_id, period_start, period_end, paid_at
  )
  values (
    told_id, coalesce(wanted.account_id, invoice.account_id, subscription.account_id), wanted.id,
    coalesce(invoice.subscription_id, subscription.id), told_order, told_invoice, told_currency, told_amount, told_refunded,
    new_status, was_captured, told_method, private.describe_method(entity), coalesce(entity -> 'international' = 'true', false),
    private.read_text(entity, 'error_code', 100), private.read_text(entity, 'error_description'), charged_price,
    coalesce(invoice.period_start, private.read_epoch(charged -> 'current_start')),
    coalesce(invoice.period_end, private.read_epoch(charged -> 'current_end')), told_at
  )
  on conflict on constraint payments_pkey do update set
    status = case
      when private.payment_rank(excluded.status) > private.payment_rank(known.status) then excluded.status else known.status
    end,
    is_captured = known.is_captured or excluded.is_captured,
    refunded_minor = greatest(known.refunded_minor, excluded.refunded_minor),
    method = coalesce(excluded.method, known.method),
    method_label = coalesce(excluded.method_label, known.method_label),
    is_international = known.is_international or excluded.is_international,
    error_code = coalesce(excluded.error_code, known.error_code),
    error_description = coalesce(excluded.error_description, known.error_description),
    razorpay_order_id = coalesce(excluded.razorpay_order_id, known.razorpay_order_id),
    razorpay_invoice_id = coalesce(excluded.razorpay_invoice_id, known.razorpay_invoice_id),
    order_id = coalesce(known.order_id, excluded.order_id),
    subscription_id = coalesce(known.subscription_id, excluded.subscription_id),
    account_id = coalesce(known.account_id, excluded.account_id),
    period_start = coalesce(known.period_start, excluded.period_start),
    period_end = coalesce(known.period_end, excluded.period_end),
    price_id = coalesce(known.price_id, excluded.price_id)
  returning * into payment;
  if (payment.currency, payment.amount_minor) <> (told_currency, told_amount) then
    perform private.fail(
      409, 'conflict', format('Payment %s was %s before.', payment.id, private.price_text(payment.currency, payment.amount_minor)), null
    );
  end if;

  update private.subscriptions set method = payment.method
  where subscriptions.id = payment.subscription_id and payment.is_captured and subscriptions.method is distinct from payment.method;
  if wanted.mandate_until is not null and payment.is_captured and told_token is not null then
    perform private.agree_to_mandate(told_token, wanted, payment);
  end if;
end
$$;

comment on function private.apply_payment is
  'Notes what Razorpay says of a payment, and what of ours it pays: an order, or the period of a subscription that was charged with it.';

create function private.settle_payment(payment_id text)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  payment private.payments;
  bought private.orders;
  price private.prices;
  fact constant text := 'razorpay:payment:' || payment_id;
  said text;
begin
  select * into payment from private.payments where payments.id = settle_payment.payment_id for update;
  if payment.account_id is null then
    return case when payment.id is null then 'unknown payment' else 'none of ours' end;
  end if;
  if not payment.is_captured then
    if payment.status = 'failed' then
      perform private.notify(
        payment.account_id, 'payment_failed', 'payment-failed:' || payment.id, 'A payment failed',
        format(
          '%s could not be charged: %s. Nothing was taken, and you can try again.',
          private.price_text(payment.currency, payment.amount_minor), coalesce(payment.error_description, 'your bank refused it')
        ),
        '/billing'
      );
      update private.auto_top_ups set failures = auto_top_ups.failures + 1
      from private.orders
      where orders.id = payment.order_id and orders.is_automatic and orders.status in ('created', 'attempted')
        and auto_top_ups.account_id = orders.account_id;
      update private.orders set status = 'failed'
      where orders.id = payment.order_id and orders.is_automatic and orders.status in ('created', 'attempted');
    end if;
    return payment.status;
  end if;

  perform private.require_wallet(payment.account_id);
  if payment.grant_id is null and payment.problem is null then
    if payment.order_id is not null then
      select * into bought from private.orders where orders.id = payment.order_id;
      select * into price from private.prices where prices.id = bought.price_id;
      if (payment.currency, payment.amount_minor) is distinct from (bought.currency, bought.amount_minor) then
        payment.problem := format('The order was for %s.', private.price_text(bought.currency, bought.amount_minor));
      else
        payment.grant_id := private.grant_top_up(
          payment.account_id, bought.credits_micros, fact,
          format('%s package, paid %s', (select packages.name from private.packages where packages.id = price.package_id),
            private.price_text(payment.currency, payment.amount_minor)), 'system'
        );
        if bought.bonus_micros > 0 then
          perform private.grant_credits(
            payment.account_id, bought.bonus_micros, 'bonus', fact || ':bonus', 'Bonus of the package', 'system',
            refers_to => payment.grant_id
          );
        end if;
        update private.orders set status = 'paid', paid_at = coalesce(orders.paid_at, payment.paid_at) where orders.id = bought.id;
        update private.auto_top_ups set failures = 0
        where bought.is_automatic and auto_top_ups.account_id = bought.account_id;
      end if;
    elsif payment.subscription_id is not null and payment.period_start is not null then
      select * into price from private.prices
      where prices.id = coalesce(payment.price_id, private.price_at(payment.subscription_id, payment.period_start, payment.amount_minor));
      if exists (
        select from private.payments as other
        where other.subscription_id = payment.subscription_id and other.period_start = payment.period_start
          and other.price_id = price.id
          and other.grant_id is not null and other.id <> payment.id
      ) then
        payment.problem := 'This period was paid for by another payment.';
      elsif payment.currency <> price.currency then
        payment.problem := format('The price was in %s.', price.currency);
      else
        -- Part of a price buys that part of its credits: that is what a change in the middle of a period costs.
        payment.grant_id := private.grant_credits(
          payment.account_id,
          greatest(1, floor(price.credits_micros * least(1, payment.amount_minor::numeric / price.amount_minor)))::bigint,
          'subscription', fact,
          format('%s plan, paid %s', (select plans.name from private.plans where plans.id = price.plan_id),
            private.price_text(payment.currency, payment.amount_minor)), 'system', payment.period_end
        );
      end if;
    else
      return 'waits for its subscription';
    end if;
    update private.payments set grant_id = payment.grant_id, problem = payment.problem, price_id = price.id
    where payments.id = payment.id;
    if payment.problem is not null then
      perform private.alert(
        'payment_without_purpose', 'payment:' || payment.id,
        format('Payment %s of account %s gave nothing. %s Refund it.', payment.id, payment.account_id, payment.problem)
      );
      return 'captured, but: ' || payment.problem;
    end if;
    payment.price_id := price.id;
    perform private.issue_invoice(payment);
    said := 'granted';
  end if;

  if payment.grant_id is not null then
    said := concat_ws(', ', said, private.reverse_payment(payment));
  end if;
  if payment.subscription_id is not null then
    perform private.apply_plan(payment.account_id);
  end if;
  return coalesce(nullif(said, ''), 'nothing new');
end
$$;

comment on function private.settle_payment is
  'Does what follows from a payment and has not been done: the grant, the invoice, the reversal of what went back, the plan.';
