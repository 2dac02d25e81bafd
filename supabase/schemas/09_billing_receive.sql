-- billing receive: the inbox of the webhooks. An event is kept before anything else is done with it,
-- applied at once if that is possible, tried again if it was not, and left to an admin in the end.
--
-- An event is never dropped, and never applied by anything but private.apply_entities.

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

create function private.apply_webhook(webhook_event private.webhook_events)
returns private.webhook_events
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  told jsonb;
  said text;
  code text;
  detail text;
  ours constant text := (select billing_settings.razorpay_account_id from private.billing_settings);
begin
  begin
    told := webhook_event.body::jsonb;
    if jsonb_typeof(told -> 'payload') is distinct from 'object' or jsonb_typeof(told -> 'event') is distinct from 'string' then
      perform private.fail(422, 'invalid_input', 'The body is not an event.', null);
    end if;
    if told ->> 'account_id' <> ours then
      perform private.fail(422, 'invalid_input', format('The event is for %s.', left(told ->> 'account_id', 60)), null);
    end if;
    said := private.apply_entities(told -> 'payload', coalesce(private.read_epoch(told -> 'created_at'), webhook_event.received_at));
    update private.webhook_events set
      state = 'applied', event = told ->> 'event', outcome = said, attempts = webhook_events.attempts + 1, applied_at = private.clock()
    where webhook_events.id = webhook_event.id
    returning * into webhook_event;
    update private.billing_alerts set resolved_at = private.clock()
    where billing_alerts.fact = 'webhook:' || webhook_event.id and billing_alerts.resolved_at is null;
    return webhook_event;
  exception
    when others then
      get stacked diagnostics said = message_text, code = returned_sqlstate, detail = pg_exception_detail;
      -- Somebody else was at it, or the database was busy: that passes. Anything else wants a person.
      update private.webhook_events set
        attempts = webhook_events.attempts + 1,
        event = coalesce(webhook_events.event, case when told is not null then left(told ->> 'event', 100) end),
        outcome = left(concat_ws(' ', code, said, nullif(detail, '')), 500),
        state = case
          when code ~ '^(PT4|22|23)' or webhook_events.attempts >= 9 then 'dead' else 'received'
        end::private.webhook_state,
        retry_at = private.clock() + interval '5 seconds' * power(2, least(webhook_events.attempts, 9))
      where webhook_events.id = webhook_event.id
      returning * into webhook_event;
  end;
  if webhook_event.state = 'dead' then
    perform private.alert(
      'dead_webhook', 'webhook:' || webhook_event.id,
      format('Event %s (%s) could not be applied: %s', webhook_event.id, webhook_event.event, webhook_event.outcome)
    );
  end if;
  return webhook_event;
end
$$;

comment on function private.apply_webhook is 'Applies an event of the inbox, and notes what came of it: applied, to be tried again, or dead.';

create function private.receive_webhook(event_id text, event_body text)
returns private.webhook_events
language plpgsql
volatile
-- As its owner, because the function that answers Razorpay may write nothing of ours.
security definer
set search_path = ''
as $$
declare
  received private.webhook_events;
begin
  if coalesce(octet_length(receive_webhook.event_id), 0) not between 1 and 200 or receive_webhook.event_body is null then
    perform private.fail(422, 'invalid_input', 'An event has an id and a body.', null);
  end if;
  insert into private.webhook_events (id, body) values (receive_webhook.event_id, receive_webhook.event_body)
  on conflict on constraint webhook_events_pkey do nothing
  returning * into received;
  if received.id is null then
    select * into received from private.webhook_events where webhook_events.id = receive_webhook.event_id;
    return received;
  end if;
  -- Razorpay wants an answer soon; what has to wait for a lock is applied a little later.
  perform set_config('lock_timeout', '300ms', true);
  return private.apply_webhook(received);
end
$$;

comment on function private.receive_webhook is 'Keeps a verified event under its id and applies it at once if it can be. The same id again changes nothing.';

create function private.retry_webhooks(max_events integer default 50)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  waiting private.webhook_events;
  applied integer := 0;
begin
  -- It holds accounts of several events: for one that is busy it does not wait while others wait for it.
  perform set_config('lock_timeout', '300ms', true);
  for waiting in
    select * from private.webhook_events
    where webhook_events.state = 'received' and webhook_events.retry_at <= private.clock()
    order by webhook_events.received_at
    limit retry_webhooks.max_events
    for update skip locked
  loop
    waiting := private.apply_webhook(waiting);
    applied := applied + (waiting.state = 'applied')::integer;
  end loop;
  return applied;
end
$$;

comment on function private.retry_webhooks is 'Applies events that could not be applied when they came.';

create function private.replay_webhooks(event_id text default null)
returns setof private.webhook_events
language plpgsql
volatile
-- As its owner, because the command that asks may not write the inbox.
security definer
set search_path = ''
as $$
declare
  dead private.webhook_events;
begin
  for dead in
    select * from private.webhook_events
    where case when replay_webhooks.event_id is null then webhook_events.state = 'dead' else webhook_events.id = replay_webhooks.event_id end
    order by webhook_events.received_at
    limit 500
    for update
  loop
    return next private.apply_webhook(dead);
  end loop;
end
$$;

comment on function private.replay_webhooks is 'Applies dead events again, or one event by its id. Safe at any time.';

create function private.note_entities(payload jsonb, seen_at bigint, asked_at timestamptz default null)
returns text
language plpgsql
volatile
-- As its owner, because the function that asked may write nothing of ours. Only what Razorpay itself answered goes in here.
security definer
set search_path = ''
as $$
begin
  -- Razorpay's clock has seconds. Its answer counts as the last word of its second: no event of that second overrules it.
  return private.apply_entities(
    note_entities.payload, to_timestamp(note_entities.seen_at) + interval '0.999999 seconds', note_entities.asked_at
  );
exception
  -- What a webhook would be left dead for.
  when data_exception or integrity_constraint_violation then
    perform private.fail(422, 'invalid_input', format('That is no answer of Razorpay''s: %s.', sqlerrm), null);
end
$$;

comment on function private.note_entities is 'Applies what Razorpay answered, as of the moment it answered, to a question asked after a moment of our own.';

grant execute on function private.receive_webhook, private.replay_webhooks, private.note_entities to service_role;
