-- model access: what is told beforehand is what authorising decides, and nobody is told of another's plan.

begin;
select no_plan();

select tests.create_user('Ada');
select tests.create_user('Eve');

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values
  ('acme/open', 'Open', 32000, 4000, 0, 0), ('acme/barred', 'Barred', 32000, 4000, 0, 0),
  ('acme/nowhere', 'Nowhere', 32000, 4000, 0, 0), ('acme/off', 'Off', 32000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/*', 1, 0.003, 0.015, 0);
update private.models set enabled = false where id = 'acme/off';
insert into private.plan_models (plan_id, priority, pattern, allowed)
select plans.id, 1, 'acme/nowhere', false from private.plans
union all
select plans.id, 1, pattern, false
from private.plans
cross join (values ('acme/barred'), ('acme/off')) as barred (pattern)
where plans.id in ('free', 'pro');

create function pg_temp.excluded(account text)
returns text
language sql
stable
as $$
  select string_agg(model_id || ': ' || coalesce(plan_name, 'none'), ', ' order by model_id)
  from api.list_excluded_models(tests.account_of(account))
  where model_id like 'acme/%'
$$;
grant execute on function pg_temp.excluded to public;

select tests.sign_in_as('Ada');
select is(
  pg_temp.excluded('Ada'), 'acme/barred: Team, acme/nowhere: none',
  'what the plan leaves out is told with the first plan that has it; what cannot be called at all is not'
);
select is(pg_temp.excluded('Eve'), null, 'of another''s account nothing is told');

select is(
  (
    select string_agg(models.id, ', ' order by models.id)
    from api.models
    cross join lateral api.start_run(tests.account_of('Ada'), array[models.id], '{"prompt_bytes": 1, "max_tokens": 1}') as verdict
    where models.id like 'acme/%' and verdict.rule = 'plan_models'
  ),
  'acme/barred, acme/nowhere',
  'and that is what authorising refuses'
);

select tests.sign_in_anonymously();
select throws_ok(
  format('select * from api.list_excluded_models(%L)', gen_random_uuid()), '42501', null,
  'a stranger may not ask'
);

select * from finish();
rollback;
