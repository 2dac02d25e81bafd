-- chat, temporary: nothing of it is kept, it is metered all the same, and it goes where a chat that is
-- kept would go.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user('Ada');
create temporary table ids as select tests.account_of('Ada') as home;
grant select on ids to public;
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 1000, 200, 0, 0), ('acme/large', 'Large', 32000, 4000, 0, 0), ('acme/huge', 'Huge', 1000000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/*', 2, 0.003, 0.015, 0);
insert into private.presets (id, name, description) values ('oneai/test', 'Test', 'For tests.');
insert into private.router_rules (preset_id, priority, needs_code, language, models, reason)
values
  ('oneai/test', 1, true, null, '{acme/huge}', 'Code.'), ('oneai/test', 2, null, 'ja', '{acme/large}', 'Japanese.'),
  ('oneai/test', 3, null, null, '{acme/small,acme/large}', 'Anything.');
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 2, '*', true);
update private.account_plans set plan_id = 'test';
select private.adjust_credits(home, 100000000, 'tests', 'For tests', 'tests') from ids;

create function pg_temp.says(answer jsonb)
returns text
language sql
as $$
  select case
    when answer #> '{verdict,is_replay}' = 'true' then 'replay'
    when answer #> '{verdict,allowed}' = 'true' then 'allowed'
    else concat_ws(' ', answer #>> '{verdict,status}', answer #>> '{verdict,reason}', answer #>> '{verdict,rule}')
  end
$$;
grant execute on function pg_temp.says to public;
create function pg_temp.ask_off_record(
  answer text, roles text[] default '{user}', sizes bigint[] default '{5}', content text default 'Hello',
  models text[] default '{acme/large}', options jsonb default '{"max_tokens": 10}', account uuid default null
)
returns jsonb
language sql
as $$
  select api.start_temporary_answer(
    coalesce(account, home), md5(answer)::uuid, models, roles, sizes, content, options, repeat('ab', 32)
  )
  from ids
$$;
grant execute on function pg_temp.ask_off_record to public;
select tests.sign_in_as('Ada');
create temporary table temporary_run as
select word, (pg_temp.ask_off_record(word) #>> '{verdict,run_id}')::uuid as run_id
from unnest(array['whole', 'silent', 'broken', 'nothing', 'reconciled']) as word;
grant select on temporary_run to public;
create function pg_temp.finish_off_record(word text, report jsonb)
returns jsonb
language sql
as $$
  select api.finish_answer(run_id, finish_off_record.report, 2, '[["c", "Secret"]]') from temporary_run where temporary_run.word = finish_off_record.word
$$;
create function pg_temp.read_off_record(word text)
returns text
language sql
as $$
  select concat_ws(' ', told ->> 'status', told #>> '{receipt,charged_micros}')
  from temporary_run, api.read_answer(run_id, 32) as told
  where temporary_run.word = read_off_record.word
$$;
grant execute on function pg_temp.finish_off_record, pg_temp.read_off_record to public;

-- what is kept of it -----------------------------------------------------------------------------

select is(pg_temp.read_off_record('whole'), 'streaming', 'a chat that is not kept is waited for as long as its call is open');
select tests.sign_in_as_service();
select is(api.append_frames(run_id, 1, '[["c", "Secret"]]'), false, 'and kept alive') from temporary_run where word = 'whole';
select is(
  pg_temp.finish_off_record('whole', '{"outcome": "completed", "used": {"prompt_tokens": 10, "completion_tokens": 5}, "first_token_ms": 9}')
    #>> '{receipt,charged_micros}',
  '105', 'and settled'
);
select is((select count(*) from private.run_chunks join temporary_run using (run_id)), 0::bigint, 'but nothing of it is written down');
select pg_temp.finish_off_record('silent', '{"outcome": "failed", "error_code": "empty_answer"}'),
  pg_temp.finish_off_record('broken', '{"outcome": "failed", "error_code": "upstream_failed", "first_token_ms": 9}'),
  pg_temp.finish_off_record('nothing', '{"outcome": "stopped", "used": {"prompt_tokens": 10, "completion_tokens": 0}}'),
  pg_temp.finish_off_record('reconciled', '{"outcome": "stopped", "generation_id": "gen-9", "first_token_ms": 9}');
select tests.sign_in_as('Ada');
select is(pg_temp.read_off_record(word), told, word || ': what cannot be given is lost, unless nothing was said')
from (values ('whole', 'lost 105'), ('silent', 'failed 0'), ('broken', 'lost 0'), ('nothing', 'stopped 0'), ('reconciled', 'lost')) as read (word, told);

-- where it goes, and what it is told -----------------------------------------------------------------

select is(pg_temp.says(pg_temp.ask_off_record('whole')), 'replay', 'asked again it is the same call');
select is(pg_temp.says(pg_temp.ask_off_record('t1', account => md5('x')::uuid)), '404 not_found account', 'nobody asks for an account of others');
select is(
  pg_temp.ask_off_record(answer, content => content, models => '{oneai/test}') #>> '{verdict,route_reason}', reason, 'it goes where a chat that is kept goes'
)
from (values ('t2', 'Please write a python script', 'Code.'), ('t3', 'こんにちは', 'Japanese.'), ('t4', 'Good day', 'Anything.'), ('t5', null, 'Anything.')) as request (answer, content, reason);
select is(
  pg_temp.ask_off_record('t6', '{system,user,assistant,user,assistant,user}', '{9,1200,900,600,300,99}', models => '{acme/small}', options => '{}')
    - 'verdict',
  '{"kept": [1, 4, 5, 6], "trimmed": {"messages": 2, "tokens": 716}}', 'the oldest is left out, an answer with what it answers, never the instructions'
);
select is(
  pg_temp.ask_off_record('t7', '{system,user,assistant,user,assistant,user}', '{9,1200,900,600,300,99}') - 'verdict',
  '{"kept": [1, 2, 3, 4, 5, 6], "trimmed": null}', 'a larger model is told everything'
);
select is(
  pg_temp.ask_off_record('t8', '{user,assistant,user}', '{9,9,3000}', models => '{acme/small}', options => '{}') #>> '{verdict,detail}',
  'This is too long for acme/small by about 208 tokens: the message and its instructions have about 1008, and there is room for 800 beside an answer.',
  'what does not fit by itself is refused, with how much it is too long'
);
select tests.throws(
  format($$select pg_temp.ask_off_record('t9', %L, %L)$$, roles, sizes), 422, 'invalid_input', concat_ws(' ', 'not', roles, sizes)
)
from (values
  ('{}', '{}'), (null, null), ('{user,user}', '{5}'), ('{user}', '{-1}'), ('{user}', '{null}'), ('{null}', '{5}'), ('{user}', '{100000001}')
) as odd (roles, sizes);

select * from finish();
rollback;
