-- usage, before it happens: what a preview says a call costs at most is never less than what
-- authorising then holds, whatever is chosen; and the router chooses what can be had.

begin;
select no_plan();

select tests.create_user('Ada');
create temporary table mine as select tests.account_of('Ada') as account_id;
grant select on mine to public;

-- 3 micros a token in and 15 out; the dear one twice that, the huge one ten times.
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values
  ('acme/small', 'Small', 32000, 4000, 0, 0), ('acme/dear', 'Dear', 32000, 2000, 0, 0), ('acme/huge', 'Huge', 32000, 500, 0, 0),
  ('acme/barred', 'Barred', 32000, 4000, 0, 0), ('acme/off', 'Off', 32000, 4000, 0, 0), ('acme/tight', 'Tight', 600, 4000, 0, 0), ('acme/gift', 'Gift', 32000, 4000, 0, 0);
update private.models set enabled = false where id = 'acme/off';
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
values
  ('acme/gift', 1, 0, 0), ('acme/dear', 1, 0.006, 0.03), ('acme/huge', 1, 0.03, 0.15), ('acme/*', 2, 0.003, 0.015);
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, 'acme/barred', false), ('test', 2, '*', true);
update private.account_plans set plan_id = 'test' from mine where account_plans.account_id = mine.account_id;
insert into private.presets (id, name, description) values ('oneai/pick', 'Pick', 'For tests.');
insert into private.router_rules (preset_id, priority, needs_code, needs_math, models, reason)
values
  ('oneai/pick', 1, true, null, '{acme/off,acme/barred,acme/small,acme/dear}', 'Code.'),
  ('oneai/pick', 2, null, true, '{acme/barred}', 'Mathematics.'), ('oneai/pick', 3, null, null, '{acme/huge,acme/small}', 'Anything.');

create function pg_temp.has_free(amount bigint)
returns void
language sql
as $$
  select private.adjust_credits(account_id, amount - free_micros, gen_random_uuid()::text, 'For tests', 'tests')
  from mine
  join private.balances using (account_id)
  where amount <> free_micros
$$;

create function pg_temp.preview(model text, max_tokens integer default 10, features text default '{}', prompt_bytes integer default 100)
returns private.cost_preview
language plpgsql
as $$
declare
  preview private.cost_preview;
begin
  perform tests.sign_in_as('Ada');
  select previewed.* into preview
  from mine, api.preview_cost(account_id, model, jsonb_build_object('prompt_bytes', prompt_bytes, 'max_tokens', max_tokens), features::jsonb) as previewed;
  perform tests.sign_out();
  return preview;
end
$$;

create function pg_temp.verdict(model text, max_tokens integer default 10, features text default '{}')
returns private.verdict
language plpgsql
as $$
declare
  verdict private.verdict;
begin
  perform tests.sign_in_as('Ada');
  select started.* into verdict
  from mine, api.start_run(
    account_id, array[model], jsonb_build_object('prompt_bytes', 100, 'max_tokens', max_tokens), features::jsonb
  ) as started;
  perform tests.sign_out();
  return verdict;
end
$$;

-- The model a preview names, the one that is called, and how much less was held than it said.
create function pg_temp.compares(model text, max_tokens integer, features text)
returns text
language plpgsql
as $$
declare
  said constant private.cost_preview := pg_temp.preview(model, max_tokens, features);
  done constant private.verdict := pg_temp.verdict(model, max_tokens, features);
begin
  return concat_ws(' ', said.model_id, coalesce(done.model_ids[1], done.reason), said.cap_micros - done.hold_micros);
end
$$;

-- what is held ----------------------------------------------------------------------------------

select pg_temp.has_free(10000000);
select is(pg_temp.compares('acme/small', 10, '{}'), 'acme/small acme/small 0', 'a preview says what will be held');
select is(pg_temp.compares('acme/small', null, '{}'), 'acme/small acme/small 0', 'also when nobody said how long the answer may be');
select is(
  pg_temp.compares('oneai/pick', 10, '{"has_code": true}'), 'acme/small acme/small 0',
  'of a preset, what the dearest of the models that may answer costs, and not of one that the plan bars'
);
select is(
  pg_temp.compares('oneai/pick', 3000, '{"has_code": true}'), 'acme/small acme/small 0', 'a fallback that cannot answer at that length counts for nothing'
);
select results_eq(
  $$select model_id, route_reason, cap_micros from pg_temp.preview('oneai/pick', 10, '{"has_code": true}')$$,
  $$values ('acme/small', 'Code.', 1380::bigint)$$, 'it names the model that will be called'
);
select results_eq(
  $$select model_id, cap_micros from pg_temp.preview('oneai/pick', 4000, '{"has_code": false}')$$,
  $$values ('acme/huge', 80400::bigint)$$, 'each for the length it can answer at'
);
update private.router_rules set models = '{acme/small}' where priority = 3 and preset_id = 'oneai/pick';
select results_eq(
  $$select model_id, cap_micros from pg_temp.preview('oneai/pick', 10)$$, $$values ('acme/small', 1380::bigint)$$,
  'before anybody has looked at the text, any of the preset''s models may be what is held for'
);
update private.router_rules set models = '{acme/huge,acme/small}' where priority = 3 and preset_id = 'oneai/pick';
select is(
  pg_temp.compares('oneai/pick', null, '{"has_code": true}'), 'acme/small acme/small 0', 'nor one that cannot say what the first can, if that is under 4,096 tokens'
);
update private.router_rules set models = '{acme/tight,acme/huge}' where priority = 1 and preset_id = 'oneai/pick';
select is(
  pg_temp.compares('oneai/pick', null, '{"has_code": true, "context_tokens": 100}'), 'acme/tight acme/tight 12000',
  'where the prompt leaves a model less than it can say, each counts for all it can, and never for less than is held'
);
update private.router_rules set models = '{acme/off,acme/barred,acme/small,acme/dear}' where priority = 1 and preset_id = 'oneai/pick';
select results_eq(
  $$select model_id, route_reason, cap_micros from pg_temp.preview('oneai/pick', 10, '{"text": "How do I sort a list in Python?"}')$$,
  $$values ('acme/small', 'Code.', 1380::bigint)$$, 'once its text is known, what is chosen for it'
);
select is(
  pg_temp.compares('oneai/pick', 10, '{"text": "How do I sort a list in Python?"}'), 'acme/small acme/small 0', 'which is what is called'
);
select is((pg_temp.preview('oneai/pick', 10, '{"text": "Good day"}')).model_id, 'acme/huge', 'and for another text another');
insert into private.presets (id, name, description) values ('oneai/long', 'Long', 'For tests.');
insert into private.router_rules (preset_id, priority, min_prompt_tokens, models, reason)
values ('oneai/long', 1, 20000, '{acme/dear}', 'Long.'), ('oneai/long', 2, null, '{acme/small}', 'Short.');
select is((pg_temp.preview('oneai/long', 10, '{"text": "Hi"}', 60000)).route_reason, 'Long.', 'how long it is tells as well');
select is((pg_temp.preview('oneai/long', 10, '{"text": "Hi"}', 59000)).route_reason, 'Short.', 'from where a rule says');
select tests.throws(
  $$select pg_temp.preview('oneai/long', 4000, '{"text": "Hi", "prompt_tokens": 30000}')$$, 404, 'not_found',
  'a model without room for the answer is not named'
);
select tests.throws($$select pg_temp.preview('oneai/none')$$, 404, 'not_found', 'of a preset that is not there nothing is said');
select tests.throws($$select pg_temp.preview('acme/off')$$, 404, 'not_found', 'nor of a model that is off');
select tests.throws('select pg_temp.preview(null)', 404, 'not_found', 'nor of none');

-- what can be had -------------------------------------------------------------------------------

select is(pg_temp.compares('oneai/pick', 10, '{"has_math": true}'), 'acme/huge acme/huge 0', 'a rule of which the plan has nothing gives way to the next');
select pg_temp.has_free(1000);
select is(
  pg_temp.compares('oneai/pick', 10, '{}'), 'acme/small acme/small 310', 'a model that there is no money for gives way to the next, as the preview says'
);
select pg_temp.has_free(100);
select results_eq(
  $$select status, rule, shortfall_micros from pg_temp.verdict('oneai/pick')$$, $$values (402, 'balance', 5450::bigint)$$,
  'when there is none for any of them, the refusal is that of the first'
);
select results_eq(
  $$select model_id, is_affordable, cap_micros from pg_temp.preview('oneai/pick')$$, $$values ('acme/huge', false, 100::bigint)$$, 'and the preview says so'
);
select pg_temp.has_free(10000000);
insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('test', 'acme/huge', 100);
select is((pg_temp.verdict('oneai/pick')).model_ids, '{acme/small}'::text[], 'so does one whose tokens of the month are used');
select is((pg_temp.verdict('acme/huge')).rule, 'tokens_per_month', 'which by its own name is refused');
update private.router_rules set models = '{acme/huge}' where priority = 3 and preset_id = 'oneai/pick';
select is((pg_temp.verdict('oneai/pick')).rule, 'tokens_per_month', 'and by the preset''s, if there is no other');
select is((select count(*) from private.token_quotas), 0::bigint, 'nothing of its tokens was set aside on the way');
delete from private.plan_models where plan_id = 'test' and priority = 2;
select is((pg_temp.verdict('oneai/pick')).rule, 'plan_models', 'where the plan has none of them at all, it says that');

select * from finish();
rollback;
