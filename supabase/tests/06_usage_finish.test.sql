-- usage, finishing: what each outcome costs, replays, costs that are known later or never, runs
-- whose worker is gone, who may stop a run and see its receipt, and the daily sums of receipts.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Bill', 'Mia', 'Max', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select id as engine, tests.id_of('Mia') as mia, md5('key')::uuid as key from private.accounts where name = 'Engine';
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'owner'), ('Bill', 'billing'), ('Mia', 'member'), ('Max', 'member')) as person (name, role);
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
select key, engine, mia, 'Robot', 'sk-oneai-r', sha256('sk-oneai-robot') from ids;

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values
  ('acme/small', 'Small', 32000, 4000, 0, 0), ('acme/dear', 'Dear', 32000, 4000, 0, 0), ('acme/minimum', 'Minimum', 32000, 4000, 0, 0),
  ('acme/embed', 'Embed', 32000, 4000, 0, 0), ('acme/free', 'Free', 32000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/dear', 1, 0.006, 0.03, 0), ('acme/minimum', 1, 0.003, 0.015, 500), ('acme/embed', 1, 0.003, 0, 0), ('acme/free', 1, 0, 0, 0), ('acme/*', 2, 0.003, 0.015, 0);
update private.models set output_modalities = '{embeddings}' where id = 'acme/embed';
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, '*', true);
insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('test', 'acme/*', 1000000);
update private.account_plans set plan_id = 'test' from ids where account_id = engine;
select private.grant_credits(engine, 1000000, 'top_up', 'payment', 'x', 'x') from ids;
insert into private.budgets (account_id, subject, subject_id, period, limit_micros) select engine, 'member', mia, 'day', 1000000 from ids;
update private.wallets set has_budgets = true from ids where account_id = engine;

create temporary table started (word text primary key, run_id uuid not null);
grant select on started to public;
create function pg_temp.starts(
  word text, models text[] default '{acme/small}', task private.run_task default 'completion', key_id uuid default null
)
returns void
language sql
as $$
  insert into started
  select word, (private.authorize_run(row(
    engine, mia, key_id, task, models, row(100, 1, 0, 40, 1, 0)::private.request_shape, null, null, null, null
  )::private.run_request)).run_id
  from ids
$$;
create function pg_temp.run(word text) returns uuid language sql as $$ select run_id from started where started.word = run.word $$;
create function pg_temp.ends(
  word text, outcome private.run_outcome, prompt bigint default 100, completion bigint default 20, model text default null,
  generation text default null, produced bigint default null, reconciled boolean default false, attempts jsonb default null
)
returns private.usage_events
language sql
as $$
  select private.finish_run(
    pg_temp.run(word),
    row(
      outcome, model, generation, 'stop', null, row(prompt, completion, 0, 0, 0, 0, 0, 0)::private.token_counts, produced, 0.0000001,
      attempts, 12, reconciled
    )::private.run_report
  )
$$;
-- What a wallet, its month, its tokens and its budget say.
create function pg_temp.counters()
returns text
language sql
as $$
  select format(
    'spent %s, held %s; month %s; tokens %s+%s; budget %s+%s',
    1000000 - balances.balance_micros, balances.held_micros, allowances.month_requests, coalesce(token_quotas.used_tokens, 0),
    coalesce(token_quotas.held_tokens, 0), budgets.spent_micros, budgets.held_micros
  )
  from ids
  join private.balances on balances.account_id = engine
  join private.allowances on allowances.account_id = engine
  join private.budgets on budgets.account_id = engine
  left join private.token_quotas on token_quotas.account_id = engine
$$;

-- outcomes ------------------------------------------------------------------------------------------

select pg_temp.starts('one');
select is(pg_temp.counters(), 'spent 0, held 1140; month 1; tokens 0+220; budget 0+1140', 'an open call holds in every counter');
select tests.travel('1500 milliseconds');
select results_eq(
  $$
    select outcome::text, finish_reason, model_id, held_micros::bigint, charged_micros::bigint, upstream_micros::bigint, cost_label::text,
      first_token_ms, latency_ms,
      (used).prompt_tokens, (used).completion_tokens, transaction_id is not null
    from pg_temp.ends('one', 'completed')
  $$,
  $$values ('completed', 'stop', 'acme/small', 1140::bigint, 600::bigint, 100::bigint, 'reported', 12, 1500, 100::bigint, 20::bigint, true)$$,
  'a completed call is charged what it used: 100 tokens at 3 micros, 20 at 15'
);
select is(pg_temp.counters(), 'spent 600, held 0; month 1; tokens 120+0; budget 600+0', 'and so it is in every counter');
select results_eq(
  $$select charged_micros::bigint, outcome::text from pg_temp.ends('one', 'failed', 1000, 1000)$$, $$values (600::bigint, 'completed')$$,
  'ended again, otherwise, the first receipt comes back'
);
select is(pg_temp.counters(), 'spent 600, held 0; month 1; tokens 120+0; budget 600+0', 'and nothing moves');
select results_eq(
  $$select resolutions.outcome::text, charged_micros::bigint, lots.source::text from private.resolutions
    join private.allocations using (transaction_id) join private.lots on lots.id = lot_id where hold_id = pg_temp.run('one')$$,
  $$values ('settled', 600::bigint, 'top_up')$$, 'the charge names the lot that paid'
);

-- A call of its own for each: outcome, tokens in and out, and what is charged, how that is known, how the hold ended.
create function pg_temp.fate(
  outcome private.run_outcome, prompt bigint, completion bigint, models text[] default '{acme/small}', answered_by text default null,
  task private.run_task default 'completion'
)
returns text
language plpgsql
as $$
declare
  word constant text := gen_random_uuid();
  event private.usage_events;
begin
  perform pg_temp.starts(word, models, task);
  event := pg_temp.ends(word, outcome, prompt, completion, answered_by);
  return concat_ws(' ', event.model_id, event.charged_micros, event.cost_label, (select r.outcome from private.resolutions as r where hold_id = event.run_id));
end
$$;
select is(pg_temp.fate('stopped', 100, 5), 'acme/small 375 reported settled', 'a stopped call is charged for what it gave');
select is(pg_temp.fate('completed', 100, 40), 'acme/small 900 reported settled', 'a whole answer for all of it');
select is(pg_temp.fate('completed', 100000, 100000), 'acme/small 1140 reported settled', 'never more than was held, whatever is reported');
select is(pg_temp.fate('completed', 1, 1), 'acme/small 18 reported settled', 'a short one little');
select is(pg_temp.fate('completed', 1, 1, '{acme/minimum}'), 'acme/minimum 500 reported settled', 'but at least the minimum');
select is(pg_temp.fate('completed', 100, 20, '{acme/small,acme/dear}'), 'acme/small 600 reported settled', 'the first model when none is named');
select is(pg_temp.fate('completed', 100, 20, '{acme/small,acme/dear}', 'acme/dear'), 'acme/dear 1200 reported settled', 'the one that answered when it is');
select is(pg_temp.fate('completed', 100, 20, '{acme/small}', 'acme/dear'), 'acme/small 600 reported settled', 'never one that was not authorised');
select is(pg_temp.fate('completed', 100, 0, '{acme/embed}', null, 'embedding'), 'acme/embed 300 reported settled', 'an embedding is charged for its prompt');
select is(pg_temp.fate('completed', 100, 20, '{acme/free}'), 'acme/free 0 reported settled', 'an answer of a free model is settled with nothing');

create temporary table before_free as select pg_temp.counters() as counters;
select is(pg_temp.fate('completed', 100, 0), 'acme/small 0 none released', 'no output, no charge');
select is(pg_temp.fate('stopped', 100, 0), 'acme/small 0 none released', 'stopped before the first token neither');
select is(pg_temp.fate('completed', 100, null), 'acme/small 0 none released', 'nor an answer of which nobody knows a token');
select is(pg_temp.fate('failed', 100, 20), 'acme/small 0 none released', 'a failed call is free, whatever it gave');
select is(pg_temp.fate('failed', null, null), 'acme/small 0 none released', 'and whatever it said');
select is(pg_temp.fate('failed', 100, 0, '{acme/embed}', null, 'embedding'), 'acme/embed 0 none released', 'a failed embedding too');
select is(pg_temp.fate('completed', 100, 0, '{acme/minimum}'), 'acme/minimum 0 none released', 'not even the minimum');
select is(pg_temp.counters(), counters, 'and such calls give back what they counted in month, tokens and budget') from before_free;

select tests.throws(
  $$select private.finish_run(gen_random_uuid(), row('failed', null, null, null, null, null, null, null, null, null, null)::private.run_report)$$,
  404, 'not_found', 'a run that is not there cannot end'
);

-- costs that are known later, or never ----------------------------------------------------------------

-- Open or waiting as the run says; ended when there is its receipt instead.
create function pg_temp.status_of(word text)
returns text
language sql
as $$
  select concat_ws(
    ' and ', (select status::text from private.runs where id = pg_temp.run(word)),
    (select 'ended' from private.usage_events where run_id = pg_temp.run(word))
  )
$$;
select pg_temp.starts('later');
select is((pg_temp.ends('later', 'completed', null, null, generation => 'gen-1')).run_id, null, 'a call whose cost is not known yet has no receipt yet');
select is(pg_temp.status_of('later'), 'reconciling', 'it waits');
select is((select held_micros from private.balances, ids where account_id = engine)::bigint, 1140::bigint, 'and keeps its hold');
select tests.travel('2 seconds');
select is_empty('select * from private.claim_reconciliations()', 'upstream needs a moment');
select tests.travel('1 millisecond');
select results_eq('select * from private.claim_reconciliations()', $$select pg_temp.run('later'), 'gen-1'$$, 'then its cost is to be asked');
select is_empty('select * from private.claim_reconciliations()', 'by one asker at a time');
select results_eq(
  $$select charged_micros::bigint, cost_label::text from pg_temp.ends('later', 'completed', 100, 20, reconciled => true)$$,
  $$values (600::bigint, 'reconciled')$$, 'known, it is charged and labelled so'
);
select results_eq(
  $$select charged_micros::bigint, cost_label::text from pg_temp.ends('later', 'completed', 1, 1)$$, $$values (600::bigint, 'reconciled')$$, 'once'
);
select is(pg_temp.status_of('later'), 'ended', 'and waits no longer');

select pg_temp.starts('unknown');
select results_eq(
  $$select charged_micros::bigint, cost_label::text, (used).prompt_tokens, (used).completion_tokens from pg_temp.ends('unknown', 'completed', null, null, produced => 41)$$,
  $$values (240::bigint, 'estimated', 25::bigint, 11::bigint)$$, 'without a name to ask by it is estimated, a token for four bytes'
);
select pg_temp.starts('no record');
select pg_temp.ends('no record', 'stopped', null, null, generation => 'gen-2');
select results_eq(
  $$select charged_micros::bigint, cost_label::text from pg_temp.ends('no record', 'stopped', null, null, produced => 40, reconciled => true)$$,
  $$values (225::bigint, 'estimated')$$, 'so it is when upstream has no record either'
);
select pg_temp.starts('nothing');
select results_eq(
  $$select charged_micros::bigint, cost_label::text from pg_temp.ends('nothing', 'completed', null, null, produced => 0)$$,
  $$values (0::bigint, 'none')$$, 'an estimate of no output charges nothing'
);

select pg_temp.starts('half a bill ' || nth) from generate_series(1, 2) as nth;
select is(
  (pg_temp.ends('half a bill 1', 'completed', 10, null, generation => 'gen-5')).run_id, null,
  'a bill that does not say how long the answer was is none: the record is asked'
);
select results_eq(
  $$select charged_micros::bigint, cost_label::text, (used).prompt_tokens, (used).completion_tokens from pg_temp.ends('half a bill 2', 'completed', 10, null, produced => 41)$$,
  $$values (195::bigint, 'estimated', 10::bigint, 11::bigint)$$, 'and without a record it is reckoned from what came'
);
select pg_temp.ends('half a bill 1', 'completed', 10, 5, reconciled => true);

-- workers that are gone ----------------------------------------------------------------------------

select pg_temp.starts('alive'), pg_temp.starts('lost'), pg_temp.starts('lost upstream'), pg_temp.starts('waiting');
select is(private.touch_run(pg_temp.run('lost upstream'), 'gen-3'), false, 'a heartbeat says that nobody asked to stop');
select pg_temp.ends('waiting', 'completed', null, null, generation => 'gen-4');
select tests.travel('30 seconds');
select is(private.sweep_runs(), 0, 'a lease is good to its last moment');
select tests.travel('1 millisecond');
select private.touch_run(pg_temp.run('alive'), null);
select is(private.sweep_runs(1), 1, 'a sweep takes as many as it is told');
select is(private.sweep_runs(), 1, 'and then the rest');
select is(pg_temp.status_of('alive'), 'open', 'who said that it is alive goes on');
select is(pg_temp.status_of('lost'), 'ended', 'a run without a worker ends');
select results_eq(
  $$
    select usage_events.outcome::text, error_code, usage_events.charged_micros::bigint, upstream_micros::bigint, cost_label::text, resolutions.outcome::text
    from private.usage_events join private.resolutions on hold_id = run_id where run_id = pg_temp.run('lost')
  $$,
  $$values ('expired', 'run_lost', 0::bigint, null::bigint, 'none', 'expired')$$, 'without a charge, and without a cost that nobody knows'
);
select is(pg_temp.status_of('lost upstream'), 'reconciling', 'unless upstream may have a record of it');
select is(pg_temp.status_of('waiting'), 'reconciling', 'one that waits goes on waiting');
select is((pg_temp.ends('lost', 'completed')).outcome::text, 'expired', 'a worker that comes back learns that it was given up');
select tests.travel('15 minutes');
select private.touch_run(pg_temp.run('alive'), null);
select is(private.sweep_runs(), 2, 'when no record has come for as long as a hold lasts');
select is(pg_temp.status_of('lost upstream'), 'ended', 'it ends as well');
select is((select charged_micros from private.usage_events where run_id = pg_temp.run('waiting'))::bigint, 0::bigint, 'free of charge');
select pg_temp.ends('alive', 'completed');
select is((select held_micros from private.balances, ids where account_id = engine)::bigint, 0::bigint, 'nothing stays held');
select is(private.sweep_runs(), 0, 'and nothing is left to sweep');

-- the model that answered --------------------------------------------------------------------------

update private.models set canonical_slug = 'acme/2026-dear-0501' where id = 'acme/dear';
select pg_temp.starts('named ' || nth, '{acme/small,acme/dear}') from generate_series(1, 4) as nth;
select is(
  (select upstream_names from private.runs where id = pg_temp.run('named 1')), '{acme/small,acme/2026-dear-0501}',
  'a run knows how the upstream names its models'
);
select is(
  (pg_temp.ends('named ' || nth, 'completed', model => named)).model_id, answered, format('%s is %s', coalesce(named, 'no name'), answered)
)
from (
  values (1, 'acme/dear', 'acme/dear'), (2, 'acme/2026-dear-0501', 'acme/dear'), (3, null, 'acme/small'), (4, 'who/ever', 'acme/small')
) as said (nth, named, answered);

-- failed attempts -----------------------------------------------------------------------------------

select pg_temp.starts('attempts ' || nth, '{acme/small,acme/dear}') from generate_series(1, 4) as nth;
select pg_temp.ends(
  'attempts ' || nth, 'completed', model => 'acme/dear', attempts => '[{"model": "acme/small", "error": "overloaded"}, {"model": "acme/dear"}, 7, null, "x"]'
)
from generate_series(1, 3) as nth;
select results_eq(
  'select model_id, failures, last_error, cooling_until - private.clock() from private.model_health',
  $$values ('acme/small', 3, 'overloaded', interval '30 seconds')$$, 'receipts teach which models fail'
);
select pg_temp.ends('attempts 4', 'completed', model => 'acme/small');
select is_empty('select * from private.model_health', 'and which answer again');

-- heartbeats and stopping ---------------------------------------------------------------------------

select pg_temp.starts('stop');
create function pg_temp.stops(word text) returns boolean language sql as $$ select api.stop_run(run_id) from started where started.word = stops.word $$;
grant execute on function pg_temp.stops to public;
select tests.sign_in_as('Eve');
select is(pg_temp.stops('stop'), false, 'a stranger stops nothing');
select is(api.stop_run(gen_random_uuid()), false, 'as if it were not there');
select tests.sign_in_as('Max');
select is(pg_temp.stops('stop'), false, 'nor does another member');
select tests.sign_in_as('Bill');
select is(pg_temp.stops('stop'), false, 'nor who does the billing');
select tests.sign_out();
select is(private.touch_run(pg_temp.run('stop'), null), false, 'so its worker hears nothing');
select tests.sign_in_as('Mia');
select is(pg_temp.stops('stop'), true, 'whose call it is may stop it');
select is(pg_temp.stops('stop'), true, 'and press the button twice');
select tests.sign_in_as_service();
select is((select api.touch_run(run_id, 'gen-5') from started where word = 'stop'), true, 'the worker hears of it with its next heartbeat');
select is(api.touch_run(gen_random_uuid(), repeat('g', 1000000)), null, 'a run that is not there has no heartbeat');
select tests.is_refused('select api.stop_run(gen_random_uuid())', 'the server stops nothing as a person');
select tests.sign_out();
select pg_temp.ends('stop', 'stopped', 100, 5);
select is(private.touch_run(pg_temp.run('stop'), null), null, 'nor has one that has ended');
select tests.sign_in_as('Mia');
select is(pg_temp.stops('stop'), false, 'and it cannot be stopped any more');
select tests.sign_out();
select pg_temp.starts('stop by owner');
select tests.sign_in_as('Ada');
select is(pg_temp.stops('stop by owner'), true, 'an owner may stop any call of the account');
select tests.sign_in_anonymously();
select tests.is_refused('select api.stop_run(gen_random_uuid())', 'a visitor stops nothing');
select tests.sign_out();
select pg_temp.ends('stop by owner', 'stopped');
delete from private.members using ids where account_id = engine and user_id = mia;
select pg_temp.starts('left');
select tests.sign_in_as('Mia');
select is(pg_temp.stops('left'), false, 'who has left the account stops nothing there');
select tests.sign_out();
insert into private.members (account_id, user_id, role) select engine, mia, 'member' from ids;

-- as the server reports it --------------------------------------------------------------------------

select tests.sign_in_as_service();
select results_eq(
  $$
    select outcome::text, charged_micros::bigint, cost_label::text, prompt_tokens, reasoning_tokens, attempts, first_token_ms
    from started, api.finish_run(run_id, '{
      "outcome": "completed", "model_id": "acme/small", "used": {"prompt_tokens": 100, "completion_tokens": 20, "reasoning_tokens": 7},
      "upstream_usd": "1e-7", "attempts": [{"model": "acme/small"}], "first_token_ms": 250
    }')
    where word = 'left'
  $$,
  $$values ('completed', 600::bigint, 'reported', 100::bigint, 7::bigint, '[{"model": "acme/small"}]'::jsonb, 250)$$,
  'the worker''s report in JSON ends a run, and the receipt comes back'
);
select tests.throws(format('select api.finish_run(gen_random_uuid(), %L)', report), 422, 'invalid_input', 'no report is ' || report)
from unnest(array['{}', '{"outcome": "expired"}', '{"outcome": "won"}', '{"outcome": null}', '[]', '7']) as report;
select tests.throws($$select api.finish_run(gen_random_uuid(), '{"outcome": "failed"}')$$, 404, 'not_found', 'nor of a run that is not there');
select tests.is_refused('select private.finish_run(null, null)', 'the server ends runs by a report only');
select tests.sign_in_as('Ada');
select tests.is_refused(statement, 'an owner is refused: ' || statement)
from unnest(array[
  $$select api.finish_run(gen_random_uuid(), '{"outcome": "failed"}')$$, 'select api.touch_run(gen_random_uuid())',
  'select * from api.claim_reconciliations()', 'select private.sweep_runs()', 'update private.runs set held_micros = 0',
  'delete from private.usage_events', 'update private.usage_days set charged_micros = 0', 'update api.receipts set charged_micros = 0'
]) as statement;
select tests.sign_in_as_service();
select tests.is_refused(statement, 'the server is refused: ' || statement)
from unnest(array[
  'update private.runs set held_micros = 0', 'delete from private.usage_events', 'update private.usage_days set charged_micros = 0',
  'select private.sweep_runs()', 'select private.ensure_usage_partitions()', 'select private.archive_usage()'
]) as statement;

-- receipts ------------------------------------------------------------------------------------------

select tests.sign_out();
insert into private.models (
  id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd, cache_read_usd, cache_write_usd, reasoning_usd,
  audio_usd, search_usd, request_usd
)
values ('acme/kinds', 'Kinds', 32000, 4000, 2e-9, 3e-9, 5e-9, 7e-9, 11e-9, 13e-9, 17e-9, 19e-9);
insert into private.pricing_rules (pattern, priority, markup_percent, minimum_micros) values ('acme/kinds', 0, 0, 7);
select pg_temp.starts('kinds', '{acme/kinds}');
select private.finish_run(
  pg_temp.run('kinds'),
  row('completed', null, null, 'stop', null, row(40, 9, 1, 2, 4, 3, 0, 0)::private.token_counts, null, 0.0000001, null, 12, false)::private.run_report
);
update private.pricing_rules set markup_percent = 900 where pattern = 'acme/kinds';
select tests.sign_in_as('Mia');
select results_eq(
  $$select prompt_tokens, cache_write_tokens, audio_tokens, searches from api.receipts join started using (run_id) where word = 'kinds'$$,
  'values (40::bigint, 2::bigint, 3::bigint, 0::bigint)', 'a receipt counts all that is priced apart'
);
select is(
  (
    select
      price.request_micros + price.prompt_micros * 34 + price.cache_read_micros * 1 + price.cache_write_micros * 2
      + price.audio_micros * 3 + price.completion_micros * 5 + price.reasoning_micros * 4
    from api.receipts join started using (run_id) join api.price_versions as price on price.id = receipts.price_version_id
    where word = 'kinds'
  ),
  (select charged_micros::numeric from api.receipts join started using (run_id) where word = 'kinds'),
  'its version says the prices that charged it, though the price is another now'
);
select results_eq(
  $$select price_versions.model_id, minimum_micros from api.price_versions join api.receipts on receipts.price_version_id = price_versions.id
    join started using (run_id) where word = 'kinds'$$,
  $$values ('acme/kinds', 7::bigint)$$, 'and the least that a call costs'
);
select tests.is_refused('delete from api.price_versions', 'nobody changes one');
select tests.sign_in_anonymously();
select tests.is_refused('select * from api.price_versions', 'who has no receipts asks for no versions');
select tests.sign_out();
select is_empty(
  $$select attname from pg_catalog.pg_attribute where attrelid = to_regclass('api.price_versions') and attname ~ 'upstream|rule'$$,
  'what a model costs us is not among them'
);


select tests.sign_out();
select pg_temp.starts('by key', key_id => key) from ids;
select pg_temp.ends('by key', 'completed');
select pg_temp.starts('still open');
create function pg_temp.sees()
returns text
language sql
as $$
  select format(
    'receipts %s, runs %s, days %s', (select count(*) > 0 from api.receipts), (select count(*) > 0 from api.runs), (select count(*) > 0 from api.usage_days)
  )
$$;
grant execute on function pg_temp.sees to public;
select tests.sign_in_as('Mia');
select is(pg_temp.sees(), 'receipts t, runs t, days t', 'whose call it was sees its receipt');
select results_eq(
  $$select charged_micros::bigint, transaction_id is not null from api.receipts, started where receipts.run_id = started.run_id and word = 'one'$$,
  'values (600::bigint, true)', 'with what it cost'
);
select tests.sign_in_as('Ada');
select is(pg_temp.sees(), 'receipts t, runs t, days t', 'an owner sees all of the account''s');
select tests.sign_in_as('Bill');
select is(pg_temp.sees(), 'receipts t, runs t, days t', 'as does who does the billing');
select tests.sign_in_as('Max');
select is(pg_temp.sees(), 'receipts f, runs f, days f', 'another member sees none');
select tests.sign_in_as('Eve');
select is(pg_temp.sees(), 'receipts f, runs f, days f', 'nor does a stranger');
select tests.sign_in_anonymously();
select tests.is_refused('select * from ' || relation, 'a visitor does not read ' || relation)
from unnest(array['api.receipts', 'api.runs', 'api.usage_days', 'private.usage_events', 'private.usage_events_default']) as relation;
select tests.sign_in_as('Mia');
select tests.is_refused('select * from private.usage_events_default', 'nobody reads past the policies, through a partition');
select tests.sign_out();
delete from private.members using ids where account_id = engine and user_id = mia;
select tests.sign_in_as('Mia');
select is(pg_temp.sees(), 'receipts f, runs f, days f', 'who has left sees nothing any more');
select tests.sign_out();

-- What the receipts sum to, and what the daily sums say otherwise.
create function pg_temp.wrong_days(relation text)
returns setof record
language plpgsql
as $$
begin
  return query execute format(
    $query$
      select account_id, day, model_id, user_id, key_id, requests, errors, prompt_tokens, completion_tokens, charged_micros,
        upstream_micros, latency_ms, first_token_ms, first_tokens
      from private.%I
      except
      select
        account_id, (finished_at at time zone 'UTC')::date, model_id, user_id, coalesce(key_id, '00000000-0000-0000-0000-000000000000'),
        count(*), count(*) filter (where outcome in ('failed', 'expired')),
        coalesce(sum((used).prompt_tokens), 0)::bigint, coalesce(sum((used).completion_tokens), 0)::bigint,
        sum(charged_micros)::bigint, coalesce(sum(upstream_micros), 0)::bigint, sum(latency_ms)::bigint,
        coalesce(sum(first_token_ms), 0)::bigint, count(first_token_ms)
      from private.usage_events
      group by 1, 2, 3, 4, 5
    $query$, relation
  );
end
$$;
create function pg_temp.days(relation text)
returns text
language plpgsql
as $$
declare
  wrong bigint;
  requests bigint;
begin
  select count(*) into wrong from pg_temp.wrong_days(relation) as t (
    a uuid, b date, c text, d uuid, e uuid, f bigint, g bigint, h bigint, i bigint, j bigint, k bigint, l bigint, m bigint, n bigint
  );
  execute format('select coalesce(sum(requests), 0) from private.%I', relation) into requests;
  return format('%s wrong, %s of %s receipts', wrong, requests, (select count(*) from private.usage_events));
end
$$;
create temporary table receipts as select count(*) as number from private.usage_events;
select is(pg_temp.days('usage_by_day'), format('0 wrong, %1$s of %1$s receipts', number), 'the daily sums are the sums of the receipts') from receipts;
select private.roll_up_usage();
select is(pg_temp.days('usage_by_day'), format('0 wrong, %1$s of %1$s receipts', number), 'also when some are rolled up') from receipts;
select tests.travel('10 minutes 1 microsecond');
select private.roll_up_usage();
select is(pg_temp.days('usage_days'), format('0 wrong, %1$s of %1$s receipts', number), 'ten minutes later all of them are') from receipts;
select is(pg_temp.days('usage_by_day'), format('0 wrong, %1$s of %1$s receipts', number), 'and none counts twice') from receipts;

select * from finish();
rollback;
