-- admin, money: what came, went and is left, what each call cost and why, what models cost and earn;
-- and the acts on it: grant, adjust, give back.
--
-- No credit moves here: each act calls the ledger's own function, under a reference that is used once.

-- money -----------------------------------------------------------------------------------------

create view admin.transactions
with (security_invoker = true)
as
select
  transactions.created_at as at,
  owners.account,
  owners.owner_email,
  transactions.kind,
  admin.credits(transactions.amount_micros) as credits,
  admin.credits(transactions.balance_micros) as balance_after,
  transactions.reason,
  transactions.author,
  transactions.fact,
  transactions.refers_to as refers_to_transaction,
  transactions.sequence,
  transactions.id as transaction_id,
  transactions.account_id
from private.transactions
join admin.owners on owners.account_id = transactions.account_id;

comment on view admin.transactions is 'Every movement of credits, in credits, with who made it and why.';

create view admin.lots
with (security_invoker = true)
as
select
  owners.account,
  owners.owner_email,
  lots.source,
  admin.credits(lots.amount_micros) as granted_credits,
  admin.credits(lots.remaining_micros) as remaining_credits,
  lots.expires_at,
  transactions.reason,
  transactions.author,
  lots.created_at as granted_at,
  lots.id as lot_id,
  lots.transaction_id,
  lots.account_id
from private.lots
join private.transactions on transactions.id = lots.transaction_id
join admin.owners on owners.account_id = lots.account_id;

comment on view admin.lots is 'What was granted to whom, how much of it is left and when it lapses.';

create view admin.charges
with (security_invoker = true)
as
select
  usage_events.finished_at as at,
  owners.account,
  owners.owner_email,
  users.email as user_email,
  case when usage_events.key_id is null then 'chat' else coalesce(api_keys.name, 'a deleted key') end as through,
  usage_events.requested_model,
  usage_events.model_id as model,
  usage_events.outcome,
  (usage_events.used).prompt_tokens,
  (usage_events.used).completion_tokens,
  (usage_events.used).cache_read_tokens,
  (usage_events.used).reasoning_tokens,
  admin.credits(usage_events.held_micros) as held_credits,
  admin.credits(usage_events.charged_micros) as charged_credits,
  usage_events.cost_label,
  usage_events.upstream_micros / 1e9 as upstream_usd,
  usage_events.price_version_id,
  coalesce(pricing_rules.pattern, 'a deleted rule') as price_rule,
  (
    select string_agg(
      format('%s of lot %s (%s)', admin.credits(allocations.amount_micros), lots.id, lots.source), ', ' order by lots.id
    )
    from private.allocations
    join private.lots on lots.id = allocations.lot_id
    where allocations.transaction_id = usage_events.transaction_id
  ) as paid_from,
  (
    select admin.credits(sum(refunds.amount_micros))
    from private.transactions as refunds
    where refunds.refers_to = usage_events.transaction_id and refunds.kind = 'refund'
  ) as refunded_credits,
  usage_events.error_code,
  usage_events.run_id,
  usage_events.transaction_id,
  usage_events.request_id,
  usage_events.account_id
from private.usage_events
join admin.owners on owners.account_id = usage_events.account_id
left join auth.users on users.id = usage_events.user_id
left join private.api_keys on api_keys.id = usage_events.key_id
left join private.price_versions on price_versions.id = usage_events.price_version_id
left join private.pricing_rules on pricing_rules.id = price_versions.rule_id;

comment on view admin.charges is 'Every call that ended, from the model and its tokens to the price, the charge and the lots that paid.';

create view admin.open_runs
with (security_invoker = true)
as
select
  private.clock() - runs.started_at as age,
  owners.account,
  owners.owner_email,
  runs.requested_model,
  runs.status,
  admin.credits(runs.held_micros) as held_credits,
  runs.lease_until < private.clock() as is_worker_gone,
  private.hold_end(runs.started_at) < private.clock() - interval '1 minute' as is_stuck,
  runs.stop_requested_at,
  private.hold_end(runs.started_at) as hold_expires_at,
  runs.id as run_id,
  runs.generation_id,
  runs.request_id,
  runs.account_id
from private.runs
join admin.owners on owners.account_id = runs.account_id;

comment on view admin.open_runs is 'Calls that are running or wait for their cost. A stuck one should have been ended by the sweep: see its schedule.';

create view admin.failed_runs
with (security_invoker = true)
as
select charges.*
from admin.charges
where charges.outcome in ('failed', 'expired');

comment on view admin.failed_runs is 'Calls that gave nothing and cost nothing. A call that was refused beforehand leaves no trace at all.';

create view admin.coupons
with (security_invoker = true)
as
select
  coupons.code,
  admin.credits(coupons.credits_micros) as credits,
  coupons.bonus_percent,
  coupons.lasts,
  coupons.redemption_count as redeemed,
  coupons.max_redemptions,
  coupons.starts_at,
  coupons.ends_at,
  coupons.active
    and private.clock() >= coupons.starts_at
    and private.clock() < coalesce(coupons.ends_at, 'infinity')
    and coupons.redemption_count < coalesce(coupons.max_redemptions, 2147483647) as works_now,
  coupons.note,
  coupons.id as coupon_id
from private.coupons;

comment on view admin.coupons is 'Codes, what they give, and how often they were used.';

-- prices and margin -----------------------------------------------------------------------------

create view admin.prices
with (security_invoker = true)
as
select
  models.id as model,
  pricing_rules.pattern as price_rule,
  pricing_rules.note,
  trim_scale(price_versions.prompt_micros / 1000) as input_credits_per_1k,
  trim_scale(price_versions.completion_micros / 1000) as output_credits_per_1k,
  trim_scale(price_versions.upstream_prompt_usd * 1000000) as upstream_input_credits_per_1k,
  trim_scale(price_versions.upstream_completion_usd * 1000000) as upstream_output_credits_per_1k,
  round(100 * (price_versions.prompt_micros / nullif(price_versions.upstream_prompt_usd * 1e9, 0) - 1), 1) as input_margin_percent,
  round(100 * (price_versions.completion_micros / nullif(price_versions.upstream_completion_usd * 1e9, 0) - 1), 1) as output_margin_percent,
  price_versions.prompt_micros < price_versions.upstream_prompt_usd * 1e9
    or price_versions.completion_micros < price_versions.upstream_completion_usd * 1e9 as is_below_cost,
  admin.credits(price_versions.minimum_micros) as minimum_credits,
  models.enabled,
  price_versions.created_at as since,
  price_versions.id as price_version_id,
  price_versions.rule_id
from private.models
join private.price_versions on price_versions.id = models.price_version_id
left join private.pricing_rules on pricing_rules.id = price_versions.rule_id
where models.retired_at is null;

comment on view admin.prices is
  'Our price of each model beside what it costs us, both in credits for 1,000 tokens. Margins are of the upstream price; is_below_cost says we lose on it.';

create view admin.margins
with (security_invoker = true)
as
select
  usage_by_day.day,
  usage_by_day.model_id as model,
  sum(usage_by_day.requests) as requests,
  admin.credits(sum(usage_by_day.charged_micros)) as charged_credits,
  round(sum(usage_by_day.charged_micros) / 1e9, 6) as charged_usd,
  round(sum(usage_by_day.upstream_micros) / 1e9, 6) as upstream_usd,
  round((sum(usage_by_day.charged_micros) - sum(usage_by_day.upstream_micros)) / 1e9, 6) as margin_usd,
  round(100 * (sum(usage_by_day.charged_micros) / nullif(sum(usage_by_day.upstream_micros), 0) - 1), 1) as margin_percent
from private.usage_by_day
group by usage_by_day.day, usage_by_day.model_id;

comment on view admin.margins is
  'By day and model: what was charged, a credit counted as US$0.001 of list price, and what the upstream billed us for it.';

create view admin.usage
with (security_invoker = true)
as
select
  usage_by_day.day,
  usage_by_day.model_id as model,
  count(distinct usage_by_day.account_id) as accounts,
  sum(usage_by_day.requests) as requests,
  sum(usage_by_day.errors) as errors,
  round(100 * sum(usage_by_day.errors) / sum(usage_by_day.requests), 1) as error_percent,
  sum(usage_by_day.prompt_tokens) as prompt_tokens,
  sum(usage_by_day.completion_tokens) as completion_tokens,
  admin.credits(sum(usage_by_day.charged_micros)) as charged_credits,
  round(sum(usage_by_day.latency_ms) / sum(usage_by_day.requests)) as mean_latency_ms,
  round(sum(usage_by_day.first_token_ms) / nullif(sum(usage_by_day.first_tokens), 0)) as mean_first_token_ms
from private.usage_by_day
group by usage_by_day.day, usage_by_day.model_id;

comment on view admin.usage is 'By day and model: how many accounts called it, how often, with how many tokens, and how it went.';

-- acts ------------------------------------------------------------------------------------------

create function admin.grant_credits(
  account text, credits numeric, reason text, author text, reference text, expires_at timestamptz default null
)
returns setof admin.transactions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  account_id constant uuid := admin.find_account(account);
  fact constant text := 'admin:grant:' || private.require_text('Reference', coalesce(reference, ''), 100);
  granted_id bigint;
begin
  granted_id := private.grant_credits(
    account_id, admin.micros(grant_credits.credits), 'bonus', fact, btrim(grant_credits.reason), signature, grant_credits.expires_at
  );
  return query
  select * from admin.transactions where transactions.transaction_id = granted_id;
end
$$;

comment on function admin.grant_credits is
  'Gives credits to an account. The reference, a ticket''s number say, makes sure that the same grant never happens twice.';

create function admin.adjust_credits(account text, credits numeric, reason text, author text, reference text)
returns setof admin.transactions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  account_id constant uuid := admin.find_account(account);
  fact constant text := 'admin:adjustment:' || private.require_text('Reference', coalesce(reference, ''), 100);
  adjusted_id bigint;
begin
  adjusted_id := private.adjust_credits(
    account_id, admin.micros(adjust_credits.credits), fact, btrim(adjust_credits.reason), signature
  );
  return query
  select * from admin.transactions where transactions.transaction_id = adjusted_id;
end
$$;

comment on function admin.adjust_credits is 'Corrects an account by hand: takes credits when negative, but never what is held or not there.';

create function admin.refund_charge(run_id uuid, reason text, author text, reference text, credits numeric default null)
returns setof admin.transactions
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  refund_fact constant text := 'admin:refund:' || private.require_text('Reference', coalesce(reference, ''), 100);
  charge private.transactions;
  left_micros bigint;
  refund_id bigint;
begin
  select transactions.* into charge
  from private.usage_events
  join private.transactions on transactions.id = usage_events.transaction_id
  where usage_events.run_id = refund_charge.run_id;
  if charge.id is null then
    perform private.fail(404, 'not_found', 'This call was never charged.', 'Look it up in admin.charges.');
  end if;
  perform private.require_wallet(charge.account_id);
  -- Without the refund of the same reference, so that repeating it finds the figure it had.
  select -charge.amount_micros - coalesce(sum(transactions.amount_micros), 0) into left_micros
  from private.transactions
  where transactions.refers_to = charge.id and transactions.kind = 'refund' and transactions.fact <> refund_fact;
  if refund_charge.credits is null and left_micros = 0 then
    perform private.fail(409, 'conflict', 'This charge has been refunded in full.', null);
  end if;
  refund_id := private.refund_charge(
    charge.id, case when refund_charge.credits is null then left_micros else admin.micros(refund_charge.credits) end,
    refund_fact, btrim(refund_charge.reason), signature
  );
  return query
  select * from admin.transactions where transactions.transaction_id = refund_id;
end
$$;

comment on function admin.refund_charge is 'Gives back what a call cost: all that is left of it, or as many credits as given.';

create function admin.find_charge(search text, most integer default 50)
returns setof admin.charges
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  wanted constant text := lower(btrim(coalesce(search, '')));
  wanted_run_id uuid;
  wanted_account_id uuid;
begin
  if wanted ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    select usage_events.run_id into wanted_run_id from private.usage_events where usage_events.run_id = wanted::uuid;
    select accounts.id into wanted_account_id from private.accounts where accounts.id = wanted::uuid;
  elsif wanted ~ '^[0-9]{1,18}$' then
    select substr(transactions.fact, 5)::uuid into wanted_run_id
    from private.transactions
    where transactions.id = wanted::bigint and transactions.kind = 'charge';
  elsif wanted like '%@%' then
    wanted_account_id := admin.find_account(wanted);
  end if;
  if wanted_run_id is not null then
    return query
    select * from admin.charges where charges.run_id = wanted_run_id;
  elsif wanted_account_id is not null then
    return query
    select * from admin.charges
    where charges.account_id = wanted_account_id
    order by charges.at desc
    limit find_charge.most;
  else
    return query
    select * from admin.charges
    where charges.request_id = btrim(search) and charges.at > private.clock() - interval '7 days'
    order by charges.at desc
    limit find_charge.most;
  end if;
end
$$;

comment on function admin.find_charge is
  'Charges by whatever is at hand: the id of a call or a transaction, an email or an account''s id (the latest first), or a request id of the last seven days.';

create function admin.explain_charge(run_id uuid)
returns table (step bigint, what text)
language sql
stable
security invoker
set search_path = ''
as $$
  with run as (
    select
      runs.user_id, runs.account_id, runs.requested_model, runs.started_at, runs.request_id, runs.held_micros, runs.shape,
      runs.max_tokens, runs.route_reason, array_to_string(runs.model_ids, ', ') as chosen, true as is_open
    from private.runs
    where runs.id = explain_charge.run_id
    union all
    select
      usage_events.user_id, usage_events.account_id, usage_events.requested_model, usage_events.started_at,
      usage_events.request_id, usage_events.held_micros, usage_events.shape, usage_events.max_tokens,
      usage_events.route_reason, usage_events.model_id, false
    from private.usage_events
    where usage_events.run_id = explain_charge.run_id
  ),
  charge as (
    select * from admin.charges where charges.run_id = explain_charge.run_id
  ),
  said (position, what) as (
    select 1, format(
      '%s of %s called %s at %s UTC%s.', coalesce(users.email, 'Somebody'), owners.account, run.requested_model,
      to_char(run.started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), ', request ' || run.request_id
    )
    from run
    join admin.owners on owners.account_id = run.account_id
    left join auth.users on users.id = run.user_id
    union all
    select 2, format(
      'It might have cost %s credits at most (%s bytes of prompt, up to %s tokens of answer): that much was held.',
      admin.credits(run.held_micros), (run.shape).prompt_bytes, run.max_tokens
    )
    from run
    union all
    select 3, format('The router chose %s: %s', run.chosen, run.route_reason)
    from run
    where run.route_reason is not null
    union all
    select 4, 'It has not ended yet.' from run where run.is_open
    union all
    select 5, format(
      '%s ended as %s with %s tokens in and %s out.', charge.model, charge.outcome,
      coalesce(charge.prompt_tokens, 0), coalesce(charge.completion_tokens, 0)
    )
    from charge
    union all
    select 6, format(
      'Price version %s, made by the rule for %s: %s credits for 1,000 tokens in, %s for 1,000 out, at least %s.',
      price_versions.id, charge.price_rule, trim_scale(price_versions.prompt_micros / 1000),
      trim_scale(price_versions.completion_micros / 1000), admin.credits(price_versions.minimum_micros)
    )
    from charge
    join private.price_versions on price_versions.id = charge.price_version_id
    union all
    select 7, case resolutions.outcome
      when 'settled' then format('%s credits were charged (%s), and the rest of the hold was freed.', charge.charged_credits, charge.cost_label)
      when 'released' then 'Nothing was charged: the call gave nothing, and the hold was freed.'
      else 'Nothing was charged: the worker was lost, and the hold was freed.'
    end
    from charge
    join private.resolutions on resolutions.hold_id = charge.run_id
    union all
    select 8, format('The ledger has it as transaction %s, number %s of the account, balance after it %s credits.',
      transactions.transaction_id, transactions.sequence, transactions.balance_after)
    from charge
    join admin.transactions on transactions.transaction_id = charge.transaction_id
    union all
    select 9, format('It was paid with %s.', charge.paid_from) from charge where charge.paid_from is not null
    union all
    select 10, format('%s credits were given back on %s by %s: %s', refunds.credits,
      to_char(refunds.at at time zone 'UTC', 'YYYY-MM-DD'), refunds.author, refunds.reason)
    from charge
    join admin.transactions as refunds on refunds.refers_to_transaction = charge.transaction_id and refunds.kind = 'refund'
    union all
    select 11, format('The upstream billed us US$%s for it.', trim_scale(round(charge.upstream_usd::numeric, 9)))
    from charge
    where charge.upstream_usd is not null
  )
  select row_number() over (order by said.position, said.what), said.what from said
$$;

comment on function admin.explain_charge is 'Tells in sentences how a call came to cost what it did.';
