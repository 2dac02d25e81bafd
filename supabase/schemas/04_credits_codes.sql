-- credits, by code: coupons that give credits at once or a bonus on the next top-up, and who
-- redeemed which.
--
-- An account redeems a code once, and no code more often than it may be.

create table private.coupons (
  id bigint generated always as identity primary key,
  code text not null unique check (code ~ '^[A-Z0-9][A-Z0-9-]{3,39}$'),
  credits_micros bigint check (credits_micros between 1 and 9007199254740991),
  bonus_percent numeric check (bonus_percent > 0 and bonus_percent <= 1000),
  lasts interval check (lasts > interval '0'),
  max_redemptions integer check (max_redemptions > 0),
  redemption_count integer not null default 0,
  starts_at timestamptz not null default now(),
  ends_at timestamptz,
  active boolean not null default true,
  note text not null default '',
  created_at timestamptz not null default now(),
  constraint credits_or_bonus check ((credits_micros is null) <> (bonus_percent is null)),
  constraint never_over_redeemed check (redemption_count between 0 and coalesce(max_redemptions, redemption_count))
);

comment on table private.coupons is 'Codes that give credits at once, or a bonus on the next top-up. Each account redeems a code once.';

alter table private.coupons enable row level security;

create table private.redemptions (
  coupon_id bigint not null references private.coupons (id) on delete restrict,
  account_id uuid not null references private.wallets (account_id) on delete restrict,
  user_id uuid not null,
  transaction_id bigint references private.transactions (id),
  created_at timestamptz not null default now(),
  primary key (coupon_id, account_id)
);

comment on table private.redemptions is 'Who redeemed which code. A bonus waits here, without a transaction, for the next top-up.';

alter table private.redemptions enable row level security;
create index redemptions_account_id_idx on private.redemptions (account_id) where transaction_id is null;
create index redemptions_transaction_id_idx on private.redemptions (transaction_id);

create function private.redeem_code(account_id uuid, code text)
returns private.redemptions
language plpgsql
volatile
-- As its owner, because a member may not write money. It decides from the caller's own id, and no amount is the caller's.
security definer
set search_path = ''
as $$
declare
  coupon private.coupons;
  redemption private.redemptions;
begin
  if not private.has_role(redeem_code.account_id, 'owner', 'admin', 'billing') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  perform private.require_wallet(redeem_code.account_id);

  select * into coupon from private.coupons
  where coupons.code = upper(btrim(redeem_code.code))
    and coupons.active
    and private.clock() >= coupons.starts_at
    and private.clock() < coalesce(coupons.ends_at, 'infinity')
  for update;
  if coupon.id is null then
    perform private.fail(404, 'not_found', 'This code does not exist or is no longer valid.', 'Check the code for typing errors.');
  end if;
  if exists (
    select from private.redemptions
    where redemptions.coupon_id = coupon.id and redemptions.account_id = redeem_code.account_id
  ) then
    perform private.fail(409, 'conflict', 'This account has already used the code.', 'Each account can use a code once.');
  end if;
  if coupon.redemption_count >= coupon.max_redemptions then
    perform private.fail(409, 'conflict', 'This code has been used up.', 'Try another code.');
  end if;

  update private.coupons set redemption_count = coupons.redemption_count + 1 where coupons.id = coupon.id;
  insert into private.redemptions (coupon_id, account_id, user_id, transaction_id)
  values (
    coupon.id, redeem_code.account_id, auth.uid(),
    case when coupon.credits_micros is not null then
      private.grant_credits(
        redeem_code.account_id, coupon.credits_micros, 'bonus', 'coupon:' || coupon.id, 'Code ' || coupon.code,
        'user:' || auth.uid(), private.clock() + coupon.lasts
      )
    end
  )
  returning * into redemption;
  return redemption;
end
$$;

comment on function private.redeem_code is 'Redeems a code for an account that the caller may manage.';

create function private.grant_top_up(account_id uuid, amount_micros bigint, fact text, reason text, author text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wallet constant private.wallets := private.require_wallet(account_id);
  earlier constant bigint := private.replay(account_id, fact, 'grant', 'issuance', amount_micros);
  new_id constant bigint := private.grant_credits(account_id, amount_micros, 'top_up', fact, reason, author);
  coupon private.coupons;
  bonus_id bigint;
begin
  select coupons.* into coupon
  from private.redemptions
  join private.coupons on coupons.id = redemptions.coupon_id
  where redemptions.account_id = wallet.account_id and redemptions.transaction_id is null
  order by redemptions.created_at
  limit 1;
  if earlier is not null or coupon.id is null then
    return new_id;
  end if;
  bonus_id := private.grant_credits(
    grant_top_up.account_id, ceil(grant_top_up.amount_micros * coupon.bonus_percent / 100)::bigint, 'bonus',
    'bonus:' || grant_top_up.fact, 'Code ' || coupon.code, grant_top_up.author, private.clock() + coupon.lasts,
    refers_to => new_id
  );
  update private.redemptions set transaction_id = bonus_id
  where redemptions.coupon_id = coupon.id and redemptions.account_id = grant_top_up.account_id;
  return new_id;
end
$$;

comment on function private.grant_top_up is 'Grants what was bought, and with it the bonus that a redeemed code has waiting.';

-- policies and grants -------------------------------------------------------------------------

create policy "those who manage an account see its codes" on private.redemptions
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));

grant select on private.redemptions to authenticated, service_role;
grant select on private.coupons to service_role;
grant execute on function private.redeem_code to authenticated;

-- api ---------------------------------------------------------------------------------------

create view api.redemptions
with (security_invoker = true)
as
select redemptions.coupon_id, redemptions.account_id, redemptions.transaction_id, redemptions.created_at
from private.redemptions;

comment on view api.redemptions is 'The codes an account has redeemed; one without a transaction is a bonus that waits for the next top-up.';

grant select on api.redemptions to authenticated;

create function api.redeem_code(account_id uuid, code text)
returns api.redemptions
language sql
volatile
security invoker
set search_path = ''
as $$
  select redeemed.coupon_id, redeemed.account_id, redeemed.transaction_id, redeemed.created_at
  from private.redeem_code(account_id, code) as redeemed
$$;

comment on function api.redeem_code is 'Redeems a code: credits at once, or a bonus on the next top-up.';

grant execute on function api.redeem_code to authenticated;
