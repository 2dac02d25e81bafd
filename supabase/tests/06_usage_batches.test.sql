-- batches: the work that time starts goes through many accounts, and one of them whose books are
-- wrong keeps no other waiting.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Bill']) as name;
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 32000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/*', 1, 0.003, 0.015);
insert into private.plans (id, name, monthly_credits_micros, grants_monthly) values ('test', 'Test', 1000, true);
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, '*', true);
update private.account_plans set plan_id = 'test', granted_until = '2027-05-01' ;

create temporary table started as
select name, (private.authorize_run(row(
  tests.account_of(name), tests.id_of(name), null, 'completion', '{acme/small}', row(100, 1, 0, 40, 1, 0)::private.request_shape,
  null, null, null, null
)::private.run_request)).run_id
from unnest(array['Ada', 'Bill']) as name;
create function pg_temp.breaks_ada() returns void language sql as $$
  update private.wallets set set_aside_micros = 0, transaction_count = 0 where account_id = tests.account_of('Ada')
$$;

savepoint sound;
select pg_temp.breaks_ada();
select tests.travel('1 minute');
select is(private.sweep_runs(), 1, 'a run that cannot be ended is left');
select is((select outcome::text from private.usage_events join started using (run_id) where name = 'Bill'), 'expired', 'and the next one ends');
rollback to sound;

select private.grant_credits(tests.account_of(name), 5000, 'bonus', 'bonus', 'x', 'x', private.clock() + interval '1 hour') from started;
select pg_temp.breaks_ada();
select tests.travel('2 hours');
select is(private.expire_due_lots(), 5000::bigint, 'what lapses in one account does not wait for another that is broken');

update private.account_plans set granted_until = '-infinity' where account_id in (select tests.account_of(name) from started);
select is(private.grant_monthly_credits(), 1, 'nor do the credits of a month');

select * from finish();
rollback;
