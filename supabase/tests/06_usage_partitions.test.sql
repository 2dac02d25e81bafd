-- usage, the partitions of receipts: made ahead, made late, archived after thirteen months, and open to
-- nobody.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada');
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 32000, 4000, 0.000001, 0.000002);
select private.reprice();
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('free', 1, 'acme/*', true);
select private.finish_run(
  (private.authorize_run(row(
    tests.account_of('Ada'), tests.id_of('Ada'), null, 'completion', '{acme/small}', row(100, 1, 0, 40, 1, 0)::private.request_shape, null, null, null,
    null
  )::private.run_request)).run_id,
  row('completed', null, null, 'stop', null, row(100, 20, 0, 0, 0, 0, 0, 0)::private.token_counts, null, 0.0000001, null, 12, false)::private.run_report
)
from generate_series(1, 2);
select tests.travel('10 minutes 1 microsecond');
select private.roll_up_usage();

create function pg_temp.partitions()
returns text
language sql
as $$
  select string_agg(relname, ' ' order by relname)
  from pg_inherits join pg_class on pg_class.oid = inhrelid
  where inhparent = 'private.usage_events'::regclass and relname ~ '_20(27|28|29)_'
$$;
select ok((select count(*) > 0 from private.usage_events_default), 'receipts of a month without a partition are kept all the same');
create temporary table receipts_before as select * from private.usage_events;
select private.ensure_usage_partitions(1);
select is_empty('select * from private.usage_events_default', 'they move when the partition is made');
select set_eq('select * from private.usage_events', 'select * from receipts_before', 'whole');
select ok(to_regclass('private.usage_events_2027_03') is not null and to_regclass('private.usage_events_2027_04') is not null, 'this month and the next have theirs');
select is(private.ensure_usage_partitions(1), 0, 'made once');
select ok(relrowsecurity, relname || ' is under row level security') from pg_class where relname ~ '^usage_events_2027_0[34]$';
select isnt(obj_description('private.usage_events_2027_03'::regclass), null, 'and says what it is');
select tests.sign_in_as('Ada');
select tests.is_refused('select * from private.usage_events_2027_03', 'a new partition is open to nobody');
select tests.sign_out();

select tests.travel_to('2028-01-31 23:59:59+00');
select set_config('timezone', 'America/New_York', true);
select private.ensure_usage_partitions(5);
select set_config('timezone', 'UTC', true);
select ok(
  pg_temp.partitions() like '%2028_01 usage_events_2028_02 usage_events_2028_03 usage_events_2028_04 usage_events_2028_05 usage_events_2028_06',
  'months ahead are months of UTC, in every time zone'
);
select is(
  (select string_agg(pg_get_expr(relpartbound, oid), '; ') from pg_class where relname = 'usage_events_2028_02'),
  format('FOR VALUES FROM (%L) TO (%L)', private.first_id('2028-02-01 00:00:00+00'), private.first_id('2028-03-01 00:00:00+00')), 'a leap February ends with its 29th day'
);

select tests.travel_to('2028-04-30 23:59:59+00');
select private.archive_usage(13);
select isnt(to_regclass('private.usage_events_2027_03'), null, 'thirteen whole months are kept');
select tests.travel('1 second');
select is(private.archive_usage(13), '{usage_archive_2027_03}', 'the one before them is taken out');
select is_empty('select * from private.usage_events where run_id in (select run_id from receipts_before)', 'of the running table');
select isnt_empty('select * from private.usage_archive_2027_03', 'and is still there');
select is(private.archive_usage(13), '{}', 'once');
select isnt_empty('select * from private.usage_days where day < ''2027-04-01''', 'the daily sums stay');
select tests.sign_in_as('Ada');
select tests.is_refused('select * from private.usage_archive_2027_03', 'what is archived is open to nobody');
select tests.sign_out();

insert into private.usage_events
select (jsonb_populate_record(
  archived, jsonb_build_object('run_id', private.first_id('2027-12-15 12:00:00+00'), 'started_at', '2027-12-15 12:00:00+00')
)).*
from private.usage_archive_2027_03 as archived
limit 1;
select isnt_empty('select * from private.usage_events_default', 'when a whole month went by without its partition');
select private.ensure_usage_partitions(1);
select is_empty('select * from private.usage_events_default', 'its receipts still get one, so that what an admin is told to do helps');
select is((select count(*) from private.usage_events_2027_12), 1::bigint, 'of their own month');

select * from finish();
rollback;
