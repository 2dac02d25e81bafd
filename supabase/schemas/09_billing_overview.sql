-- billing overview: all that a billing page begins with, in one answer: the plan, what is charged next,
-- the wallet, the way to pay, what is about to change.
--
-- A member who may not pay for the account is told its plan and its wallet, and nothing else.

create function private.billing_overview(account_id uuid)
returns jsonb
language plpgsql
stable
-- As its owner, because prices that are no longer sold are in it. Members get past the first check, and see more only if they may pay.
security definer
set search_path = ''
as $$
declare
  can_pay constant boolean := private.has_role(billing_overview.account_id, 'owner', 'admin', 'billing');
  current private.subscriptions;
  paid private.prices;
  asked private.prices;
  customer private.customers;
begin
  if billing_overview.account_id is null or billing_overview.account_id not in (select private.my_account_ids()) then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your accounts.');
  end if;
  if can_pay then
    select * into current from private.live_subscription(billing_overview.account_id);
    select * into paid from private.prices where prices.id = current.price_id;
    select * into customer from private.customers where customers.account_id = billing_overview.account_id;
  end if;
  select prices.* into asked
  from private.subscription_prices
  join private.prices on prices.id = subscription_prices.price_id
  where subscription_prices.subscription_id = current.id and subscription_prices.state = 'asked'
    and subscription_prices.price_id <> current.price_id and current.has_scheduled_changes
  order by subscription_prices.id desc limit 1;
  return jsonb_build_object(
    'account_id', billing_overview.account_id,
    'can_pay', can_pay,
    'plan', (
      select jsonb_build_object('id', plans.id, 'name', plans.name, 'until', customer.plan_until)
      from private.account_plans join private.plans on plans.id = account_plans.plan_id
      where account_plans.account_id = billing_overview.account_id
    ),
    'wallet', (
      select jsonb_build_object(
        'balance_micros', balances.balance_micros, 'available_micros', greatest(balances.free_micros, 0),
        'debt_micros', balances.debt_micros
      )
      from private.balances where balances.account_id = billing_overview.account_id
    ),
    'subscription', case when current.id is not null then jsonb_build_object(
      'id', current.id, 'status', current.status, 'plan_id', paid.plan_id, 'price_id', paid.id, 'period', paid.period,
      'currency', paid.currency, 'amount_minor', paid.amount_minor, 'current_start', current.current_start, 'current_end', current.current_end,
      'next_charge_at', case when current.cancel_wish is null then current.charge_at end,
      'trial_until', current.trial_until, 'method', current.method, 'cancels_at', case current.cancel_wish when 'cycle_end' then current.current_end when 'now' then private.clock() end,
      'pay_link', case when current.status in ('pending', 'halted') then current.short_url end,
      'grace_until', case when current.status in ('pending', 'halted') then private.entitled_until(current) end,
      'changes_to', case when asked.id is not null then jsonb_build_object('plan_id', asked.plan_id, 'price_id', asked.id, 'period', asked.period, 'amount_minor', asked.amount_minor, 'at', current.current_end) end
    ) end,
    'next_subscription', (
      select jsonb_build_object('id', following.id, 'plan_id', prices.plan_id, 'price_id', prices.id, 'period', prices.period, 'starts_at', following.start_at)
      from private.subscriptions as following
      join private.prices on prices.id = following.price_id
      where following.replaces = current.id and following.status = 'authenticated'
      limit 1
    ),
    'payment_method', (
      select jsonb_build_object(
        'label', kept.label, 'status', kept.status, 'currency', kept.currency, 'max_minor', kept.max_minor, 'expires_at', kept.expires_at,
        'can_top_up', kept.status = 'confirmed'
      )
      from private.mandates as kept
      where can_pay and kept.account_id = billing_overview.account_id
        and kept.status not in ('rejected', 'cancelled') and kept.removed_at is null and kept.expires_at > private.clock()
      order by kept.status = 'confirmed' desc, kept.agreed_at desc, kept.id desc limit 1
    ),
    'details', jsonb_build_object(
      'name', coalesce(customer.billing_name, ''), 'email', coalesce(customer.billing_email, ''),
      'address', coalesce(customer.billing_address, ''), 'tax_number', coalesce(customer.tax_number, '')
    ),
    'waiting_bonus', (
      select jsonb_build_object('code', coupons.code, 'bonus_percent', coupons.bonus_percent)
      from private.redemptions join private.coupons on coupons.id = redemptions.coupon_id
      where can_pay and redemptions.account_id = billing_overview.account_id and redemptions.transaction_id is null
      order by redemptions.created_at limit 1
    ),
    'unread_notices', (
      select count(*) from private.notices
      where can_pay and notices.account_id = billing_overview.account_id and notices.read_at is null
    )
  );
end
$$;

comment on function private.billing_overview is
  'All that a billing page begins with: plan, next charge, wallet, way to pay, what is about to change. A member who may not pay sees the plan and the wallet.';

grant execute on function private.billing_overview to authenticated;
