-- usage by day: however often, early, late or twice it is rolled up, and however long calls stay open,
-- at every moment it says what the receipts say.

begin;
select no_plan();

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/one', 'One', 1000, 100, 0, 0), ('acme/two', 'Two', 1000, 100, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/*', 1, 0.001, 0.002);
select tests.create_user(name) from unnest(array['Ada', 'Eve']) as name;
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, '*', true);
update private.account_plans set plan_id = 'test';
select private.grant_credits(id, 1000000000, 'top_up', 'payment', 'x', 'x') from private.accounts;

create function pg_temp.summed()
returns table (
  account_id uuid, day date, model_id text, user_id uuid, key_id uuid, requests bigint, errors bigint, prompt_tokens bigint,
  completion_tokens bigint, charged_micros bigint, upstream_micros bigint, latency_ms bigint, first_token_ms bigint, first_tokens bigint
)
language sql
as $$
  select
    account_id, (finished_at at time zone 'UTC')::date, model_id, user_id, coalesce(key_id, '00000000-0000-0000-0000-000000000000'),
    count(*), count(*) filter (where outcome in ('failed', 'expired')), coalesce(sum((used).prompt_tokens), 0)::bigint,
    coalesce(sum((used).completion_tokens), 0)::bigint, sum(charged_micros)::bigint, coalesce(sum(upstream_micros), 0)::bigint,
    sum(latency_ms)::bigint, coalesce(sum(first_token_ms), 0)::bigint, count(first_token_ms)
  from private.usage_events
  group by 1, 2, 3, 4, 5
$$;
create function pg_temp.differences()
returns bigint
language sql
as $$
  select count(*) from (
    (select * from private.usage_by_day except select * from pg_temp.summed())
    union all
    (select * from pg_temp.summed() except select * from private.usage_by_day)
  ) as differing
$$;

create function pg_temp.begins(name text)
returns uuid
language sql
as $$
  select (private.authorize_run(row(
    tests.account_of(name), tests.id_of(name), null, 'completion', array[(array['acme/one', 'acme/two'])[1 + floor(random() * 2)]],
    row(10, 1, 0, 50, 1, 0)::private.request_shape, null, null, null, null
  )::private.run_request)).run_id
$$;
create function pg_temp.ends(run_id uuid, outcome private.run_outcome)
returns void
language sql
as $$
  select private.finish_run(run_id, row(
    outcome, null, null, null, null, row(5, 1 + floor(random() * 40), 0, 0, 0, 0, 0, 0), null, 0.000001 * random(), null,
    case when random() < 0.5 then floor(random() * 500) end, false
  )::private.run_report)
$$;

create function pg_temp.drifts(seed double precision)
returns setof text
language plpgsql
as $$
declare
  act integer;
  late timestamptz;
begin
  perform setseed(seed);
  perform tests.travel_to('2027-03-31 20:00:00+00'::timestamptz + seed * interval '3000 days');
  for nth in 1..70 loop
    act := floor(random() * 12);
    if act <= 3 then
      perform pg_temp.begins((array['Ada', 'Eve'])[1 + floor(random() * 2)]);
    elsif act <= 6 then
      perform pg_temp.ends(runs.id, (array['completed', 'stopped', 'failed', 'expired'])[1 + floor(random() * 4)]::private.run_outcome)
      from (select id from private.runs order by random() limit 2) as runs;
    elsif act <= 8 then
      perform private.roll_up_usage();
    elsif act = 9 then
      -- Twice, and one that set out some time ago and comes to its turn only now.
      perform private.roll_up_usage();
      late := private.clock();
      perform tests.travel(-1 * random() * interval '2 hours');
      perform private.roll_up_usage();
      perform tests.travel_to(late);
      perform private.roll_up_usage();
    end if;
    if pg_temp.differences() > 0 then
      return next format('seed %s, step %s, act %s: %s differences', seed, nth, act, pg_temp.differences());
    end if;
    perform tests.travel((array[
      interval '0', interval '1 millisecond', interval '9 minutes', interval '10 minutes', interval '11 minutes', interval '70 minutes',
      interval '5 hours', interval '2 days'
    ])[1 + floor(random() * 8)]);
    if pg_temp.differences() > 0 then
      return next format('seed %s, step %s: time alone made %s differences', seed, nth, pg_temp.differences());
    end if;
  end loop;
end
$$;
select is_empty(format('select pg_temp.drifts(%s)', seed / 10.0), 'days are those of the receipts at every moment, seed ' || seed)
from generate_series(1, 9) as seed;

select pg_temp.ends(id, 'completed') from private.runs;
select tests.travel('10 minutes 1 microsecond');
select private.roll_up_usage();
select cmp_ok((select count(*) from private.usage_events), '>', 100::bigint, 'there were calls enough');
select set_eq('select * from private.usage_days', 'select * from pg_temp.summed()', 'ten minutes after the last call all of it is rolled up');
select is_empty(
  $$
    select run_id from private.usage_events, private.usage_rollups
    where finished_at >= through and run_id >= oldest_run_id
  $$,
  'and nothing is left to be summed when somebody looks'
);

-- A call that stays open while days are summed is counted when it ends.
create temporary table long as select pg_temp.begins('Ada') as id;
select tests.travel('3 days');
select private.roll_up_usage();
select cmp_ok((select oldest_run_id from private.usage_rollups), '<=', (select id from long), 'the roll-up waits for the oldest call that is open');
select isnt((select oldest_run_id from private.usage_rollups), (select id from long), 'and does not say which it is');
select pg_temp.begins('Eve');
select pg_temp.ends(id, 'completed') from private.runs where id not in (select id from long);
select pg_temp.ends(id, 'completed') from long;
select is(pg_temp.differences(), 0::bigint, 'when it ends it counts on that day');
select private.roll_up_usage();
select tests.travel('1 day');
select private.roll_up_usage();
select is(pg_temp.differences(), 0::bigint, 'once');
select is(
  (select day from private.usage_days order by day desc limit 1), ((private.clock() - interval '1 day') at time zone 'UTC')::date, 'the day on which it ended'
);

-- And a roll-up that did not wait for it would be seen here.
create temporary table longer as select pg_temp.begins('Ada') as id;
select tests.travel('1 day');
update private.usage_rollups set oldest_run_id = private.first_id(private.clock());
select pg_temp.ends(id, 'completed') from longer;
select cmp_ok(pg_temp.differences(), '>', 0::bigint, 'a roll-up that forgot an open call would be found out');

select * from finish();
rollback;
