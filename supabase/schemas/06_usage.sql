-- usage: what is left of a call of a model once it has ended. One receipt a run, written in the
-- transaction that settled it, and sums of them by day.
--
-- A receipt is never changed, and there is never a second one for the same run.

create type private.run_task as enum ('completion', 'embedding');
create type private.run_outcome as enum ('completed', 'stopped', 'failed', 'expired');
create type private.cost_label as enum ('reported', 'reconciled', 'estimated', 'none');

-- tables ------------------------------------------------------------------------------------

create table private.usage_events (
  run_id uuid not null,
  account_id uuid not null,
  user_id uuid not null,
  key_id uuid,
  task private.run_task not null,
  outcome private.run_outcome not null,
  finish_reason text,
  error_code text,
  requested_model text not null,
  model_id text not null,
  route_reason text,
  attempts jsonb not null default '[]',
  price_version_id bigint not null,
  used private.token_counts not null,
  shape private.request_shape not null,
  max_tokens integer not null,
  held_micros private.micros not null,
  charged_micros private.micros not null,
  upstream_micros private.micros,
  cost_label private.cost_label not null,
  transaction_id bigint,
  first_token_ms integer,
  latency_ms integer not null,
  request_id text,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  primary key (run_id),
  constraint never_more_than_held check (charged_micros <= held_micros)
)
partition by range (run_id);

comment on table private.usage_events is
  'The receipt of every run that has ended, and how its hold was resolved. Written once, in the transaction that settled it; a run''s id begins with its time, and so parts them by month.';

alter table private.usage_events enable row level security;
create index usage_events_account_id_finished_at_idx on private.usage_events (account_id, finished_at);
create trigger on_usage_events_change before update or delete or truncate on private.usage_events
  for each statement execute function private.refuse_change();

create table private.usage_events_default partition of private.usage_events default;
comment on table private.usage_events_default is 'Catches receipts of months whose partition is missing; empty when all is well.';
alter table private.usage_events_default enable row level security;

create table private.usage_days (
  account_id uuid not null,
  day date not null,
  model_id text not null,
  user_id uuid not null,
  key_id uuid not null,
  requests bigint not null default 0,
  errors bigint not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  charged_micros bigint not null default 0,
  upstream_micros bigint not null default 0,
  latency_ms bigint not null default 0,
  first_token_ms bigint not null default 0,
  first_tokens bigint not null default 0,
  primary key (account_id, day, model_id, user_id, key_id)
)
with (fillfactor = 60);

comment on table private.usage_days is
  'Usage summed by day, model, member and key, as far as it is rolled up: read private.usage_by_day. The nil uuid as a key means the chat.';

alter table private.usage_days enable row level security;
create index usage_days_day_idx on private.usage_days (day);

create table private.usage_rollups (
  id boolean primary key default true check (id),
  through timestamptz not null,
  oldest_run_id uuid not null
);

comment on table private.usage_rollups is
  'One row: receipts of runs that ended before this moment are in the daily sums. No run that ends later has a smaller id than this.';

alter table private.usage_rollups enable row level security;

create view private.usage_by_day
with (security_invoker = true)
as
select
  counted.account_id,
  counted.day,
  counted.model_id,
  counted.user_id,
  counted.key_id,
  sum(counted.requests)::bigint as requests,
  sum(counted.errors)::bigint as errors,
  sum(counted.prompt_tokens)::bigint as prompt_tokens,
  sum(counted.completion_tokens)::bigint as completion_tokens,
  sum(counted.charged_micros)::bigint as charged_micros,
  sum(counted.upstream_micros)::bigint as upstream_micros,
  sum(counted.latency_ms)::bigint as latency_ms,
  sum(counted.first_token_ms)::bigint as first_token_ms,
  sum(counted.first_tokens)::bigint as first_tokens
from (
  select * from private.usage_days
  union all
  select
    usage_events.account_id,
    (usage_events.finished_at at time zone 'UTC')::date,
    usage_events.model_id,
    usage_events.user_id,
    coalesce(usage_events.key_id, '00000000-0000-0000-0000-000000000000'),
    1,
    (usage_events.outcome in ('failed', 'expired'))::integer,
    coalesce((usage_events.used).prompt_tokens, 0),
    coalesce((usage_events.used).completion_tokens, 0),
    usage_events.charged_micros,
    coalesce(usage_events.upstream_micros, 0),
    usage_events.latency_ms,
    coalesce(usage_events.first_token_ms, 0),
    (usage_events.first_token_ms is not null)::integer
  from private.usage_events
  where usage_events.finished_at >= (select usage_rollups.through from private.usage_rollups)
    and usage_events.run_id >= (select usage_rollups.oldest_run_id from private.usage_rollups)
) as counted
group by counted.account_id, counted.day, counted.model_id, counted.user_id, counted.key_id;

comment on view private.usage_by_day is 'Usage by day, up to the moment: what is rolled up, and the receipts since.';

-- months and days ----------------------------------------------------------------------------------

create function private.roll_up_usage()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  before private.usage_rollups;
  -- No transaction lives for ten minutes, so every receipt before this moment is there.
  horizon constant timestamptz := private.clock() - interval '10 minutes';
begin
  select * into before from private.usage_rollups for update;
  update private.usage_rollups set
    through = horizon,
    -- The time in it is enough; the rest would be the id of somebody's call.
    oldest_run_id = overlay(
      least(
        private.first_id(horizon),
        (select runs.id from private.runs order by runs.id limit 1),
        (
          select usage_events.run_id from private.usage_events
          where usage_events.run_id >= before.oldest_run_id and usage_events.finished_at >= horizon
          order by usage_events.run_id
          limit 1
        )
      )::text
      placing '-0000-0000-000000000000' from 14
    )::uuid
  where usage_rollups.through < horizon;
  insert into private.usage_days as so_far (
    account_id, day, model_id, user_id, key_id, requests, errors, prompt_tokens, completion_tokens, charged_micros,
    upstream_micros, latency_ms, first_token_ms, first_tokens
  )
  select
    usage_events.account_id,
    (usage_events.finished_at at time zone 'UTC')::date,
    usage_events.model_id,
    usage_events.user_id,
    coalesce(usage_events.key_id, '00000000-0000-0000-0000-000000000000'),
    count(*),
    count(*) filter (where usage_events.outcome in ('failed', 'expired')),
    coalesce(sum((usage_events.used).prompt_tokens), 0),
    coalesce(sum((usage_events.used).completion_tokens), 0),
    sum(usage_events.charged_micros),
    coalesce(sum(usage_events.upstream_micros), 0),
    sum(usage_events.latency_ms),
    coalesce(sum(usage_events.first_token_ms), 0),
    count(usage_events.first_token_ms)
  from private.usage_events
  where usage_events.run_id >= before.oldest_run_id
    and usage_events.finished_at >= before.through
    and usage_events.finished_at < horizon
  group by 1, 2, 3, 4, 5
  order by 1, 2, 3, 4, 5
  on conflict on constraint usage_days_pkey do update set
    requests = so_far.requests + excluded.requests,
    errors = so_far.errors + excluded.errors,
    prompt_tokens = so_far.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = so_far.completion_tokens + excluded.completion_tokens,
    charged_micros = so_far.charged_micros + excluded.charged_micros,
    upstream_micros = so_far.upstream_micros + excluded.upstream_micros,
    latency_ms = so_far.latency_ms + excluded.latency_ms,
    first_token_ms = so_far.first_token_ms + excluded.first_token_ms,
    first_tokens = so_far.first_tokens + excluded.first_tokens;
end
$$;

comment on function private.roll_up_usage is 'Adds the receipts since the last time to the daily sums.';

create function private.ensure_usage_partitions(months_ahead integer default 2)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  made integer := 0;
  month timestamp;
  starts_at timestamptz;
  ends_at timestamptz;
  name text;
begin
  for month in
    select generate_series(
      date_trunc('month', private.clock() at time zone 'UTC'),
      date_trunc('month', private.clock() at time zone 'UTC') + make_interval(months => ensure_usage_partitions.months_ahead),
      interval '1 month'
    )
    union
    -- Those of a month that went by without one wait still.
    select date_trunc('month', usage_events_default.started_at at time zone 'UTC') from private.usage_events_default
  loop
    name := 'usage_events_' || to_char(month, 'YYYY_MM');
    continue when to_regclass('private.' || name) is not null;
    execute format('create table private.%I (like private.usage_events including all)', name);
    -- Receipts that came before their partition did move into it.
    starts_at := month at time zone 'UTC';
    ends_at := (month + interval '1 month') at time zone 'UTC';
    execute format(
      'with late as (delete from private.usage_events_default where run_id >= %L and run_id < %L returning *)
       insert into private.%I select * from late',
      private.first_id(starts_at), private.first_id(ends_at), name
    );
    execute format(
      'alter table private.usage_events attach partition private.%I for values from (%L) to (%L)', name,
      private.first_id(starts_at), private.first_id(ends_at)
    );
    execute format('alter table private.%I enable row level security', name);
    execute format('comment on table private.%I is %L', name, 'Receipts of ' || to_char(month, 'FMMonth YYYY') || '.');
    made := made + 1;
  end loop;
  return made;
end
$$;

comment on function private.ensure_usage_partitions is 'Makes the partitions of this month and the next ones, and those that receipts still wait for.';

create function private.archive_usage(months_kept integer default 13)
returns text[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  archived text[] := '{}';
  old record;
begin
  -- Receipts leave the running table only once they are in the daily sums.
  perform private.roll_up_usage();
  for old in
    select child.relname
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as child on child.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = 'private.usage_events'::regclass
      and child.relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$'
      and to_date(right(child.relname, 7), 'YYYY_MM')
        < date_trunc('month', private.clock() at time zone 'UTC') - make_interval(months => archive_usage.months_kept)
    order by child.relname
  loop
    execute format('alter table private.usage_events detach partition private.%I', old.relname);
    execute format('alter table private.%I rename to %I', old.relname, replace(old.relname, 'usage_events', 'usage_archive'));
    archived := archived || replace(old.relname, 'usage_events', 'usage_archive');
  end loop;
  return archived;
end
$$;

comment on function private.archive_usage is
  'Takes months that are older than is kept out of the running table. They stay as tables of their own until an admin has stored them elsewhere; the daily sums stay for ever.';

-- policies and grants -------------------------------------------------------------------------

create policy "members see their own receipts, those who manage an account all" on private.usage_events
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );
create policy "members see their own days, those who manage an account all" on private.usage_days
  for select to authenticated using (
    (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
    or account_id in (select private.my_ledger_account_ids())
  );

create policy "anybody signed in may know how far usage is summed up" on private.usage_rollups
  for select to authenticated using (true);

grant select on
  private.usage_events, private.usage_days, private.usage_rollups, private.usage_by_day
to authenticated, service_role;

-- api ---------------------------------------------------------------------------------------

create view api.receipts
with (security_invoker = true)
as
select
  usage_events.run_id,
  usage_events.account_id,
  usage_events.user_id,
  usage_events.key_id,
  usage_events.task,
  usage_events.outcome,
  usage_events.finish_reason,
  usage_events.error_code,
  usage_events.requested_model,
  usage_events.model_id,
  usage_events.route_reason,
  usage_events.attempts,
  usage_events.price_version_id,
  (usage_events.used).prompt_tokens,
  (usage_events.used).completion_tokens,
  (usage_events.used).cache_read_tokens,
  (usage_events.used).cache_write_tokens,
  (usage_events.used).reasoning_tokens,
  (usage_events.used).audio_tokens,
  (usage_events.used).images,
  (usage_events.used).searches,
  usage_events.held_micros,
  usage_events.charged_micros,
  usage_events.cost_label,
  usage_events.transaction_id,
  usage_events.first_token_ms,
  usage_events.latency_ms,
  usage_events.request_id,
  usage_events.started_at,
  usage_events.finished_at
from private.usage_events;

comment on view api.receipts is
  'What every call was and cost: model, attempts, tokens by kind, price version, hold and charge. Its lots are in allocations.';

create view api.usage_days
with (security_invoker = true)
as
select
  usage_by_day.account_id, usage_by_day.day, usage_by_day.model_id, usage_by_day.user_id,
  nullif(usage_by_day.key_id, '00000000-0000-0000-0000-000000000000') as key_id,
  usage_by_day.requests, usage_by_day.errors, usage_by_day.prompt_tokens, usage_by_day.completion_tokens,
  usage_by_day.charged_micros, usage_by_day.latency_ms, usage_by_day.first_token_ms, usage_by_day.first_tokens
from private.usage_by_day;

comment on view api.usage_days is
  'Usage by day, model, member and key. Latencies are sums: divide by requests, or by first_tokens. No key means the chat.';

create function api.sum_usage(
  account_id uuid, since date, until date, grouped_by text default 'model', measure text default 'credits',
  model_id text default null, key text default null, user_id uuid default null
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  -- The largest have a line of their own in a chart. A mean is not a sum of parts.
  most_lines constant integer := case when sum_usage.measure = 'latency' then 0 else 5 end;
  most_groups constant integer := 500;
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
begin
  if coalesce(sum_usage.grouped_by, '') not in ('model', 'key', 'member')
    or coalesce(sum_usage.measure, '') not in ('credits', 'requests', 'tokens', 'errors', 'latency') then
    perform private.fail(
      422, 'invalid_input', 'Usage is summed by model, key or member, and measured in credits, requests, tokens, errors or latency.', null
    );
  end if;
  if sum_usage.key <> 'chat' and not pg_input_is_valid(sum_usage.key, 'uuid') then
    perform private.fail(422, 'invalid_input', 'A key is named by its id; the word chat means what was done without one.', null);
  end if;
  if not isfinite(sum_usage.until) or not isfinite(sum_usage.since) or sum_usage.until - sum_usage.since >= 3660 then
    perform private.fail(422, 'invalid_input', 'Usage is summed over ten years at most.', 'Choose a shorter time.');
  end if;
  return (
    with cells as materialized (
      select
        usage_by_day.day,
        case sum_usage.grouped_by
          when 'model' then usage_by_day.model_id
          when 'member' then usage_by_day.user_id::text
          else coalesce(nullif(usage_by_day.key_id, nobody)::text, 'chat')
        end as id,
        sum(usage_by_day.requests) as requests,
        sum(usage_by_day.errors) as errors,
        sum(usage_by_day.prompt_tokens) as prompt_tokens,
        sum(usage_by_day.completion_tokens) as completion_tokens,
        sum(usage_by_day.charged_micros) as charged_micros,
        sum(usage_by_day.latency_ms) as latency_ms,
        sum(usage_by_day.first_token_ms) as first_token_ms,
        sum(usage_by_day.first_tokens) as first_tokens,
        sum(
          case sum_usage.measure
            when 'credits' then usage_by_day.charged_micros
            when 'requests' then usage_by_day.requests
            when 'tokens' then usage_by_day.prompt_tokens + usage_by_day.completion_tokens
            when 'errors' then usage_by_day.errors
            else usage_by_day.latency_ms
          end
        ) as measured
      from private.usage_by_day
      where usage_by_day.account_id = sum_usage.account_id
        and usage_by_day.day between sum_usage.since and sum_usage.until
        and (sum_usage.model_id is null or usage_by_day.model_id = sum_usage.model_id)
        and (sum_usage.user_id is null or usage_by_day.user_id = sum_usage.user_id)
        and (sum_usage.key is null or usage_by_day.key_id = coalesce(nullif(sum_usage.key, 'chat')::uuid, nobody))
      group by 1, 2
    ),
    sums as (
      -- A row for each group, and one without an id for all of it.
      select
        cells.id,
        grouping(cells.id) = 1 as is_total,
        coalesce(sum(cells.requests), 0) as requests,
        coalesce(sum(cells.errors), 0) as errors,
        coalesce(sum(cells.prompt_tokens), 0) as prompt_tokens,
        coalesce(sum(cells.completion_tokens), 0) as completion_tokens,
        coalesce(sum(cells.charged_micros), 0) as charged_micros,
        coalesce(sum(cells.latency_ms), 0) as latency_ms,
        coalesce(sum(cells.first_token_ms), 0) as first_token_ms,
        coalesce(sum(cells.first_tokens), 0) as first_tokens,
        coalesce(sum(cells.measured), 0) as measured
      from cells
      group by grouping sets ((cells.id), ())
    ),
    lines as (
      select sums.id, row_number() over (order by sums.measured desc, sums.id) as place
      from sums
      where not sums.is_total and sums.measured > 0
      order by place
      limit most_lines
    ),
    chart as (
      select
        cells.day,
        lines.id,
        case when sum_usage.measure = 'latency' then round(sum(cells.measured) / sum(cells.requests)) else sum(cells.measured) end as value
      from cells
      left join lines on lines.id = cells.id
      group by cells.day, lines.id
    )
    select jsonb_build_object(
      'totals', (select to_jsonb(sums) - array['id', 'is_total', 'measured'] from sums where sums.is_total),
      'group_count', (select count(*) from sums where not sums.is_total),
      'groups', (
        select coalesce(jsonb_agg(to_jsonb(dearest) - array['is_total', 'measured']), '[]')
        from (
          select * from sums
          where not sums.is_total
          order by sums.charged_micros desc, sums.requests desc, sums.id
          limit most_groups
        ) as dearest
      ),
      'lines', (select coalesce(jsonb_agg(lines.id order by lines.place), '[]') from lines),
      'chart', (
        select coalesce(jsonb_agg(to_jsonb(chart) order by chart.day), '[]') from chart where chart.value > 0
      )
    )
  );
end
$$;

comment on function api.sum_usage is
  'Usage between two days, summed: all of it, by model, key or member (the 500 dearest), and day by day for a chart: a line for each of the five largest, and one without an id for the rest. The key may be the word chat. Latency in the chart is the mean of the day.';

grant select on api.receipts, api.usage_days to authenticated, service_role;
grant execute on function api.sum_usage to authenticated;
