-- audit: what is logged and what is not, that the log cannot be changed, and that every kind of
-- damage to the books is found.

begin;
select no_plan();

select tests.create_user('Ada');
select tests.create_user('Eve');
select api.sync_models('{"data": [{
  "id": "openai/gpt-3.5-turbo", "name": "GPT-3.5 Turbo", "context_length": 16385,
  "pricing": {"prompt": "0.0000005", "completion": "0.0000015"}
}]}');

create function pg_temp.call(completion_tokens integer default null)
returns uuid
language plpgsql
as $$
declare
  verdict constant private.verdict := private.authorize_run(row(
    tests.account_of('Ada'), tests.id_of('Ada'), null, 'completion', '{openai/gpt-3.5-turbo}',
    private.read_shape('{"prompt_bytes": 400, "max_tokens": 1000}'), private.read_features('{}'), null, null, null
  ));
begin
  if completion_tokens is not null then
    perform private.finish_run(verdict.run_id, private.read_report(jsonb_build_object(
      'outcome', 'completed', 'model_id', 'openai/gpt-3.5-turbo',
      'used', jsonb_build_object('prompt_tokens', 100, 'completion_tokens', completion_tokens)
    )));
  end if;
  return verdict.run_id;
end
$$;

create function pg_temp.logged(sql text)
returns text[]
language plpgsql
as $$
declare
  last_id constant bigint := (select coalesce(max(id), 0) from private.audit_log);
begin
  execute sql;
  return array(select act || ' ' || subject from private.audit_log where id > last_id order by id);
end
$$;

-- what is logged --------------------------------------------------------------------------------
select is(pg_temp.logged($$update private.plans set requests_per_minute = 30 where id = 'free'$$), '{update plans}', 'a plan that changes is logged');
select is(
  (select row(before ->> 'requests_per_minute', after ->> 'requests_per_minute')::text from private.audit_log order by id desc limit 1),
  '(20,30)', 'with what it was and what it became'
);
select is(pg_temp.logged($$update private.plans set name = name$$), '{}', 'a change that changes nothing is not logged');
select is(pg_temp.logged($$insert into private.plan_models (plan_id, priority, pattern, allowed) values ('free', 1, 'x/*', false)$$), '{insert plan_models}', 'what a plan may call is logged');
select is(pg_temp.logged($$delete from private.plan_models where pattern = 'x/*'$$), '{delete plan_models}', 'also when it goes');
select is(pg_temp.logged($$insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('free', 'x/*', 1000000000)$$), '{insert model_quotas}', 'a model quota is logged');
select is(pg_temp.logged($$update private.account_plans set plan_id = 'pro' where account_id = tests.account_of('Ada')$$), '{update account_plans}', 'another plan is logged');
select is(pg_temp.logged($$insert into private.limit_overrides (subject_id, account_id, reason) select id, id, 'A test' from private.accounts where id = tests.account_of('Ada')$$), '{insert limit_overrides}', 'an override is logged');
select is(pg_temp.logged($$insert into private.budgets (account_id, subject, subject_id, period, limit_micros) values (tests.account_of('Ada'), 'member', tests.id_of('Ada'), 'total', 400000000)$$), '{insert budgets}', 'a budget is logged');
select is(pg_temp.logged($$update private.budgets set limit_micros = 450000000$$), '{update budgets}', 'its limit is logged');
select is(pg_temp.logged($$insert into private.packages (id, name) values ('odd', 'Odd')$$), '{insert packages}', 'a package is logged');
select is(pg_temp.logged($$delete from private.packages where id = 'odd'$$), '{delete packages}', 'also when it goes');
select is(pg_temp.logged($$insert into private.pricing_rules (pattern, priority, markup_percent) values ('x/*', 1, 5)$$), '{insert pricing_rules}', 'a price rule is logged');
select is(pg_temp.logged($$update private.presets set active = false where id = 'oneai/auto-fast'$$), '{update presets}', 'a preset is logged');
select is(pg_temp.logged($$update private.router_rules set active = false where preset_id = 'oneai/auto-fast'$$), '{update router_rules}', 'a router rule is logged');
select is(pg_temp.logged($$insert into private.coupons (code, credits_micros) values ('HELLO', 1000000)$$), '{insert coupons}', 'a coupon is logged');
select is(pg_temp.logged($$update private.coupons set active = false where code = 'HELLO'$$), '{update coupons}', 'also when it is switched off');
select is(pg_temp.logged($$update private.upstream_guard set is_paused = true$$), '{update upstream_guard}', 'the guard''s switch is logged');
select is(pg_temp.logged($$update private.upstream_guard set is_paused = false$$), '{update upstream_guard}', 'both ways');
select is(pg_temp.logged($$update private.accounts set suspended_at = now() where id = tests.account_of('Eve')$$), '{update accounts}', 'a suspension is logged');
select is((select account_id from private.audit_log order by id desc limit 1), tests.account_of('Eve'), 'with the account it is about');
select is(pg_temp.logged($$update private.members set role = 'admin' where user_id = tests.id_of('Eve')$$), '{update members}', 'a role is logged');
select is(pg_temp.logged($$insert into private.api_keys (account_id, created_by, name, prefix, hash) values (tests.account_of('Ada'), tests.id_of('Ada'), 'Key', 'sk-oneai-1', sha256('key'))$$), '{insert api_keys}', 'a key is logged');
select is((select after ? 'hash' from private.audit_log order by id desc limit 1), false, 'without its hash');
select is(pg_temp.logged($$update private.models set enabled = false$$), '{update models}', 'a model taken off is logged');
select is(pg_temp.logged($$update private.models set enabled = true$$), '{update models}', 'and put back');
select is(pg_temp.logged($$update private.schedules set schedule = '10 seconds' where name = 'sweep-runs'$$), '{update schedules}', 'scheduled work is logged');

-- what is not -----------------------------------------------------------------------------------
select is(pg_temp.logged('select pg_temp.call(100)'), '{}', 'a call from start to end logs nothing');
select is(pg_temp.logged($$update private.api_keys set last_used_at = now()$$), '{}', 'the use of a key logs nothing');
select is(pg_temp.logged($$update private.upstream_guard set closed_until = now()$$), '{}', 'a measurement of the guard logs nothing');
select is(pg_temp.logged($$update private.coupons set redemption_count = 1$$), '{}', 'a redemption logs nothing');
select is(pg_temp.logged($$select tests.create_user('Bob')$$), '{}', 'a sign-up logs nothing');
select is(pg_temp.logged($$select private.sync_models('{"data": [{"id": "openai/gpt-3.5-turbo", "context_length": 16385}]}')$$), '{}', 'a sync logs nothing');
select is(pg_temp.logged($$select private.sync_models('{"data": [{"id": "openai/gpt-3.5-turbo", "context_length": 16385, "pricing": {"prompt": "0.0000005", "completion": "0.0000015"}}]}')$$), '{}', 'even when prices change');

-- by whom ---------------------------------------------------------------------------------------
select is((select actor from private.audit_log order by id desc limit 1), 'postgres postgres.js', 'without a name, the role and the program are the actor');
select set_config('request.headers', '{"x-request-id": "req-1"}', true);
select tests.sign_in_as('Ada');
select isnt((select limit_micros from api.set_budget(tests.account_of('Ada'), 'member', tests.id_of('Ada'), 'day', 5000)), null, 'somebody sets a budget');
select tests.sign_out();
select set_config('request.jwt.claims', '', true);
select is(
  (select row(actor, request_id)::text from private.audit_log order by id desc limit 1),
  format('(user:%s,req-1)', tests.id_of('Ada')), 'who is signed in is the actor, with the request''s id'
);
select is((select who from admin.audit_log order by id desc limit 1), 'ada@example.com', 'an admin reads who it was by email');
delete from private.budgets where budgets.period = 'day';
select lives_ok($$select admin.suspend_account('ada@example.com', 'Chargebacks', 'Grace')$$, 'an admin suspends an account');
select is(
  (select row(actor, reason)::text from private.audit_log order by id desc limit 1), '(admin:Grace,Chargebacks)',
  'an act has its author and its reason'
);
select matches((select change from admin.audit_log order by id desc limit 1), '^suspended_at: nothing → \d{4}-', 'the log says what changed');
select lives_ok($$select admin.unsuspend_account('ada@example.com', 'Cleared', 'Grace')$$, 'and lets it go on');

-- nobody changes it -----------------------------------------------------------------------------
select tests.throws('update private.audit_log set actor = $$nobody$$', 409, 'append_only', 'the log is not changed');
select tests.throws('delete from private.audit_log', 409, 'append_only', 'nothing is taken out of the log');
select tests.throws('truncate private.audit_log', 409, 'append_only', 'nor all of it');
select table_privs_are('private', 'audit_log', 'service_role', '{}', 'not even the server reads or writes the log');
select table_privs_are('private', 'ledger_audits', 'service_role', '{}', 'nor the audits');

-- the books -------------------------------------------------------------------------------------
select pg_temp.call(1000);
select pg_temp.call();
select private.refund_charge(id, 100000, 'refund:1', 'Sorry', 'system') from private.transactions where kind = 'charge' order by id limit 1;
select private.reverse_grant(id, 500000000, 'dispute:1', 'Dispute', 'system') from private.transactions where fact = 'welcome' and account_id = tests.account_of('Ada');
select is((select array_agg(problem) from admin.ledger_problems()), null, 'sound books have no problems, with debts and open calls in them');
select is((select problems from admin.audit_ledger()), 0::bigint, 'and the audit says so');
select is((select is_well from admin.health where name = 'Ledger'), true, 'and so does health');

alter table private.transactions disable trigger on_transactions_change;
alter table private.allocations disable trigger on_allocations_change;
alter table private.usage_events disable trigger on_usage_events_change;

create function pg_temp.problems_after(damage text)
returns setof text
language plpgsql
as $$
declare
  found text[];
begin
  begin
    execute damage;
    found := array(select distinct regexp_replace(problem, '[0-9a-f-]{36}|-?\d+', 'N', 'g') from admin.ledger_problems() as found (account_id, transaction_id, problem) order by 1);
    raise exception 'undo' using errcode = 'ZZ001';
  exception when sqlstate 'ZZ001' then null;
  end;
  return query select unnest(found);
end
$$;

select set_has(
  $$select pg_temp.problems_after('update private.transactions set amount_micros = amount_micros + 1 where fact = ''refund:1''')$$,
  $$values ('The hash does not match what the transaction says.'), ('The balance after it should be N micro-credits.'),
    ('The wallet should have N micro-credits, not N.'), ('Its lot is missing, one too many or of another amount.')$$,
  'another amount'
);
select set_has(
  $$select pg_temp.problems_after('update private.transactions set previous_hash = sha256(''x'') where fact = ''refund:1''')$$,
  $$values ('The chain is broken: the previous hash is not that of the transaction before.')$$, 'another link of the chain'
);
select set_has(
  $$select pg_temp.problems_after('update private.transactions set sequence = sequence + 10 where fact = ''dispute:1''')$$,
  $$values ('A transaction before this one is missing.'), ('The wallet does not name the end of its chain.')$$, 'a gap'
);
select set_has(
  $$select pg_temp.problems_after('update private.wallets set set_aside_micros = set_aside_micros - 1 where set_aside_micros > 0')$$,
  $$values ('The open holds add up to N micro-credits, not N.')$$, 'something held that nobody holds'
);
select set_has(
  $$select pg_temp.problems_after('update private.lots set remaining_micros = remaining_micros - 1 where remaining_micros > 0')$$,
  $$values ('Lot N should have N micro-credits left.'), ('The lots add up to N micro-credits, not to the balance and the debt.')$$,
  'a lot that lost something'
);
select set_has(
  $$select pg_temp.problems_after('update private.allocations set amount_micros = amount_micros + 1')$$,
  $$values ('The lots do not pay what was taken.')$$, 'lots that paid another amount'
);
select set_has(
  $$select pg_temp.problems_after('update private.usage_events set charged_micros = charged_micros + 1 where transaction_id is not null')$$,
  $$values ('A charge does not match its receipt.'), ('The receipt of call N says another charge than the ledger.')$$,
  'a receipt over another amount'
);
select set_has(
  $$select pg_temp.problems_after('update private.usage_events set transaction_id = null where transaction_id is not null')$$,
  $$values ('A charge does not match its receipt.'), ('The receipt of call N says another charge than the ledger.')$$,
  'a receipt that names no charge'
);
select set_has(
  $$select pg_temp.problems_after('update private.usage_events set account_id = tests.account_of(''Eve'') where transaction_id is not null')$$,
  $$values ('A charge does not match its receipt.')$$, 'a receipt of another account'
);
select set_has(
  $$select pg_temp.problems_after('delete from private.usage_events')$$,
  $$values ('A charge does not match its receipt.')$$, 'a charge without a receipt'
);
select set_has(
  $$select pg_temp.problems_after('update private.usage_events set run_id = gen_random_uuid() where transaction_id is not null')$$,
  $$values ('A charge does not match its receipt.'), ('The receipt of call N says another charge than the ledger.')$$, 'a receipt of another call'
);
select set_has(
  $$select pg_temp.problems_after('update private.runs set id = (select min(run_id::text)::uuid from private.usage_events)')$$,
  $$values ('Call N has a receipt, and is open.')$$, 'a call that has ended and is open'
);
select set_has(
  $$select pg_temp.problems_after('delete from private.runs')$$,
  $$values ('The open holds add up to N micro-credits, not N.')$$, 'an open call that is gone'
);
select set_has(
  $$select pg_temp.problems_after('insert into private.book_balances (book, balance_micros, through_transaction_id) values (''revenue'', 1, 0)')$$,
  $$values ('The book of revenue should stand at N micro-credits.')$$, 'a book that was summed up wrong'
);

-- A year and more later: receipts are archived, and the books are as sound as before.
select tests.travel('15 months');
select isnt(private.archive_usage(), '{}', 'the receipts of last year are taken out of the running table');
select is((select count(*) from private.usage_events), 0::bigint, 'all there were');
select is((select array_agg(problem) from admin.ledger_problems()), null, 'charges whose receipts are archived are no problem');
select private.ensure_usage_partitions();
select private.grant_credits(tests.account_of('Ada'), 900000000, 'top_up', 'payment:late', 'x', 'x');
select pg_temp.call(100);
select set_has(
  $$select pg_temp.problems_after('delete from private.usage_events')$$,
  $$values ('A charge does not match its receipt.')$$, 'but those whose receipts should be there are'
);

-- scheduled work ----------------------------------------------------------------------------------
create function pg_temp.schedules_say()
returns text
language sql
as $$ select concat(state, ' / ' || what_to_do) from admin.health where name = 'Schedules' $$;
select matches(pg_temp.schedules_say(), '^nothing runs them / .*pg_cron.*pg_net', 'where neither pg_cron nor a ticker runs, health says so');
create schema cron;
create table cron.job (jobname text, schedule text, command text, active boolean);
select matches(pg_temp.schedules_say(), 'not installed as written: .*sweep-runs.* / .*install_schedules', 'and names what pg_cron does not run');
insert into cron.job select name, schedule, command, true from private.schedules;
select matches(pg_temp.schedules_say(), '^pg_net is missing / .*pg_net', 'jobs that need the network want pg_net');
create schema net;
create function net.http_post() returns void language sql as '';
create schema if not exists vault;
create table vault.decrypted_secrets (name text, decrypted_secret text);
insert into vault.decrypted_secrets values ('functions_url', 'https://example.com');
select matches(pg_temp.schedules_say(), '^the vault lacks secret_key / ', 'and both secrets');
insert into vault.decrypted_secrets values ('secret_key', 'sb_secret_test');
select is(pg_temp.schedules_say(), (select count(*) || ' installed' from private.schedules), 'with all of it they are installed');
select is((select is_well from admin.health where name = 'Schedules'), true, 'and all is well');
update cron.job set active = false where jobname = 'expire-lots';
select matches(pg_temp.schedules_say(), '^not installed as written: expire-lots / ', 'one that is switched off is not');

select * from finish();
rollback;
