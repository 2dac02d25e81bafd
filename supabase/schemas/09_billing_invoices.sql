-- billing invoices: Razorpay's, for the payments of subscriptions, and our own for all others, with the
-- tax that is within the price and a number.
--
-- Numbers follow each other without a gap, and none is given before its invoice is paid.

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
