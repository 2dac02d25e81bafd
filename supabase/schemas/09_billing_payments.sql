-- billing payments: what Razorpay says of orders, invoices, payments, refunds and disputes, and what
-- follows from it: a grant for each payment, an invoice, and the reversal of what went back.
--
-- A payment grants once, by its id, and a period of a subscription is granted once. What granted
-- nothing, such as the authorisation of a card, takes nothing back.

-- orders, invoices, payments ------------------------------------------------------------------

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

create function private.apply_invoice(entity jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  subscription private.subscriptions;
  price private.prices;
  new_status constant text := coalesce(private.read_text(entity, 'status', 40), 'issued');
begin
  select * into subscription from private.subscriptions
  where subscriptions.razorpay_subscription_id = private.read_text(entity, 'subscription_id', 60);
  if subscription.id is null then
    return;
  end if;
  select * into price from private.prices
  where prices.id = private.price_at(subscription.id, private.read_epoch(entity -> 'billing_start'), private.read_minor(entity, 'amount'));
  insert into private.invoices as known (
    account_id, razorpay_invoice_id, subscription_id, description, status, currency, amount_minor, tax_name, tax_percent, tax_minor,
    period_start, period_end, short_url, issued_at
  )
  select
    subscription.account_id, private.read_text(entity, 'id', 60), subscription.id, plans.name || ' plan',
    case when new_status = 'paid' then 'issued' else new_status end,
    coalesce(private.read_text(entity, 'currency', 10), price.currency), private.read_minor(entity, 'amount'),
    price.tax_name, price.tax_percent, private.tax_within(private.read_minor(entity, 'amount'), price.tax_percent),
    private.read_epoch(entity -> 'billing_start'), private.read_epoch(entity -> 'billing_end'),
    private.read_text(entity, 'short_url'), coalesce(private.read_epoch(entity -> 'issued_at'), private.read_epoch(entity -> 'created_at'), private.clock())
  from private.plans
  where plans.id = price.plan_id
  on conflict (razorpay_invoice_id) do update set
    status = case
      when known.status in ('paid', 'cancelled', 'expired') or excluded.status = 'issued' then known.status
      else excluded.status
    end,
    period_start = coalesce(known.period_start, excluded.period_start),
    period_end = coalesce(known.period_end, excluded.period_end),
    short_url = coalesce(excluded.short_url, known.short_url);
  update private.payments set
    account_id = subscription.account_id,
    subscription_id = subscription.id,
    period_start = coalesce(payments.period_start, private.read_epoch(entity -> 'billing_start')),
    period_end = coalesce(payments.period_end, private.read_epoch(entity -> 'billing_end'))
  where payments.razorpay_invoice_id = private.read_text(entity, 'id', 60) and payments.grant_id is null;
end
$$;

comment on function private.apply_invoice is
  'Notes an invoice of a subscription of ours, and which period its payment pays. That it is paid follows from the payment.';

create function private.tax_within(amount_minor bigint, tax_percent numeric)
returns bigint
language sql
immutable
security invoker
set search_path = ''
as $$
  select round(amount_minor - amount_minor / (1 + tax_percent / 100))::bigint
$$;

comment on function private.tax_within is 'The tax that an amount contains.';

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

create function private.agree_to_mandate(token_id text, bought private.orders, payment private.payments)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into private.mandates as known (id, account_id, payment_id, currency, max_minor, label, expires_at, agreed_at)
  values (
    token_id, bought.account_id, payment.id, bought.currency, bought.amount_minor, payment.method_label, bought.mandate_until, payment.paid_at
  )
  -- Razorpay may have told of it before, and a second payment with the same card agrees to no more.
  on conflict on constraint mandates_pkey do update set
    account_id = excluded.account_id, payment_id = excluded.payment_id, currency = excluded.currency, agreed_at = excluded.agreed_at,
    max_minor = least(known.max_minor, excluded.max_minor), expires_at = least(known.expires_at, excluded.expires_at),
    label = coalesce(known.label, excluded.label)
  where known.account_id is null;
  perform private.retire_mandates(bought.account_id);
end
$$;

comment on function private.agree_to_mandate is 'Notes that whoever paid an order agreed to later charges of the card it was paid with.';

create function private.retire_mandates(account_id uuid)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update private.mandates as older set removed_at = private.clock()
  where older.account_id = retire_mandates.account_id and older.removed_at is null
    and exists (
      select from private.mandates as newer
      where newer.account_id = older.account_id and newer.status = 'confirmed' and newer.removed_at is null
        and (newer.agreed_at, newer.id) > (older.agreed_at, older.id)
    )
$$;

comment on function private.retire_mandates is 'An account has one card that is charged by itself: the one agreed to last.';

create function private.apply_token(entity jsonb, seen_at timestamptz, asked_at timestamptz)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  ranks constant text[] := '{initiated,confirmed,paused,rejected,cancelled}';
  told_id constant text := private.read_text(entity, 'id', 60);
  -- Where a card was simply agreed to, Razorpay says no more than that it recurs.
  new_status constant text := coalesce(
    private.read_text(entity -> 'recurring_details', 'status', 40), case when entity -> 'recurring' = 'true' then 'confirmed' end
  );
  mandate private.mandates;
begin
  insert into private.mandates (id) values (told_id) on conflict on constraint mandates_pkey do nothing;
  update private.mandates set
    max_minor = least(mandates.max_minor, private.read_text(entity, 'max_amount')::bigint),
    expires_at = least(mandates.expires_at, private.read_epoch(entity -> 'expired_at')),
    label = coalesce(mandates.label, private.describe_method(entity)),
    reason = coalesce(private.read_text(entity -> 'recurring_details', 'failure_reason'), mandates.reason)
  where mandates.id = told_id
  returning * into mandate;
  -- As with subscriptions: the last two are final, and of two reports the later one counts.
  if new_status is not null and new_status <> mandate.status and mandate.status not in ('rejected', 'cancelled')
    and (
      new_status in ('rejected', 'cancelled')
      or apply_token.asked_at >= mandate.noted_at
      or (apply_token.seen_at, coalesce(array_position(ranks, new_status), 0))
        > (mandate.seen_at, coalesce(array_position(ranks, mandate.status), 0))
    )
  then
    update private.mandates set status = new_status, seen_at = apply_token.seen_at, noted_at = clock_timestamp()
    where mandates.id = told_id
    returning * into mandate;
    perform private.retire_mandates(mandate.account_id);
  end if;
  if mandate.account_id is not null and mandate.removed_at is null and mandate.status in ('paused', 'rejected', 'cancelled') then
    perform private.notify(
      mandate.account_id, 'card_lost', format('mandate:%s:%s', mandate.id, mandate.status), 'Your card can no longer be charged by itself',
      format(
        'The agreement for %s is %s. Automatic top-ups wait until you keep a card with your next package.',
        coalesce(mandate.label, 'your card'), mandate.status
      ),
      '/billing'
    );
  end if;
  return case when mandate.account_id is null then 'none of ours' else 'mandate ' || mandate.status end;
end
$$;

comment on function private.apply_token is 'Notes what Razorpay says of a token: whether a card may be charged again, up to how much and until when.';

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
          format('%s, paid %s', (select packages.name from private.packages where packages.id = price.package_id),
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

create function private.issue_invoice(payment private.payments)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  customer constant private.customers := private.require_customer(payment.account_id);
  price private.prices;
  new_invoice private.invoices;
begin
  select * into price from private.prices where prices.id = payment.price_id;
  new_invoice.description := coalesce(
    (select packages.name || ' package' from private.packages where packages.id = price.package_id),
    (select plans.name || ' plan' from private.plans where plans.id = price.plan_id)
  );
  insert into private.invoices as known (
    account_id, payment_id, razorpay_invoice_id, subscription_id, description, status, currency, amount_minor, tax_name, tax_percent,
    tax_minor, billing, period_start, period_end, issued_at, paid_at
  )
  values (
    payment.account_id, payment.id, payment.razorpay_invoice_id, payment.subscription_id, new_invoice.description, 'paid',
    payment.currency, payment.amount_minor, price.tax_name, price.tax_percent, private.tax_within(payment.amount_minor, price.tax_percent),
    jsonb_build_object(
      'name', coalesce(nullif(customer.billing_name, ''), (select accounts.name from private.accounts where accounts.id = payment.account_id)),
      'email', customer.billing_email, 'address', customer.billing_address, 'tax_number', customer.tax_number
    ),
    payment.period_start, payment.period_end, payment.paid_at, payment.paid_at
  )
  on conflict (razorpay_invoice_id) do update set
    payment_id = excluded.payment_id, status = 'paid', description = excluded.description, amount_minor = excluded.amount_minor,
    tax_name = excluded.tax_name, tax_percent = excluded.tax_percent, tax_minor = excluded.tax_minor, billing = excluded.billing,
    period_start = excluded.period_start, period_end = excluded.period_end, issued_at = excluded.issued_at, paid_at = excluded.paid_at;
  perform private.notify(
    payment.account_id, 'payment_received', 'payment:' || payment.id, 'Thank you for your payment',
    format('We received %s for the %s.', private.price_text(payment.currency, payment.amount_minor), new_invoice.description), '/billing'
  );
end
$$;

comment on function private.issue_invoice is 'The invoice of a payment that bought something, with the customer''s details as they are then.';

create function private.number_invoices()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  numbered integer;
begin
  -- One at a time, so that numbers have no gaps; and apart from the grants, so that these never wait for each other.
  if not pg_try_advisory_xact_lock(hashtext('private.number_invoices')) then
    return 0;
  end if;
  with next as (
    select invoices.id, row_number() over (order by invoices.paid_at, invoices.id) as place
    from private.invoices
    where invoices.number is null and invoices.status = 'paid'
  )
  update private.invoices set number = next.place + (select coalesce(max(numbers.number), 0) from private.invoices as numbers)
  from next
  where invoices.id = next.id;
  get diagnostics numbered = row_count;
  return numbered;
end
$$;

comment on function private.number_invoices is 'Gives paid invoices their numbers, one after the other.';

-- refunds and disputes ------------------------------------------------------------------------

create function private.apply_refund(entity jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  razorpay_id constant text := private.read_text(entity, 'id', 60);
  new_status constant text := case when private.read_text(entity, 'status') in ('processed', 'failed') then entity ->> 'status' else 'pending' end;
  asked_id constant uuid := (
    select refunds.id from private.refunds
    where refunds.id = private.read_uuid(private.read_text(entity, 'receipt', 60)) and refunds.razorpay_refund_id is null
  );
begin
  if asked_id is not null then
    update private.refunds set razorpay_refund_id = razorpay_id
    where refunds.id = asked_id and not exists (select from private.refunds as other where other.razorpay_refund_id = razorpay_id);
  end if;
  insert into private.refunds as known (razorpay_refund_id, payment_id, amount_minor, status, created_at)
  values (
    razorpay_id, private.read_text(entity, 'payment_id', 60), private.read_minor(entity, 'amount'), new_status,
    coalesce(private.read_epoch(entity -> 'created_at'), private.clock())
  )
  on conflict (razorpay_refund_id) do update set status = excluded.status
  where array_position('{asked,pending,failed,processed}'::text[], excluded.status)
    > array_position('{asked,pending,failed,processed}'::text[], known.status);
end
$$;

comment on function private.apply_refund is 'Notes what Razorpay says of a refund, one asked for here or begun there.';

create function private.apply_dispute(entity jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  ranks constant text[] := '{open,under_review,closed,won,lost}';
  new_status constant text := coalesce(private.read_text(entity, 'status', 40), 'open');
  dispute private.disputes;
begin
  insert into private.disputes as known (
    id, payment_id, amount_minor, deducted_minor, status, phase, reason_code, respond_by, created_at
  )
  values (
    private.read_text(entity, 'id', 60), private.read_text(entity, 'payment_id', 60), private.read_minor(entity, 'amount'),
    coalesce(private.read_text(entity, 'amount_deducted')::bigint, 0), new_status, private.read_text(entity, 'phase', 40),
    private.read_text(entity, 'reason_code', 100), private.read_epoch(entity -> 'respond_by'),
    coalesce(private.read_epoch(entity -> 'created_at'), private.clock())
  )
  on conflict on constraint disputes_pkey do update set
    deducted_minor = greatest(known.deducted_minor, excluded.deducted_minor),
    status = case
      when coalesce(array_position(ranks, excluded.status), 0) > coalesce(array_position(ranks, known.status), 0)
      then excluded.status else known.status
    end
  returning * into dispute;
  if dispute.status in ('open', 'under_review') then
    perform private.alert(
      'dispute', 'dispute:' || dispute.id,
      format('Payment %s is disputed (%s). Answer it at Razorpay by %s.', dispute.payment_id, dispute.reason_code,
        to_char(dispute.respond_by at time zone 'UTC', 'YYYY-MM-DD'))
    );
  else
    update private.billing_alerts set resolved_at = coalesce(billing_alerts.resolved_at, private.clock())
    where billing_alerts.fact = 'dispute:' || dispute.id;
  end if;
end
$$;

comment on function private.apply_dispute is 'Notes what Razorpay says of a dispute. Only a lost one takes credits back.';

create function private.reverse_payment(payment private.payments)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  due record;
  granted record;
  share bigint;
  reached bigint := payment.reversed_minor;
  said text;
begin
  for due in
    select 'razorpay:refund:' || refunds.razorpay_refund_id as fact, refunds.amount_minor, 'Refunded' as reason, refunds.created_at
    from private.refunds
    where refunds.payment_id = payment.id and refunds.status = 'processed' and refunds.reversed_at is null
    union all
    select 'razorpay:dispute:' || disputes.id, greatest(disputes.deducted_minor, disputes.amount_minor), 'Lost to a dispute', disputes.created_at
    from private.disputes
    where disputes.payment_id = payment.id and disputes.status = 'lost' and disputes.reversed_at is null
    order by created_at, fact
  loop
    -- Reckoned from the sum so far, so that parts add up to the whole whatever their order.
    for granted in
      select transactions.id, transactions.amount_micros
      from private.transactions
      where transactions.kind = 'grant' and (transactions.id = payment.grant_id or transactions.refers_to = payment.grant_id)
      order by transactions.id
    loop
      share := floor(granted.amount_micros * least(payment.amount_minor, reached + due.amount_minor)::numeric / payment.amount_minor)
        - floor(granted.amount_micros * reached::numeric / payment.amount_minor);
      if share > 0 then
        perform private.reverse_grant(
          granted.id, share, due.fact || case when granted.id = payment.grant_id then '' else ':' || granted.id end,
          format('%s: payment %s', due.reason, payment.id), 'system'
        );
      end if;
    end loop;
    reached := least(payment.amount_minor, reached + due.amount_minor);
    perform private.notify(
      payment.account_id, 'payment_reversed', due.fact, 'A payment went back',
      format(
        '%s of your payment of %s went back, and the credits it bought with it. Credits already spent are settled with your next purchase.',
        private.price_text(payment.currency, due.amount_minor), private.price_text(payment.currency, payment.amount_minor)
      ),
      '/billing'
    );
    said := 'reversed';
  end loop;
  if said is not null then
    update private.refunds set reversed_at = private.clock()
    where refunds.payment_id = payment.id and refunds.status = 'processed' and refunds.reversed_at is null;
    update private.disputes set reversed_at = private.clock()
    where disputes.payment_id = payment.id and disputes.status = 'lost' and disputes.reversed_at is null;
    update private.payments set reversed_minor = reached where payments.id = payment.id;
  end if;
  return said;
end
$$;

comment on function private.reverse_payment is
  'Takes back what refunds and lost disputes undid of a payment''s grants, in proportion and once each. What granted nothing takes nothing.';

-- all of it ---------------------------------------------------------------------------------------

create function private.apply_entities(payload jsonb, seen_at timestamptz, asked_at timestamptz default null)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  told_subscription constant jsonb := payload #> '{subscription,entity}';
  told_order constant jsonb := payload #> '{order,entity}';
  told_invoice constant jsonb := payload #> '{invoice,entity}';
  told_payment constant jsonb := payload #> '{payment,entity}';
  told_refund constant jsonb := payload #> '{refund,entity}';
  told_dispute constant jsonb := payload #> '{dispute,entity}';
  told_token constant jsonb := payload #> '{token,entity}';
  payment_id constant text := coalesce(
    told_payment ->> 'id', told_refund ->> 'payment_id', told_dispute ->> 'payment_id', told_invoice ->> 'payment_id'
  );
  subscription private.subscriptions;
  is_charge boolean;
  outcome text;
begin
  if told_subscription is not null then
    subscription := private.apply_subscription(told_subscription, apply_entities.seen_at, apply_entities.asked_at);
    outcome := case when subscription.id is null then 'none of ours' else 'subscription ' || subscription.status end;
  end if;
  -- Everything about one purchase happens one after the other; what it is about is its order at Razorpay.
  perform pg_advisory_xact_lock(hashtextextended(coalesce(
    told_payment ->> 'order_id', told_order ->> 'id', told_invoice ->> 'order_id',
    (select payments.razorpay_order_id from private.payments where payments.id = payment_id), payment_id, ''
  ), 0));
  if told_order is not null then
    perform private.apply_order(told_order);
  end if;
  if told_invoice is not null then
    perform private.apply_invoice(told_invoice);
  end if;
  if told_payment is not null then
    -- A first payment that only proves a card has no invoice, and pays nothing.
    is_charge := subscription.id is not null and private.read_text(told_payment, 'invoice_id') is not null;
    perform private.apply_payment(
      told_payment, case when is_charge then subscription end, case when is_charge then told_subscription end
    );
  end if;
  if told_refund is not null then
    perform private.apply_refund(told_refund);
  end if;
  if told_dispute is not null then
    perform private.apply_dispute(told_dispute);
  end if;
  if told_token is not null then
    outcome := concat_ws('; ', outcome, private.apply_token(told_token, apply_entities.seen_at, apply_entities.asked_at));
  end if;
  if payment_id is not null then
    outcome := concat_ws('; ', outcome, private.settle_payment(payment_id));
  end if;
  if subscription.account_id is not null then
    perform private.apply_plan(subscription.account_id);
  end if;
  return coalesce(outcome, 'kept, not known');
end
$$;

comment on function private.apply_entities is
  'Applies what Razorpay says, in the form its webhooks say it: an event by its second, an answer also by when it was asked for. The one way in for webhooks, checkouts and the sweep.';
