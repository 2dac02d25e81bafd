-- admin: what an admin reads and does in Studio, in credits and emails; and that nobody else can.

begin;
select plan(86);

select tests.create_user('Ada');
select tests.create_user('Eve');
select api.sync_models('{"data": [{
  "id": "openai/gpt-3.5-turbo", "name": "GPT-3.5 Turbo", "context_length": 16385,
  "pricing": {"prompt": "0.0000005", "completion": "0.0000015"}
}]}');

create function pg_temp.call(completion_tokens integer default null, outcome text default 'completed')
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
      'outcome', outcome, 'model_id', 'openai/gpt-3.5-turbo', 'upstream_usd', 0.002,
      'used', jsonb_build_object('prompt_tokens', 100, 'completion_tokens', completion_tokens)
    )));
  end if;
  return verdict.run_id;
end
$$;

select set_config('tests.charged', pg_temp.call(1000)::text, true);
select set_config('request.headers', '{"x-request-id": "req-7"}', true);
select set_config('tests.failed', pg_temp.call(0, 'failed')::text, true);
select set_config('request.headers', '', true);
select set_config('tests.open', pg_temp.call()::text, true);

-- nobody else -----------------------------------------------------------------------------------
select schema_privs_are('admin', 'anon', '{}', 'a visitor does not get into admin');
select schema_privs_are('admin', 'authenticated', '{}', 'nor does somebody who is signed in');
select schema_privs_are('admin', 'service_role', '{}', 'nor does the server');
select is_empty(
  $$select p.proname from pg_proc as p cross join unnest('{anon,authenticated,service_role}'::text[]) as role
    where p.pronamespace = 'admin'::regnamespace and has_function_privilege(role, p.oid, 'execute')$$,
  'no role of the API may execute an act'
);
select is_empty(
  $$select c.relname from pg_class as c cross join unnest('{anon,authenticated,service_role}'::text[]) as role
    where c.relnamespace = 'admin'::regnamespace and has_table_privilege(role, c.oid, 'select')$$,
  'no role of the API may read a view'
);
select is_empty(
  $$select relname from pg_class where relnamespace = 'admin'::regnamespace and relkind = 'v'
      and (obj_description(oid) is null or not 'security_invoker=true' = any (reloptions))$$,
  'every view says what it shows, and shows it as its reader'
);

-- words -----------------------------------------------------------------------------------------
select is(admin.credits(1500000), 1.5, 'micros are shown as credits');
select is(admin.micros(1.5), 1500000::bigint, 'credits are read as micros');
select tests.throws('select admin.micros(0.0000001)', 422, 'invalid_input', 'a seventh decimal is refused, not rounded');
select tests.throws($$select admin.micros('NaN')$$, 422, 'invalid_input', 'NaN is no number of credits');
select tests.throws($$select admin.micros('Infinity')$$, 422, 'invalid_input', 'nor is infinity');
select tests.throws('select admin.micros(1e12)', 422, 'invalid_input', 'nor is more than the ledger can count');
select tests.throws('select admin.micros(null)', 422, 'invalid_input', 'nor is nothing');
select is(admin.find_account(' ADA@example.com '), tests.account_of('Ada'), 'an account is found by email');
select is(admin.find_account(tests.account_of('Ada')::text), tests.account_of('Ada'), 'or by its id');
select tests.throws($$select admin.find_account('nobody@example.com')$$, 404, 'not_found', 'or it is said that there is none');
select tests.throws('select admin.find_account(null)', 404, 'not_found', 'also when nothing was given');

-- views -----------------------------------------------------------------------------------------
select is(
  (select row(name, plan, credits, held_credits, owed_credits, suspended_since)::text from admin.people where email = 'ada@example.com'),
  '(Ada,Free,497.9,2.48,0,)', 'a person is shown with what they have'
);
select is((select count(*) from admin.accounts), 2::bigint, 'every account is shown once');
select is(
  (select row(owner_email, kind, credits, balance_after, author)::text from admin.transactions where account = 'Ada' order by sequence desc limit 1),
  '(ada@example.com,charge,-2.1,497.9,system)', 'a movement is shown in credits'
);
select is(
  (select row(source, granted_credits, remaining_credits)::text from admin.lots where account = 'Ada'),
  '(welcome,500,497.9)', 'a lot is shown with what is left'
);
select is(
  (select row(through, model, prompt_tokens, completion_tokens, charged_credits, price_rule, refunded_credits)::text
    from admin.charges where run_id = current_setting('tests.charged')::uuid),
  '(chat,openai/gpt-3.5-turbo,100,1000,2.1,openai/gpt-3.5-turbo*,)', 'a charge is shown from the model to its price'
);
select matches(
  (select paid_from from admin.charges where run_id = current_setting('tests.charged')::uuid),
  '^2\.1 of lot \d+ \(welcome\)$', 'with the lots that paid'
);
select is((select run_id::text from admin.failed_runs), current_setting('tests.failed'), 'a call that failed is shown');
select is(
  (select row(account, status, held_credits, is_worker_gone, is_stuck)::text from admin.open_runs),
  '(Ada,open,2.48,f,f)', 'an open call is shown with what it holds'
);
select is(
  (select row(input_credits_per_1k, output_credits_per_1k, upstream_input_credits_per_1k, input_margin_percent, output_margin_percent, is_below_cost)::text
    from admin.prices where model = 'openai/gpt-3.5-turbo'),
  '(1,2,0.5,100.0,33.3,f)', 'a price is shown beside what it costs us'
);
select is(
  (select row(requests, charged_credits, charged_usd, upstream_usd, margin_usd, margin_percent)::text from admin.margins),
  '(2,2.1,0.002100,0.004000,-0.001900,-47.5)', 'the margin counts what the upstream billed, for failures too'
);
select is((select row(accounts, requests, errors, error_percent)::text from admin.usage), '(1,2,1,50.0)', 'use is counted by day and model');
update private.pricing_rules set input_credits_per_1k = 0.4 where pattern = 'openai/gpt-3.5-turbo*';
select is((select is_below_cost from admin.prices), true, 'a price below cost is flagged');
select is((select is_well from admin.health where name = 'Prices below cost'), false, 'health says so too');
select is((select is_well from admin.health where name = 'Stuck calls'), true, 'a running call is not stuck');
select tests.travel('17 minutes');
select is((select is_stuck from admin.open_runs), true, 'a call past the end of its hold is');
select is((select is_well from admin.health where name = 'Stuck calls'), false, 'and health says so');
select is((select what_to_do from admin.health where name = 'Stuck calls') like '%sweep-runs%', true, 'and what to do');
select tests.travel('-17 minutes');

-- acts on money ---------------------------------------------------------------------------------
select is(
  (select row(kind, credits, balance_after, reason, author, fact)::text
    from admin.grant_credits('ada@example.com', 12.5, ' Sorry ', 'Grace', 'T-1')),
  '(grant,12.5,510.4,Sorry,admin:Grace,admin:grant:T-1)', 'an admin grants credits'
);
select is(
  (select balance_after from admin.grant_credits('ada@example.com', 12.5, 'Sorry', 'Grace', 'T-1')), 510.4,
  'the same reference grants once'
);
select tests.throws($$select admin.grant_credits('ada@example.com', 13, 'Sorry', 'Grace', 'T-1')$$, 409, 'conflict', 'and is refused with another amount');
select tests.throws($$select admin.grant_credits('ada@example.com', 0, 'Sorry', 'Grace', 'T-2')$$, 422, 'invalid_input', 'nothing is no grant');
select tests.throws($$select admin.grant_credits('ada@example.com', 1, ' ', 'Grace', 'T-2')$$, 422, 'invalid_input', 'a grant has a reason');
select tests.throws($$select admin.grant_credits('ada@example.com', 1, 'Sorry', null, 'T-2')$$, 422, 'invalid_input', 'and an author');
select tests.throws($$select admin.grant_credits('ada@example.com', 1, 'Sorry', 'Grace', '')$$, 422, 'invalid_input', 'and a reference');
select is(
  (select row(kind, credits)::text from admin.adjust_credits('ada@example.com', -0.4, 'Booked twice', 'Grace', 'T-3')),
  '(adjustment,-0.4)', 'an admin takes credits back'
);
select tests.throws($$select admin.adjust_credits('ada@example.com', -509, 'All', 'Grace', 'T-4')$$, 402, 'insufficient_credits', 'but not what is held');
select is(
  (select row(kind, credits)::text from admin.refund_charge(current_setting('tests.charged')::uuid, 'Cut off', 'Grace', 'T-5', 0.6)),
  '(refund,0.6)', 'an admin refunds part of a charge'
);
select is(
  (select credits from admin.refund_charge(current_setting('tests.charged')::uuid, 'Cut off', 'Grace', 'T-6')), 1.5, 'or all that is left'
);
select is(
  (select credits from admin.refund_charge(current_setting('tests.charged')::uuid, 'Cut off', 'Grace', 'T-6')), 1.5, 'once per reference'
);
select tests.throws(
  format('select admin.refund_charge(%L, ''Cut off'', ''Grace'', ''T-7'')', current_setting('tests.charged')), 409, 'conflict', 'never more than it was'
);
select tests.throws(
  format('select admin.refund_charge(%L, ''Cut off'', ''Grace'', ''T-8'')', current_setting('tests.failed')), 404, 'not_found', 'what was not charged is not refunded'
);

-- finding and explaining ------------------------------------------------------------------------
select is((select run_id::text from admin.find_charge(current_setting('tests.charged'))), current_setting('tests.charged'), 'a charge is found by the id of its call');
select is(
  (select run_id::text from admin.find_charge((select id::text from private.transactions where kind = 'charge' and account_id = tests.account_of('Ada')))),
  current_setting('tests.charged'), 'by the id of its transaction'
);
select is((select count(*) from admin.find_charge('Ada@example.com')), 2::bigint, 'by email');
select is((select count(*) from admin.find_charge('ada@example.com', 1)), 1::bigint, 'as many as wanted');
select is((select count(*) from admin.find_charge(tests.account_of('Ada')::text)), 2::bigint, 'by the id of the account');
select is((select count(*) from admin.find_charge('req-7')), 1::bigint, 'by the id of the request');
select is((select count(*) from admin.find_charge('nothing')), 0::bigint, 'or not at all');
select tests.throws($$select admin.find_charge('nobody@example.com')$$, 404, 'not_found', 'an email that nobody has is said to be none');
select is(
  array(select regexp_replace(what, ' at \d{4}-.* UTC|\d{4}-\d\d-\d\d|(transaction|lot|version) \d+', '#', 'g') from admin.explain_charge(current_setting('tests.charged')::uuid) order by step),
  array[
    'ada@example.com of Ada called openai/gpt-3.5-turbo#.',
    'It might have cost 2.48 credits at most (400 bytes of prompt, up to 1000 tokens of answer): that much was held.',
    'openai/gpt-3.5-turbo ended as completed with 100 tokens in and 1000 out.',
    'Price #, made by the rule for openai/gpt-3.5-turbo*: 1 credits for 1,000 tokens in, 2 for 1,000 out, at least 0.',
    '2.1 credits were charged (reported), and the rest of the hold was freed.',
    'The ledger has it as #, number 2 of the account, balance after it 497.9 credits.',
    'It was paid with 2.1 of # (welcome).',
    '0.6 credits were given back on # by admin:Grace: Cut off',
    '1.5 credits were given back on # by admin:Grace: Cut off',
    'The upstream billed us US$0.002 for it.'
  ],
  'a charge is explained in sentences'
);
select ok(
  exists (select from admin.explain_charge(current_setting('tests.open')::uuid) where what = 'It has not ended yet.'),
  'so is a call that has not ended'
);

-- acts on accounts --------------------------------------------------------------------------------
select isnt((select suspended_since from admin.suspend_account('ada@example.com', 'Chargebacks', 'Grace')), null, 'an admin suspends an account');
select is(
  (private.authorize_run(row(
    tests.account_of('Ada'), tests.id_of('Ada'), null, 'completion', '{openai/gpt-3.5-turbo}',
    private.read_shape('{"prompt_bytes": 1}'), null, null, null, null
  ))).rule,
  'suspended', 'which then cannot spend'
);
select is((select suspended_since from admin.unsuspend_account('ada@example.com', 'Cleared', 'Grace')), null, 'and lets it spend again');
select is((select plan from admin.set_plan('ada@example.com', 'Pro', 'A gift', 'Grace')), 'Pro', 'an admin sets the plan');
select tests.throws($$select admin.set_plan('ada@example.com', 'gold', 'A gift', 'Grace')$$, 404, 'not_found', 'one that there is');
select is(
  (select row(applies_to, requests_per_minute, max_credits_per_request, works_now)::text
    from admin.override_limits('ada@example.com', 'A launch', 'Grace', requests_per_minute => 500, max_credits_per_request => 2.5)),
  '(account,500,2.5,t)', 'an admin overrides limits'
);
select tests.throws($$select admin.override_limits('ada@example.com', 'A launch', 'Grace', requests_per_day => 0)$$, 422, 'invalid_input', 'but not to nothing');
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
values (md5('key')::uuid, tests.account_of('Ada'), tests.id_of('Ada'), 'Robot', 'sk-oneai-r', sha256('sk-oneai-robot'));
select tests.throws(
  $$select admin.override_limits('ada@example.com', 'A launch', 'Grace', requests_per_month => 5, key_id => md5('key')::uuid)$$, 422, 'invalid_input',
  'nor a key''s requests of a month, which nothing counts'
);
select throws_ok(
  $$insert into private.limit_overrides (subject_id, account_id, requests_per_month, reason) values (md5('key')::uuid, tests.account_of('Ada'), 5, 'x')$$,
  '23514', null, 'not even by hand'
);
select is(admin.clear_override('ada@example.com', 'Over', 'Grace'), 1, 'and takes the override away');

-- keys, models and the guard ----------------------------------------------------------------------
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
values (md5('twin')::uuid, tests.account_of('Ada'), tests.id_of('Ada'), 'Twin', 'sk-oneai-r', sha256('twin'));
select tests.throws($$select admin.revoke_key('sk-oneai-x', 'Leaked', 'Grace')$$, 404, 'not_found', 'a key that is not there is not revoked');
select tests.throws($$select admin.revoke_key(null, 'Leaked', 'Grace')$$, 404, 'not_found', 'nor no key');
select tests.throws($$select admin.revoke_key('sk-oneai-r', 'Leaked', 'Grace')$$, 409, 'conflict', 'of two that begin alike none is guessed');
select isnt(
  (select revoked_since from admin.revoke_key(md5('twin')::uuid::text, 'Leaked', 'Grace')), null, 'an admin revokes a key by its id'
);
select ok(not private.is_key(sha256('twin')), 'which then is none');
select is(
  (select row(key, owner_email, made_by, revoked_since is not null)::text from admin.revoke_key(' sk-oneai-r ', 'Leaked', 'Grace')),
  '(Robot,ada@example.com,ada@example.com,t)', 'or by its beginning'
);
select tests.travel('1 hour');
select is(
  (select count(distinct revoked_since) from admin.revoke_key(md5('key')::uuid::text, 'Again', 'Grace')
    join private.api_keys on api_keys.id = key_id and api_keys.revoked_at = revoked_since and revoked_at < private.clock()),
  1::bigint, 'revoked again, it ended when it did'
);
select is(
  (select array_agg(reason order by id) from private.audit_log where subject = 'api_keys' and act = 'update'),
  '{Leaked,Leaked}', 'and the log says why, once each'
);

create function pg_temp.refused_as()
returns text
language sql
as $$
  select coalesce(verdict.rule, 'allowed')
  from private.authorize_run(row(
    tests.account_of('Ada'), tests.id_of('Ada'), null, 'completion', '{openai/gpt-3.5-turbo}',
    private.read_shape('{"prompt_bytes": 1, "max_tokens": 1}'), null, null, null, null
  )) as verdict
$$;
select is(
  (select row(switched.*)::text from admin.switch_model('openai/gpt-3.5-turbo', false, 'Broken', 'Grace') as switched),
  '(openai/gpt-3.5-turbo,"GPT-3.5 Turbo",f)', 'an admin switches a model off'
);
select is(pg_temp.refused_as(), 'model', 'which then nobody calls');
select ok((select is_enabled from admin.switch_model('openai/gpt-3.5-turbo', true, 'Mended', 'Grace')), 'and on again');
select is(pg_temp.refused_as(), 'allowed', 'which then anybody does');
select tests.throws($$select admin.switch_model('openai/none', true, 'Mended', 'Grace')$$, 404, 'not_found', 'a model that there is');
select ok((select is_paused from admin.pause_upstream(true, 'The bill', 'Grace')), 'an admin pauses all calls');
select is(pg_temp.refused_as(), 'guard', 'which then do not begin');
select ok(not (select is_paused from admin.pause_upstream(false, 'Settled', 'Grace')), 'and lets them begin');
select is(pg_temp.refused_as(), 'allowed', 'again');
select is(
  (select array_agg(concat_ws(' ', subject, actor, reason) order by id) from private.audit_log where subject in ('models', 'upstream_guard') and act = 'update'),
  '{models admin:Grace Broken,models admin:Grace Mended,upstream_guard admin:Grace The bill,upstream_guard admin:Grace Settled}',
  'each of it in the log'
);

select * from finish();
rollback;
