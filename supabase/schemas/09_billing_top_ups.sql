-- billing top-ups: packages that an account buys by itself when its balance is low, with a card that
-- was agreed to be charged again.
--
-- One at a time, not again for a while, never past the ceiling of a month, and not after three failures.

-- what was wished for ---------------------------------------------------------------------------

create table private.auto_top_ups (
  account_id uuid primary key references private.accounts (id) on delete cascade,
  enabled boolean not null default false,
  threshold_micros bigint not null check (threshold_micros between 1 and 9007199254740991),
  package_id text not null references private.packages (id),
  currency text not null,
  ceiling_minor bigint not null check (ceiling_minor between 100 and 100000000000),
  failures integer not null default 0,
  last_order_at timestamptz
);

comment on table private.auto_top_ups is
  'Buys a package with a mandate when the balance falls below the threshold: one at a time, not again for a while, never past the ceiling of a month.';

alter table private.auto_top_ups enable row level security;
create index auto_top_ups_package_id_idx on private.auto_top_ups (package_id);

create function private.set_auto_top_up(
  account_id uuid, enabled boolean, threshold_micros bigint, package_id text, currency text, ceiling_minor bigint
)
returns private.auto_top_ups
language plpgsql
volatile
-- As its owner, because members may not write settings of money. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
declare
  price private.prices;
  setting private.auto_top_ups;
begin
  perform private.require_payer(set_auto_top_up.account_id);
  perform private.require_amount(set_auto_top_up.threshold_micros);
  select * into price from private.prices
  where prices.package_id = set_auto_top_up.package_id and prices.currency = set_auto_top_up.currency and prices.retired_at is null;
  if price.id is null then
    perform private.fail(404, 'not_found', 'This package is not sold in that currency.', 'Choose one from the list.');
  end if;
  if set_auto_top_up.ceiling_minor is null or set_auto_top_up.ceiling_minor not between price.amount_minor and 100000000000 then
    perform private.fail(
      422, 'invalid_input', format('A month''s ceiling must allow at least one package: %s.', private.price_text(price.currency, price.amount_minor)),
      'Raise the ceiling.'
    );
  end if;
  if set_auto_top_up.enabled and not exists (
    select from private.live_mandate(set_auto_top_up.account_id) as mandate
    where mandate.currency = price.currency and mandate.max_minor >= price.amount_minor
  ) then
    perform private.fail(
      409, 'conflict',
      format('There is no card that may be charged %s by itself.', private.price_text(price.currency, price.amount_minor)),
      'Buy this package once and keep the card.'
    );
  end if;
  insert into private.auto_top_ups as known (account_id, enabled, threshold_micros, package_id, currency, ceiling_minor)
  values (
    set_auto_top_up.account_id, coalesce(set_auto_top_up.enabled, false), set_auto_top_up.threshold_micros,
    set_auto_top_up.package_id, set_auto_top_up.currency, set_auto_top_up.ceiling_minor
  )
  on conflict on constraint auto_top_ups_pkey do update set
    enabled = excluded.enabled, threshold_micros = excluded.threshold_micros, package_id = excluded.package_id,
    currency = excluded.currency, ceiling_minor = excluded.ceiling_minor, failures = 0
  returning * into setting;
  return setting;
end
$$;

comment on function private.set_auto_top_up is 'Sets how an account tops up by itself. Saving it again also forgives earlier failures.';

-- what is due -----------------------------------------------------------------------------------

create view private.due_auto_top_ups
with (security_invoker = true)
as
select
  auto_top_ups.account_id,
  prices.id as price_id,
  coalesce(month.spent_minor, 0) + prices.amount_minor > auto_top_ups.ceiling_minor as is_over_ceiling
from private.auto_top_ups
join private.balances on balances.account_id = auto_top_ups.account_id
join private.accounts on accounts.id = auto_top_ups.account_id
join private.prices
  on prices.package_id = auto_top_ups.package_id and prices.currency = auto_top_ups.currency and prices.retired_at is null
join private.live_mandate(auto_top_ups.account_id) as mandate
  on mandate.currency = prices.currency and mandate.max_minor >= prices.amount_minor
cross join private.billing_settings as settings
left join lateral (
  select sum(orders.amount_minor) as spent_minor
  from private.orders
  where orders.account_id = auto_top_ups.account_id
    and orders.is_automatic
    and orders.status <> 'failed'
    and orders.created_at >= private.month_start(null, private.clock())
) as month on true
where auto_top_ups.enabled
  and auto_top_ups.failures < 3
  and accounts.suspended_at is null
  and balances.free_micros < auto_top_ups.threshold_micros
  and coalesce(auto_top_ups.last_order_at, '-infinity') <= private.clock() - settings.auto_cooldown
  and not exists (
    select from private.orders
    where orders.account_id = auto_top_ups.account_id and orders.is_automatic and orders.status in ('created', 'attempted')
  );

comment on view private.due_auto_top_ups is 'Accounts below their threshold that may top up by themselves now, with a card that was agreed to be charged as much.';

create function private.claim_auto_top_ups(most integer default 20)
returns setof jsonb
language plpgsql
volatile
-- As its owner, because the worker that asks may not write orders.
security definer
set search_path = ''
as $$
declare
  due record;
  price private.prices;
  asked private.orders;
begin
  -- A bank may take days, which is no reason to wait for one that never answers. Should it pay after all, that counts.
  update private.orders set status = 'failed'
  where orders.is_automatic and orders.status in ('created', 'attempted') and orders.created_at < private.clock() - interval '7 days';
  for due in select account_id from private.due_auto_top_ups order by account_id limit greatest(claim_auto_top_ups.most, 0) loop
    -- Under the row's lock and with what is true then: two askers never order for one account.
    perform from private.auto_top_ups where auto_top_ups.account_id = due.account_id for update skip locked;
    continue when not found;
    select due_auto_top_ups.* into due from private.due_auto_top_ups where due_auto_top_ups.account_id = due.account_id;
    continue when due.account_id is null;
    if due.is_over_ceiling then
      perform private.notify(
        due.account_id, 'auto_top_up_ceiling',
        'auto-ceiling:' || to_char(private.clock() at time zone 'UTC', 'YYYY-MM'), 'Automatic top-ups have reached your ceiling',
        'Your balance is low, and another top-up would go past what you allow in a month. Raise the ceiling or top up by hand.', '/billing'
      );
      continue;
    end if;
    select * into price from private.prices where prices.id = due.price_id;
    insert into private.orders (
      account_id, price_id, request_key, is_automatic, currency, amount_minor, credits_micros, bonus_micros, created_at
    )
    values (
      due.account_id, price.id, 'auto:' || private.new_id(), true, price.currency, price.amount_minor, price.credits_micros,
      floor(price.credits_micros * price.bonus_percent / 100)::bigint, private.clock()
    )
    returning * into asked;
    update private.auto_top_ups set last_order_at = private.clock() where auto_top_ups.account_id = due.account_id;
    return next private.describe_order(asked)
      || jsonb_build_object('mandate', (select private.describe_mandate(live) from private.live_mandate(asked.account_id) as live));
  end loop;
end
$$;

comment on function private.claim_auto_top_ups is 'Orders that are to be paid with a mandate now, one at a time for each account.';

create function private.fail_auto_top_up(order_id uuid, reason text)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
declare
  failed private.orders;
begin
  update private.orders set status = 'failed'
  where orders.id = fail_auto_top_up.order_id and orders.is_automatic and orders.status in ('created', 'attempted')
  returning * into failed;
  if failed.id is null then
    return;
  end if;
  update private.auto_top_ups set failures = auto_top_ups.failures + 1 where auto_top_ups.account_id = failed.account_id;
  perform private.notify(
    failed.account_id, 'auto_top_up_failed', 'auto-failed:' || failed.id, 'An automatic top-up failed',
    format('%s could not be charged: %s. After three failures in a row it stops until you set it up again.',
      private.price_text(failed.currency, failed.amount_minor), left(coalesce(fail_auto_top_up.reason, 'it was refused'), 200)),
    '/billing'
  );
end
$$;

comment on function private.fail_auto_top_up is 'Gives up an automatic top-up that Razorpay refused outright.';

-- policies and grants ---------------------------------------------------------------------------

create policy "those who manage an account see how it tops up" on private.auto_top_ups
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));

grant select on private.auto_top_ups to authenticated, service_role;
grant execute on function private.set_auto_top_up to authenticated;
grant execute on function private.claim_auto_top_ups, private.fail_auto_top_up to service_role;
