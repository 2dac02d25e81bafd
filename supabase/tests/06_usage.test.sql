-- usage, authorising: every rule that can refuse a call and which of them goes first, how an
-- answer is clamped to what there is, fallbacks, replays, and who may start a call at all.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Bill', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine'), ('team', 'Other');
create temporary table ids as
select
  (select id from private.accounts where name = 'Engine') as engine, (select id from private.accounts where name = 'Other') as other,
  tests.id_of('Ada') as ada, md5('key')::uuid as key;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'owner'), ('Bill', 'billing'), ('Mia', 'member'), ('Vic', 'viewer')) as person (name, role);
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
select key, engine, ada, 'Robot', 'sk-oneai-r', sha256('sk-oneai-robot') from ids;

-- 3 micros a token in and 15 out; the dear one twice that.
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values
  ('acme/small', 'Small', 32000, 4000, 0.000001, 0.000002), ('acme/dear', 'Dear', 32000, 8000, 0.000004, 0.000001),
  ('acme/short', 'Short', 32000, 100, 0.000001, 0.000002),
  ('acme/narrow', 'Narrow', 2000, 4000, 0.000001, 0.000002), ('acme/minimum', 'Minimum', 32000, 4000, 0, 0),
  ('acme/free', 'Free', 32000, 4000, 0, 0), ('acme/unpriced', 'Unpriced', 32000, 4000, null, null),
  ('acme/tiny', 'Tiny', 3, 3, 0.000001, 0.000002), ('acme/retired', 'Retired', 32000, 4000, 0, 0), ('acme/off', 'Off', 32000, 4000, 0, 0), ('acme/barred', 'Barred', 32000, 4000, 0, 0);
update private.models set retired_at = now() where id = 'acme/retired';
update private.models set enabled = false where id = 'acme/off';
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/dear', 1, 0.006, 0.03, 0), ('acme/free', 1, 0, 0, 0), ('acme/minimum', 1, 0.003, 0.015, 600), ('acme/*', 2, 0.003, 0.015, 0);
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, 'acme/barred', false), ('test', 2, '*', true);
update private.account_plans set plan_id = 'test' from ids where account_id in (engine, other);

create function pg_temp.verdict_of(
  models text[] default '{acme/small}', max_tokens integer default 10, bytes bigint default 100, by_key boolean default false,
  account text default 'Engine', idempotency text default null, hash bytea default null, max_cost bigint default null,
  choices integer default 1, images integer default 0
)
returns private.verdict
language sql
as $$
  select private.authorize_run(row(
    case account when 'Engine' then engine when 'Other' then other end, ada, case when by_key then key end, 'completion', models,
    row(bytes, 1, images, max_tokens, choices, 0)::private.request_shape, null, max_cost, idempotency, hash
  )::private.run_request)
  from ids
$$;
create function pg_temp.says(verdict private.verdict)
returns text
language sql
as $$
  select case when verdict.allowed then 'allowed' else concat_ws(' ', verdict.status, verdict.reason, verdict.rule) end
$$;
-- Gives the account exactly this much that is free.
create function pg_temp.has_free(amount bigint)
returns void
language sql
as $$
  select private.adjust_credits(engine, amount - free_micros, gen_random_uuid()::text, 'For tests', 'tests')
  from ids
  join private.balances on account_id = engine
  where amount <> free_micros
$$;

-- what is written down ------------------------------------------------------------------------------

select pg_temp.has_free(1000);
create temporary table first as select pg_temp.verdict_of(idempotency => 'once', hash => '\x01') as verdict;
select results_eq(
  $$
    select (verdict).allowed, (verdict).is_replay, (verdict).model_ids, (verdict).max_tokens, (verdict).is_clamped, (verdict).hold_micros,
      (verdict).available_micros, (verdict).max_prompt_usd, (verdict).max_completion_usd, (verdict).status, (verdict).rule
    from first
  $$,
  $$values (true, false, '{acme/small}'::text[], 10, false, 690::bigint, 310::bigint, 0.000001, 0.000002, null::integer, null::text)$$,
  'an allowed call holds 100 bytes, 16 a message and 64 a request at 3 micros, and 10 tokens at 15'
);
select results_eq(
  $$
    select balances.held_micros::bigint, runs.held_micros::bigint, holds.amount_micros::bigint, holds.expires_at - private.clock(),
      runs.lease_until - private.clock(), runs.status::text, allowances.month_requests
    from first
    join private.runs on runs.id = (verdict).run_id
    join private.holds using (id)
    join private.balances on balances.account_id = runs.account_id
    join private.allowances on allowances.account_id = runs.account_id
  $$,
  $$values (690::bigint, 690::bigint, 690::bigint, interval '15 minutes', interval '30 seconds', 'open', 1::bigint)$$,
  'the hold outlasts every function, the lease a few heartbeats, and the month has one request more'
);

-- room ---------------------------------------------------------------------------------------------

create function pg_temp.aside()
returns table (set_aside bigint, room bigint, held bigint, free bigint)
language sql
as $$
  select set_aside_micros::bigint, room_micros::bigint, held_micros, free_micros
  from ids
  join private.wallets on account_id = engine
  join private.allowances using (account_id)
  join private.balances using (account_id)
$$;
select results_eq(
  'select * from pg_temp.aside()', 'values (1000::bigint, 310::bigint, 690::bigint, 310::bigint)',
  'the first call sets all that is free aside for the next ones'
);
select private.lock_account(engine) from ids;
select results_eq(
  'select * from pg_temp.aside()', 'values (690::bigint, 0::bigint, 690::bigint, 310::bigint)',
  'whoever may take credits leaves nothing aside but what is held'
);
select private.make_room(engine) from ids;
select private.make_room(engine) from ids;
select results_eq(
  'select * from pg_temp.aside()', 'values (1000::bigint, 310::bigint, 690::bigint, 310::bigint)', 'and no more is ever set aside than there is'
);
select throws_ok(
  'update private.allowances set room_micros = -1 from ids where account_id = engine', '23514', null, 'nobody begins without room'
);

-- replays -----------------------------------------------------------------------------------------

select results_eq(
  $$
    select allowed, is_replay, run_id, model_ids, max_tokens, is_clamped, hold_micros
    from pg_temp.verdict_of(idempotency => 'once', hash => '\x01')
  $$,
  $$select true, true, (verdict).run_id, '{acme/small}'::text[], 10, false, 690::bigint from first$$, 'the same key and request is the same run'
);
select is((select count(*) from private.runs), 1::bigint, 'and no second one');
select is((select held_micros from private.balances, ids where account_id = engine)::bigint, 690::bigint, 'that would hold something');
select is(
  pg_temp.says(pg_temp.verdict_of(idempotency => 'once', hash => '\x02')), '409 conflict idempotency', 'the same key for another request is a conflict'
);
select is(pg_temp.says(pg_temp.verdict_of(idempotency => 'once')), '409 conflict idempotency', 'so is one without a hash');
select is(
  pg_temp.says(pg_temp.verdict_of(models => '{acme/free}', account => 'Other', idempotency => 'once', hash => '\x02')), 'allowed',
  'another account''s keys are its own'
);

-- which rule goes first ------------------------------------------------------------------------------

-- Everything is wrong at once; then one thing after the other is put right.
update private.accounts set suspended_at = now() from ids where id = engine;
update private.upstream_guard set is_paused = true;
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, requests_per_month, reason) select engine, engine, 1, 1, 'For tests' from ids;
update private.allowances set minute_window = row(private.clock() + interval '3 seconds', 1, 1, array_fill(0, array[12]), null)
from ids where account_id = engine;
create function pg_temp.refused(expected text, description text, models text[] default '{acme/none}', idempotency text default null)
returns text
language sql
as $$
  select is(pg_temp.says(pg_temp.verdict_of(models, by_key => true, idempotency => idempotency)), expected, description)
$$;

select is(pg_temp.says(pg_temp.verdict_of(account => 'None')), '404 not_found account', 'an account that is not there');
select pg_temp.refused('409 conflict idempotency', 'first a key that was used for another request', idempotency => 'once');
select pg_temp.refused('403 forbidden suspended', 'then that the account is suspended');
update private.accounts set suspended_at = null;
select pg_temp.refused('429 rate_limited requests_per_minute', 'then that it calls too often');
update private.limit_overrides set requests_per_minute = 1000;
select pg_temp.refused('429 quota_exceeded requests_per_month', 'then that its month is used up');
delete from private.limit_overrides;
select pg_temp.refused('503 upstream_unavailable guard', 'then that everything pauses');
update private.upstream_guard set is_paused = false;
select pg_temp.refused('404 not_found model', 'then that there is no such model');
select pg_temp.refused('404 not_found model', 'that it was switched off', '{acme/off}');
select pg_temp.refused('404 not_found model', 'that it was retired', '{acme/retired}');
select pg_temp.refused('404 not_found model', 'that it has no price', '{acme/unpriced}');
select pg_temp.refused('404 not_found model', 'that none was named', '{}');
select pg_temp.refused('404 not_found model', 'or none at all', null);
update private.api_keys set allowed_models = '{acme/d*,other/*}';
select pg_temp.refused('403 forbidden plan_models', 'then that this plan may not call it', '{acme/barred}');
select pg_temp.refused('403 forbidden key_models', 'or this key', '{acme/small}');
update private.api_keys set allowed_models = '{acme/*}';
select pg_temp.refused('403 forbidden plan_models', 'which gives no more than the plan', '{acme/barred}');
select pg_temp.has_free(0);
select pg_temp.refused('402 insufficient_credits balance', 'then that there is no money', '{acme/small}');
select pg_temp.has_free(1000000);
select pg_temp.refused('allowed', 'and nothing is left to refuse it', '{acme/small}');

-- the purse, the cap or the budget: whichever is narrowest -------------------------------------------

create function pg_temp.narrowest(balance bigint, cap bigint, member bigint, key bigint, bytes bigint default 100)
returns text
language plpgsql
as $$
begin
  perform pg_temp.has_free(balance);
  delete from private.limit_overrides;
  insert into private.limit_overrides (subject_id, account_id, max_cost_micros, reason) select engine, engine, cap, 'For tests' from ids;
  delete from private.budgets;
  insert into private.budgets (account_id, subject, subject_id, period, limit_micros)
  select engine, subject::private.budget_subject, subject_id, period::private.budget_period, amount
  from ids
  cross join lateral (
    values ('member', ada, 'day', member), ('key', ids.key, 'total', narrowest.key)
  ) as wanted (subject, subject_id, period, amount)
  where amount is not null;
  update private.wallets set has_budgets = true from ids where account_id = engine;
  return (
    select pg_temp.says(verdict) || coalesce(', ' || verdict.shortfall_micros || ' missing', '') || coalesce(' until ' || (verdict.resets_at at time zone 'UTC')::date, '')
    from pg_temp.verdict_of(max_tokens => 100, bytes => bytes, by_key => true) as verdict
  );
end
$$;
select is(pg_temp.narrowest(554, null, null, null), '402 insufficient_credits balance, 1 missing', 'a prompt and one token must fit into the wallet');
select is(pg_temp.narrowest(9999, 500, null, null), '413 too_large price_cap, 55 missing', 'and under the cap of a request');
select is(pg_temp.narrowest(9999, 9000, 300, null), '429 quota_exceeded member_budget, 255 missing until 2027-03-11', 'and into the member''s budget');
select is(pg_temp.narrowest(9999, 9000, 300, 200), '429 quota_exceeded key_budget, 355 missing', 'and into the key''s');
select is(pg_temp.narrowest(100, 200, 300, 400), '402 insufficient_credits balance, 455 missing', 'the narrowest is the one that is named');
select is(pg_temp.narrowest(400, 300, 100, 200), '429 quota_exceeded member_budget, 455 missing until 2027-03-11', 'whichever it is');
select is(pg_temp.narrowest(0, null, null, null), '402 insufficient_credits balance, 555 missing', 'an empty wallet lacks it all');
select private.grant_credits(other, 50, 'top_up', 'payment', 'x', 'x'), private.adjust_credits(other, -50, 'taken', 'x', 'x') from ids;
select private.reverse_grant(transactions.id, 50, 'dispute', 'x', 'x') from ids, private.transactions where account_id = other and fact = 'payment';
select is((pg_temp.verdict_of(account => 'Other')).shortfall_micros, 605::bigint, 'one in debt lacks the debt as well');
select is(pg_temp.narrowest(555, 555, 555, 555), 'allowed', 'exactly enough is enough, everywhere');
select pg_temp.narrowest(1000000, null, null, null);

insert into private.limit_overrides (subject_id, account_id, max_cost_micros, reason) select key, engine, 554, 'For tests' from ids;
select is(pg_temp.says(pg_temp.verdict_of(by_key => true)), '413 too_large price_cap', 'a key may have a cap of its own');
select is(pg_temp.says(pg_temp.verdict_of()), 'allowed', 'which is not the account''s');
delete from private.limit_overrides;
select is(pg_temp.says(pg_temp.verdict_of(max_cost => 554)), '413 too_large price_cap', 'and so may a request');
select is(pg_temp.says(pg_temp.verdict_of(max_cost => amount)), '413 too_large price_cap', 'even one of ' || amount)
from unnest(array[0, -1, -9223372036854775808]) as amount;
select is(pg_temp.says(pg_temp.verdict_of('{acme/free}', max_cost => 0)), 'allowed', 'what costs nothing fits under any cap');

-- clamping ------------------------------------------------------------------------------------------

create function pg_temp.fits(
  free bigint, max_tokens integer, models text[] default '{acme/small}', choices integer default 1, images integer default 0, max_cost bigint default null
)
returns text
language sql
as $$
  select pg_temp.has_free(free);
  select format(
    '%s tokens%s, holds %s, leaves %s',
    verdict.max_tokens, case when verdict.is_clamped then ' (clamped)' else '' end, verdict.hold_micros, verdict.available_micros
  )
  from pg_temp.verdict_of(models, fits.max_tokens, choices => fits.choices, images => fits.images, max_cost => fits.max_cost) as verdict
$$;
select is(pg_temp.fits(1000, 100), '30 tokens (clamped), holds 990, leaves 10', 'an answer is clamped to what the wallet can pay');
select is(pg_temp.fits(1004, 100), '30 tokens (clamped), holds 990, leaves 14', 'a micro short of a token is not a token');
select is(pg_temp.fits(1005, 100), '31 tokens (clamped), holds 1005, leaves 0', 'a micro more is one');
select is(pg_temp.fits(555, 100), '1 tokens (clamped), holds 555, leaves 0', 'down to a single one');
select is(pg_temp.fits(2040, 100), '100 tokens, holds 2040, leaves 0', 'exactly what was asked for is not clamped');
select is(pg_temp.fits(100000, 5000), '4000 tokens, holds 60540, leaves 39460', 'the model''s own maximum is no clamp');
select is(pg_temp.fits(100000, null), '4000 tokens, holds 60540, leaves 39460', 'and what is meant when nothing is asked for');
select is(pg_temp.fits(99999, null, '{acme/narrow}'), '1820 tokens, holds 27840, leaves 72159', 'no longer than fits beside the prompt, which is no clamp either');
select is(pg_temp.fits(99999, 1900, '{acme/narrow}'), '1900 tokens, holds 29040, leaves 70959', 'who asks for a length is taken at their word');
select is(
  (select max_tokens from pg_temp.verdict_of('{acme/narrow}', null, 1900)), 500, 'where the prompt seems to fill the context there is still a quarter of it: bytes are no tokens'
);
select is(pg_temp.fits(99999, null, '{acme/tiny}'), '1 tokens, holds 555, leaves 99444', 'and of the smallest one token: none is no answer');
select is(pg_temp.fits(1000, 100, choices => 2), '15 tokens (clamped), holds 990, leaves 10', 'two answers share it');
select is(pg_temp.fits(120555, 100, images => 1), '1 tokens (clamped), holds 120555, leaves 0', 'an image may count 40,000 tokens');
select is(pg_temp.fits(99999, 100, max_cost => 1000), '30 tokens (clamped), holds 990, leaves 99009', 'a cap clamps as the wallet does');
select is(pg_temp.fits(1000, 100, '{acme/minimum}'), '26 tokens (clamped), holds 990, leaves 10', 'a minimum charge above the prompt''s cost is set aside instead of it');
select is(pg_temp.fits(0, 100, '{acme/free}'), '100 tokens, holds 0, leaves 0', 'a free model needs no money');

-- fallbacks -----------------------------------------------------------------------------------------

create function pg_temp.kept(free bigint, max_tokens integer, models text[])
returns text
language sql
as $$
  select pg_temp.has_free(free);
  select format('%s: %s tokens, holds %s', array_to_string(model_ids, ' '), verdict.max_tokens, hold_micros)
  from pg_temp.verdict_of(models, kept.max_tokens) as verdict;
$$;
select is(pg_temp.kept(9999, 10, '{acme/small,acme/dear}'), 'acme/small acme/dear: 10 tokens, holds 1380', 'the dearest that may answer decides what is held');
select is(pg_temp.kept(9999, 10, '{acme/dear,acme/small}'), 'acme/dear acme/small: 10 tokens, holds 1380', 'in whatever order');
select is(pg_temp.kept(1379, 10, '{acme/small,acme/dear}'), 'acme/small: 10 tokens, holds 690', 'one that there is no money for is left out');
select is(pg_temp.kept(1380, 10, '{acme/small,acme/dear}'), 'acme/small acme/dear: 10 tokens, holds 1380', 'to the micro');
select is(pg_temp.kept(99999, 1000, '{acme/small,acme/short}'), 'acme/small: 1000 tokens, holds 15540', 'one that cannot answer at that length too');
select is(
  pg_temp.kept(9999, 10, '{acme/small,acme/none,acme/off,acme/unpriced,acme/barred,acme/free}'), 'acme/small acme/free: 10 tokens, holds 690',
  'those that cannot be called are left out'
);
select is(
  (select array_length(model_ids, 1) from pg_temp.verdict_of(private.read_choice(array_fill('acme/free'::text, array[1000])))), 10, 'of a very long list the first ten count'
);
select results_eq(
  $$select max_prompt_usd, max_completion_usd from pg_temp.verdict_of('{acme/free,acme/small,acme/dear}')$$,
  'values (0.000004, 0.000002)', 'the caps for upstream are those of the dearest, each for itself'
);
select pg_temp.has_free(1000000);
select is(pg_temp.says(pg_temp.verdict_of('{acme/none,acme/free}')), '404 not_found model', 'the first model must be one that can be called');

insert into private.presets (id, name, description) values ('oneai/pick', 'Pick', 'For tests.');
insert into private.router_rules (preset_id, priority, models, reason) values ('oneai/pick', 1, '{acme/off,acme/barred,acme/free,acme/small}', 'Because.');
select results_eq(
  $$select allowed, model_ids, route_reason from pg_temp.verdict_of('{oneai/pick}')$$,
  $$values (true, '{acme/free,acme/small}'::text[], 'Because.')$$, 'the router''s choice respects the plan, and says why'
);
create temporary table picked as select run_id as id from pg_temp.verdict_of('{oneai/pick}');
select is((select requested_model from private.runs join picked using (id)), 'oneai/pick', 'a run remembers what was asked for');
select is(pg_temp.says(pg_temp.verdict_of('{oneai/none}')), '404 not_found model', 'a preset that is not there chooses nothing');
update private.router_rules set models = '{acme/barred}' where preset_id = 'oneai/pick';
select is(pg_temp.says(pg_temp.verdict_of('{oneai/pick}')), '403 forbidden plan_models', 'nor does one of which the plan has nothing');

-- tokens of a month -----------------------------------------------------------------------------------

insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('test', 'acme/*', 100000), ('test', 'acme/sm*', 400);
select results_eq(
  $$select max_tokens, is_clamped from pg_temp.verdict_of(max_tokens => 300)$$, 'values (220, true)', 'an answer is clamped to the month''s tokens, the closest pattern''s'
);
select results_eq(
  $$select status, reason, rule, resets_at from pg_temp.verdict_of(max_tokens => 1)$$,
  $$values (429, 'quota_exceeded', 'tokens_per_month', '2027-04-01 00:00:00+00'::timestamptz)$$, 'when they are used up or held a call is refused'
);
select is(pg_temp.says(pg_temp.verdict_of('{acme/dear}')), 'allowed', 'of that model only');
select is(
  (select model_ids from pg_temp.verdict_of('{acme/dear,acme/free,acme/small}')), '{acme/dear,acme/free}', 'a fallback under another quota is left out'
);
select tests.travel_to('2027-04-01 00:00:00+00');
select is((pg_temp.verdict_of(max_tokens => 300)).max_tokens, 220, 'a new month brings new tokens');
delete from private.model_quotas;

-- credits that lapse --------------------------------------------------------------------------------

select pg_temp.has_free(0);
select private.grant_credits(engine, 555, 'bonus', 'lapsing', 'x', 'x', private.clock() + interval '1 second') from ids;
select tests.travel('1 second');
select is(pg_temp.says(pg_temp.verdict_of()), '402 insufficient_credits balance', 'what has lapsed cannot be spent, though nothing has swept it up yet');
select pg_temp.has_free(1000000);

-- who may start -----------------------------------------------------------------------------------

create function pg_temp.starts()
returns text
language sql
as $$
  select case when allowed then 'allowed' else concat_ws(' ', status, reason, rule) end
  from ids, api.start_run(engine, '{acme/free}', '{"prompt_bytes": 10, "max_tokens": 5}')
$$;
grant execute on function pg_temp.starts to public;
select tests.sign_in_as('Ada');
select is(pg_temp.starts(), 'allowed', 'an owner starts a call');
select tests.sign_in_as('Mia');
select is(pg_temp.starts(), 'allowed', 'so does a member');
select is((select count(*) from api.runs where user_id = tests.id_of('Mia')), 1::bigint, 'as herself');
select tests.sign_in_as('Vic');
select is(pg_temp.starts(), '404 not_found account', 'who only looks does not');
select tests.sign_in_as('Bill');
select is(pg_temp.starts(), '404 not_found account', 'nor who does the billing');
select tests.sign_in_as('Eve');
select is(pg_temp.starts(), '404 not_found account', 'for a stranger the account is not there');
select tests.is_refused('select private.authorize_run(null)', 'nobody authorises a run directly');
select tests.sign_in_anonymously();
select tests.is_refused('select pg_temp.starts()', 'a visitor starts nothing');
select tests.sign_in_as_service();
select tests.is_refused('select pg_temp.starts()', 'the server does not act as a member');

select tests.sign_out();

-- a key used again a day later --------------------------------------------------------------------------

select tests.travel_to('2027-05-05 12:00:00+00');
create function pg_temp.again(hash bytea default '\x01')
returns private.verdict
language sql
as $$
  select pg_temp.verdict_of('{acme/free}', idempotency => 'daily', hash => hash)
$$;
create temporary table day_one as select (pg_temp.again()).run_id as id;
select tests.travel('24 hours -1 microsecond');
select results_eq('select is_replay, run_id from pg_temp.again()', 'select true, id from day_one', 'for a day the answer is the first one');
select private.forget_repeatable_runs();
select results_eq('select is_replay, run_id from pg_temp.again()', 'select true, id from day_one', 'also after what is older was cleared away');
select is(pg_temp.says(pg_temp.again('\x02')), '409 conflict idempotency', 'and another request a conflict');
select tests.travel('1 microsecond');
create temporary table day_two as select * from pg_temp.again('\x02');
select ok((select not is_replay and run_id not in (select id from day_one) from day_two), 'a day later the key is free, also for another request');
select results_eq(
  $$select is_replay, run_id from pg_temp.again('\x02')$$, 'select true, run_id from day_two', 'which is the one that is repeated from then on'
);
select is(pg_temp.says(pg_temp.again('\x01')), '409 conflict idempotency', 'the old one no longer');
select is((select count(*) from private.repeatable_runs where idempotency_key = 'daily'), 1::bigint, 'there is one answer for a key');
select is((select count(*) from private.runs where id in (select id from day_one union select run_id from day_two)), 2::bigint, 'and two calls');
select private.forget_repeatable_runs();
select is((select count(*) from private.repeatable_runs where idempotency_key = 'daily'), 1::bigint, 'what is not a day old is not cleared away');
select tests.travel('24 hours 1 microsecond');
select private.forget_repeatable_runs();
select is_empty('select * from private.repeatable_runs where started_at < private.clock()', 'what is is');
select pg_temp.verdict_of('{acme/free}', idempotency => 'last', hash => '\x01');
select private.finish_run(run_id, row('failed', null, null, null, null, null, null, null, null, null, null)::private.run_report)
from private.repeatable_runs where idempotency_key = 'last';
select results_eq(
  $$select is_replay, model_ids, hold_micros from pg_temp.verdict_of('{acme/free}', idempotency => 'last', hash => '\x01')$$,
  $$values (true, '{acme/free}'::text[], 0::bigint)$$, 'a call that has ended is repeated as well'
);
select is_empty(
  $$select runs.id from private.runs join private.repeatable_runs on run_id = runs.id where idempotency_key = 'last'$$, 'and not begun again'
);

select is_empty(
  $$
    select account_id from private.balances
    where held_micros <> (select coalesce(sum(held_micros), 0) from private.runs where runs.account_id = balances.account_id)
  $$,
  'after all this every wallet holds what its open calls hold'
);
select throws_ok(
  'insert into private.repeatable_runs select * from private.repeatable_runs', '23505', null, 'one account''s idempotency key is of one run'
);
select throws_ok('update private.repeatable_runs set idempotency_key = ' || key, '23514', null, 'no idempotency key of ' || key)
from unnest(array[$$''$$, $$repeat('x', 1000)$$]) as key;
select throws_ok($$update private.runs set status = 'finished'$$, '22P02', null, 'a call that has ended is none: it is a receipt');

select * from finish();
rollback;
