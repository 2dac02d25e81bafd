-- billing watch: what time brings. The sweep that asks Razorpay what we may have missed, webhooks that
-- stay away, payments that belong to nobody, plans that run out.
--
-- Each of these takes what is due, so that running it twice at once or not at all for a while
-- does no harm.

-- the sweep -------------------------------------------------------------------------------------

create function private.claim_sweep(most integer default 200)
returns jsonb
language plpgsql
volatile
-- As its owner, because the worker that asks may not write billing rows.
security definer
set search_path = ''
as $$
declare
  moment constant timestamptz := private.clock();
  -- What is older was asked about often enough while sweeps came through.
  horizon constant timestamptz := coalesce(
    (select billing_settings.swept_until from private.billing_settings), '-infinity'
  ) - interval '5 days';
  orders jsonb;
  subscriptions jsonb;
  kept jsonb;
begin
  with due as (
    select asked.id from private.orders as asked
    where asked.status <> 'paid' and asked.created_at > horizon
    -- In turn: no flood of new ones keeps an older one from being asked about again.
    order by coalesce(asked.checked_at, asked.created_at)
    limit greatest(claim_sweep.most, 0)
    for update skip locked
  ), claimed as (
    update private.orders set checked_at = moment from due where orders.id = due.id
    returning orders.id, orders.razorpay_order_id, orders.status, orders.amount_minor, orders.currency,
      -- Cut off before it was charged: nothing is under way, and the next one may be tried.
      orders.is_automatic and orders.status in ('created', 'attempted') and orders.created_at < moment - interval '1 hour' as is_stranded
  )
  select coalesce(jsonb_agg(to_jsonb(claimed)), '[]') into orders from claimed;

  with due as (
    select open.id from private.subscriptions as open
    where open.status not in ('cancelled', 'completed', 'expired')
      and (open.status <> 'created' or open.created_at > horizon or open.cancel_wish is not null)
      and open.razorpay_subscription_id is not null
    order by open.cancel_wish is null, open.checked_at nulls first, open.created_at
    limit greatest(claim_sweep.most, 0)
    for update skip locked
  ), claimed as (
    update private.subscriptions set checked_at = moment from due where subscriptions.id = due.id
    returning subscriptions.id, subscriptions.razorpay_subscription_id, subscriptions.status,
      -- What Razorpay has agreed to or refused lately is not asked again.
      case when not exists (
        select from private.razorpay_calls
        where razorpay_calls.fact = subscriptions.id::text
          and razorpay_calls.act = 'cancel_subscription_' || subscriptions.cancel_wish
          and razorpay_calls.state in ('done', 'refused')
          and razorpay_calls.started_at > moment - interval '1 day'
      ) then subscriptions.cancel_wish end as cancel_wish
  )
  select coalesce(jsonb_agg(to_jsonb(claimed)), '[]') into subscriptions from claimed;

  with due as (
    select known.id from private.mandates as known
    where known.account_id is not null and known.status not in ('rejected', 'cancelled') and known.expires_at > moment
    order by known.removed_at is null, known.checked_at nulls first, known.agreed_at
    limit greatest(claim_sweep.most, 0)
    for update skip locked
  ), claimed as (
    update private.mandates set checked_at = moment from due where mandates.id = due.id
    returning private.describe_mandate(mandates) as described
  )
  select coalesce(jsonb_agg(claimed.described), '[]') into kept from claimed;

  return jsonb_build_object(
    'asked_at', clock_timestamp(),
    'orders', orders,
    'subscriptions', subscriptions,
    'mandates', kept,
    'refunds', (
      select coalesce(jsonb_agg(jsonb_build_object('id', refunds.razorpay_refund_id)), '[]')
      from (
        select pending.razorpay_refund_id from private.refunds as pending
        where pending.status = 'pending' and pending.razorpay_refund_id is not null
        order by pending.created_at limit greatest(claim_sweep.most, 0)
      ) as refunds
    ),
    'asked_refunds', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', asked.id, 'payment_id', asked.payment_id, 'amount_minor', asked.amount_minor
      ) order by asked.created_at), '[]')
      from private.refunds as asked
      where asked.status = 'asked'
    ),
    'disputes', (
      select coalesce(jsonb_agg(jsonb_build_object('id', open.id)), '[]')
      from (
        select disputes.id from private.disputes
        where disputes.status in ('open', 'under_review')
        order by disputes.created_at desc limit greatest(claim_sweep.most, 0)
      ) as open
    ),
    -- A day more than was swept: Razorpay's lists go by when a thing began, not by when it changed.
    'since', floor(extract(epoch from coalesce(
      (select billing_settings.swept_until from private.billing_settings), moment - interval '7 days'
    ) - interval '1 day')),
    'until', floor(extract(epoch from moment))
  );
end
$$;

comment on function private.claim_sweep is 'What is to be asked of Razorpay now: what is open here, and the time since the last sweep.';

create function private.end_sweep(until bigint)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
begin
  if end_sweep.until is null or end_sweep.until not between 0 and ceil(extract(epoch from private.clock())) then
    perform private.fail(422, 'invalid_input', 'A sweep comes as far as now, in seconds since 1970.', null);
  end if;
  update private.billing_settings set swept_until = greatest(billing_settings.swept_until, to_timestamp(end_sweep.until));
  perform private.check_silence();
  perform private.check_strays();
end
$$;

comment on function private.end_sweep is 'Notes how far a whole sweep has come.';

-- what an admin is told -------------------------------------------------------------------------

create function private.check_silence()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  silence constant interval := (select billing_settings.silent_after from private.billing_settings);
  last_at constant timestamptz := (select max(webhook_events.received_at) from private.webhook_events);
begin
  -- Quiet times are no reason for alarm: only payments that no webhook told us of are.
  if exists (
    select from private.payments
    where payments.account_id is not null and payments.paid_at between private.clock() - silence and private.clock() - interval '10 minutes'
  ) and coalesce(last_at, '-infinity') < private.clock() - silence then
    perform private.alert(
      'webhooks_silent', 'webhooks-silent:' || to_char(private.clock() at time zone 'UTC', 'YYYY-MM-DD'),
      format('Payments come in, but no webhook has since %s. Look whether Razorpay switched it off.', coalesce(last_at::text, 'ever'))
    );
  else
    update private.billing_alerts set resolved_at = private.clock()
    where billing_alerts.kind = 'webhooks_silent' and billing_alerts.resolved_at is null
      and last_at > private.clock() - silence;
  end if;
end
$$;

comment on function private.check_silence is 'Raises an alert when payments come without their webhooks.';

create function private.check_strays()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- A payment may be told of before what it is for; an hour and a sweep later nothing more will come.
  perform private.alert(
    'payment_without_owner', 'stray:' || payments.id,
    format(
      'Payment %s of %s was captured for an order we do not know (%s). Find out whose it is, or refund it.',
      payments.id, private.price_text(payments.currency, payments.amount_minor), coalesce(payments.razorpay_order_id, 'none')
    )
  )
  from private.payments
  where payments.account_id is null
    and payments.is_captured
    and payments.refunded_minor < payments.amount_minor
    and payments.paid_at < private.clock() - interval '1 hour';
  update private.billing_alerts set resolved_at = private.clock()
  where billing_alerts.kind = 'payment_without_owner'
    and billing_alerts.resolved_at is null
    and exists (
      select from private.payments
      where 'stray:' || payments.id = billing_alerts.fact
        and (payments.account_id is not null or payments.refunded_minor >= payments.amount_minor)
    );
end
$$;

comment on function private.check_strays is 'Raises an alert for each payment that was captured and belongs to nothing we know, until it does or is refunded.';

-- plans that run out ----------------------------------------------------------------------------

create function private.end_lapsed_plans(most integer default 200)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  due record;
  ended integer := 0;
begin
  for due in
    select customers.account_id from private.customers
    where customers.plan_until <= private.clock()
    order by customers.plan_until
    limit end_lapsed_plans.most
  loop
    continue when not private.try_lock_account(due.account_id);
    perform private.apply_plan(due.account_id);
    ended := ended + 1;
  end loop;
  return ended;
end
$$;

comment on function private.end_lapsed_plans is 'Moves accounts whose paid time and grace are over to what they still have.';

-- grants ----------------------------------------------------------------------------------------

grant execute on function private.claim_sweep, private.end_sweep to service_role;
