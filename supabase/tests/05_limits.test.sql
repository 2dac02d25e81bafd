-- limits: months and windows, sliding counts strict at their edges, the credits of a month, and
-- the guard of our account upstream. Budgets and rights have a file of their own.

begin;
select no_plan();

-- months --------------------------------------------------------------------------------------

-- Everything about months is UTC, whatever the session's time zone and its summer time.
create function pg_temp.wrong_months(zone text)
returns setof text
language plpgsql
as $$
begin
  perform set_config('timezone', zone, true);
  return query
  select format('%s at %s: %s to %s', anchor, moment, private.month_start(anchor, moment), private.month_end(anchor, moment))
  from (
    values
      -- by the calendar
      (null, '2027-01-01T00:00:00Z', '2027-01-01T00:00:00Z', '2027-02-01T00:00:00Z'),
      (null, '2026-12-31T23:59:59.999999Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'),
      (null, '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'),
      (null, '2027-02-28T23:59:59Z', '2027-02-01T00:00:00Z', '2027-03-01T00:00:00Z'),
      (null, '2027-03-14T07:30:00Z', '2027-03-01T00:00:00Z', '2027-04-01T00:00:00Z'),
      (null, '2027-03-28T01:30:00Z', '2027-03-01T00:00:00Z', '2027-04-01T00:00:00Z'),
      (null, '2027-10-31T01:30:00Z', '2027-10-01T00:00:00Z', '2027-11-01T00:00:00Z'),
      -- from the 31st: the last day where there is no 31st, and back to the 31st after it
      ('2027-01-31T10:00:00Z', '2027-01-31T10:00:00Z', '2027-01-31T10:00:00Z', '2027-02-28T10:00:00Z'),
      ('2027-01-31T10:00:00Z', '2027-02-28T09:59:59Z', '2027-01-31T10:00:00Z', '2027-02-28T10:00:00Z'),
      ('2027-01-31T10:00:00Z', '2027-02-28T10:00:00Z', '2027-02-28T10:00:00Z', '2027-03-31T10:00:00Z'),
      ('2027-01-31T10:00:00Z', '2027-04-30T10:00:00Z', '2027-04-30T10:00:00Z', '2027-05-31T10:00:00Z'),
      ('2027-01-31T10:00:00Z', '2028-02-29T09:59:59Z', '2028-01-31T10:00:00Z', '2028-02-29T10:00:00Z'),
      ('2027-01-31T10:00:00Z', '2028-02-29T10:00:00Z', '2028-02-29T10:00:00Z', '2028-03-31T10:00:00Z'),
      ('2027-08-31T23:59:59Z', '2027-12-31T23:59:58Z', '2027-11-30T23:59:59Z', '2027-12-31T23:59:59Z'),
      ('2027-01-30T00:00:00Z', '2027-03-01T00:00:00Z', '2027-02-28T00:00:00Z', '2027-03-30T00:00:00Z'),
      ('2027-01-29T00:00:00Z', '2028-03-01T00:00:00Z', '2028-02-29T00:00:00Z', '2028-03-29T00:00:00Z'),
      -- from a leap day
      ('2028-02-29T00:00:00Z', '2029-02-27T23:59:59Z', '2029-01-29T00:00:00Z', '2029-02-28T00:00:00Z'),
      ('2028-02-29T00:00:00Z', '2029-02-28T00:00:00Z', '2029-02-28T00:00:00Z', '2029-03-29T00:00:00Z'),
      ('2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z', '2032-02-29T00:00:00Z', '2032-03-29T00:00:00Z'),
      -- in the hours that summer time skips and repeats
      ('2027-02-28T01:30:00Z', '2027-03-28T01:30:00Z', '2027-03-28T01:30:00Z', '2027-04-28T01:30:00Z'),
      ('2027-02-14T07:30:00Z', '2027-03-14T07:29:59Z', '2027-02-14T07:30:00Z', '2027-03-14T07:30:00Z'),
      ('2027-09-30T01:30:00Z', '2027-10-31T01:30:00Z', '2027-10-30T01:30:00Z', '2027-11-30T01:30:00Z'),
      -- before the anchor
      ('2027-05-15T00:00:00Z', '2027-03-20T00:00:00Z', '2027-03-15T00:00:00Z', '2027-04-15T00:00:00Z')
  ) as months (anchor_text, moment_text, start_text, end_text)
  cross join lateral (select anchor_text::timestamptz as anchor, moment_text::timestamptz as moment) as read
  where private.month_start(anchor, moment) <> start_text::timestamptz
    or private.month_end(anchor, moment) <> end_text::timestamptz;
  perform set_config('timezone', 'UTC', true);
end
$$;
select is_empty(format('select * from pg_temp.wrong_months(%L)', zone), 'months begin and end in UTC for a session in ' || zone)
from unnest(array['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Pacific/Apia']) as zone;
select is_empty(
  $$
    select anchor, moment
    from generate_series('2027-01-25 13:00:00Z'::timestamptz, '2027-02-02 13:00:00Z', '1 day') as anchor
    cross join generate_series('2027-01-01 00:00:00Z'::timestamptz, '2029-03-05 00:00:00Z', '17 hours') as moment
    where not (private.month_start(anchor, moment) <= moment and moment < private.month_end(anchor, moment))
      or private.month_start(anchor, private.month_end(anchor, moment)) <> private.month_end(anchor, moment)
  $$,
  'every moment lies in its month, and each month begins where the one before ends'
);

create function pg_temp.wrong_windows(zone text)
returns setof text
language plpgsql
as $$
begin
  perform set_config('timezone', zone, true);
  return query
  select format('%s %s: %s to %s', period, moment, private.budget_start(period, moment), private.budget_end(period, moment))
  from (
    values
      ('day', '2027-03-28T00:00:00Z', '2027-03-28T00:00:00Z', '2027-03-29T00:00:00Z'),
      ('day', '2027-03-28T23:59:59.999Z', '2027-03-28T00:00:00Z', '2027-03-29T00:00:00Z'),
      ('day', '2027-10-31T12:00:00Z', '2027-10-31T00:00:00Z', '2027-11-01T00:00:00Z'),
      ('day', '2028-02-29T23:00:00Z', '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'),
      ('month', '2028-02-29T23:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'),
      ('month', '2027-12-31T23:59:59Z', '2027-12-01T00:00:00Z', '2028-01-01T00:00:00Z'),
      ('total', '2027-12-31T23:59:59Z', '-infinity', null)
  ) as windows (period_text, moment_text, start_text, end_text)
  cross join lateral (select period_text::private.budget_period as period, moment_text::timestamptz as moment) as read
  where private.budget_start(period, moment) <> start_text::timestamptz
    or private.budget_end(period, moment) is distinct from end_text::timestamptz;
  perform set_config('timezone', 'UTC', true);
end
$$;
select is_empty(format('select * from pg_temp.wrong_windows(%L)', zone), 'budgets begin and end in UTC for a session in ' || zone)
from unnest(array['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Pacific/Apia']) as zone;

-- how often -------------------------------------------------------------------------------------

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada');
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Acme Small', 32000, 4000, 0, 0);
select private.reprice();
insert into private.plans (id, name, requests_per_minute) values ('slow', 'Slow', 3), ('free-running', 'Free running', null);
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('slow', 1, '*', true), ('free-running', 1, '*', true);

create function pg_temp.open_team(name text, plan_id text default 'slow')
returns void
language sql
as $$
  insert into private.accounts (kind, name) values ('team', open_team.name);
  update private.account_plans set plan_id = open_team.plan_id where account_id = tests.team(name);
$$;

create function pg_temp.verdict_of(name text, key_id uuid default null)
returns private.verdict
language sql
as $$
  select private.authorize_run(row(
    tests.team(name), tests.id_of('Ada'), key_id, 'completion', '{acme/small}', row(10, 1, 0, 10, 1, 0)::private.request_shape,
    null, null, null, null
  )::private.run_request)
$$;

create function pg_temp.asks(name text, times integer default 1, key_id uuid default null)
returns text
language plpgsql
as $$
declare
  verdict private.verdict;
begin
  for nth in 1..times loop
    verdict := pg_temp.verdict_of(name, key_id);
  end loop;
  return case when verdict.allowed then 'allowed' else concat_ws(' ', verdict.status, verdict.reason, verdict.rule) end;
end
$$;

create function pg_temp.room_at(name text, key_id uuid default null)
returns timestamptz
language sql
as $$
  select (pg_temp.verdict_of(name, key_id)).resets_at
$$;

select pg_temp.open_team('Minute');
select is(
  (select array_agg((pg_temp.verdict_of('Minute')).rate_remaining) from generate_series(1, 3)), array[2, 1, 0],
  'each call says how many are left in the window'
);
select is(pg_temp.asks('Minute'), '429 rate_limited requests_per_minute', 'one more than the plan allows is refused, by its rule');
create temporary table room as select pg_temp.room_at('Minute') as at;
select ok(at >= '2027-03-10 12:01:00+00' and at <= '2027-03-10 12:01:05+00', 'it says when there is room: a minute on, to five seconds') from room;
select tests.travel_to(at - interval '1 microsecond') from room;
select is(pg_temp.asks('Minute'), '429 rate_limited requests_per_minute', 'not a microsecond earlier');
select tests.travel_to(at) from room;
select is(pg_temp.asks('Minute', 3), 'allowed', 'but then indeed, all that had been used');
select is(pg_temp.asks('Minute'), '429 rate_limited requests_per_minute', 'and no more than that');

-- Calls as often as they are let through, for ten minutes: no minute of them holds more than three.
select pg_temp.open_team('Greedy');
create temporary table passed (at timestamptz);
insert into passed
select private.clock()
from generate_series(1, 300) as nth
cross join lateral (select tests.travel_to('2027-03-11 00:00:00+00'::timestamptz + nth * interval '2 seconds')) as moved
cross join lateral (select pg_temp.asks('Greedy') as answer from (select moved) as after) as asked
where asked.answer = 'allowed';
select is_empty(
  $$
    select first.at
    from passed as first
    join passed as later on later.at >= first.at and later.at < first.at + interval '1 minute'
    group by first.at having count(*) > 3
  $$,
  'no minute, wherever it begins, ever holds more than the limit'
);
select cmp_ok((select count(*) from passed), '>=', 27::bigint, 'and little is lost at the edges: nine tenths of what is allowed gets through');

select tests.travel_to('2027-03-12 12:00:00+00');
select pg_temp.open_team('Long', 'free-running');
insert into private.limit_overrides (subject_id, account_id, requests_per_hour, requests_per_day, reason)
select tests.team('Long'), tests.team('Long'), 2, 3, 'For tests';
select is(pg_temp.asks('Long', 2), 'allowed', 'an hour has its own limit');
select is(pg_temp.asks('Long'), '429 rate_limited requests_per_hour', 'and its own refusal');
select tests.travel('55 minutes');
select is(pg_temp.asks('Long'), '429 rate_limited requests_per_hour', 'within the hour');
select tests.travel('10 minutes');
select is(pg_temp.asks('Long'), 'allowed', 'after it there is room');
select is(pg_temp.asks('Long'), '429 rate_limited requests_per_day', 'the longest window that is full decides');
select tests.travel_to(pg_temp.room_at('Long') - interval '1 microsecond');
select is(pg_temp.asks('Long'), '429 rate_limited requests_per_day', 'until it says');
select tests.travel('1 microsecond');
select is(pg_temp.asks('Long'), 'allowed', 'then there is room again');
select ok(
  private.clock() between '2027-03-13 12:00:00+00' and '2027-03-13 14:00:00+00', 'which is a day after the first calls, to two hours'
);
select tests.travel('10 years');
select is(pg_temp.asks('Long', 2), 'allowed', 'a window long past is empty');
select tests.travel('-1 day');
select is(pg_temp.asks('Long'), '429 rate_limited requests_per_hour', 'a clock set back frees nothing');

-- overrides -------------------------------------------------------------------------------------

select tests.travel_to('2027-03-14 07:30:00+00');
select pg_temp.open_team('Override');
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, expires_at, reason)
select tests.team('Override'), tests.team('Override'), 5, private.clock() + interval '1 hour', 'For tests';
select is(pg_temp.asks('Override', 5), 'allowed', 'an override is the limit instead of the plan''s');
select is(pg_temp.asks('Override'), '429 rate_limited requests_per_minute', 'and is one');
select tests.travel('1 hour');
select is(pg_temp.asks('Override', 3), 'allowed', 'when it has expired');
select is(pg_temp.asks('Override'), '429 rate_limited requests_per_minute', 'the plan''s is back');
delete from private.limit_overrides where account_id = tests.team('Override');

insert into private.limit_overrides (subject_id, account_id, requests_per_hour, reason)
select tests.team('Override'), tests.team('Override'), 2, 'For tests';
select tests.travel('1 day');
select is(pg_temp.asks('Override', 2), 'allowed', 'a limit by the hour is set');
delete from private.limit_overrides where account_id = tests.team('Override');
select is(pg_temp.asks('Override'), 'allowed', 'taken away');
insert into private.limit_overrides (subject_id, account_id, requests_per_hour, reason)
select tests.team('Override'), tests.team('Override'), 2, 'For tests';
select is(pg_temp.asks('Override'), '429 rate_limited requests_per_hour', 'and set again: what was counted before still counts');

select pg_temp.open_team('Keys', 'free-running');
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
select md5(name)::uuid, tests.team('Keys'), tests.id_of('Ada'), name, 'sk-oneai-' || name, sha256(convert_to(name, 'UTF8'))
from unnest(array['one', 'two']) as name;
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
select md5('one')::uuid, tests.team('Keys'), 2, 'For tests';
select is(pg_temp.asks('Keys', 2, md5('one')::uuid), 'allowed', 'a key may have a limit of its own');
select is(pg_temp.asks('Keys', 1, md5('one')::uuid), '429 rate_limited requests_per_minute', 'which refuses');
select is(pg_temp.asks('Keys', 5, md5('two')::uuid), 'allowed', 'that key only');
select is(pg_temp.asks('Keys', 5), 'allowed', 'and not the account');
select pg_temp.open_team('Shared');
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
select md5('three')::uuid, tests.team('Shared'), tests.id_of('Ada'), 'three', 'sk-oneai-three', sha256('three');
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
select md5('three')::uuid, tests.team('Shared'), 1000, 'For tests';
select is(pg_temp.asks('Shared', 3, md5('three')::uuid), 'allowed', 'a generous key');
select is(pg_temp.asks('Shared', 1, md5('three')::uuid), '429 rate_limited requests_per_minute', 'does not lift the limit of its account');

-- how many in a month ---------------------------------------------------------------------------

select tests.travel_to('2027-02-28 23:59:59+00');
select pg_temp.open_team('Month', 'free-running');
insert into private.limit_overrides (subject_id, account_id, requests_per_month, reason)
select tests.team('Month'), tests.team('Month'), 2, 'For tests';
select is((pg_temp.verdict_of('Month')).quota_remaining, 1::bigint, 'each call says how many are left of the month');
select is(pg_temp.asks('Month'), 'allowed', 'the last one of a month is allowed');
select is(pg_temp.asks('Month'), '429 quota_exceeded requests_per_month', 'one more is not');
select is(pg_temp.room_at('Month'), '2027-03-01 00:00:00+00', 'it says when the next month begins');
select tests.travel('1 second');
select is(pg_temp.asks('Month', 2), 'allowed', 'which brings as many again');
select is(pg_temp.asks('Month'), '429 quota_exceeded requests_per_month', 'and no more');
select is(pg_temp.room_at('Month'), '2027-04-01 00:00:00+00', 'until the one after');

update private.account_plans set cycle_anchor = '2027-01-31 10:00:00+00' where account_id = tests.team('Month');
select is(
  (pg_temp.verdict_of('Month')).quota_resets_at, '2027-03-31 10:00:00+00', 'a plan that begins to run from its own day does so at once'
);

-- credits of a month ------------------------------------------------------------------------------

select tests.travel_to('2027-03-20 00:00:00+00');
insert into private.plans (id, name, monthly_credits_micros, grants_monthly) values ('monthly', 'Monthly', 1000, true);
select pg_temp.open_team('Paid', 'monthly'), pg_temp.open_team('Anchored', 'monthly');
update private.account_plans set cycle_anchor = '2027-01-31 10:00:00+00', granted_until = '-infinity' where account_id = tests.team('Anchored');
update private.account_plans set granted_until = private.clock() + interval '10 years' where plan_id <> 'monthly';

create function pg_temp.months_of(name text)
returns text
language sql
as $$
  select string_agg(fact || ' until ' || to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), ', ' order by lots.id)
  from private.lots
  join private.transactions on transactions.id = lots.transaction_id
  where lots.account_id = tests.team(name)
$$;

select is(private.grant_monthly_credits(), 1, 'a month''s credits are given where they are due');
select is(pg_temp.months_of('Anchored'), 'plan:monthly:2027-02-28 until 2027-03-31 10:00', 'for the month of the plan, until its end');
select is(pg_temp.months_of('Paid'), null, 'a new account has its first month already');
select is(private.grant_monthly_credits(), 0, 'they are given once');
update private.account_plans set granted_until = '-infinity' where account_id = tests.team('Anchored');
select private.grant_monthly_credits();
select is(pg_temp.months_of('Anchored'), 'plan:monthly:2027-02-28 until 2027-03-31 10:00', 'even if somebody forgets that they were');
select tests.travel_to('2027-03-31 10:00:00+00');
select is(private.grant_monthly_credits(), 1, 'the next month begins on the 31st again');
select tests.travel_to('2027-06-15 00:00:00+00');
select is(private.grant_monthly_credits(1), 1, 'a batch is as large as it is told');
select is(private.grant_monthly_credits(), 1, 'the rest comes with the next');
select is(pg_temp.months_of('Paid'), 'plan:monthly:2027-06-01 until 2027-07-01 00:00', 'months that nobody was there to give are not given later');
select is(
  pg_temp.months_of('Anchored'),
  'plan:monthly:2027-02-28 until 2027-03-31 10:00, plan:monthly:2027-03-31 until 2027-04-30 10:00, plan:monthly:2027-05-31 until 2027-06-30 10:00',
  'only the one that runs'
);
select is(
  (select source::text from private.lots where account_id = tests.team('Paid')), 'subscription', 'they are credits of a subscription'
);

-- opening an account ------------------------------------------------------------------------------

select tests.travel_to('2028-02-29 23:00:00+00');
select tests.create_user('Leap');
select results_eq(
  $$select plan_id, granted_until from private.account_plans where account_id = tests.account_of('Leap')$$,
  $$values ('free', '2028-03-01 00:00:00+00'::timestamptz)$$, 'a person begins on the Free plan'
);
select results_eq(
  $$select source::text, amount_micros::bigint, expires_at from private.lots where account_id = tests.account_of('Leap')$$,
  $$values ('welcome', 500000000::bigint, '2028-03-01 00:00:00+00'::timestamptz)$$,
  'with the credits of the month, which lapse with it'
);
select pg_temp.open_team('Fresh', 'free');
select results_eq(
  $$select balance_micros::bigint from private.wallets where account_id = tests.team('Fresh')$$, 'values (0::bigint)', 'a team begins with an empty wallet'
);
select tests.travel_to('2028-03-01 12:00:00+00');
select private.grant_monthly_credits();
select is(pg_temp.months_of('Fresh'), null, 'and gets none of the credits of Free later either');
select results_eq(
  $$select count(*) from private.lots where account_id = tests.account_of('Leap') and source = 'subscription'$$, 'values (1::bigint)',
  'a person gets them every month'
);

-- the guard ---------------------------------------------------------------------------------------

select tests.travel_to('2028-03-02 12:00:00+00');
update private.upstream_guard set max_requests_per_minute = 3, max_held_micros = null, max_spend_per_hour_micros = null;
select pg_temp.open_team('Guarded', 'free-running');
select private.measure_guard();
select is(pg_temp.asks('Guarded', 4), 'allowed', 'while all accounts together stay below a limit the door is open');
select private.measure_guard();
select is(pg_temp.asks('Guarded'), 'allowed', 'what was begun here and went nowhere does not close it');
select tests.travel('31 seconds');
select private.sweep_runs(10000);
select results_eq(
  $$select outcome::text, count(*) from private.usage_events where account_id = tests.team('Guarded') group by outcome$$,
  $$values ('expired', 5::bigint)$$, 'nor does it'
);
select private.measure_guard();
select is(pg_temp.asks('Guarded', 3), 'allowed', 'when it has expired');
select private.touch_run(id, 'gen-1') from (select id from private.runs where account_id = tests.team('Guarded') limit 2) as two;
select private.measure_guard();
select is(pg_temp.asks('Guarded'), 'allowed', 'two calls are fewer than three');
select private.finish_run(
  id, row('failed', null, null, null, 'upstream_failed', null, null, null, null, null, false)::private.run_report
)
from (select id from private.runs where account_id = tests.team('Guarded') and generation_id is null limit 1) as one;
select private.measure_guard();
select is(pg_temp.asks('Guarded'), '503 upstream_unavailable guard', 'at the limit it closes for everybody');
select is(pg_temp.asks('Fresh'), '503 upstream_unavailable guard', 'the innocent too');
select is(pg_temp.room_at('Guarded'), '2028-03-02 12:00:41+00', 'for ten seconds');
select results_eq('select closed_because from private.upstream_guard', $$values ('requests_per_minute')$$, 'and says why');
select tests.travel('10 seconds');
select is(pg_temp.asks('Guarded'), 'allowed', 'nobody has to open it again');
select private.measure_guard();
select is(pg_temp.asks('Guarded'), '503 upstream_unavailable guard', 'if the reason is still there it closes again');
select tests.travel('1 minute');
select private.measure_guard();
select results_eq(
  'select closed_until, closed_because from private.upstream_guard', 'values (null::timestamptz, null::text)', 'once it is gone the guard forgets it'
);
select is(pg_temp.asks('Guarded'), 'allowed', 'and lets everybody through');

update private.upstream_guard set max_requests_per_minute = null, max_held_micros = 100;
select private.grant_credits(tests.team('Guarded'), 1000, 'top_up', 'payment', 'x', 'x');
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/*', 1, 0, 0.01);
select is((pg_temp.verdict_of('Guarded')).hold_micros, 100::bigint, 'a call holds a hundred micros');
select private.measure_guard();
select is(pg_temp.asks('Guarded'), '503 upstream_unavailable guard', 'too much held closes the door');
select results_eq('select closed_because from private.upstream_guard', $$values ('held')$$, 'and says so');

select private.finish_run(
  runs.id,
  row('completed', null, null, 'stop', null, row(1, 10, 0, 0, 0, 0, 0, 0)::private.token_counts, 10, 0.0000002, null, null, false)::private.run_report
)
from private.runs where account_id = tests.team('Guarded') and held_micros > 0;
select private.measure_guard();
select is(pg_temp.asks('Guarded'), 'allowed', 'what has been settled is held no more');
update private.upstream_guard set max_held_micros = null, max_spend_per_hour_micros = 200;
select private.measure_guard();
select results_eq('select closed_because from private.upstream_guard', $$values ('spend_per_hour')$$, 'what was spent upstream closes it');
select tests.travel('1 hour');
select private.measure_guard();
select is(pg_temp.asks('Guarded'), 'allowed', 'for an hour');
update private.upstream_guard set is_paused = true;
select is(pg_temp.asks('Guarded'), '503 upstream_unavailable guard', 'an admin can pause everything');
select private.measure_guard();
select is(pg_temp.asks('Guarded'), '503 upstream_unavailable guard', 'and measuring does not undo that');
update private.upstream_guard set is_paused = false;
select is(pg_temp.asks('Guarded'), 'allowed', 'only the admin does');

select * from finish();
rollback;
