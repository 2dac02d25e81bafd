-- chat, answers: asking, replays, refusals that keep the message, what the model is told, flushing,
-- finishing, losing the worker and reading it all again.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select
  (select id from private.accounts where name = 'Engine') as engine, tests.account_of('Ada') as home, tests.id_of('Ada') as ada,
  md5('c')::uuid as c, md5('m1')::uuid as m1, md5('a1')::uuid as a1, md5('m2')::uuid as m2, md5('a2')::uuid as a2;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'member'), ('Mia', 'owner'), ('Vic', 'viewer')) as person (name, role);
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 1000, 200, 0.000001, 0.000002), ('acme/large', 'Large', 32000, 4000, 0.000001, 0.000002);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/*', 2, 0.003, 0.015, 0);
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 2, '*', true);
update private.account_plans set plan_id = 'test';
select private.adjust_credits(engine, 10000000, 'tests', 'For tests', 'tests') from ids;

create function pg_temp.ask(
  c uuid, a uuid, content text default null, m uuid default null, parent uuid default null, answer_to uuid default null,
  models text[] default '{acme/large}', options jsonb default '{"max_tokens": 100}', hash text default repeat('ab', 32), account uuid default null
)
returns jsonb
language sql
as $$
  select api.start_answer(
    coalesce(account, engine), c, a, models,
    case when m is not null then jsonb_build_object('id', m, 'parent_id', parent, 'content', content) end, answer_to, options, hash
  )
  from ids
$$;

grant execute on function pg_temp.ask to public;
select tests.sign_in_as('Ada');
create temporary table first as select pg_temp.ask(c, a1, E'Hello\n world', m1) as said from ids;
select is(said -> 'verdict' ->> 'allowed', 'true', 'a first message is answered') from first;
select is(said -> 'context', '[{"role": "user", "content": "Hello\n world"}]', 'of which the model is told') from first;
grant select on first to public;
select tests.sign_in_as_service();
select is(api.append_frames((said -> 'verdict' ->> 'run_id')::uuid, 1, '[["r","hm"],["c","Hi"]]', 'gen-1'), false, 'a flush') from first;
select is(api.append_frames((said -> 'verdict' ->> 'run_id')::uuid, 2, '[["c","Hi"],["c"," you"]]'), false, 'an overlap') from first;
select is(
  api.finish_answer((said -> 'verdict' ->> 'run_id')::uuid, '{"outcome": "completed", "used": {"prompt_tokens": 10, "completion_tokens": 5}}', 4, '[["c","!"]]')
    -> 'receipt' ->> 'charged_micros',
  '105', 'finishing settles'
)
from first;
select tests.sign_in_as('Ada');
select is((select content from api.messages where role = 'assistant'), 'Hi you!', 'and the answer is whole');
select * from finish();
rollback;
