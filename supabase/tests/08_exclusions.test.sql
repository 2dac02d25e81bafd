-- exclusions: what a person does not want chosen is never chosen for them, in the chat, before a call
-- and with the keys they made; what they name is theirs to call; and nobody else has a part in it.

begin;
select no_plan();

select tests.create_user(name) from unnest(array['Ada', 'Mia', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select (select id from private.accounts where name = 'Engine') as engine, tests.id_of('Ada') as ada;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'owner'), ('Mia', 'member')) as person (name, role);
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values
  ('acme/small', 'Small', 8000, 1000, 0, 0), ('acme/large', 'Large', 8000, 1000, 0, 0),
  ('acme/middle', 'Middle', 25000, 1000, 0, 0), ('other/long', 'Long', 40000, 40000, 0, 0),
  ('other/vast', 'Vast', 1000000, 1000, 0, 0), ('third/barred', 'Barred', 8000, 1000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('other/*', 1, 0.03, 0.15, 0), ('acme/*', 2, 0.003, 0.015, 0), ('third/*', 2, 0.003, 0.015, 0);
insert into private.presets (id, name, description) values ('oneai/test', 'Test', 'For tests.'), ('oneai/bare', 'Bare', 'For tests.'), ('oneai/long', 'Long', 'For tests.');
insert into private.router_rules (preset_id, priority, needs_code, models, reason)
values
  ('oneai/test', 1, true, '{acme/large}', 'Code.'), ('oneai/test', 2, null, '{acme/small,other/vast,third/barred}', 'Anything.'),
  ('oneai/bare', 1, null, '{third/barred}', 'Barred.'), ('oneai/long', 1, null, '{acme/middle,other/long}', 'Long.');
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, 'third/*', false), ('test', 2, '*', true);
update private.account_plans set plan_id = 'test';
select private.adjust_credits(engine, 100000000, 'tests', 'For tests', 'tests') from ids;
insert into private.api_keys (account_id, created_by, name, prefix, hash)
select engine, tests.id_of(name), name, 'sk-oneai-', sha256(name::bytea) from ids, unnest(array['Ada', 'Mia']) as name;

-- one's own ----------------------------------------------------------------------------------------

create function pg_temp.excluded(added text[] default '{}', removed text[] default '{}')
returns text[]
language sql
as $$
  select exclusions from api.change_exclusions(added, removed)
$$;
grant execute on function pg_temp.excluded to public;

select tests.sign_in_as('Ada');
select is((select exclusions from api.profile), '{}', 'nobody excludes anything to begin with');
select is(pg_temp.excluded('{other/*,acme/small}'), '{acme/small,other/*}', 'a person excludes models and patterns of them');
select is(pg_temp.excluded('{acme/small}'), '{acme/small,other/*}', 'each once');
select is(pg_temp.excluded('{acme/*}', '{acme/small,never/there}'), '{acme/*,other/*}', 'one may take the place of others');
select is((select exclusions from api.profile), '{acme/*,other/*}', 'the profile says what they are');
select is(pg_temp.excluded(null, null), '{acme/*,other/*}', 'nothing changes nothing');
select is((select exclusions from api.update_profile(theme => 'dark')), '{acme/*,other/*}', 'nor does the rest of a profile');
select tests.throws(format('select api.change_exclusions(%L)', added), 422, 'invalid_input', 'no exclusion is ' || left(added, 30))
from unnest(array['{""}', '{NULL}', '{"a b"}', '{Acme/Small}', '{acme/%}', '{acme;}', '{"acme/*,"}', format('{%s}', repeat('x', 201))]) as added;
select is(pg_temp.excluded(array[repeat('x', 200)]), array['acme/*', 'other/*', repeat('x', 200)], 'one of 200 characters is');
select throws_ok(
  $$select api.change_exclusions('{other/small,"bad one"}')$$, 'PT422', 'invalid_input', 'what is refused is refused as a whole'
);
select is(cardinality(pg_temp.excluded(array(select 'x/' || n from generate_series(1, 97) as n))), 100, 'there may be 100');
select tests.throws($$select api.change_exclusions('{x/98}')$$, 422, 'invalid_input', 'and no more');
select is(cardinality(pg_temp.excluded('{x/98}', '{x/1}')), 100, 'unless one goes');
select is(cardinality((select exclusions from api.profile)), 100, 'what was refused changed nothing');
select is(pg_temp.excluded('{}', (select exclusions from api.profile)), '{}', 'all are taken back');
select throws_ok(
  $$update private.preferences set exclusions = array(select 'x/' || n from generate_series(1, 101) as n)$$, '23514', null, 'nor does the table keep more'
);
select pg_temp.excluded('{acme/small,acme/middle}');

select tests.sign_in_as('Mia');
select is((select exclusions from api.profile), '{}', 'who shares an account has their own');
select tests.changes_rows($$update private.preferences set exclusions = '{*}' from ids where user_id = ada$$, 0, 'and changes nobody else''s');
select is_empty('select exclusions from private.preferences, ids where user_id = ada', 'nor reads them');
select tests.sign_in_as('Eve');
select is_empty('select exclusions from private.preferences, ids where user_id = ada', 'a stranger reads none');
select tests.changes_rows($$update private.preferences set exclusions = '{*}' from ids where user_id = ada$$, 0, 'and changes none');
select tests.sign_in_anonymously();
select tests.is_refused($$select api.change_exclusions('{x/y}')$$, 'a visitor has nothing to exclude');
select tests.sign_in_as_service();
select tests.is_refused($$select api.change_exclusions('{x/y}')$$, 'nor has the server');
select tests.act_as('authenticated', jsonb_build_object('sub', gen_random_uuid(), 'role', 'authenticated'));
select tests.throws($$select api.change_exclusions('{x/y}')$$, 404, 'not_found', 'nor somebody who is gone');

-- what is chosen --------------------------------------------------------------------------------------

-- What comes of each kind of call: the models it may go to, or the refusal and what to do about it.
create function pg_temp.says(verdict jsonb)
returns text
language sql
as $$
  select coalesce(
    (select string_agg(id, ' ') from jsonb_array_elements_text(case when verdict -> 'allowed' = 'true' then verdict -> 'model_ids' end) as id),
    concat_ws(' ', verdict ->> 'status', verdict ->> 'rule', verdict ->> 'hint')
  )
$$;
create function pg_temp.chats(models text[] default '{oneai/test}', content text default 'Hi', options jsonb default '{}')
returns jsonb
language sql
as $$
  select api.start_answer(
    engine, gen_random_uuid(), gen_random_uuid(), models, jsonb_build_object('id', gen_random_uuid(), 'parent_id', null, 'content', content), null, options
  ) -> 'verdict'
  from ids
$$;
create function pg_temp.whispers(models text[] default '{oneai/test}', sizes bigint[] default '{10}')
returns jsonb
language sql
as $$
  select api.start_temporary_answer(
    engine, gen_random_uuid(), models, array_fill('user'::text, array[cardinality(sizes)]), sizes, 'Hi', '{}', repeat('ab', 32)
  )
  from ids
$$;
create function pg_temp.runs(models text[] default '{oneai/test}')
returns jsonb
language sql
as $$
  select to_jsonb(api.start_run(engine, models, '{"prompt_bytes": 100, "messages": 1, "max_tokens": 10}', '{"has_code": false}')) from ids
$$;
create function pg_temp.calls(who text, models text[] default '{oneai/test}')
returns jsonb
language sql
as $$
  select api.start_call(
    encode(sha256(who::bytea), 'hex'), models, '{"prompt_bytes": 100, "messages": 1, "max_tokens": 10}', '{"has_code": false}', 'completion', null, null, null
  ) -> 'verdict'
$$;
create function pg_temp.foretells(features jsonb default '{"has_code": false}', model text default 'oneai/test')
returns private.cost_preview
language sql
as $$
  select api.preview_cost(engine, model, '{"prompt_bytes": 100, "messages": 1, "max_tokens": 10}', features) from ids
$$;
grant execute on function pg_temp.says, pg_temp.chats, pg_temp.whispers, pg_temp.runs, pg_temp.calls, pg_temp.foretells to public;

select tests.sign_in_as('Ada');
select is(pg_temp.says(pg_temp.chats()), 'other/vast', 'the chat is answered by what is not excluded');
select is(pg_temp.says(pg_temp.chats(options => '{"max_tokens": 10}')), 'other/vast', 'however short the answer is to be');
select is(
  pg_temp.chats('{oneai/long}', options => '{"max_tokens": 39000}') ->> 'max_tokens', '39000', 'an answer may be as long as that has room for'
);
select is(pg_temp.says(pg_temp.whispers() -> 'verdict'), 'other/vast', 'so is a chat that is not kept');
select is(pg_temp.says(pg_temp.runs()), 'other/vast', 'so is a call of one''s own');
select is((pg_temp.foretells()).model_id, 'other/vast', 'a preview tells of no other');
select is(pg_temp.says(pg_temp.chats('{acme/small}')), 'acme/small', 'what a person names is theirs to call');
select is(pg_temp.says(pg_temp.runs('{oneai/test,acme/small}')), 'other/vast acme/small', 'also as what to fall back to');
select tests.sign_in_as('Mia');
select is(pg_temp.says(pg_temp.chats()), 'acme/small other/vast', 'for others in the account nothing is left out');
select is((pg_temp.foretells()).model_id, 'acme/small', 'nor in what they are told before');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.calls('Ada')), 'other/vast', 'a key chooses as whoever made it wants');
select is(pg_temp.says(pg_temp.calls('Mia')), 'acme/small other/vast', 'one of another member as that one does');
select is(pg_temp.says(pg_temp.calls('Ada', '{acme/small}')), 'acme/small', 'and calls what is named');

select tests.sign_in_as('Ada');
select pg_temp.excluded('{other/*}', '{acme/small,acme/middle}');
select is(pg_temp.says(pg_temp.chats()), 'acme/small', 'a pattern leaves out a whole provider');
select is(
  (pg_temp.foretells('{}')).cap_micros, (pg_temp.foretells(model => 'acme/small')).cap_micros,
  'whose prices count no more when nobody has looked at the text yet'
);
select is(
  pg_temp.whispers(sizes => '{90000,10}') #>> '{trimmed,messages}', '1', 'what is told fits the largest that is left'
);
select is(pg_temp.says(pg_temp.whispers(sizes => '{90000,10}') -> 'verdict'), 'acme/small', 'which then answers');

-- when nothing is left -----------------------------------------------------------------------------

create function pg_temp.hint(patterns text)
returns text
language sql
as $$
  select format('404 model You excluded %s. Change that in the settings, under Models, or choose a model yourself.', patterns)
$$;
grant execute on function pg_temp.hint to public;
select pg_temp.excluded('{*,unrelated/*}');
select is(pg_temp.says(pg_temp.chats()), pg_temp.hint('*, other/*'), 'a refusal names what was excluded, and only what matters here');
select is(pg_temp.says(pg_temp.whispers() -> 'verdict'), pg_temp.hint('*, other/*'), 'in a chat that is not kept');
select is(pg_temp.says(pg_temp.runs()), pg_temp.hint('*, other/*'), 'in a call of one''s own');
select throws_ok('select pg_temp.foretells()', 'PT404', 'not_found', 'a preview is refused as well');
select is(pg_temp.says(pg_temp.chats('{acme/small}')), 'acme/small', 'what is named answers still');
select is(pg_temp.says(pg_temp.runs('{oneai/test,acme/small}')), 'acme/small', 'also where it is named after a preset that has nothing');
select pg_temp.excluded('{acme/*,acme/small,*vast}', '{}');
select is(
  pg_temp.says(pg_temp.chats()), pg_temp.hint('*, *vast, acme/* and 2 more'), 'of many the first are named'
);
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.calls('Ada')), pg_temp.hint('*, *vast, acme/* and 2 more'), 'and so it is with a key');
select is(pg_temp.says(pg_temp.calls('Mia')), 'acme/small other/vast', 'of whoever excluded it');
select tests.sign_out();
update private.api_keys set allowed_models = '{never/*}' where name = 'Ada';
select tests.sign_in_as_service();
select is(
  pg_temp.says(pg_temp.calls('Ada')), '404 model Choose a model yourself.', 'what the key may not call anyway is not missing'
);

select tests.sign_in_as('Ada');
select pg_temp.excluded('{acme/*,other/*}', (select exclusions from api.profile));
select is(
  pg_temp.says(pg_temp.chats()), replace(pg_temp.hint('acme/*, other/*'), '404 model', '403 plan_models'),
  'where only what the plan bars is left, the exclusions are named as well'
);
select is(
  pg_temp.says(pg_temp.chats('{oneai/bare}')), '403 plan_models Choose another model or a larger plan.', 'but not where they change nothing'
);
select pg_temp.excluded('{third/*}');
select is(pg_temp.says(pg_temp.chats('{oneai/bare}')), '404 model Choose a model yourself.', 'as where the plan bars it anyway');

select * from finish();
rollback;
