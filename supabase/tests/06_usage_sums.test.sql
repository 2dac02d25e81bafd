-- usage, summed: what a page shows of it, whoever looks, however much there is.

begin;
select no_plan();

select tests.create_user(name) from unnest(array['Ada', 'Mia', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select
  (select id from private.accounts where name = 'Engine') as engine, tests.id_of('Ada') as ada, tests.id_of('Mia') as mia,
  md5('key')::uuid as key, '00000000-0000-0000-0000-000000000000'::uuid as chat;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role from ids, (values ('Ada', 'owner'), ('Mia', 'member')) as person (name, role);
-- Seven models: one makes a request more than the next, and the next costs more.
insert into private.usage_days (
  account_id, day, model_id, user_id, key_id, requests, errors, prompt_tokens, completion_tokens, charged_micros, latency_ms,
  first_token_ms, first_tokens
)
select
  engine, day::date, 'acme/' || nth, case when nth % 2 = 0 then mia else ada end, case when nth = 7 then key else chat end,
  8 - nth, case when nth = 3 then 1 else 0 end, nth * 10, nth, nth * 1000, nth * 100, nth * 10, 1
from ids, generate_series(1, 7) as nth, unnest(array['2027-03-01', '2027-03-03']) as day;

create function pg_temp.summed(
  grouped_by text default 'model', measure text default 'credits', model_id text default null, key text default null, user_id uuid default null,
  until date default '2027-03-31'
)
returns jsonb
language sql
as $$
  select api.sum_usage(ids.engine, '2027-03-01', summed.until, summed.grouped_by, summed.measure, summed.model_id, summed.key, summed.user_id)
  from ids
$$;
grant execute on function pg_temp.summed to public;

select tests.sign_in_as('Ada');
select is(
  pg_temp.summed() -> 'totals',
  '{"requests": 56, "errors": 2, "prompt_tokens": 560, "completion_tokens": 56, "charged_micros": 56000, "latency_ms": 5600, "first_token_ms": 560, "first_tokens": 14}',
  'all of it is summed'
);
select is(
  pg_temp.summed() -> 'groups' -> 0,
  '{"id": "acme/7", "requests": 2, "errors": 0, "prompt_tokens": 140, "completion_tokens": 14, "charged_micros": 14000, "latency_ms": 1400, "first_token_ms": 140, "first_tokens": 2}',
  'the dearest group comes first'
);
select is(pg_temp.summed() -> 'lines', '["acme/7", "acme/6", "acme/5", "acme/4", "acme/3"]', 'the five largest have a line each');
select is(
  pg_temp.summed(measure => 'requests') -> 'lines', '["acme/1", "acme/2", "acme/3", "acme/4", "acme/5"]', 'the largest of what is measured'
);
select is(pg_temp.summed(measure => 'errors') -> 'lines', '["acme/3"]', 'and nothing that has none of it');
select is(
  jsonb_path_query_array(pg_temp.summed(), '$.chart[*] ? (@.id == null)'),
  '[{"day": "2027-03-01", "id": null, "value": 3000}, {"day": "2027-03-03", "id": null, "value": 3000}]', 'the rest has one together'
);
select is(
  pg_temp.summed(measure => 'tokens', until => '2027-03-01', model_id => 'acme/2') -> 'chart',
  '[{"day": "2027-03-01", "id": "acme/2", "value": 22}]', 'both ends of the time are in it, and a filter narrows it'
);
select is(
  pg_temp.summed(measure => 'latency') -> 'chart',
  '[{"day": "2027-03-01", "id": null, "value": 100}, {"day": "2027-03-03", "id": null, "value": 100}]', 'a mean is of the day'
);
select is(pg_temp.summed(measure => 'latency') -> 'lines', '[]', 'and has no parts');
select is(
  jsonb_path_query_array(pg_temp.summed('key'), '$.groups[*].id'), (select jsonb_build_array('chat', key) from ids),
  'what was done without a key is the chat'
);
select is(
  jsonb_path_query_array(pg_temp.summed('key', key => 'chat'), '$.groups[*].id'), '["chat"]', 'which can be asked for by that word'
);
select is(
  jsonb_path_query_array(pg_temp.summed(key => (select key from ids)::text), '$.groups[*].id'), '["acme/7"]', 'as a key can by its id'
);
select is(
  jsonb_path_query_array(pg_temp.summed('member'), '$.groups[*].id'), (select jsonb_build_array(ada, mia) from ids), 'members are told apart'
);
select is((pg_temp.summed(user_id => (select mia from ids)) ->> 'group_count')::integer, 3, 'and one of them can be looked at');
select is(
  pg_temp.summed(model_id => 'acme/none'),
  '{"totals": {"requests": 0, "errors": 0, "prompt_tokens": 0, "completion_tokens": 0, "charged_micros": 0, "latency_ms": 0, "first_token_ms": 0, "first_tokens": 0}, "group_count": 0, "groups": [], "lines": [], "chart": []}',
  'nothing sums to nothing'
);
select tests.throws(sql, 422, 'invalid_input', says)
from (values
  ($$select pg_temp.summed('day')$$, 'there is no other grouping'), ($$select pg_temp.summed(measure => 'love')$$, 'no other measure'),
  ($$select pg_temp.summed(null)$$, 'not none'), ($$select pg_temp.summed(key => 'k')$$, 'a key has an id'),
  ($$select pg_temp.summed(until => '2037-03-09')$$, 'and no more than ten years are read')
) as call (sql, says);

select tests.sign_in_as('Mia');
select is(jsonb_path_query_array(pg_temp.summed(), '$.groups[*].id'), '["acme/6", "acme/4", "acme/2"]', 'a member sees what is theirs');
select tests.sign_in_as('Eve');
select is((pg_temp.summed() -> 'totals' ->> 'requests')::integer, 0, 'a stranger sees nothing');
select tests.sign_in_anonymously();
select tests.is_refused('select pg_temp.summed()', 'nobody is nobody');
select tests.sign_out();

-- More groups than a page shows.
insert into private.usage_days (account_id, day, model_id, user_id, key_id, requests)
select engine, '2027-03-02', 'many/' || nth, ada, chat, 1 from ids, generate_series(1, 600) as nth;
select tests.sign_in_as('Ada');
select is((pg_temp.summed() ->> 'group_count')::integer, 607, 'every group is counted');
select is(jsonb_array_length(pg_temp.summed() -> 'groups'), 500, 'and the 500 dearest are named');

select * from finish();
rollback;
