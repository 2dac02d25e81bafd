-- limits: plans, what they allow, and the counters of it: windows, the month, tokens of some models,
-- and the guard of our upstream account. Budgets of keys and members are in 05_limits_budgets.
--
-- What an account may do and has done this month stands in its allowance, worked out from plan and
-- overrides (05_limits_offers): a call reads and counts there, under the lock of the account's calls,
-- so that no two pass a limit. A key's own windows and the tokens of some models have rows beside it.

-- plans -------------------------------------------------------------------------------------

create table private.plans (
  id text primary key check (id ~ '^[a-z][a-z0-9-]{1,40}$'),
  name text not null check (char_length(name) between 1 and 80),
  position integer not null default 0,
  requests_per_minute integer check (requests_per_minute > 0),
  requests_per_hour integer check (requests_per_hour > 0),
  requests_per_day integer check (requests_per_day > 0),
  requests_per_month bigint check (requests_per_month > 0),
  max_cost_micros bigint check (max_cost_micros > 0),
  monthly_credits_micros bigint not null default 0 check (monthly_credits_micros between 0 and 9007199254740991),
  grants_monthly boolean not null default false,
  is_public boolean not null default true
);

comment on table private.plans is 'What an account may do. An empty limit is no limit.';
comment on column private.plans.grants_monthly is 'Whether the monthly credits come by themselves; those of paid plans come with each payment.';

alter table private.plans enable row level security;

create table private.plan_models (
  id bigint generated always as identity primary key,
  plan_id text not null references private.plans (id) on delete cascade,
  priority integer not null,
  pattern text not null check (pattern ~ '^[a-z0-9~*._:/-]{1,200}$'),
  like_pattern text not null generated always as (private.like_pattern(pattern)) stored,
  allowed boolean not null
);

comment on table private.plan_models is 'Which models a plan may call: the lowest priority whose pattern fits decides, no fit means no.';

alter table private.plan_models enable row level security;
create index plan_models_plan_id_idx on private.plan_models (plan_id);

create table private.model_quotas (
  id bigint generated always as identity primary key,
  plan_id text not null references private.plans (id) on delete cascade,
  pattern text not null check (pattern ~ '^[a-z0-9~*._:/-]{1,200}$'),
  like_pattern text not null generated always as (private.like_pattern(pattern)) stored,
  tokens_per_month bigint not null check (tokens_per_month > 0),
  unique (plan_id, pattern)
);

comment on table private.model_quotas is 'How many tokens of some models a plan includes each month.';

alter table private.model_quotas enable row level security;

create table private.account_plans (
  account_id uuid primary key references private.accounts (id) on delete cascade,
  plan_id text not null references private.plans (id),
  cycle_anchor timestamptz,
  granted_until timestamptz not null default '-infinity'
);

comment on table private.account_plans is 'The plan of each account. Months are counted from the cycle''s anchor, or by the calendar where there is none.';
comment on column private.account_plans.granted_until is 'The end of the month whose credits have been given.';

alter table private.account_plans enable row level security;
create index account_plans_plan_id_idx on private.account_plans (plan_id, granted_until);

create table private.limit_overrides (
  subject_id uuid primary key,
  account_id uuid not null references private.accounts (id) on delete cascade,
  requests_per_minute integer check (requests_per_minute > 0),
  requests_per_hour integer check (requests_per_hour > 0),
  requests_per_day integer check (requests_per_day > 0),
  requests_per_month bigint check (requests_per_month > 0),
  max_cost_micros bigint check (max_cost_micros > 0),
  expires_at timestamptz,
  reason text not null check (reason <> ''),
  created_at timestamptz not null default now(),
  constraint months_are_of_accounts check (subject_id = account_id or requests_per_month is null)
);

comment on table private.limit_overrides is
  'Other limits than the plan''s for one account, or limits of its own for one key. An empty column changes nothing; a very large number is how to say unlimited.';
comment on column private.limit_overrides.subject_id is 'The id of the account itself, or of one of its keys.';

alter table private.limit_overrides enable row level security;
create index limit_overrides_account_id_idx on private.limit_overrides (account_id);

-- counters --------------------------------------------------------------------------------

create type private.rate_window as (
  slice_end timestamptz,
  used integer,
  running integer,
  earlier integer[],
  full_until timestamptz
);

comment on type private.rate_window is
  'How often somebody called lately: when the running slice of time ends, the calls in it, those of the twelve slices before it (oldest first), and all together.';

alter table private.allowances
  add column plan_id text,
  add column requests_per_minute integer,
  add column requests_per_hour integer,
  add column requests_per_day integer,
  add column requests_per_month bigint,
  add column max_cost_micros bigint,
  add column is_suspended boolean not null default false,
  add column month_start timestamptz not null default '-infinity',
  add column month_end timestamptz not null default '-infinity',
  add column month_requests bigint not null default 0,
  add column valid_until timestamptz not null default '-infinity',
  add column minute_window private.rate_window,
  add column hour_window private.rate_window,
  add column day_window private.rate_window;

alter table private.wallets add column has_budgets boolean not null default false;

comment on column private.allowances.valid_until is
  'Until when the plan''s limits in this row hold as they are; the first call after it works them out anew.';
comment on column private.allowances.month_requests is 'Calls of the running month of the plan that gave something or still run.';

create unlogged table private.key_windows (
  key_id uuid primary key references private.api_keys (id) on delete cascade,
  minute_window private.rate_window,
  hour_window private.rate_window,
  day_window private.rate_window
)
with (fillfactor = 60);

comment on table private.key_windows is 'How often a key with limits of its own called lately. A crash forgets it.';

alter table private.key_windows enable row level security;

create unlogged table private.read_windows (
  account_id uuid primary key references private.accounts (id) on delete cascade,
  minute_window private.rate_window not null
)
with (fillfactor = 60);

comment on table private.read_windows is
  'How often an account''s keys asked lately for what is known of them. Not in the row of its allowance, so that no call waits for it. A crash forgets it.';

alter table private.read_windows enable row level security;

create table private.token_quotas (
  account_id uuid not null references private.accounts (id) on delete cascade,
  model_quota_id bigint not null references private.model_quotas (id) on delete cascade,
  period_start timestamptz not null,
  used_tokens bigint not null default 0 check (used_tokens >= 0),
  held_tokens bigint not null default 0 check (held_tokens >= 0),
  primary key (account_id, model_quota_id, period_start)
)
with (fillfactor = 60);

comment on table private.token_quotas is 'How many tokens of some models an account used in a month, and how many its open calls may still use.';

alter table private.token_quotas enable row level security;
create index token_quotas_model_quota_id_idx on private.token_quotas (model_quota_id);

create table private.upstream_guard (
  id boolean primary key default true check (id),
  max_requests_per_minute integer check (max_requests_per_minute > 0),
  max_held_micros bigint check (max_held_micros > 0),
  max_spend_per_hour_micros bigint check (max_spend_per_hour_micros > 0),
  is_paused boolean not null default false,
  closed_until timestamptz,
  closed_because text
);

comment on table private.upstream_guard is
  'One row that protects our account upstream: limits over all accounts, measured every few seconds, and a switch for an admin.';

alter table private.upstream_guard enable row level security;

-- months and windows --------------------------------------------------------------------------

create function private.month_start(anchor timestamptz, at timestamptz)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  first constant timestamp := anchor at time zone 'UTC';
  moment constant timestamp := at at time zone 'UTC';
  months integer;
begin
  if anchor is null then
    return date_trunc('month', at, 'UTC');
  end if;
  months := 12 * (extract(year from moment) - extract(year from first)) + extract(month from moment) - extract(month from first);
  -- Months of an anchor on the 31st start on the last day where there is no 31st.
  if first + make_interval(months => months) > moment then
    months := months - 1;
  end if;
  return (first + make_interval(months => months)) at time zone 'UTC';
end
$$;

comment on function private.month_start is 'When the month of a plan began that a moment lies in.';

create function private.month_end(anchor timestamptz, at timestamptz)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- 32 days after its start every month has ended, and no month after it has.
  return private.month_start(anchor, private.month_start(anchor, at) + interval '32 days');
end
$$;

comment on function private.month_end is 'When the month of a plan ends that a moment lies in.';

create function private.count_in_window(so_far private.rate_window, slice_seconds integer, max_count integer, at timestamptz)
returns private.rate_window
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  counted private.rate_window := so_far;
  passed bigint;
begin
  -- While the slice runs there is nothing to do but count. (A clock that was set back frees nothing.)
  if (at < counted.slice_end) is not true then
    passed := floor(date_part('epoch', at) / slice_seconds) - date_part('epoch', counted.slice_end) / slice_seconds + 1;
    counted.slice_end := to_timestamp((floor(date_part('epoch', at) / slice_seconds) + 1) * slice_seconds);
    counted.earlier := case
      when passed <= 12 then (counted.earlier || counted.running || array_fill(0, array[passed::integer - 1]))[passed + 1:passed + 12]
      else array_fill(0, array[12])
    end;
    counted.running := 0;
    counted.used := 0;
    for nth in 1..12 loop
      counted.used := counted.used + counted.earlier[nth];
    end loop;
  end if;
  if counted.used < max_count then
    counted.used := counted.used + 1;
    counted.running := counted.running + 1;
    return counted;
  end if;

  -- A slice leaves the window whole, so that no window of this length ever holds more than the limit.
  for nth in 1..12 loop
    counted.used := counted.used - counted.earlier[nth];
    if counted.used < max_count then
      counted.full_until := counted.slice_end + make_interval(secs => (nth - 1) * slice_seconds);
      return counted;
    end if;
  end loop;
  counted.full_until := counted.slice_end + make_interval(secs => 12 * slice_seconds);
  return counted;
end
$$;

comment on function private.count_in_window is
  'A sliding window with one more call in it, or, when it is full, with the time at which there is room again.';

create function private.count_key_call(key_limits private.limit_overrides, at timestamptz)
returns private.key_windows
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  windows private.key_windows;
begin
  select * into windows from private.key_windows where key_windows.key_id = key_limits.subject_id;
  windows.key_id := key_limits.subject_id;
  if key_limits.requests_per_minute is not null then
    windows.minute_window := private.count_in_window(windows.minute_window, 5, key_limits.requests_per_minute, at);
  end if;
  if key_limits.requests_per_hour is not null then
    windows.hour_window := private.count_in_window(windows.hour_window, 300, key_limits.requests_per_hour, at);
  end if;
  if key_limits.requests_per_day is not null then
    windows.day_window := private.count_in_window(windows.day_window, 7200, key_limits.requests_per_day, at);
  end if;
  return windows;
end
$$;

comment on function private.count_key_call is 'The windows of a key that has limits of its own, with one more call in them.';

create function private.tokens_left(account_id uuid, model_quota_id bigint, period_start timestamptz)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select model_quotas.tokens_per_month - coalesce(token_quotas.used_tokens + token_quotas.held_tokens, 0)
  from private.model_quotas
  left join private.token_quotas
    on token_quotas.model_quota_id = model_quotas.id
    and token_quotas.account_id = tokens_left.account_id
    and token_quotas.period_start = tokens_left.period_start
  where model_quotas.id = tokens_left.model_quota_id
$$;

comment on function private.tokens_left is 'How many tokens of a month''s quota are neither used nor set aside.';

-- the credits of a month, and of an account that opens -------------------------------------------

create function private.grant_monthly_credits(max_accounts integer default 500)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  due record;
  granted integer := 0;
begin
  for due in
    select
      account_plans.account_id, plans.id as plan_id, plans.name, plans.monthly_credits_micros,
      private.month_start(account_plans.cycle_anchor, private.clock()) as starts_at,
      private.month_end(account_plans.cycle_anchor, private.clock()) as ends_at
    from private.account_plans
    join private.plans on plans.id = account_plans.plan_id
    join private.accounts on accounts.id = account_plans.account_id
    where plans.grants_monthly and plans.monthly_credits_micros > 0 and account_plans.granted_until <= private.clock()
      -- Whoever opens teams must not multiply what is free.
      and (accounts.kind = 'personal' or plans.id <> 'free')
    limit grant_monthly_credits.max_accounts
    for update of account_plans skip locked
  loop
    -- One account that can take nothing keeps no other waiting.
    begin
      continue when not private.try_lock_account(due.account_id);
      perform private.grant_credits(
        due.account_id, due.monthly_credits_micros, 'subscription',
        format('plan:%s:%s', due.plan_id, to_char(due.starts_at at time zone 'UTC', 'YYYY-MM-DD')),
        format('Monthly credits of the %s plan', due.name), 'system', due.ends_at
      );
      update private.account_plans set granted_until = due.ends_at where account_plans.account_id = due.account_id;
      granted := granted + 1;
    exception when others then
      raise warning 'account % gets no credits of its month: %', due.account_id, sqlerrm;
    end;
  end loop;
  return granted;
end
$$;

comment on function private.grant_monthly_credits is
  'Gives the month''s credits to accounts whose plan has them, a batch at a time; what is left of a month lapses with it. Those of Free are for persons.';

create function private.open_account()
returns trigger
language plpgsql
volatile
-- As its owner, because it is part of sign-up.
security definer
set search_path = ''
as $$
declare
  plan private.plans;
  month_end constant timestamptz := private.month_end(null, private.clock());
begin
  select * into plan from private.plans where plans.id = 'free';
  insert into private.wallets (account_id) values (new.id);
  insert into private.allowances (account_id) values (new.id);
  insert into private.account_plans (account_id, plan_id, granted_until) values (new.id, plan.id, month_end);
  if new.kind = 'personal' and plan.monthly_credits_micros > 0 then
    perform private.grant_credits(
      new.id, plan.monthly_credits_micros, 'welcome', 'welcome', 'Welcome to OneAI', 'system', month_end
    );
  end if;
  return null;
end
$$;

comment on function private.open_account is
  'Gives every new account its wallet, its allowance and the Free plan, and a person the credits of their first month.';

create trigger on_accounts_insert
  after insert on private.accounts
  for each row execute function private.open_account();

-- policies and grants -------------------------------------------------------------------------

create policy "anybody sees the plans that are public" on private.plans for select to anon using (is_public);
create policy "people see those too that their accounts have" on private.plans
  for select to authenticated using (
    is_public
    or id in (
      select account_plans.plan_id from private.account_plans
      where account_plans.account_id in (select private.my_account_ids())
    )
  );
create policy "members see the plan of their accounts" on private.account_plans
  for select to authenticated using (account_id in (select private.my_account_ids()));
create policy "members see the limits of their accounts" on private.limit_overrides
  for select to authenticated using (account_id in (select private.my_account_ids()));
create policy "members see the token quotas of their accounts' plans" on private.model_quotas
  for select to authenticated using (
    plan_id in (
      select account_plans.plan_id from private.account_plans
      where account_plans.account_id in (select private.my_account_ids())
    )
  );
create policy "members see the tokens their accounts used" on private.token_quotas
  for select to authenticated using (account_id in (select private.my_account_ids()));
grant select on private.plans to anon, authenticated, service_role;
grant select on private.account_plans, private.limit_overrides, private.token_quotas to authenticated, service_role;
grant select (id, plan_id, pattern, tokens_per_month) on private.model_quotas to authenticated;
grant select on private.plan_models, private.model_quotas, private.key_windows, private.read_windows, private.upstream_guard to service_role;
grant execute on function private.month_start, private.month_end to authenticated, service_role;

-- api ---------------------------------------------------------------------------------------

create view api.plans
with (security_invoker = true)
as
select
  plans.id, plans.name, plans.position, plans.requests_per_minute, plans.requests_per_hour, plans.requests_per_day,
  plans.requests_per_month, plans.max_cost_micros, plans.monthly_credits_micros
from private.plans
where plans.is_public;

comment on view api.plans is 'What each plan on offer allows. An empty limit is no limit.';

create view api.limits
with (security_invoker = true)
as
select
  account_plans.account_id,
  account_plans.plan_id,
  coalesce(override.requests_per_minute, plans.requests_per_minute) as requests_per_minute,
  coalesce(override.requests_per_hour, plans.requests_per_hour) as requests_per_hour,
  coalesce(override.requests_per_day, plans.requests_per_day) as requests_per_day,
  coalesce(override.requests_per_month, plans.requests_per_month) as requests_per_month,
  coalesce(override.max_cost_micros, plans.max_cost_micros) as max_cost_micros,
  case when allowances.month_start = month.starts_at then allowances.month_requests else 0 end as requests_this_month,
  month.ends_at as month_ends_at
from private.account_plans
join private.allowances on allowances.account_id = account_plans.account_id
join private.plans on plans.id = account_plans.plan_id
cross join lateral (
  select
    private.month_start(account_plans.cycle_anchor, private.clock()) as starts_at,
    private.month_end(account_plans.cycle_anchor, private.clock()) as ends_at
) as month
left join private.limit_overrides as override
  on override.subject_id = account_plans.account_id
  and coalesce(override.expires_at, 'infinity') > private.clock();

comment on view api.limits is 'What each of the caller''s accounts may do this month, and how much of it is used.';

create view api.token_quotas
with (security_invoker = true)
as
select
  account_plans.account_id,
  model_quotas.pattern,
  model_quotas.tokens_per_month,
  coalesce(token_quotas.used_tokens, 0) as used_tokens,
  coalesce(token_quotas.held_tokens, 0) as held_tokens,
  private.month_end(account_plans.cycle_anchor, private.clock()) as month_ends_at
from private.account_plans
join private.model_quotas on model_quotas.plan_id = account_plans.plan_id
left join private.token_quotas
  on token_quotas.account_id = account_plans.account_id
  and token_quotas.model_quota_id = model_quotas.id
  and token_quotas.period_start = private.month_start(account_plans.cycle_anchor, private.clock());

comment on view api.token_quotas is
  'How many tokens of some models the plan of each of the caller''s accounts includes this month, how many are used, and how many open calls may still use. A model counts under the longest pattern that fits it.';

grant select on api.plans to anon, authenticated, service_role;
grant select on api.limits, api.token_quotas to authenticated;
