-- limits, seen: the tokens of some models that a plan includes, as those it is for see them, and plans
-- that are not on offer.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Bill', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as select id as engine from private.accounts where name = 'Engine';
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'owner'), ('Bill', 'billing'), ('Mia', 'member'), ('Vic', 'viewer')) as person (name, role);

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 32000, 4000, 0, 0), ('acme/large', 'Large', 32000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/*', 1, 0, 0, 0);
insert into private.plans (id, name, requests_per_minute, is_public) values ('agreed', 'Agreed', 7, false);
insert into private.plan_models (plan_id, priority, pattern, allowed)
select id, 1, 'acme/large', id = 'agreed' from private.plans
union all values ('agreed', 2, '*', true);
update private.account_plans set plan_id = 'agreed', cycle_anchor = '2027-01-20 09:00:00+00' from ids where account_id = engine;
insert into private.model_quotas (plan_id, pattern, tokens_per_month)
values ('agreed', 'acme/*', 5000), ('agreed', 'acme/sm*', 900), ('pro', 'acme/*', 77);

create function pg_temp.quotas()
returns text
language sql
stable
as $$
  select string_agg(
    format('%s: %s + %s of %s', pattern, used_tokens, held_tokens, tokens_per_month), ', ' order by pattern
  )
  from api.token_quotas
$$;
grant execute on function pg_temp.quotas to public;

-- what is used and held -----------------------------------------------------------------------

select tests.sign_in_as('Mia');
select is(pg_temp.quotas(), 'acme/*: 0 + 0 of 5000, acme/sm*: 0 + 0 of 900', 'a quota is seen before it is used');
select is(
  (select allowed from ids, api.start_run(engine, '{acme/small}', '{"prompt_bytes": 10, "max_tokens": 200}')), true,
  'a member''s call begins'
);
select is(
  (select held_tokens from api.token_quotas where pattern = 'acme/sm*'), (select held_tokens from private.token_quotas),
  'what it may still use is seen at once'
);
select cmp_ok((select held_tokens from api.token_quotas where pattern = 'acme/sm*'), '>=', 200::bigint, 'which is at least its answer');
select is((select held_tokens from api.token_quotas where pattern = 'acme/*'), 0::bigint, 'under the closest pattern only');

select tests.sign_out();
update private.token_quotas set used_tokens = 300, held_tokens = 40;

-- who sees it ---------------------------------------------------------------------------------

create function pg_temp.sees_all(description text)
returns text
language sql
as $$
  select is(pg_temp.quotas(), 'acme/*: 0 + 0 of 5000, acme/sm*: 300 + 40 of 900', description)
$$;
grant execute on function pg_temp.sees_all to public;
select tests.sign_in_as('Ada');
select pg_temp.sees_all('an owner sees all that bounds the account');
select tests.sign_in_as('Bill');
select pg_temp.sees_all('as does who does the billing');
select tests.sign_in_as('Vic');
select pg_temp.sees_all('and who only looks');
select tests.sign_in_as('Mia');
select pg_temp.sees_all('and a member, whoever used it');
select results_eq(
  'select distinct account_id, month_ends_at from api.token_quotas', $$select engine, '2027-03-20 09:00:00+00'::timestamptz from ids$$,
  'until the month of the plan ends'
);
select tests.sign_in_as('Eve');
select is(pg_temp.quotas(), null, 'a stranger sees nothing of it');
select is_empty('select * from private.token_quotas', 'nor of what was counted');
select is_empty('select pattern from private.model_quotas', 'nor what another''s plan includes, be it on offer or not');
select tests.is_refused(statement, 'nobody changes it: ' || statement)
from unnest(array[
  'update private.token_quotas set used_tokens = 0', 'delete from private.token_quotas',
  'update private.model_quotas set tokens_per_month = 1'
]) as statement;
select tests.sign_in_anonymously();
select tests.is_refused('select * from ' || relation, 'a visitor does not read ' || relation)
from unnest(array['api.token_quotas', 'private.token_quotas', 'private.model_quotas']) as relation;

-- as time passes ------------------------------------------------------------------------------

select tests.sign_out();
select tests.travel_to('2027-03-20 09:00:00+00');
select tests.sign_in_as('Ada');
select is(pg_temp.quotas(), 'acme/*: 0 + 0 of 5000, acme/sm*: 0 + 0 of 900', 'a new month begins with nothing used');
select tests.sign_out();
update private.account_plans set plan_id = 'pro' from ids where account_id = engine;
select tests.sign_in_as('Ada');
select is(pg_temp.quotas(), 'acme/*: 0 + 0 of 77', 'another plan has quotas of its own');
select tests.sign_out();
update private.account_plans set plan_id = 'agreed' from ids where account_id = engine;
delete from private.members where user_id = tests.id_of('Mia') and account_id = (select engine from ids);
select tests.sign_in_as('Mia');
select is(pg_temp.quotas(), null, 'who has left sees no more of it');

-- plans that are not on offer -------------------------------------------------------------------

select tests.sign_in_as('Vic');
select is(
  (select requests_per_minute from ids join api.limits on account_id = engine), 7, 'the limits of a plan that is not on offer are seen by those who have it'
);
select is_empty($$select * from api.plans where id = 'agreed'$$, 'who are not offered it either');
select results_eq(
  $$select model_id, plan_name from api.list_excluded_models(tests.account_of('Vic')) where model_id = 'acme/large'$$,
  $$values ('acme/large', null::text)$$, 'nor sent to it for a model'
);
select tests.sign_in_as('Eve');
select is_empty($$select * from private.plans where id = 'agreed'$$, 'a stranger does not know that it is there');

select * from finish();
rollback;
