-- billing mandates: cards that may be charged again without their owner: agreed to with a payment, told
-- of by Razorpay, replaced by the next one, and taken back.
--
-- A card is never charged for more than was agreed to, nor once its owner or Razorpay has ended it.

-- which there are -------------------------------------------------------------------------------

create function private.live_mandate(account_id uuid)
returns setof private.mandates
language sql
stable
security invoker
set search_path = ''
as $$
  select mandates.*
  from private.mandates
  where mandates.account_id = live_mandate.account_id
    and mandates.status = 'confirmed' and mandates.removed_at is null and mandates.expires_at > private.clock()
  order by mandates.agreed_at desc, mandates.id desc
  limit 1
$$;

comment on function private.live_mandate is 'The card of an account that may be charged by itself now, if any.';

create function private.describe_mandate(mandate private.mandates)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'id', mandate.id, 'payment_id', mandate.payment_id, 'razorpay_customer_id', customers.razorpay_customer_id,
    'is_removed', mandate.removed_at is not null
  )
  from private.customers
  where customers.account_id = mandate.account_id
$$;

comment on function private.describe_mandate is 'A mandate as the functions that carry need it.';

-- agreeing --------------------------------------------------------------------------------------

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

-- ending ----------------------------------------------------------------------------------------

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

create function private.start_card_removal(account_id uuid)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write mandates. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  ended jsonb;
begin
  perform private.require_payer(start_card_removal.account_id);
  perform private.require_wallet(start_card_removal.account_id);
  update private.auto_top_ups set enabled = false where auto_top_ups.account_id = start_card_removal.account_id;
  update private.mandates set removed_at = private.clock()
  where mandates.account_id = start_card_removal.account_id and mandates.removed_at is null;
  select coalesce(jsonb_agg(private.describe_mandate(mandates)), '[]') into ended
  from private.mandates
  where mandates.account_id = start_card_removal.account_id and mandates.status not in ('rejected', 'cancelled');
  return jsonb_build_object('asked_at', clock_timestamp(), 'mandates', ended);
end
$$;

comment on function private.start_card_removal is
  'Lets no card of an account be charged by itself from now on, and says which ones Razorpay is to delete.';

-- grants ----------------------------------------------------------------------------------------

grant execute on function private.start_card_removal to authenticated;
