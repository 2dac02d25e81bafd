-- limits, budgets and rights: who sets what a key or a member may spend, how a budget's window
-- moves, who sees plans and limits, and what the tables refuse.

begin;
select no_plan();

select tests.travel_to('2027-03-28 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Adam', 'Bill', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine'), ('team', 'Elsewhere');
insert into private.members (account_id, user_id, role)
select id, tests.id_of(person.name), role::private.member_role
from (values ('Ada', 'owner'), ('Adam', 'admin'), ('Bill', 'billing'), ('Mia', 'member'), ('Vic', 'viewer')) as person (name, role)
join private.accounts on accounts.name = 'Engine';
insert into private.members (account_id, user_id, role)
select id, tests.id_of('Eve'), 'owner' from private.accounts where accounts.name = 'Elsewhere';
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
select md5(team)::uuid, accounts.id, tests.id_of(person), 'Robot', 'sk-oneai-r', sha256(convert_to(team, 'UTF8'))
from (values ('Engine', 'Ada'), ('Elsewhere', 'Eve')) as keys (team, person)
join private.accounts on accounts.name = team;

create temporary table ids as
select
  (select id from private.accounts where name = 'Engine') as engine, md5('Engine')::uuid as key, md5('Elsewhere')::uuid as other_key,
  tests.id_of('Mia') as mia, tests.id_of('Eve') as eve;
grant select on ids to public;

-- setting -------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select results_eq(
  $$select subject::text, period::text, limit_micros, spent_micros, held_micros, resets_at from ids, api.set_budget(engine, 'key', key, 'day', 500)$$,
  $$values ('key', 'day', 500::bigint, 0::bigint, 0::bigint, '2027-03-29 00:00:00+00'::timestamptz)$$,
  'an owner sets what a key may spend by day'
);
select results_eq(
  $$select limit_micros, resets_at from ids, api.set_budget(engine, 'key', key, 'day', 700)$$,
  $$values (700::bigint, '2027-03-29 00:00:00+00'::timestamptz)$$, 'setting it again changes it'
);
select results_eq(
  $$select limit_micros, resets_at from ids, api.set_budget(engine, 'key', key, 'total', 0)$$,
  'values (0::bigint, null::timestamptz)', 'a key may have several, and one of nothing'
);
select tests.sign_in_as('Adam');
select results_eq(
  $$select subject::text, limit_micros, resets_at from ids, api.set_budget(engine, 'member', mia, 'month', 9007199254740991)$$,
  $$values ('member', 9007199254740991::bigint, '2027-04-01 00:00:00+00'::timestamptz)$$, 'an admin sets what a member may spend by month'
);
select is_empty($$select * from ids, api.set_budget(engine, 'key', key, 'total')$$, 'an empty limit removes a budget');
select is((select count(*) from api.budgets, ids where account_id = engine), 2::bigint, 'and no other');
select is_empty($$select * from ids, api.set_budget(engine, 'key', key, 'total', null)$$, 'removing what is not there is no mistake');

select tests.throws('select api.set_budget(' || arguments || ') from ids', status, reason, 'a budget is refused for ' || arguments)
from (
  values
    ($$engine, 'key', other_key, 'day', 1$$, 404, 'not_found'), ($$engine, 'key', mia, 'day', 1$$, 404, 'not_found'),
    ($$engine, 'member', eve, 'day', 1$$, 404, 'not_found'), ($$engine, 'member', key, 'day', 1$$, 404, 'not_found'),
    ($$engine, 'key', null, 'day', 1$$, 404, 'not_found'), ($$engine, 'account', key, 'day', 1$$, 422, 'invalid_input'),
    ($$engine, 'key', key, 'year', 1$$, 422, 'invalid_input'), ($$engine, null, key, 'day', 1$$, 422, 'invalid_input'),
    ($$engine, 'key', key, null, 1$$, 422, 'invalid_input'), ($$engine, 'key', key, 'day', -1$$, 422, 'invalid_input'),
    ($$engine, 'key', key, 'day', 9007199254740992$$, 422, 'invalid_input'),
    ($$engine, 'key', key, 'day', 9223372036854775807$$, 422, 'invalid_input'),
    ($$null, 'key', key, 'day', 1$$, 404, 'not_found'), ($$gen_random_uuid(), 'key', key, 'day', 1$$, 404, 'not_found')
) as wrong (arguments, status, reason);

create function pg_temp.set_budget_fails(description text)
returns setof text
language sql
as $$
  select tests.throws($t$select api.set_budget(engine, 'key', key, 'day', 1) from ids$t$, 404, 'not_found', description)
$$;
grant execute on function pg_temp.set_budget_fails to public;
select tests.sign_in_as('Bill');
select pg_temp.set_budget_fails('who does the billing sets no budget');
select tests.sign_in_as('Mia');
select pg_temp.set_budget_fails('a member sets none, not even smaller');
select tests.sign_in_as('Vic');
select pg_temp.set_budget_fails('who only looks sets none');
select tests.sign_in_as('Eve');
select pg_temp.set_budget_fails('for a stranger the account is not there');
select tests.sign_in_anonymously();
select tests.is_refused($$select api.set_budget(engine, 'key', key, 'day', 1) from ids$$, 'a visitor is refused');
select tests.sign_in_as_service();
select tests.is_refused($$select api.set_budget(engine, 'key', key, 'day', 1) from ids$$, 'the server, who is no member, too');

-- seeing ----------------------------------------------------------------------------------------

create function pg_temp.sees()
returns text
language sql
as $$
  select format(
    'budgets %s, limits %s, plans %s, overrides %s, used %s',
    (select coalesce(string_agg(subject || ' by ' || period, ' and ' order by subject), '-') from api.budgets),
    (select string_agg(plan_id, ' ') from api.limits, ids where account_id = engine),
    (select string_agg(plan_id, ' ') from private.account_plans, ids where account_id = engine),
    (select count(*) from private.limit_overrides), (select requests_this_month from api.limits, ids where account_id = engine)
  )
$$;
select tests.sign_out();
grant execute on function pg_temp.sees to public;
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, requests_per_month, max_cost_micros, reason)
select engine, engine, 77, 88, 99, 'For tests' from ids;
update private.allowances set month_start = '2027-03-01 00:00:00+00', month_requests = 5 from ids where account_id = engine;

select tests.sign_in_as('Ada');
select is(pg_temp.sees(), 'budgets key by day and member by month, limits free, plans free, overrides 1, used 5', 'an owner sees all');
select results_eq(
  $$
    select requests_per_minute, requests_per_hour, requests_per_month, max_cost_micros, requests_this_month, month_ends_at
    from api.limits, ids where account_id = engine
  $$,
  $$values (77, null::integer, 88::bigint, 99::bigint, 5::bigint, '2027-04-01 00:00:00+00'::timestamptz)$$,
  'the limits an account has are its own where it has some, with what is used of them'
);
select tests.sign_in_as('Bill');
select is(pg_temp.sees(), 'budgets key by day and member by month, limits free, plans free, overrides 1, used 5', 'as does who does the billing');
select tests.sign_in_as('Mia');
select is(pg_temp.sees(), 'budgets member by month, limits free, plans free, overrides 1, used 5', 'a member sees her own budget');
select tests.sign_in_as('Vic');
select is(pg_temp.sees(), 'budgets -, limits free, plans free, overrides 1, used 5', 'another member none of hers');
select tests.sign_in_as('Eve');
select is(pg_temp.sees(), 'budgets -, limits , plans , overrides 0, used ', 'a stranger sees nothing');
select is((select count(*) from api.limits), 2::bigint, 'but the limits of her own accounts');

select tests.sign_out();
update private.limit_overrides set expires_at = private.clock();
update private.plans set is_public = false where id = 'enterprise';
select tests.sign_in_as('Ada');
select results_eq(
  'select requests_per_minute, requests_per_month from api.limits, ids where account_id = engine', 'values (20, 100::bigint)',
  'an override that has expired is not shown as the limit'
);
select tests.sign_in_anonymously();
select set_eq('select id from api.plans', array['free', 'pro', 'team'], 'a visitor sees the plans that are public');
select results_eq(
  $$select requests_per_minute, requests_per_month, max_cost_micros, monthly_credits_micros from api.plans order by position$$,
  $$values
    (20, 100::bigint, 10000000::bigint, 500000000::bigint), (100, 10000, 100000000, 20000000000), (500, 100000, 1000000000, 100000000000)$$,
  'and what each allows'
);
select tests.is_refused('select * from ' || relation, 'a visitor does not read ' || relation)
from unnest(array[
  'api.limits', 'api.budgets', 'private.account_plans', 'private.limit_overrides', 'private.wallets', 'private.allowances', 'private.token_quotas',
  'private.budgets', 'private.model_quotas', 'private.offers', 'private.key_windows', 'private.upstream_guard'
]) as relation;
select tests.sign_in_as('Ada');
select tests.is_refused('select * from ' || relation, 'an owner does not read ' || relation)
from unnest(array['private.model_quotas', 'private.offers', 'private.key_windows', 'private.upstream_guard']) as relation;
select tests.is_refused(statement, 'an owner is refused: ' || statement)
from unnest(array[
  'update private.plans set requests_per_minute = null', $$update private.account_plans set plan_id = 'enterprise'$$,
  'delete from private.limit_overrides', 'update private.allowances set month_requests = 0', 'update private.allowances set minute_window = null',
  $$update private.allowances set plan_id = 'enterprise', valid_until = 'infinity'$$, 'delete from private.offers', 'update private.budgets set spent_micros = 0',
  'delete from private.budgets', 'update private.upstream_guard set is_paused = false', 'delete from private.key_windows',
  'select private.renew_allowance(engine) from ids',
  'select private.grant_monthly_credits()', 'select private.measure_guard()'
]) as statement;
select tests.sign_in_as_service();
select tests.is_refused(statement, 'the server is refused: ' || statement)
from unnest(array[
  'update private.plans set requests_per_minute = null', 'update private.allowances set month_requests = 0',
  'update private.budgets set spent_micros = 0', 'delete from private.key_windows', 'delete from private.offers'
]) as statement;

-- a budget's window -----------------------------------------------------------------------------

select tests.sign_out();
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Acme Small', 32000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/*', 1, 0, 0.001);
update private.plans set requests_per_minute = null, max_cost_micros = null where id = 'free';
delete from private.limit_overrides;
delete from private.budgets;
select private.grant_credits(engine, 1000000, 'top_up', 'payment', 'x', 'x') from ids;

create function pg_temp.mia_calls(tokens integer)
returns private.verdict
language sql
as $$
  select private.authorize_run(row(
    engine, mia, null, 'completion', '{acme/small}', row(10, 1, 0, tokens, 1, 0)::private.request_shape, null, null, null, null
  )::private.run_request)
  from ids
$$;
create function pg_temp.ends(verdict private.verdict, tokens integer)
returns bigint
language sql
as $$
  select (private.finish_run(
    verdict.run_id,
    row('completed', null, null, null, null, row(1, tokens, 0, 0, 0, 0, 0, 0)::private.token_counts, null, null, null, null, null)::private.run_report
  )).charged_micros::bigint
$$;
create function pg_temp.budget()
returns text
language sql
as $$
  select format('%s+%s of %s', spent_micros, held_micros, limit_micros) from private.budgets, ids where subject_id = mia and period = 'day'
$$;

create temporary table before_budget as select pg_temp.mia_calls(100) as verdict;
insert into private.budgets (account_id, subject, subject_id, period, limit_micros)
select engine, 'member', mia, 'month', 1000000 from ids;
select tests.sign_in_as('Ada');
select results_eq(
  $$select spent_micros, held_micros from ids, api.set_budget(engine, 'member', mia, 'day', 300)$$,
  'values (0::bigint, 100::bigint)', 'a new budget knows what open calls still hold'
);
select tests.sign_out();
delete from private.budgets where period = 'month';
select is((select pg_temp.ends(verdict, 40) from before_budget), 40::bigint, 'they are settled');
select is(pg_temp.budget(), '40+0 of 300', 'into the budget');

create temporary table calls as select pg_temp.mia_calls(200) as first;
select is(pg_temp.budget(), '40+200 of 300', 'a call holds its most in the budget');
select is((pg_temp.mia_calls(100)).max_tokens, 60, 'the next is clamped to what is left');
select results_eq(
  'select status, reason, rule, shortfall_micros, resets_at from pg_temp.mia_calls(1)',
  $$values (429, 'quota_exceeded', 'member_budget', 1::bigint, '2027-03-29 00:00:00+00'::timestamptz)$$,
  'one more is refused, with what is missing and when the budget begins anew'
);
select tests.travel_to('2027-03-29 00:00:00+00');
select is((pg_temp.mia_calls(100)).max_tokens, 40, 'a new day frees what was spent, not what is held');
select is((select pg_temp.ends(first, 150) from calls), 150::bigint, 'a call that began yesterday');
select is(pg_temp.budget(), '150+100 of 300', 'counts on the day it ends');

select tests.sign_in_as('Ada');
select results_eq($$select limit_micros from ids, api.set_budget(engine, 'member', mia, 'day', 10)$$, 'values (10::bigint)', 'a budget may be set below what is spent');
select tests.sign_out();
select is((pg_temp.mia_calls(1)).rule, 'member_budget', 'then nothing more gets through');
select tests.sign_in_as('Ada');
select is_empty($$select * from ids, api.set_budget(engine, 'member', mia, 'day')$$, 'without a budget');
select tests.sign_out();
select ok((pg_temp.mia_calls(1)).allowed, 'all is as before');

-- what the tables refuse ------------------------------------------------------------------------

create function pg_temp.breaks(statement text, code text)
returns text
language sql
as $$
  select throws_ok(statement, code::char(5), null, code || ': ' || statement)
$$;

select pg_temp.breaks(format($$update private.plans set %s where id = 'free'$$, change), '23514')
from unnest(array[
  $$id = 'Free'$$, $$name = ''$$, $$name = repeat('x', 81)$$, 'requests_per_minute = 0', 'requests_per_hour = -1', 'requests_per_day = 0',
  'requests_per_month = 0', 'max_cost_micros = 0', 'monthly_credits_micros = -1', 'monthly_credits_micros = 9007199254740992'
]) as change;
select pg_temp.breaks($$delete from private.plans where id = 'free'$$, '23503');
select pg_temp.breaks($$insert into private.plan_models (plan_id, priority, pattern, allowed) values ('free', 1, 'A%', true)$$, '23514');
select pg_temp.breaks($$insert into private.plan_models (plan_id, priority, pattern, allowed) values ('none', 1, '*', true)$$, '23503');
select pg_temp.breaks(format($$insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('free', %s)$$, odd), '23514')
from unnest(array[$$'A', 1$$, $$'*', 0$$, $$'*', -1$$]) as odd;
insert into private.limit_overrides (subject_id, account_id, reason) select engine, engine, 'For tests' from ids;
select pg_temp.breaks('insert into private.limit_overrides (subject_id, account_id, reason) select engine, engine, ''Twice'' from ids', '23505');
insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('free', 'quota/*', 1);
select pg_temp.breaks($$insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('free', 'quota/*', 2)$$, '23505');
select pg_temp.breaks(format('insert into private.limit_overrides (subject_id, account_id, %s) select gen_random_uuid(), engine, %s from ids', col, value), code)
from (
  values
    ('reason', $$''$$, '23514'), ('reason', 'null', '23502'), ('reason, requests_per_minute', $$'x', 0$$, '23514'),
    ('reason, requests_per_hour', $$'x', -1$$, '23514'), ('reason, requests_per_day', $$'x', 0$$, '23514'),
    ('reason, requests_per_month', $$'x', 0$$, '23514'), ('reason, max_cost_micros', $$'x', 0$$, '23514')
) as odd (col, value, code);
select pg_temp.breaks('insert into private.account_plans (account_id, plan_id) select engine, ''pro'' from ids', '23505');
select pg_temp.breaks('insert into private.account_plans (account_id, plan_id) values (gen_random_uuid(), ''pro'')', '23503');
select pg_temp.breaks('update private.account_plans set plan_id = ''none''', '23503');
select pg_temp.breaks(format('insert into private.%1$s select * from private.%1$s limit 1', name), '23505')
from unnest(array['plans', 'offers', 'wallets', 'allowances']) as name;
select pg_temp.breaks(
  format(
    $$insert into private.token_quotas (account_id, model_quota_id, period_start, %s)
      select engine, model_quotas.id, now(), -1 from ids, private.model_quotas$$, counter
  ),
  '23514'
)
from unnest(array['used_tokens', 'held_tokens']) as counter;
select pg_temp.breaks(
  format($$insert into private.budgets (account_id, subject, subject_id, period, %s) select engine, 'key', key, 'day', %s from ids$$, col, value), '23514'
)
from (
  values
    ('limit_micros', '-1'), ('limit_micros', '9007199254740992'), ('limit_micros, spent_micros', '1, -1'), ('limit_micros, held_micros', '1, -1')
) as odd (col, value);
select pg_temp.breaks('insert into private.upstream_guard default values', '23505');
select pg_temp.breaks('insert into private.upstream_guard (id) values (false)', '23514');
select pg_temp.breaks(format('update private.upstream_guard set %s = 0', col), '23514')
from unnest(array['max_requests_per_minute', 'max_held_micros', 'max_spend_per_hour_micros']) as col;

select * from finish();
rollback;
