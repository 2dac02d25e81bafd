-- foundation: who may enter which schema, how errors are raised, what a typed text may be, ids,
-- the clock, and the list of scheduled work.

begin;
select no_plan();

select tests.create_user('Ada');

-- schemas -------------------------------------------------------------------------------------

select is(
  (
    select string_agg(concat_ws(' ', role, schema, case when has_schema_privilege(role, schema, 'create') then 'CREATE' end), ', ' order by role, schema)
    from unnest(array['anon', 'authenticated', 'service_role']) as role
    cross join unnest(array['api', 'private']) as schema
    where has_schema_privilege(role, schema, 'usage')
  ),
  'anon api, anon private, authenticated api, authenticated private, service_role api, service_role private',
  'every role may look into both schemas, and none may make anything there'
);
select is_empty(
  $$
    select oid::regprocedure
    from pg_proc
    where pronamespace in ('api'::regnamespace, 'private'::regnamespace)
      and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0))
  $$,
  'no function is open to everybody'
);
create function private.made_later() returns integer language sql set search_path = '' as 'select 1';
create table private.made_later (id integer);
select is_empty(
  $$
    select role from unnest(array['anon', 'authenticated', 'service_role']) as role
    where has_function_privilege(role, 'private.made_later()', 'execute') or has_table_privilege(role, 'private.made_later', 'select')
  $$,
  'nor is one that is made later, or a table'
);
select is(
  (
    select string_agg(proname, ', ' order by proname) from pg_proc
    where pronamespace = 'private'::regnamespace and has_function_privilege('anon', oid, 'execute')
  ),
  'read_share', 'a visitor calls nothing of private but what reads a shared conversation by its link'
);

-- errors ----------------------------------------------------------------------------------------

create function pg_temp.raised(call text)
returns text
language plpgsql
as $$
declare
  code text;
  reason text;
  detail text;
  hint text;
begin
  execute call;
  return 'nothing';
exception when others then
  get stacked diagnostics code = returned_sqlstate, reason = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
  return concat_ws(' | ', code, reason, detail, hint);
end
$$;
select is(
  pg_temp.raised($$select private.fail(402, 'insufficient_credits', 'Too few.', 'Top up.')$$), 'PT402 | insufficient_credits | Too few. | Top up.',
  'an error is a status, a reason, a sentence and a next step'
);
select is(pg_temp.raised($$select private.fail(404, 'not_found')$$), 'PT404 | not_found |  | ', 'the last two may be missing');
select is(pg_temp.raised($$select private.fail(404, 'not_found', '100%s', '%')$$), 'PT404 | not_found | 100%s | %', 'and may hold any sign');
select tests.sign_in_as('Ada');
select tests.throws($$select private.fail(403, 'forbidden')$$, 403, 'forbidden', 'functions that run as a person can raise');
select tests.sign_in_anonymously();
select tests.is_refused($$select private.fail(403, 'forbidden')$$, 'a visitor has no function that would');
select tests.sign_out();

-- typed texts -------------------------------------------------------------------------------------

select is(private.require_text('Name', value, 5), kept, description)
from (
  values
    ('Ada', 'Ada', 'a text is kept'), (E' \t\r\n Ada \n', 'Ada', 'without the blanks around it'), ('A B', 'A B', 'with those inside'),
    ('12345', '12345', 'up to its longest'), ('😀😀😀😀😀', '😀😀😀😀😀', 'counted in characters, not in bytes'), (E'A\tB\n', E'A' || E'\tB', 'tabs are allowed'),
    (null, null, 'no text is no text')
) as texts (value, kept, description);
select tests.throws(format('select private.require_text(''Name'', %s, 5)', value), 422, 'invalid_input', description)
from (
  values
    ($$''$$, 'an empty text is refused'), ($$' '$$, 'a blank one'), ($$E' \t\r\n'$$, 'whatever the blanks'), ($$'123456'$$, 'one too long'),
    ($$repeat('x', 1000000)$$, 'or far too long'), ($$E'a\x01'$$, 'with control characters'), ($$E'a\x1bb'$$, 'an escape'), ($$E'a\x7f'$$, 'or a delete')
) as texts (value, description);
select is(private.require_text('Name', ' ', 5, true), '', 'where it may be empty it may');
select matches(
  pg_temp.raised($$select private.require_text('Name', '123456', 5)$$), '^PT422 \| invalid_input \| Name is too long: 6 of at most 5 characters',
  'the sentence names the field and the limit'
);

-- clock and ids -------------------------------------------------------------------------------------

select is(private.clock(), now(), 'the clock is that of the transaction');
select matches(private.new_id()::text, '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'an id is a version 7 uuid');
select is((select count(distinct private.new_id()) from generate_series(1, 10000)), 10000::bigint, 'no two are the same');
create temporary table made as select nth, private.new_id() as id from generate_series(1, 1000) as nth;
select is_empty(
  $$select nth from (select nth, id, lag(id) over (order by nth) as before from made) as row where left(id::text, 13) < left(before::text, 13)$$,
  'later ones sort behind earlier ones'
);
select ok(
  abs(('x' || replace(left(id::text, 13), '-', ''))::bit(48)::bigint - extract(epoch from clock_timestamp()) * 1000) < 60000,
  'their first half is the time in milliseconds'
)
from made where nth = 1;
select is_empty(
  $$
    select nth
    from generate_series(1, 2000) as nth
    cross join lateral (select '2027-03-10 12:00:00+00'::timestamptz + nth * interval '333 microseconds' as at) as moment
    cross join lateral (select tests.travel_to(at)) as moved
    cross join lateral (select private.new_id() as id from (select moved) as after) as made
    where id < private.first_id(at)
      or id >= private.first_id(at + interval '2 milliseconds')
      or private.first_id(at) > private.first_id(at + interval '1 microsecond')
  $$,
  'a moment''s ids lie between its first id and that of two milliseconds later'
);
select set_config('tests.now', '', true);

select is(private.request_id(), null, 'outside a request there is no request id');
select set_config('request.headers', '{"x-request-id": "req-1"}', true);
select is(private.request_id(), 'req-1', 'within one it is the caller''s');
select set_config('request.headers', json_build_object('x-request-id', repeat('r', 1000000))::text, true);
select is(char_length(private.request_id()), 100, 'at a length that can be kept');
select set_config('request.headers', '{}', true);
select is(private.request_id(), null, 'or none');
select set_config('request.headers', '', true);

-- scheduled work ----------------------------------------------------------------------------------

select is_empty(
  $$select name from private.schedules where command !~ '^select (private\.|audit\.|admin\.)'$$, 'scheduled work is functions of ours'
);
select lives_ok(
  format('insert into private.schedules values (%L, %L, ''select 1'', ''For tests'')', 'test-' || nth, schedule), 'work can be scheduled at ' || schedule
)
from unnest(array['5 seconds', '59 seconds', '* * * * *', '*/30 * * * *', '7 3 1,15 * 1-5']) with ordinality as good (schedule, nth);
select throws_ok(
  format('insert into private.schedules values (%L, %L, %L, %L)', name, schedule, command, purpose), '23514', null,
  format('no work %s', concat_ws(' | ', name, schedule, command, purpose))
)
from (
  values
    ('Upper', '* * * * *', 'select 1', 'x'), ('a b', '* * * * *', 'select 1', 'x'), ('x', '* * * * *', 'select 1', 'x'), ('seconds', '60 seconds', 'select 1', 'x'),
    ('words', 'every minute', 'select 1', 'x'), ('four', '* * * *', 'select 1', 'x'), ('empty', '* * * * *', '', 'x'), ('aimless', '* * * * *', 'select 1', '')
) as bad (name, schedule, command, purpose);
select throws_ok($$insert into private.schedules select * from private.schedules limit 1$$, '23505', null, 'work has one name');
select is(private.install_schedules(), 0, 'without pg_cron there is nothing to install: the ticker reads the rows');
select lives_ok($$select private.call_job('sync-models')$$, 'without pg_net a job is called through the ticker');

-- Like pg_cron: two ways to schedule, of which one gives no name, and jobs that are not ours.
create schema cron;
create table cron.job (jobid bigint generated always as identity, jobname text unique, schedule text, command text, active boolean default true);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as $$
  insert into cron.job (jobname, schedule, command) values ($1, $2, $3)
  on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command returning jobid
$$;
create function cron.schedule(schedule text, command text) returns bigint language sql as $$ select cron.schedule(null, $1, $2) $$;
create function cron.unschedule(job_id bigint) returns boolean language sql as $$ delete from cron.job where jobid = $1 returning true $$;
create function cron.unschedule(job_name text) returns boolean language sql as $$ delete from cron.job where jobname = $1 returning true $$;
select cron.schedule('theirs', '* * * * *', 'vacuum');
create function pg_temp.follows(description text)
returns text
language sql
as $$
  select set_eq(
    $q$select jobname, schedule, command from cron.job where jobname <> 'theirs'$q$, 'select name, schedule, command from private.schedules',
    follows.description
  )
$$;
select is(private.install_schedules(), (select count(*)::integer from private.schedules), 'with pg_cron every row is installed');
select pg_temp.follows('as it is written');
insert into private.schedules values ('new', '* * * * *', 'select 1', 'For tests');
select pg_temp.follows('a new row is installed');
update private.schedules set schedule = '7 * * * *', command = 'select 2' where name = 'new';
select pg_temp.follows('a changed one as it is now');
update private.schedules set name = 'newer' where name = 'new';
select pg_temp.follows('a renamed one under its name alone');
delete from private.schedules where name in ('newer', 'test-3');
select pg_temp.follows('and what is removed no more');
select isnt_empty($$select from cron.job where jobname = 'theirs'$$, 'work of somebody else is left alone');

create schema net;
create schema if not exists vault;
create table net.seen (url text, headers jsonb, body jsonb);
create function net.http_post(url text, headers jsonb, body jsonb) returns bigint language sql as $$ insert into net.seen values ($1, $2, $3); select 1::bigint $$;
create table vault.decrypted_secrets (name text, decrypted_secret text);
insert into vault.decrypted_secrets values ('functions_url', 'https://example.com/functions/v1'), ('secret_key', 'sb_secret_test');
select private.call_job('sync-models');
select results_eq(
  'select url, headers, body from net.seen',
  $$values ('https://example.com/functions/v1/jobs', '{"apikey": "sb_secret_test", "content-type": "application/json"}'::jsonb, '{"task": "sync-models"}'::jsonb)$$,
  'with pg_net it goes to the platform''s function, with the key from the vault'
);

select tests.sign_in_as('Ada');
select tests.is_refused(statement, 'a person is refused: ' || statement)
from unnest(array[
  'select * from private.schedules', $$insert into private.schedules values ('mine', '* * * * *', 'select 1', 'x')$$,
  'select private.install_schedules()', $$select private.call_job('x')$$
]) as statement;
select tests.sign_in_anonymously();
select tests.is_refused('select * from private.schedules', 'a visitor does not see the schedule');
select tests.sign_in_as_service();
select isnt_empty('select * from private.schedules', 'the server does');
select tests.changes_rows($$update private.schedules set schedule = '1 seconds' where name = 'test-1'$$, 1, 'and may change it');
select tests.sign_out();
select pg_temp.follows('also where pg_cron runs it');

select * from finish();
rollback;
