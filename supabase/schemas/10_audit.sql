-- audit: who changed what an admin changes, with before and after; and whether the books are right.
-- Triggers write the log, so that no way of changing a row gets around it.
--
-- The log is only ever added to. No trigger of it stands on a table or column that a model call
-- writes: wallets, runs and counters are not here, the ledger is its own record.

-- the log -----------------------------------------------------------------------------------

create table private.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  act text not null check (act in ('insert', 'update', 'delete')),
  subject text not null,
  account_id uuid,
  before jsonb,
  after jsonb,
  reason text,
  request_id text,
  check ((before is null) = (act = 'insert') and (after is null) = (act = 'delete'))
);

comment on table private.audit_log is
  'Every change of plans, prices, limits, codes, accounts, members and keys: who, when, what it was and what it became.';
comment on column private.audit_log.actor is
  'user:… for somebody who is signed in to the site, admin:… for an act in Studio, else the database role and program.';

alter table private.audit_log enable row level security;
create index audit_log_account_id_idx on private.audit_log (account_id) where account_id is not null;

create trigger on_audit_log_change before update or delete or truncate on private.audit_log
  for each statement execute function private.refuse_change();

create function private.note_change()
returns trigger
language plpgsql
volatile
-- As its owner, because nobody may write the log in any other way.
security definer
set search_path = ''
as $$
declare
  -- The hash of a key is no one's to read.
  before constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - '{hash,previous_hash}'::text[] end;
  after constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - '{hash,previous_hash}'::text[] end;
  changed constant jsonb := coalesce(after, before);
begin
  if before = after then
    return null;
  end if;
  insert into private.audit_log (actor, act, subject, account_id, before, after, reason, request_id)
  values (
    coalesce(
      'user:' || auth.uid(),
      nullif(current_setting('oneai.author', true), ''),
      concat_ws(' ', session_user, nullif(current_setting('role', true), 'none'), nullif(current_setting('application_name', true), ''))
    ),
    lower(tg_op),
    tg_table_name,
    case when tg_table_name = 'accounts' then changed ->> 'id' else changed ->> 'account_id' end::uuid,
    before,
    after,
    nullif(current_setting('oneai.reason', true), ''),
    private.request_id()
  );
  return null;
end
$$;

comment on function private.note_change is 'Writes a change into the audit log, with the author and reason of the act if it has them.';

-- Rows that only an admin changes: every change.
create trigger on_plans_audit after insert or update or delete on private.plans
  for each row execute function private.note_change();
create trigger on_plan_models_audit after insert or update or delete on private.plan_models
  for each row execute function private.note_change();
create trigger on_model_quotas_audit after insert or update or delete on private.model_quotas
  for each row execute function private.note_change();
create trigger on_limit_overrides_audit after insert or update or delete on private.limit_overrides
  for each row execute function private.note_change();
create trigger on_pricing_rules_audit after insert or update or delete on private.pricing_rules
  for each row execute function private.note_change();
create trigger on_presets_audit after insert or update or delete on private.presets
  for each row execute function private.note_change();
create trigger on_router_rules_audit after insert or update or delete on private.router_rules
  for each row execute function private.note_change();
create trigger on_schedules_audit after insert or update or delete on private.schedules
  for each row execute function private.note_change();

-- Rows that calls, sign-ups and syncs write too: only the columns that somebody decides.
create trigger on_account_plans_audit after update of plan_id, cycle_anchor or delete on private.account_plans
  for each row execute function private.note_change();
create trigger on_budgets_audit after insert or update of limit_micros or delete on private.budgets
  for each row execute function private.note_change();
create trigger on_coupons_audit
  after insert or delete
    or update of code, credits_micros, bonus_percent, lasts, max_redemptions, starts_at, ends_at, active, note
  on private.coupons
  for each row execute function private.note_change();
create trigger on_upstream_guard_audit
  after insert or delete or update of max_requests_per_minute, max_held_micros, max_spend_per_hour_micros, is_paused
  on private.upstream_guard
  for each row execute function private.note_change();
create trigger on_accounts_audit after update of name, kind, suspended_at or delete on private.accounts
  for each row execute function private.note_change();
create trigger on_members_audit after update of role or delete on private.members
  for each row execute function private.note_change();
create trigger on_api_keys_audit
  after insert or delete or update of name, prefix, scopes, allowed_models, previous_until, expires_at, revoked_at
  on private.api_keys
  for each row execute function private.note_change();
create trigger on_models_audit after update of enabled on private.models
  for each row execute function private.note_change();

create view admin.audit_log
with (security_invoker = true)
as
select
  audit_log.at,
  audit_log.actor,
  coalesce(users.email, audit_log.actor) as who,
  audit_log.act,
  audit_log.subject,
  owners.account,
  (
    select string_agg(
      format('%s: %s → %s', field, coalesce(audit_log.before ->> field, 'nothing'), coalesce(audit_log.after ->> field, 'nothing')),
      ', ' order by field
    )
    from jsonb_object_keys(coalesce(audit_log.after, audit_log.before)) as field
    where audit_log.before -> field is distinct from audit_log.after -> field
  ) as change,
  audit_log.reason,
  audit_log.request_id,
  audit_log.before,
  audit_log.after,
  audit_log.account_id,
  audit_log.id
from private.audit_log
left join auth.users on audit_log.actor = 'user:' || users.id
left join admin.owners on owners.account_id = audit_log.account_id;

comment on view admin.audit_log is 'Who changed what, when and why, with each field that changed. Acts on money are in admin.transactions, with their author.';

-- the books -----------------------------------------------------------------------------------

create table private.ledger_audits (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  accounts bigint not null,
  transactions bigint not null,
  problems bigint not null,
  first_problems jsonb not null default '[]'
);

comment on table private.ledger_audits is 'What every audit of the ledger found: nothing, when all is well.';

alter table private.ledger_audits enable row level security;

create trigger on_ledger_audits_change before update or delete or truncate on private.ledger_audits
  for each statement execute function private.refuse_change();

create function admin.ledger_problems()
returns table (account_id uuid, transaction_id bigint, problem text)
language sql
stable
security invoker
set search_path = ''
as $$
  with chain as (
    select
      transactions.*,
      row_number() over in_order as wanted_sequence,
      lag(transactions.hash::bytea, 1, '\x'::bytea) over in_order as wanted_previous_hash,
      sum(transactions.amount_micros) over in_order as wanted_balance_micros
    from private.transactions
    window in_order as (partition by transactions.account_id order by transactions.sequence)
  ),
  chain_ends as (
    select distinct on (transactions.account_id) transactions.account_id, transactions.sequence, transactions.hash::bytea as hash
    from private.transactions
    order by transactions.account_id, transactions.sequence desc
  ),
  sums as (
    select transactions.account_id, sum(transactions.amount_micros) as amount_micros
    from private.transactions
    group by transactions.account_id
  ),
  open_holds as (
    select runs.account_id, sum(runs.held_micros) as amount_micros
    from private.runs
    group by runs.account_id
  ),
  paid as (
    select allocations.transaction_id, sum(allocations.amount_micros) as amount_micros
    from private.allocations
    group by allocations.transaction_id
  ),
  burnt as (
    select allocations.lot_id, sum(allocations.amount_micros) as amount_micros
    from private.allocations
    group by allocations.lot_id
  ),
  lot_sums as (
    select lots.account_id, sum(lots.remaining_micros) as remaining_micros
    from private.lots
    group by lots.account_id
  ),
  -- Receipts of months before the first partition are archived.
  kept as (
    select coalesce(
      private.first_id(min(to_date(right(child.relname, 7), 'YYYY_MM'))::timestamp at time zone 'UTC'),
      '00000000-0000-0000-0000-000000000000'
    ) as first_run_id
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as child on child.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'private.usage_events'::regclass
      and child.relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$'
  )
  select account_id, id as transaction_id, 'A transaction before this one is missing.' as problem
  from chain
  where sequence <> wanted_sequence
  union all
  select account_id, id, 'The chain is broken: the previous hash is not that of the transaction before.'
  from chain
  where previous_hash <> wanted_previous_hash
  union all
  select account_id, id, 'The hash does not match what the transaction says.'
  from chain
  where hash <> private.transaction_hash(previous_hash, account_id, sequence, kind, book, amount_micros, balance_micros, fact)
  union all
  select account_id, id, format('The balance after it should be %s micro-credits.', wanted_balance_micros)
  from chain
  where balance_micros <> wanted_balance_micros
  union all
  select wallets.account_id, null, format('The wallet should have %s micro-credits, not %s.', coalesce(sums.amount_micros, 0), wallets.balance_micros)
  from private.wallets
  left join sums on sums.account_id = wallets.account_id
  where wallets.balance_micros <> coalesce(sums.amount_micros, 0)
  union all
  select wallets.account_id, null, 'The wallet does not name the end of its chain.'
  from private.wallets
  left join chain_ends on chain_ends.account_id = wallets.account_id
  where (wallets.transaction_count, wallets.last_hash) is distinct from (coalesce(chain_ends.sequence, 0), coalesce(chain_ends.hash, '\x'))
  union all
  select balances.account_id, null, format('The open holds add up to %s micro-credits, not %s.', coalesce(open_holds.amount_micros, 0), balances.held_micros)
  from private.balances
  left join open_holds on open_holds.account_id = balances.account_id
  where balances.held_micros <> coalesce(open_holds.amount_micros, 0)
  union all
  select wallets.account_id, null, format('The lots add up to %s micro-credits, not to the balance and the debt.', coalesce(lot_sums.remaining_micros, 0))
  from private.wallets
  left join lot_sums on lot_sums.account_id = wallets.account_id
  where coalesce(lot_sums.remaining_micros, 0) <> wallets.balance_micros + wallets.debt_micros
  union all
  select lots.account_id, lots.transaction_id, format('Lot %s should have %s micro-credits left.', lots.id, lots.amount_micros - coalesce(burnt.amount_micros, 0))
  from private.lots
  left join burnt on burnt.lot_id = lots.id
  where lots.remaining_micros <> lots.amount_micros - coalesce(burnt.amount_micros, 0)
  union all
  select transactions.account_id, transactions.id, 'Its lot is missing, one too many or of another amount.'
  from private.transactions
  left join private.lots on lots.transaction_id = transactions.id
  where coalesce(lots.amount_micros, 0) <> greatest(transactions.amount_micros, 0)
  union all
  select transactions.account_id, transactions.id, 'The lots do not pay what was taken.'
  from private.transactions
  left join paid on paid.transaction_id = transactions.id
  where transactions.amount_micros < 0
    and case
      -- What a reversal finds spent already is owed, not paid.
      when transactions.kind = 'reversal' then coalesce(paid.amount_micros, 0) > -transactions.amount_micros
      else coalesce(paid.amount_micros, 0) <> -transactions.amount_micros
    end
  union all
  select transactions.account_id, transactions.id, 'A lot of another account pays.'
  from private.allocations
  join private.lots on lots.id = allocations.lot_id
  join private.transactions on transactions.id = allocations.transaction_id
  where lots.account_id <> transactions.account_id
  union all
  select transactions.account_id, transactions.id, 'A charge does not match its receipt.'
  from private.transactions
  left join private.usage_events on usage_events.run_id = substr(transactions.fact, 5)::uuid
  where transactions.kind = 'charge'
    and (usage_events.run_id is not null or substr(transactions.fact, 5)::uuid >= (select kept.first_run_id from kept))
    and (
      usage_events.transaction_id is distinct from transactions.id
      or usage_events.charged_micros is distinct from -transactions.amount_micros
      or usage_events.account_id is distinct from transactions.account_id
    )
  union all
  select charges.account_id, charges.id, 'More was refunded than charged.'
  from private.transactions as refunds
  join private.transactions as charges on charges.id = refunds.refers_to
  where refunds.kind = 'refund'
  group by charges.account_id, charges.id, charges.amount_micros
  having sum(refunds.amount_micros) > -charges.amount_micros
  union all
  select runs.account_id, null, format('Call %s has a receipt, and is open.', runs.id)
  from private.runs
  join private.usage_events on usage_events.run_id = runs.id
  union all
  select usage_events.account_id, usage_events.transaction_id, format('The receipt of call %s says another charge than the ledger.', usage_events.run_id)
  from private.usage_events
  left join private.transactions on transactions.id = usage_events.transaction_id
  where (coalesce(-transactions.amount_micros, 0), coalesce(transactions.fact, 'run:' || usage_events.run_id))
    is distinct from (usage_events.charged_micros, 'run:' || usage_events.run_id)
  union all
  select null, book_balances.through_transaction_id, format('The book of %s should stand at %s micro-credits.', book_balances.book, coalesce(sum(-transactions.amount_micros), 0))
  from private.book_balances
  left join private.transactions
    on transactions.book = book_balances.book and transactions.id <= book_balances.through_transaction_id
  group by book_balances.book, book_balances.balance_micros, book_balances.through_transaction_id
  having book_balances.balance_micros <> coalesce(sum(-transactions.amount_micros), 0)
$$;

comment on function admin.ledger_problems is
  'Whatever in the books is not as it must be: chain, sums, holds, lots, charges, receipts. Empty when all is well. Reads the whole ledger, all at one moment: work for the night, which grows with the ledger and keeps nobody waiting.';

create function admin.audit_ledger()
returns setof private.ledger_audits
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into private.ledger_audits (accounts, transactions, problems, first_problems)
  select
    (select count(*) from private.wallets),
    (select count(*) from private.transactions),
    count(*),
    coalesce(jsonb_agg(to_jsonb(numbered) - 'nth') filter (where numbered.nth <= 100), '[]')
  from (
    select ledger_problems.*, row_number() over (order by ledger_problems.account_id, ledger_problems.transaction_id) as nth
    from admin.ledger_problems()
  ) as numbered
  returning *
$$;

comment on function admin.audit_ledger is 'Checks every book of every account, remembers the answer for admin.health, and returns it.';

-- health ------------------------------------------------------------------------------------

create function admin.schedule_problems()
returns setof text
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if to_regclass('cron.job') is null then
    -- The ticker of the local stack says who it is.
    return query select 'nothing runs them' where not exists (
      select from pg_catalog.pg_stat_activity
      where datname = current_database() and application_name = 'oneai-ticker'
    );
    return;
  end if;
  return query execute $query$
    select 'not installed as written: ' || string_agg(schedules.name, ', ' order by schedules.name)
    from private.schedules
    where not exists (
      select from cron.job
      where job.active and (job.jobname, job.schedule, job.command) = (schedules.name, schedules.schedule, schedules.command)
    )
    having count(*) > 0
  $query$;
  if to_regproc('net.http_post') is null then
    return next 'pg_net is missing';
  elsif to_regclass('vault.decrypted_secrets') is null then
    return next 'the vault is missing';
  else
    return query execute $query$
      select 'the vault lacks ' || string_agg(wanted.name, ', ')
      from unnest(array['functions_url', 'secret_key']) as wanted (name)
      where not exists (select from vault.decrypted_secrets where decrypted_secrets.name = wanted.name)
      having count(*) > 0
    $query$;
  end if;
end
$$;

comment on function admin.schedule_problems is
  'Why scheduled work does not run on this server as private.schedules says. Empty when all is well.';

create view admin.health
with (security_invoker = true)
as
select
  checks.name,
  checks.is_well,
  checks.state,
  case when not checks.is_well then checks.remedy end as what_to_do
from (
  select
    1 as position, 'Stuck calls' as name, count(*) filter (where open_runs.is_stuck) = 0 as is_well,
    format('%s stuck of %s open', count(*) filter (where open_runs.is_stuck), count(*)) as state,
    'The schedule sweep-runs is not running: start the scheduler, then look at admin.open_runs.' as remedy
  from admin.open_runs
  union all
  select
    2, 'Calls waiting for their cost', coalesce(max(open_runs.age) < interval '10 minutes', true),
    format('%s, the oldest for %s', count(*), coalesce(date_trunc('second', max(open_runs.age))::text, 'no time')),
    'OpenRouter''s record of the call does not come: see the log of functions/jobs.'
  from admin.open_runs
  where open_runs.status = 'reconciling'
  union all
  select
    3, 'Credits that lapsed', coalesce(min(balances.next_expiry_at) > private.clock() - interval '1 hour', true),
    coalesce('the next on ' || to_char(min(balances.next_expiry_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), 'none to come'),
    'The schedule expire-lots is not running: start the scheduler.'
  from private.balances
  where balances.free_micros > 0 and balances.next_expiry_at is not null
  union all
  select
    4, 'Receipts without a partition', count(*) = 0, format('%s', count(*)),
    'The schedule usage-partitions is not running: select private.ensure_usage_partitions();'
  from private.usage_events_default
  union all
  select
    5, 'Catalogue', coalesce(max(models.synced_at) > private.clock() - interval '3 hours', false),
    format(
      '%s models, last synced %s', count(*) filter (where models.retired_at is null),
      coalesce(to_char(max(models.synced_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), 'never')
    ),
    'The schedule sync-models fails: see the log of functions/jobs.'
  from private.models
  union all
  select
    6, 'Prices below cost', count(*) = 0, coalesce(string_agg(prices.model, ', ' order by prices.model), 'none'),
    'Raise the price with a rule, or take the model off: see admin.prices.'
  from admin.prices
  where prices.is_below_cost and prices.enabled
  union all
  select
    7, 'Models that fail', count(*) filter (where model_health.cooling_until > private.clock()) = 0,
    coalesce(string_agg(model_health.model_id, ', ' order by model_health.model_id) filter (where model_health.cooling_until > private.clock()), 'none'),
    'The router asks them last until they have cooled down; see the provider''s status page.'
  from private.model_health
  union all
  select
    8, 'Upstream guard', not upstream_guard.is_paused and coalesce(upstream_guard.closed_until <= private.clock(), true),
    case
      when upstream_guard.is_paused then 'paused by an admin'
      when upstream_guard.closed_until > private.clock() then 'closed: ' || coalesce(upstream_guard.closed_because, 'no reason given')
      else 'open'
    end,
    'All accounts together pass a limit of ours upstream: see private.upstream_guard.'
  from private.upstream_guard
  union all
  select
    9, 'Ledger', coalesce(latest.problems = 0 and latest.at > private.clock() - interval '2 days', false),
    case
      when latest.id is null then 'never audited'
      else format(
        '%s problems in %s transactions, audited %s', latest.problems, latest.transactions,
        to_char(latest.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
      )
    end,
    'Run select * from admin.audit_ledger(), then look at admin.ledger_problems().'
  from (select) as always
  left join lateral (
    select * from private.ledger_audits order by ledger_audits.id desc limit 1
  ) as latest on true
  union all
  select
    10, 'Schedules', count(problem) = 0,
    coalesce(string_agg(problem, '; '), (select format('%s installed', count(*)) from private.schedules)),
    'Enable the extensions pg_cron and pg_net, put functions_url and secret_key into the vault, then select private.install_schedules();'
  from admin.schedule_problems() as problem
) as checks
order by checks.position;

comment on view admin.health is 'Whether the machine runs as it should, and what to do where it does not.';
