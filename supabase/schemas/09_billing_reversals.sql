-- billing reversals: money that goes back. A refund is asked for here and carried to Razorpay by a
-- function or the sweep; what Razorpay says of refunds and disputes takes credits back.
--
-- What granted nothing, such as the authorisation of a card, takes nothing back.

create function private.ask_refund(payment_id text, amount_minor bigint, reason text, author text, reference text)
returns private.refunds
language plpgsql
volatile
-- As its owner, because the function that asks may write nothing of ours. Only our own server and admins get here.
security definer
set search_path = ''
as $$
declare
  payment private.payments;
  asked private.refunds;
  left_minor bigint;
  wanted_reference constant text := private.require_text('Reference', coalesce(reference, ''), 100);
begin
  select * into payment from private.payments where payments.id = ask_refund.payment_id for update;
  if payment.id is null or payment.account_id is null then
    perform private.fail(404, 'not_found', 'There is no such payment.', 'Look it up in admin.payments.');
  end if;
  select * into asked from private.refunds where refunds.reference = wanted_reference;
  if asked.id is not null then
    if asked.payment_id <> payment.id or asked.amount_minor <> coalesce(ask_refund.amount_minor, asked.amount_minor) then
      perform private.fail(409, 'conflict', 'This reference was used for another refund.', 'Use a new reference.');
    end if;
    return asked;
  end if;
  select payment.amount_minor - coalesce(sum(gone.amount_minor), 0) into left_minor
  from (
    select refunds.amount_minor from private.refunds where refunds.payment_id = payment.id and refunds.status <> 'failed'
    union all
    select disputes.amount_minor from private.disputes where disputes.payment_id = payment.id and disputes.status = 'lost'
  ) as gone;
  if not payment.is_captured then
    perform private.fail(409, 'conflict', 'This payment was never captured: it goes back by itself.', null);
  end if;
  if left_minor <= 0 or coalesce(ask_refund.amount_minor, left_minor) not between 1 and left_minor then
    perform private.fail(
      409, 'conflict', format('Only %s of this payment is left to refund.', private.price_text(payment.currency, greatest(left_minor, 0))),
      'Refund that much or less.'
    );
  end if;
  insert into private.refunds (payment_id, amount_minor, reason, author, reference, created_at)
  values (
    payment.id, coalesce(ask_refund.amount_minor, left_minor), private.require_text('Reason', coalesce(ask_refund.reason, ''), 500),
    private.require_text('Author', coalesce(ask_refund.author, ''), 100), wanted_reference, private.clock()
  )
  returning * into asked;
  return asked;
end
$$;

comment on function private.ask_refund is
  'Asks for all that is left of a payment, or part of it, to go back. The function or the next sweep carries it to Razorpay, once per reference.';

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
  granted private.transactions;
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
      select *
      from private.transactions
      where transactions.kind = 'grant' and (transactions.id = payment.grant_id or transactions.refers_to = payment.grant_id)
      order by transactions.id
    loop
      share := least(
        private.left_to_reverse(granted),
        floor(granted.amount_micros * least(payment.amount_minor, reached + due.amount_minor)::numeric / payment.amount_minor)
          - floor(granted.amount_micros * reached::numeric / payment.amount_minor)
      );
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

-- grants ----------------------------------------------------------------------------------------

grant execute on function private.ask_refund to service_role;
