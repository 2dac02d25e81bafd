-- gateway: who makes, sees, changes, rotates and ends keys; what a key may and may not start; and
-- the answers kept for an Idempotency-Key.

begin;
select no_plan();

select tests.travel_to('2027-03-28 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Adam', 'Bill', 'Mia', 'Max', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine'), ('team', 'Elsewhere');
insert into private.members (account_id, user_id, role)
select id, tests.id_of(person.name), role::private.member_role
from (
  values ('Ada', 'owner'), ('Adam', 'admin'), ('Bill', 'billing'), ('Mia', 'member'), ('Max', 'member'), ('Vic', 'viewer')
) as person (name, role)
join private.accounts on accounts.name = 'Engine';
insert into private.members (account_id, user_id, role)
select id, tests.id_of('Eve'), 'owner' from private.accounts where accounts.name = 'Elsewhere';
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 32000, 4000, 0.000001, 0.000002), ('acme/other', 'Other', 32000, 4000, 0.000001, 0.000002);
insert into private.models (id, name, context_tokens, max_output_tokens, output_modalities, prompt_usd, completion_usd)
values ('acme/vectors', 'Vectors', 32000, 4000, '{embeddings}', 0.000001, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
values ('acme/*', 1, 0.001, 0.002);
update private.account_plans set plan_id = 'team' where account_id in (select id from private.accounts where kind = 'team');
select private.grant_credits(id, 1000000000, 'top_up', 'payment:1', 'Top-up', 'tests', null) from private.accounts where kind = 'team';

create temporary table ids as
select
  (select id from private.accounts where name = 'Engine') as engine, (select id from private.accounts where name = 'Elsewhere') as elsewhere;
create temporary table keys (who text, id uuid, secret text);
grant select on ids to public;
grant select, insert, update on keys to public;
create function pg_temp.key_of(who text) returns uuid language sql as $$ select id from keys where keys.who = $1 $$;
create function pg_temp.hash_of(who text) returns text language sql
as $$ select encode(sha256(convert_to(secret, 'UTF8')), 'hex') from keys where keys.who = $1 $$;
create function pg_temp.call(
  who text, models text[] default '{acme/small}', idempotency text default null, hash text default repeat('a', 64), task text default 'completion'
)
returns jsonb
language sql
as $$
  select api.start_call(
    pg_temp.hash_of(who), models, '{"prompt_bytes": 100, "messages": 1, "max_tokens": 10}', '{}', task, null, idempotency, hash
  )
$$;
create function pg_temp.says(started jsonb)
returns text
language sql
as $$
  select case
    when (started #> '{verdict,is_replay}')::boolean then 'replay'
    when (started #> '{verdict,allowed}')::boolean then 'allowed'
    else concat_ws(' ', started #>> '{verdict,status}', started #>> '{verdict,reason}', started #>> '{verdict,rule}')
  end
$$;

grant execute on function pg_temp.key_of, pg_temp.hash_of, pg_temp.call, pg_temp.says to public;

-- making ------------------------------------------------------------------------------------------

select tests.sign_in_as('Mia');
with made as (select api.create_key(engine, '  My robot ') as made from ids)
insert into keys select 'Mia', (made #>> '{key,id}')::uuid, made ->> 'secret' from made;
select matches((select secret from keys where who = 'Mia'), '^sk-oneai-[0-9a-f]{72}$', 'a member makes a key of 256 bits and a checksum');
select is(
  (select right(secret, 8) from keys), (select left(encode(sha256(convert_to(left(secret, -8), 'UTF8')), 'hex'), 8) from keys),
  'the checksum is that of the rest'
);
select results_eq(
  $$select name, prefix, scopes, allowed_models, requests_per_minute, expires_at, last_used_at, created_by from api.keys where account_id = (select engine from ids)$$,
  $$select 'My robot', left(secret, 15), '{completions,embeddings,read}'::text[], '{*}'::text[], null::integer, null::timestamptz, null::timestamptz, tests.id_of('Mia') from keys$$,
  'its row shows the beginning, and everything allowed'
);
select tests.is_refused('select hash from private.api_keys', 'nobody reads a hash');
select tests.is_refused('select previous_hash from private.api_keys', 'nor the one before');

select tests.sign_in_as('Ada');
with made as (
  select api.create_key(engine, 'Narrow', '{
    "scopes": ["completions"], "allowed_models": ["acme/s*"], "expires_at": "2027-04-01T00:00:00Z", "requests_per_minute": 3,
    "requests_per_hour": 50, "requests_per_day": 100, "max_cost_micros": 5000000
  }') as made from ids
)
insert into keys select 'Ada', (made #>> '{key,id}')::uuid, made ->> 'secret' from made;
select results_eq(
  $$select scopes, allowed_models, requests_per_minute, requests_per_hour, requests_per_day, max_cost_micros, expires_at from api.keys where id = pg_temp.key_of('Ada')$$,
  $$values ('{completions}'::text[], '{acme/s*}'::text[], 3, 50, 100, 5000000::bigint, '2027-04-01 00:00:00+00'::timestamptz)$$,
  'an owner makes one with limits of its own'
);
select isnt((select secret from keys where who = 'Ada'), (select secret from keys where who = 'Mia'), 'no two keys are alike');
select tests.sign_in_as('Eve');
with made as (select api.create_key(elsewhere, 'Eves') as made from ids)
insert into keys select 'Eve', (made #>> '{key,id}')::uuid, made ->> 'secret' from made;

select tests.sign_in_as(who) from unnest(array['Bill']) as who;
select tests.throws('select api.create_key(engine, ''x'') from ids', 404, 'not_found', 'who only pays makes no key');
select tests.sign_in_as('Vic');
select tests.throws('select api.create_key(engine, ''x'') from ids', 404, 'not_found', 'who only looks makes no key');
select isnt_empty('select * from api.keys', 'but sees that there are some');
select tests.sign_in_as('Eve');
select tests.throws('select api.create_key(engine, ''x'') from ids', 404, 'not_found', 'a stranger makes no key');
select is((select count(*) from api.keys), 1::bigint, 'and sees none but her own');
select tests.sign_in_anonymously();
select tests.is_refused('select * from api.keys', 'a visitor sees no keys');
select tests.is_refused('select api.create_key(engine, ''x'') from ids', 'nor makes one');

select tests.sign_in_as('Ada');
select tests.throws(
  format('select api.create_key(engine, ''x'', %L) from ids', settings), 422, 'invalid_input', 'a key is refused with ' || settings
)
from unnest(array[
  '{"scopes": []}', '{"scopes": ["everything"]}', '{"scopes": "read"}', '{"scopes": [null]}', '{"allowed_models": ["A B"]}',
  '{"allowed_models": []}', '{"expires_at": "2027-03-28T11:00:00Z"}', '{"expires_at": "soon"}', '{"expires_at": "2027-99-99T00:00:00Z"}',
  '{"requests_per_minute": 0}', '{"requests_per_minute": -1}', '{"requests_per_hour": 1.5}', '{"requests_per_day": "many"}',
  '{"max_cost_micros": 1e30}', '{"budget": 1}', '[]', '1'
]) as settings;
select tests.sign_in_as('Max');
select count(api.create_key(engine, 'One of many')) from ids, generate_series(1, 50);
select tests.throws('select api.create_key(engine, ''x'') from ids', 409, 'conflict', 'the 51st key of one person is refused');
select tests.sign_in_as('Mia');
select lives_ok('select api.create_key(engine, ''Another'') from ids', 'so that there is room for the others');
select tests.sign_in_as('Max');
select api.revoke_key((select id from api.keys where created_by = tests.id_of('Max') limit 1));
select lives_ok('select api.create_key(engine, ''x'') from ids', 'one that is revoked makes room');
select tests.throws('select api.create_key(engine, ''x'') from ids', 409, 'conflict', 'for one');
select tests.sign_out();
delete from private.api_keys where created_by = tests.id_of('Max') or name = 'Another';
select tests.sign_in_as('Ada');
select tests.throws('select api.create_key(engine, ''  '') from ids', 422, 'invalid_input', 'a key needs a name');
select tests.throws('select api.create_key(engine, null) from ids', 422, 'invalid_input', 'whatever it is called');

-- changing ----------------------------------------------------------------------------------------

select results_eq(
  $$select name, scopes, requests_per_minute, requests_per_hour, expires_at from api.update_key(pg_temp.key_of('Ada'), '{"name": "Wide", "requests_per_hour": null, "expires_at": null}')$$,
  $$values ('Wide', '{completions}'::text[], 3, null::integer, null::timestamptz)$$,
  'a change changes what it names; an empty limit or expiry comes off'
);
select lives_ok($$select api.update_key(pg_temp.key_of('Mia'), '{"requests_per_minute": 1000}')$$, 'an owner changes the key of a member');
select tests.sign_in_as('Mia');
select lives_ok($$select api.update_key(pg_temp.key_of('Mia'), '{"name": "Mine"}')$$, 'a member changes their own');
select tests.throws($$select api.update_key(pg_temp.key_of('Ada'), '{"name": "Mine"}')$$, 404, 'not_found', 'and no other');
select tests.throws($$select api.rotate_key(pg_temp.key_of('Ada'))$$, 404, 'not_found', 'nor rotates it');
select tests.throws($$select api.revoke_key(pg_temp.key_of('Ada'))$$, 404, 'not_found', 'nor ends it');
select tests.sign_in_as('Eve');
select tests.throws($$select api.update_key(pg_temp.key_of('Mia'), '{"name": "Mine"}')$$, 404, 'not_found', 'a stranger changes no key');
select tests.throws($$select api.rotate_key(pg_temp.key_of('Mia'))$$, 404, 'not_found', 'nor rotates one');
select tests.throws($$select api.revoke_key(pg_temp.key_of('Mia'))$$, 404, 'not_found', 'nor ends one');
select tests.throws($$select api.revoke_key(gen_random_uuid())$$, 404, 'not_found', 'nor one that is not there');

-- calling -----------------------------------------------------------------------------------------

select tests.is_refused($$select pg_temp.call('Mia')$$, 'a person starts no call with a key');
select tests.is_refused($$select api.is_key(repeat('0', 64))$$, 'and does not find out whose is in force');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Mia')), 'allowed', 'a key starts a call');
select is((select key_id from api.runs where started_at = private.clock()), pg_temp.key_of('Mia'), 'which names it');
select is((select last_used_at from api.keys where id = pg_temp.key_of('Mia')), private.clock(), 'and is seen to be used');
select tests.travel('59 seconds');
select is(pg_temp.says(pg_temp.call('Mia')), 'allowed', 'a call soon after is let in');
select is((select last_used_at from api.keys where id = pg_temp.key_of('Mia')), private.clock() - interval '59 seconds', 'without another write');
select is(pg_temp.says(pg_temp.call('Ada')), 'allowed', 'a narrow key calls what it may');
select is(pg_temp.says(pg_temp.call('Ada', '{acme/other}')), '403 forbidden key_models', 'and nothing else');
select is(pg_temp.says(pg_temp.call('Ada', task => 'embedding')), '403 forbidden scope', 'within its scopes');
select tests.throws($$select api.describe_key(pg_temp.hash_of('Ada'))$$, 403, 'forbidden', 'a key that may not read reads nothing');
select is(pg_temp.says(pg_temp.call('Mia', '{acme/vectors}')), '404 not_found model', 'a model that makes vectors answers no chat');
select is(pg_temp.says(pg_temp.call('Mia', '{acme/vectors}', task => 'embedding')), 'allowed', 'it makes vectors');
select is(pg_temp.says(pg_temp.call('Mia', '{acme/small}', task => 'embedding')), '404 not_found model', 'which a chat model does not');
select is(
  pg_temp.call('Mia', '{acme/small,acme/vectors,acme/other}') -> 'verdict' -> 'model_ids', '["acme/small", "acme/other"]',
  'nor does a chat fall back to a model that makes vectors'
);
insert into keys values ('nobody', null, 'sk-oneai-none');
select is(pg_temp.says(pg_temp.call('nobody')), '401 unauthorized key', 'no key starts nothing');
select is(
  array(select item ->> 'id' from api.list_key_models(pg_temp.hash_of('Mia')) as item where item ->> 'id' like 'acme/%'),
  '{acme/other,acme/small,acme/vectors}', 'a key lists the models it can call'
);
select is(
  (select array[described #>> '{key,name}', described #>> '{wallet,balance_micros}', described #>> '{limits,plan_id}'] from api.describe_key(pg_temp.hash_of('Mia')) as described),
  '{Mine,1000000000,team}', 'and knows of itself what it is and has'
);
select tests.throws('select ' || call, 401, 'unauthorized', 'an unknown key gets nothing from ' || call)
from unnest(array[
  'api.describe_key(repeat(''0'', 64))', 'api.list_key_models(repeat(''0'', 64))', 'api.find_key_receipt(repeat(''0'', 64), ''x'')'
]) as call;

-- rotating ----------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select lives_ok($$select api.set_budget(engine, 'key', pg_temp.key_of('Mia'), 'day', 1000000) from ids$$, 'a key has a budget');
select tests.sign_in_as('Mia');
insert into keys select 'Mia before', id, secret from keys where who = 'Mia';
update keys set secret = api.rotate_key(id, 60) ->> 'secret' where who = 'Mia';
select is((select previous_until from api.keys where id = pg_temp.key_of('Mia')), private.clock() + interval '1 minute', 'a rotation says until when the old key is good');
select tests.throws($$select api.rotate_key(pg_temp.key_of('Mia'), 2592001)$$, 422, 'invalid_input', 'the overlap has an end');
select tests.throws($$select api.rotate_key(pg_temp.key_of('Mia'), -1)$$, 422, 'invalid_input', 'which is not before its beginning');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Mia before')), 'allowed', 'the old key goes on for a while');
select is(pg_temp.says(pg_temp.call('Mia')), 'allowed', 'beside the new one');
select tests.travel('60 seconds');
select is(pg_temp.says(pg_temp.call('Mia before')), '401 unauthorized key', 'and then no longer');
select is(pg_temp.says(pg_temp.call('Mia')), 'allowed', 'while the new one does');
select tests.sign_in_as('Ada');
select is((select limit_micros from api.budgets where subject_id = pg_temp.key_of('Mia')), 1000000::bigint, 'the budget is the key''s, and stays');
select isnt((select held_micros from api.budgets where subject_id = pg_temp.key_of('Mia')), 0::bigint, 'with what both of them hold');
select tests.sign_in_as('Mia');
update keys set secret = (select secret from keys where who = 'Mia') where who = 'Mia before';
update keys set secret = api.rotate_key(id) ->> 'secret' where who = 'Mia';
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Mia before')), '401 unauthorized key', 'without an overlap the old key ends at once');

-- ending ------------------------------------------------------------------------------------------

select tests.travel_to('2027-03-29 12:00:00+00');
select tests.sign_in_as('Ada');
select lives_ok($$select api.update_key(pg_temp.key_of('Ada'), '{"expires_at": "2027-03-29T12:01:00Z"}')$$, 'a key gets an end');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Ada')), 'allowed', 'until when it works');
select tests.travel('1 minute');
select is(pg_temp.says(pg_temp.call('Ada')), '401 unauthorized key', 'and from when it does not');
select tests.sign_in_as('Ada');
select isnt((select revoked_at from api.revoke_key(pg_temp.key_of('Mia'))), null, 'an owner ends the key of a member');
select tests.throws($$select api.revoke_key(pg_temp.key_of('Mia'))$$, 409, 'conflict', 'once');
select tests.throws($$select api.rotate_key(pg_temp.key_of('Mia'), 60)$$, 409, 'conflict', 'and it does not come back');
select tests.throws($$select api.update_key(pg_temp.key_of('Mia'), '{"expires_at": null}')$$, 409, 'conflict', 'by no way');
select tests.sign_in_as_service();
select is(api.is_key(pg_temp.hash_of('Mia')), false, 'a revoked key is none');
select is(pg_temp.says(pg_temp.call('Mia')), '401 unauthorized key', 'it starts nothing');
select tests.throws($$select api.describe_key(pg_temp.hash_of('Mia'))$$, 401, 'unauthorized', 'and reads nothing');
select tests.sign_in_as('Max');
with made as (select api.create_key(engine, 'Max') as made from ids)
insert into keys select 'Max', (made #>> '{key,id}')::uuid, made ->> 'secret' from made;
select tests.sign_out();
update private.members set role = 'viewer' where user_id = tests.id_of('Max');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Max')), '401 unauthorized key', 'who may no longer spend, spends by no key');
select is(api.is_key(pg_temp.hash_of('Max')), false, 'and theirs is none');
select tests.sign_out();
update private.members set role = 'member' where user_id = tests.id_of('Max');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Max')), 'allowed', 'until they may again');
select tests.sign_out();
delete from private.members where user_id = tests.id_of('Max');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Max')), '401 unauthorized key', 'nor does who has left');
select is(api.is_key(pg_temp.hash_of('Eve')), true, 'one that is in force is one');
select is(api.is_key(repeat('0', 64)), false, 'and one that nobody made is not');

-- repeating ---------------------------------------------------------------------------------------

select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'one')), 'allowed', 'a call with an Idempotency-Key starts');
select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'one')), 'replay', 'its repetition does not');
select is(
  (select count(*) from private.runs join ids on runs.account_id = elsewhere), 1::bigint, 'there is one run'
);
select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'one', hash => repeat('b', 64))), '409 conflict idempotency', 'another body under it is refused');
select tests.throws($$select pg_temp.call('Eve', idempotency => repeat('x', 256))$$, 422, 'invalid_input', 'a key that cannot be kept is refused');
select tests.sign_out();
create function pg_temp.kept() returns jsonb language sql
as $$ select api.read_stored_answer((pg_temp.call('Eve', idempotency => 'one') #>> '{verdict,run_id}')::uuid)::jsonb $$;
grant execute on function pg_temp.kept to public;
create temporary table run as select (pg_temp.call('Eve', idempotency => 'one') #>> '{verdict,run_id}')::uuid as id;
grant all on run to public;
select tests.sign_in_as_service();
select is(pg_temp.kept() - 'closing', '{"pieces": [], "count": 0, "is_ended": false, "is_lost": false, "receipt": null}', 'nothing of it has come yet');
select is((select api.keep_call(id, 'gen-1', '[{"number": 1, "body": "data: Hello"}]') from run), false, 'a piece is kept, nobody wants it stopped');
select is((select api.keep_call(id, 'gen-1', '[{"number": 1, "body": "data: Hello"}]') from run), false, 'a repeated one is the same');
select is((select api.keep_call(id, 'gen-1', '[]') from run), false, 'an empty one only says that the worker lives');
select is(pg_temp.kept() #>> '{pieces}', '["data: Hello"]', 'who repeats the request reads what came');
select is(
  (select api.finish_call(id, '{"outcome": "completed", "used": {"prompt_tokens": 10, "completion_tokens": 5}}', '[{"number": 2, "body": "data: world"}]', '{"kind": "x"}') #> '{charged_micros}' from run),
  '20', 'a call ends with its receipt'
);
select is(
  (select api.finish_call(id, '{"outcome": "completed", "used": {"prompt_tokens": 999, "completion_tokens": 999}}', '[{"number": 3, "body": "data: again"}]', '{"kind": "y"}') #> '{charged_micros}' from run),
  '20', 'once'
);
select is(pg_temp.kept() - 'receipt', '{"pieces": ["data: Hello", "data: world"], "count": 2, "is_ended": true, "is_lost": false, "closing": {"kind": "x"}}', 'the whole answer is kept');
select is((select api.read_stored_answer(id, 1)::jsonb #> '{pieces}' from run), '["data: world"]', 'and read from any piece on');
select is(pg_temp.kept() #> '{receipt,charged_micros}', '20', 'with its receipt');
select is((select api.keep_call(id, null, '[{"number": 9, "body": "late"}]') from run), null, 'a call that has ended takes nothing more');
select is(
  (select api.find_key_receipt(pg_temp.hash_of('Eve'), id::text) #> '{charged_micros}' from run), '20', 'whose key it is finds the receipt'
);
select is((select api.find_key_receipt(pg_temp.hash_of('Eve'), 'nothing')), null, 'and none that is not there');
select tests.travel('24 hours');
select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'one', hash => repeat('b', 64))), 'allowed', 'after a day the key is free again');
select is((select api.read_stored_answer(id)::jsonb from run), null, 'and the old answer forgotten');

delete from run;
insert into run select (pg_temp.call('Eve', idempotency => 'two') #>> '{verdict,run_id}')::uuid;
select isnt((select api.finish_call(id, '{"outcome": "failed", "error_code": "upstream_unavailable"}', '[{"number": 1, "body": "half"}]') from run), null, 'a call that failed ends too');
select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'two')), 'allowed', 'and may be tried again under its key');
delete from run;
insert into run select (pg_temp.call('Eve', idempotency => 'three') #>> '{verdict,run_id}')::uuid;
select is((select api.keep_call(id, null, '[{"number": 1, "body": "half of"}]') from run), false, 'a worker writes the half of an answer');
select tests.sign_out();
select tests.travel('31 seconds');
select isnt(private.sweep_runs(), 0, 'and dies');
select tests.sign_in_as_service();
select is((select api.read_stored_answer(id)::jsonb - '{closing,receipt}'::text[] from run), '{"pieces": ["half of"], "count": 1, "is_ended": false, "is_lost": true}', 'who has joined learns that it is lost');
select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'three')), 'allowed', 'and as it cost nothing, a repetition is made anew');

delete from run;
insert into run select (pg_temp.call('Eve', idempotency => 'four') #>> '{verdict,run_id}')::uuid;
select is(
  (select api.finish_call(id, '{"outcome": "completed", "generation_id": "gen-4"}', '[]', '{"kind": "z"}') from run), null,
  'a call whose cost is not known yet ends without a receipt'
);
select is((select api.read_stored_answer(id)::jsonb -> 'receipt' from run), 'null', 'and so does its answer, given again meanwhile');
select lives_ok(
  $$select api.finish_run(id, '{"outcome": "completed", "is_reconciled": true, "used": {"prompt_tokens": 10, "completion_tokens": 5}}') from run$$,
  'later the upstream tells what it was'
);
select results_eq(
  $$
    select receipt ->> 'charged_micros', receipt ->> 'cost_label'
    from run, jsonb_extract_path(api.read_stored_answer(id)::jsonb, 'receipt') as receipt
  $$,
  $$values ('20', 'reconciled')$$, 'and from then on the answer is given with its cost'
);

-- repeating often ---------------------------------------------------------------------------------

select tests.sign_out();
select tests.travel('2 minutes');
create temporary table before as
select month_requests, balance_micros, held_micros from private.balances join private.allowances using (account_id) join ids on account_id = elsewhere;
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
select elsewhere, elsewhere, 5, 'test' from ids;
select tests.sign_in_as('Eve');
select lives_ok($$select api.update_key(pg_temp.key_of('Eve'), '{"requests_per_minute": 3}')$$, 'a key has a minute of its own');
select tests.sign_in_as_service();
select is(
  array(select pg_temp.says(pg_temp.call('Eve', idempotency => 'four')) from generate_series(1, 4)),
  '{replay,replay,replay,429 rate_limited requests_per_minute}', 'repetitions count in the minute of the key'
);
select ok(
  (pg_temp.call('Eve', idempotency => 'four') #>> '{verdict,resets_at}')::timestamptz > private.clock(), 'whoever repeats too often is told until when'
);
select is(pg_temp.says(pg_temp.call('Eve')), '429 rate_limited requests_per_minute', 'calls count in the same minute');
select is(
  pg_temp.says(pg_temp.call('Eve', idempotency => 'four', hash => repeat('b', 64))), '409 conflict idempotency', 'another body is told so even then'
);
select tests.sign_in_as('Eve');
select lives_ok($$select api.update_key(pg_temp.key_of('Eve'), '{"requests_per_minute": null}')$$, 'without a minute of its own');
select tests.sign_in_as_service();
select is(
  array(select pg_temp.says(pg_temp.call('Eve', idempotency => 'four')) from generate_series(1, 3)),
  '{replay,replay,429 rate_limited requests_per_minute}', 'it has the account''s'
);
select tests.sign_out();
select results_eq(
  $$select month_requests, balance_micros, held_micros from private.balances join private.allowances using (account_id) join ids on account_id = elsewhere$$,
  'select * from before', 'no repetition counts in the month, holds or costs'
);
select tests.travel('65 seconds');
select tests.sign_in_as_service();
select is(pg_temp.says(pg_temp.call('Eve', idempotency => 'four')), 'replay', 'a minute later it is given again');

select tests.sign_out();
select tests.travel('25 hours');
select cmp_ok(private.purge_stored_answers(), '>=', 1::bigint, 'time clears away what is over');
select is_empty('select * from private.stored_answers', 'all of it');
select is_empty('select * from private.stored_pieces', 'with its pieces');
select * from finish();
rollback;
