-- admin: what an admin sees and does in Studio, in words and credits instead of ids and micros.
-- Views to read, functions that do a whole act at once; each function names its author and a reason.
-- Here are people, accounts, plans and limits; money is in 10_admin_money.
--
-- Nothing of it is exposed or granted: only the database's own owner, who is signed in to Studio,
-- gets here. No rule of the product stands here; the functions call those that have the rule.

create schema admin;

comment on schema admin is 'Views and acts for admins in Studio. Never exposed, granted to no role.';

-- words -----------------------------------------------------------------------------------------

create function admin.credits(micros numeric)
returns numeric
language sql
immutable
security invoker
set search_path = ''
as $$
  select trim_scale(micros / 1000000)
$$;

comment on function admin.credits is 'An amount in credits.';

create function admin.micros(credits numeric)
returns bigint
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- A comparison with NaN is written so that it fails.
  if credits is null or not abs(credits) <= 9007199254 or scale(trim_scale(credits)) > 6 then
    perform private.fail(
      422, 'invalid_input', 'Give a number of credits with at most six decimals.', 'Write it like 250 or 12.5.'
    );
  end if;
  return credits * 1000000;
end
$$;

comment on function admin.micros is 'A number of credits as the ledger counts it.';

create function admin.find_account(account text)
returns uuid
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  wanted constant text := lower(btrim(coalesce(find_account.account, '')));
  found_id uuid;
begin
  if wanted ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    select accounts.id into found_id from private.accounts where accounts.id = wanted::uuid;
  else
    select accounts.id into found_id
    from auth.users
    join private.accounts on accounts.personal_user_id = users.id
    where users.email = wanted;
  end if;
  if found_id is null then
    perform private.fail(
      404, 'not_found', format('Nobody has the address or account id %s.', left(wanted, 100)),
      'Look it up in admin.people or admin.accounts.'
    );
  end if;
  return found_id;
end
$$;

comment on function admin.find_account is 'The account of a person by email, or any account by its id.';

create function admin.sign_act(author text, reason text)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := 'admin:' || private.require_text('Author', coalesce(author, ''), 100);
begin
  perform
    set_config('oneai.author', signature, true),
    set_config('oneai.reason', private.require_text('Reason', coalesce(sign_act.reason, ''), 500), true);
  return signature;
end
$$;

comment on function admin.sign_act is 'Who acts and why, for the ledger and for the audit log of this transaction.';

-- people and accounts ---------------------------------------------------------------------------

create view admin.owners
with (security_invoker = true)
as
select
  accounts.id as account_id,
  accounts.name as account,
  (
    select string_agg(users.email, ', ' order by users.email)
    from private.members
    join auth.users on users.id = members.user_id
    where members.account_id = accounts.id and members.role = 'owner'
  ) as owner_email
from private.accounts;

comment on view admin.owners is 'Which account belongs to whom.';

create view admin.accounts
with (security_invoker = true)
as
select
  accounts.id as account_id,
  accounts.kind,
  accounts.name as account,
  owners.owner_email,
  plans.name as plan,
  admin.credits(balances.balance_micros) as credits,
  admin.credits(balances.held_micros) as held_credits,
  admin.credits(balances.debt_micros) as owed_credits,
  (select count(*) from private.members where members.account_id = accounts.id) as members,
  balances.transaction_count as transactions,
  balances.next_expiry_at as next_expiry,
  accounts.suspended_at as suspended_since,
  accounts.created_at as opened_at
from private.accounts
join admin.owners on owners.account_id = accounts.id
left join private.balances on balances.account_id = accounts.id
left join private.account_plans on account_plans.account_id = accounts.id
left join private.plans on plans.id = account_plans.plan_id;

comment on view admin.accounts is 'Every account, personal or a team''s: plan, what it has, what is set aside for open calls, what it owes.';

create view admin.people
with (security_invoker = true)
as
select
  users.email,
  profiles.name,
  accounts.plan,
  accounts.credits,
  accounts.held_credits,
  accounts.owed_credits,
  greatest(
    users.last_sign_in_at,
    (select max(usage_by_day.day) from private.usage_by_day where usage_by_day.account_id = accounts.account_id)::timestamp at time zone 'UTC'
  ) as last_seen,
  accounts.suspended_since,
  (
    select string_agg(format('%s (%s)', teams.name, members.role), ', ' order by teams.name)
    from private.members
    join private.accounts as teams on teams.id = members.account_id and teams.kind = 'team'
    where members.user_id = profiles.user_id
  ) as teams,
  users.created_at as signed_up_at,
  accounts.account_id,
  profiles.user_id
from private.profiles
join auth.users on users.id = profiles.user_id
left join private.accounts as personal on personal.personal_user_id = profiles.user_id
left join admin.accounts on accounts.account_id = personal.id;

comment on view admin.people is 'Everybody who signed up, with their own account. Last seen is the last sign-in or the last day of use.';

create view admin.keys
with (security_invoker = true)
as
select
  owners.account,
  owners.owner_email,
  api_keys.name as key,
  api_keys.prefix,
  users.email as made_by,
  api_keys.created_at as made_at,
  api_keys.last_used_at as last_used,
  api_keys.expires_at as expires,
  api_keys.revoked_at as revoked_since,
  api_keys.account_id,
  api_keys.id as key_id
from private.api_keys
join admin.owners on owners.account_id = api_keys.account_id
left join auth.users on users.id = api_keys.created_by;

comment on view admin.keys is 'Every key of every account by the beginning that its owner sees; the rest of it nobody has.';

-- limits ----------------------------------------------------------------------------------------

create view admin.overrides
with (security_invoker = true)
as
select
  owners.account,
  owners.owner_email,
  case when limit_overrides.subject_id = limit_overrides.account_id then 'account' else coalesce(api_keys.name, 'a deleted key') end as applies_to,
  limit_overrides.requests_per_minute,
  limit_overrides.requests_per_hour,
  limit_overrides.requests_per_day,
  limit_overrides.requests_per_month,
  admin.credits(limit_overrides.max_cost_micros) as max_credits_per_request,
  limit_overrides.expires_at,
  coalesce(limit_overrides.expires_at, 'infinity') > private.clock() as works_now,
  limit_overrides.reason,
  limit_overrides.account_id,
  limit_overrides.subject_id
from private.limit_overrides
join admin.owners on owners.account_id = limit_overrides.account_id
left join private.api_keys on api_keys.id = limit_overrides.subject_id;

comment on view admin.overrides is 'Limits that differ from the plan''s. An empty limit is the plan''s own.';

create view admin.budgets
with (security_invoker = true)
as
select
  owners.account,
  owners.owner_email,
  budgets.subject,
  coalesce(api_keys.name, users.email) as name,
  budgets.period,
  admin.credits(budgets.limit_micros) as limit_credits,
  admin.credits(
    case when budgets.window_start >= private.budget_start(budgets.period, private.clock()) then budgets.spent_micros else 0 end
  ) as spent_credits,
  admin.credits(budgets.held_micros) as held_credits,
  private.budget_end(budgets.period, private.clock()) as resets_at,
  budgets.account_id,
  budgets.subject_id
from private.budgets
join admin.owners on owners.account_id = budgets.account_id
left join private.api_keys on api_keys.id = budgets.subject_id
left join auth.users on users.id = budgets.subject_id;

comment on view admin.budgets is 'What keys and members may spend, as those who manage the account set it.';

-- acts ------------------------------------------------------------------------------------------

create function admin.suspend_account(account text, reason text, author text)
returns setof admin.accounts
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  wallet constant private.wallets := private.require_wallet(admin.find_account(account));
begin
  -- Under the account's locks: once this has returned, no new call of the account gets through.
  update private.accounts set suspended_at = coalesce(accounts.suspended_at, private.clock())
  where accounts.id = wallet.account_id;
  return query
  select * from admin.accounts where accounts.account_id = wallet.account_id;
end
$$;

comment on function admin.suspend_account is 'Stops an account from spending. Running calls end; signing in and reading go on.';

create function admin.unsuspend_account(account text, reason text, author text)
returns setof admin.accounts
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  wallet constant private.wallets := private.require_wallet(admin.find_account(account));
begin
  update private.accounts set suspended_at = null
  where accounts.id = wallet.account_id;
  return query
  select * from admin.accounts where accounts.account_id = wallet.account_id;
end
$$;

comment on function admin.unsuspend_account is 'Lets a suspended account spend again.';

create function admin.revoke_key(key text, reason text, author text)
returns setof admin.keys
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  wanted constant text := btrim(coalesce(revoke_key.key, ''));
  found private.api_keys[] := array(
    select api_keys from private.api_keys
    where api_keys.id::text = lower(wanted) or (api_keys.prefix = wanted and api_keys.revoked_at is null)
  );
begin
  if cardinality(found) = 0 then
    perform private.fail(
      404, 'not_found', format('No key in force begins with %s, and none has that id.', left(wanted, 100)), 'Look it up in admin.keys.'
    );
  elsif cardinality(found) > 1 then
    perform private.fail(409, 'conflict', 'Several keys begin like that.', 'Give the key_id that admin.keys has.');
  end if;
  perform private.require_wallet(found[1].account_id);
  perform private.end_key(found[1].id);
  return query
  select * from admin.keys where keys.key_id = found[1].id;
end
$$;

comment on function admin.revoke_key is 'Ends a key, by its id or by its beginning. Calls that run go on to their end; no other is let in once this has returned.';

create function admin.switch_model(model text, enabled boolean, reason text, author text)
returns table (model_id text, name text, is_enabled boolean)
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
begin
  return query
  update private.models set enabled = coalesce(switch_model.enabled, models.enabled)
  where models.id = btrim(switch_model.model)
  returning models.id, models.name, models.enabled;
  if not found then
    perform private.fail(404, 'not_found', format('There is no model %s.', left(btrim(coalesce(switch_model.model, '')), 100)), 'Look it up in admin.prices.');
  end if;
end
$$;

comment on function admin.switch_model is 'Switches a model off for everybody, or on again. Calls that run go on to their end.';

create function admin.pause_upstream(paused boolean, reason text, author text)
returns table (is_paused boolean, closed_until timestamptz, closed_because text)
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
begin
  return query
  update private.upstream_guard set is_paused = coalesce(pause_upstream.paused, upstream_guard.is_paused)
  returning upstream_guard.is_paused, upstream_guard.closed_until, upstream_guard.closed_because;
end
$$;

comment on function admin.pause_upstream is 'Lets no new call of anybody begin, or lets them begin again. Calls that run go on to their end.';

create function admin.set_plan(account text, plan text, reason text, author text)
returns setof admin.accounts
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  wallet constant private.wallets := private.require_wallet(admin.find_account(account));
  new_plan private.plans;
begin
  select * into new_plan from private.plans where plans.id = lower(btrim(set_plan.plan));
  if new_plan.id is null then
    perform private.fail(
      404, 'not_found', 'There is no such plan.',
      (select 'Choose one of: ' || string_agg(plans.id, ', ' order by plans.position) from private.plans)
    );
  end if;
  update private.account_plans set plan_id = new_plan.id where account_plans.account_id = wallet.account_id;
  return query
  select * from admin.accounts where accounts.account_id = wallet.account_id;
end
$$;

comment on function admin.set_plan is 'Puts an account on another plan by hand. Nothing is charged or granted by it.';

create function admin.override_limits(
  account text,
  reason text,
  author text,
  requests_per_minute integer default null,
  requests_per_hour integer default null,
  requests_per_day integer default null,
  requests_per_month bigint default null,
  max_credits_per_request numeric default null,
  expires_at timestamptz default null,
  key_id uuid default null
)
returns setof admin.overrides
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  wallet constant private.wallets := private.require_wallet(admin.find_account(account));
  subject constant uuid := coalesce(override_limits.key_id, wallet.account_id);
begin
  if override_limits.key_id is not null and not exists (
    select from private.api_keys where api_keys.id = override_limits.key_id and api_keys.account_id = wallet.account_id
  ) then
    perform private.fail(404, 'not_found', 'The account has no such key.', 'Leave key_id out for the account as a whole.');
  end if;
  if least(
    override_limits.requests_per_minute, override_limits.requests_per_hour, override_limits.requests_per_day,
    override_limits.requests_per_month, admin.micros(coalesce(override_limits.max_credits_per_request, 1))
  ) < 1 then
    perform private.fail(422, 'invalid_input', 'A limit must be above zero.', 'Suspend the account to stop it altogether.');
  end if;
  if override_limits.key_id is not null and override_limits.requests_per_month is not null then
    perform private.fail(422, 'invalid_input', 'Requests of a month are counted by account, not by key.', 'Give the key a limit by day.');
  end if;
  insert into private.limit_overrides as own (
    subject_id, account_id, requests_per_minute, requests_per_hour, requests_per_day, requests_per_month,
    max_cost_micros, expires_at, reason
  )
  values (
    subject, wallet.account_id, override_limits.requests_per_minute, override_limits.requests_per_hour,
    override_limits.requests_per_day, override_limits.requests_per_month,
    case when override_limits.max_credits_per_request is not null then admin.micros(override_limits.max_credits_per_request) end,
    override_limits.expires_at, btrim(override_limits.reason)
  )
  on conflict on constraint limit_overrides_pkey do update set
    requests_per_minute = excluded.requests_per_minute,
    requests_per_hour = excluded.requests_per_hour,
    requests_per_day = excluded.requests_per_day,
    requests_per_month = excluded.requests_per_month,
    max_cost_micros = excluded.max_cost_micros,
    expires_at = excluded.expires_at,
    reason = excluded.reason;
  return query
  select * from admin.overrides where overrides.subject_id = subject;
end
$$;

comment on function admin.override_limits is
  'Gives an account, or one of its keys, limits of its own in place of those it had; a limit left out is the plan''s.';

create function admin.clear_override(account text, reason text, author text, key_id uuid default null)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  signature constant text := admin.sign_act(author, reason);
  wallet constant private.wallets := private.require_wallet(admin.find_account(account));
  cleared integer;
begin
  delete from private.limit_overrides
  where limit_overrides.account_id = wallet.account_id
    and limit_overrides.subject_id = coalesce(clear_override.key_id, wallet.account_id);
  get diagnostics cleared = row_count;
  return cleared;
end
$$;

comment on function admin.clear_override is 'Gives an account or a key the limits of its plan back. Returns how many overrides there were.';
