-- limits, budgets: what a key or a member may spend by day, by month or ever.
--
-- What open calls hold counts as spent until they end, so that no budget is ever passed.

create type private.budget_subject as enum ('key', 'member');
create type private.budget_period as enum ('day', 'month', 'total');

create table private.budgets (
  account_id uuid not null references private.accounts (id) on delete cascade,
  subject private.budget_subject not null,
  subject_id uuid not null,
  period private.budget_period not null,
  limit_micros bigint not null check (limit_micros between 0 and 9007199254740991),
  window_start timestamptz not null default '-infinity',
  spent_micros bigint not null default 0 check (spent_micros >= 0),
  held_micros bigint not null default 0 check (held_micros >= 0),
  primary key (account_id, subject_id, period)
)
with (fillfactor = 60);

comment on table private.budgets is 'What a key or a member may spend by day, by month or ever, what it spent, and what its open calls may still spend.';

alter table private.budgets enable row level security;

create function private.budget_start(period private.budget_period, at timestamptz)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return case period
    when 'day' then date_trunc('day', at, 'UTC')
    when 'month' then date_trunc('month', at, 'UTC')
    else '-infinity'::timestamptz
  end;
end
$$;

comment on function private.budget_start is 'When the window of a budget began that a moment lies in.';

create function private.budget_end(period private.budget_period, at timestamptz)
returns timestamptz
language sql
immutable
security invoker
set search_path = ''
as $$
  select case period
    when 'day' then date_trunc('day', at, 'UTC') + interval '24 hours'
    when 'month' then private.month_end(null, at)
  end
$$;

comment on function private.budget_end is 'When the window of a budget ends; never, for a total.';

-- setting and counting ---------------------------------------------------------------------

create function private.set_budget(
  account_id uuid, subject private.budget_subject, subject_id uuid, period private.budget_period, limit_micros bigint
)
returns private.budgets
language plpgsql
volatile
-- As its owner, because members may not write counters. Only those who manage the account get past the first check.
security definer
set search_path = ''
as $$
declare
  budget private.budgets;
begin
  if not private.has_role(set_budget.account_id, 'owner', 'admin') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose an account that you manage.');
  end if;
  perform private.require_wallet(set_budget.account_id);
  if (
    set_budget.subject = 'key' and not exists (
      select from private.api_keys where api_keys.id = set_budget.subject_id and api_keys.account_id = set_budget.account_id
    )
  ) or (
    set_budget.subject = 'member' and not exists (
      select from private.members
      where members.user_id = set_budget.subject_id and members.account_id = set_budget.account_id
    )
  ) then
    perform private.fail(404, 'not_found', format('The account has no such %s.', set_budget.subject), 'Choose one from the list.');
  end if;
  if set_budget.limit_micros is null then
    delete from private.budgets
    where budgets.account_id = set_budget.account_id
      and budgets.subject_id = set_budget.subject_id
      and budgets.period = set_budget.period
    returning * into budget;
    update private.wallets set
      has_budgets = exists (select from private.budgets where budgets.account_id = set_budget.account_id)
    where wallets.account_id = set_budget.account_id;
    return budget;
  end if;
  if set_budget.limit_micros not between 0 and 9007199254740991 then
    perform private.fail(422, 'invalid_input', 'A budget cannot be negative or that large.', 'Check the figure.');
  end if;

  -- What the subject's open calls hold counts from the start.
  insert into private.budgets (account_id, subject, subject_id, period, limit_micros, window_start, held_micros)
  select
    set_budget.account_id, set_budget.subject, set_budget.subject_id, set_budget.period, set_budget.limit_micros,
    private.budget_start(set_budget.period, private.clock()), private.held_by_subject(set_budget.account_id, set_budget.subject_id)
  on conflict on constraint budgets_pkey do update set limit_micros = excluded.limit_micros
  returning * into budget;
  update private.wallets set has_budgets = true where wallets.account_id = set_budget.account_id;
  return budget;
end
$$;

comment on function private.set_budget is 'Sets, changes or (with an empty limit) removes a budget of a key or a member.';

create function private.count_in_budgets(account_id uuid, subject_ids uuid[], held_micros bigint, spent_micros bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- A call that begins and one that ends may be here at once: both take the rows in this order.
  perform from private.budgets
  where budgets.account_id = count_in_budgets.account_id and budgets.subject_id = any (count_in_budgets.subject_ids)
  order by budgets.subject_id, budgets.period
  for update;
  -- A charge counts in the window in which it is made; it was within the limit already as a hold.
  update private.budgets set
    spent_micros = count_in_budgets.spent_micros + case
      when budgets.window_start >= private.budget_start(budgets.period, private.clock()) then budgets.spent_micros else 0
    end,
    window_start = greatest(budgets.window_start, private.budget_start(budgets.period, private.clock())),
    held_micros = budgets.held_micros + count_in_budgets.held_micros
  where budgets.account_id = count_in_budgets.account_id and budgets.subject_id = any (count_in_budgets.subject_ids);
end
$$;

comment on function private.count_in_budgets is
  'Counts a call in every budget of its key and its member: the most it can cost as held when it begins; when it ends, less held and what it cost as spent.';

-- policies and grants -------------------------------------------------------------------------

create policy "those who manage an account see its budgets, members their own" on private.budgets
  for select to authenticated using (
    account_id in (select private.my_ledger_account_ids())
    or (subject_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
  );

grant select on private.budgets to authenticated, service_role;
grant execute on function private.budget_start, private.budget_end to authenticated, service_role;
grant execute on function private.set_budget to authenticated;

-- api ---------------------------------------------------------------------------------------

create view api.budgets
with (security_invoker = true)
as
select
  budgets.account_id,
  budgets.subject,
  budgets.subject_id,
  budgets.period,
  budgets.limit_micros,
  case when budgets.window_start >= private.budget_start(budgets.period, private.clock()) then budgets.spent_micros else 0 end
    as spent_micros,
  budgets.held_micros,
  private.budget_end(budgets.period, private.clock()) as resets_at
from private.budgets;

comment on view api.budgets is 'What keys and members may spend, and did in the running window.';

grant select on api.budgets to authenticated;

create function api.set_budget(account_id uuid, subject text, subject_id uuid, period text, limit_micros bigint default null)
returns setof api.budgets
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if coalesce(set_budget.subject, '') not in ('key', 'member')
    or coalesce(set_budget.period, '') not in ('day', 'month', 'total')
  then
    perform private.fail(422, 'invalid_input', 'A budget is for a key or a member, by day, month or total.', null);
  end if;
  perform private.set_budget(
    set_budget.account_id, set_budget.subject::private.budget_subject, set_budget.subject_id,
    set_budget.period::private.budget_period, set_budget.limit_micros
  );
  return query
  select * from api.budgets
  where budgets.account_id = set_budget.account_id
    and budgets.subject_id = set_budget.subject_id
    and budgets.period = set_budget.period::private.budget_period;
end
$$;

comment on function api.set_budget is 'Sets or changes what a key or a member may spend; an empty limit removes the budget.';

grant execute on function api.set_budget to authenticated;
