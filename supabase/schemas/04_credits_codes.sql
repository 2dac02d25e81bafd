-- credits, by code: coupons that give credits at once or a bonus on the next top-up, who redeemed
-- which, and the grant of a top-up, which brings that bonus along.
--
-- An account redeems a code once, and no code more often than it may be. Nobody tries so many that
-- one could be guessed.

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
  account_id uuid not null references private.accounts (id) on delete restrict,
  user_id uuid not null,
  transaction_id bigint references private.transactions (id),
  created_at timestamptz not null default now(),
  primary key (coupon_id, account_id)
);

comment on table private.redemptions is 'Who redeemed which code. A bonus waits here, without a transaction, for the next top-up.';

alter table private.redemptions enable row level security;
create index redemptions_account_id_idx on private.redemptions (account_id) where transaction_id is null;
create index redemptions_transaction_id_idx on private.redemptions (transaction_id);

create table private.wrong_codes (
  id bigint generated always as identity primary key,
  account_id uuid not null references private.accounts (id) on delete cascade,
  user_id uuid not null references private.profiles (user_id) on delete cascade,
  created_at timestamptz not null
);

comment on table private.wrong_codes is 'Codes of the last day that were none: who tried them, and for which account.';

alter table private.wrong_codes enable row level security;
create index wrong_codes_account_id_idx on private.wrong_codes (account_id, created_at);
create index wrong_codes_user_id_idx on private.wrong_codes (user_id, created_at);

create function private.wrong_codes_end(account_id uuid, user_id uuid)
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  with lately as (
    select wrong_codes.account_id, wrong_codes.user_id, wrong_codes.created_at
    from private.wrong_codes
    where (wrong_codes.account_id = wrong_codes_end.account_id or wrong_codes.user_id = wrong_codes_end.user_id)
      and wrong_codes.created_at > private.clock() - interval '1 day'
  ),
  of_person as (
    select lately.created_at from lately where lately.user_id = wrong_codes_end.user_id order by lately.created_at desc
  ),
  of_account as (
    select lately.created_at from lately where lately.account_id = wrong_codes_end.account_id order by lately.created_at desc
  )
  select interval '1 day' + greatest(
    (select of_person.created_at from of_person offset 9 limit 1),
    -- Whoever has guessed nothing does not wait for those who have.
    (
      select least(guessed.created_at, mine.created_at)
      from (select of_account.created_at from of_account offset 19 limit 1) as guessed
      cross join (select of_person.created_at from of_person limit 1) as mine
    )
  )
$$;

comment on function private.wrong_codes_end is
  'Until when a person may try no more codes: after ten wrong ones in a day, or one of twenty for one account. Nothing for who may.';

create type private.redemption_verdict as (
  allowed boolean,
  status integer,
  reason text,
  rule text,
  detail text,
  hint text,
  resets_at timestamptz,
  coupon_id bigint,
  account_id uuid,
  transaction_id bigint,
  created_at timestamptz
);

comment on type private.redemption_verdict is 'What came of trying a code: the redemption, or why there is none and from when on there may be.';

create function private.code_refusal(
  status integer, reason text, rule text, detail text, hint text, resets_at timestamptz default null
)
returns private.redemption_verdict
language sql
immutable
security invoker
set search_path = ''
as $$
  select row(false, status, reason, rule, detail, hint, resets_at, null, null, null, null)::private.redemption_verdict
$$;

comment on function private.code_refusal is 'A verdict that says no. Returned, because to raise it would forget the guess.';

create function private.redeem_code(account_id uuid, code text)
returns private.redemption_verdict
language plpgsql
volatile
-- As its owner, because a member may not write money. It decides from the caller's own id, and no amount is the caller's.
security definer
set search_path = ''
as $$
declare
  at constant timestamptz := private.clock();
  person constant uuid := auth.uid();
  waits_until timestamptz;
  coupon private.coupons;
  redemption private.redemptions;
begin
  if not private.has_role(redeem_code.account_id, 'owner', 'admin', 'billing') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  perform private.require_wallet(redeem_code.account_id);
  -- What a person guesses counts in all their accounts, so that person has a lock as well.
  perform private.lock_calls(person);
  waits_until := private.wrong_codes_end(redeem_code.account_id, person);
  if waits_until is not null then
    return private.code_refusal(
      429, 'rate_limited', 'wrong_codes', 'Too many codes were tried that do not exist.',
      format('Try again on %s.', private.moment_text(waits_until)), waits_until
    );
  end if;

  select * into coupon from private.coupons
  where coupons.code = upper(btrim(redeem_code.code))
    and coupons.active
    and at >= coupons.starts_at
    and at < coalesce(coupons.ends_at, 'infinity')
  for update;
  if coupon.id is null then
    delete from private.wrong_codes
    where (wrong_codes.account_id = redeem_code.account_id or wrong_codes.user_id = person)
      and wrong_codes.created_at <= at - interval '1 day';
    insert into private.wrong_codes (account_id, user_id, created_at) values (redeem_code.account_id, person, at);
    return private.code_refusal(
      404, 'not_found', 'code', 'This code does not exist or is no longer valid.', 'Check the code for typing errors.'
    );
  end if;
  if exists (
    select from private.redemptions
    where redemptions.coupon_id = coupon.id and redemptions.account_id = redeem_code.account_id
  ) then
    return private.code_refusal(
      409, 'conflict', 'once', 'This account has already used the code.', 'Each account can use a code once.'
    );
  end if;
  if coupon.redemption_count >= coupon.max_redemptions then
    return private.code_refusal(409, 'conflict', 'used_up', 'This code has been used up.', 'Try another code.');
  end if;

  update private.coupons set redemption_count = coupons.redemption_count + 1 where coupons.id = coupon.id;
  insert into private.redemptions (coupon_id, account_id, user_id, transaction_id)
  values (
    coupon.id, redeem_code.account_id, person,
    case when coupon.credits_micros is not null then
      private.grant_credits(
        redeem_code.account_id, coupon.credits_micros, 'bonus', 'coupon:' || coupon.id, 'Code ' || coupon.code,
        'user:' || person, at + coupon.lasts
      )
    end
  )
  returning * into redemption;
  return row(
    true, null, null, null, null, null, null, redemption.coupon_id, redemption.account_id, redemption.transaction_id, redemption.created_at
  )::private.redemption_verdict;
end
$$;

comment on function private.redeem_code is 'Redeems a code for an account that the caller may manage, unless they tried too many that do not exist.';

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
returns private.redemption_verdict
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.redeem_code(account_id, code)
$$;

comment on function api.redeem_code is
  'Redeems a code: credits at once, or a bonus on the next top-up. Says so when there is no such code, and when too many were tried.';

grant execute on function api.redeem_code to authenticated;
