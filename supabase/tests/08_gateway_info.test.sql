-- gateway, what a key may know: the models it can call, presets among them, how often it may still
-- call, and how often it may ask.

begin;
select no_plan();

select tests.travel_to('2027-03-28 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Eve']) as name;
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 32000, 4000, 0.000001, 0.000002), ('acme/other', 'Other', 32000, 4000, 0.000001, 0.000002);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/*', 1, 0.001, 0.002);
insert into private.presets (id, name, description) values ('oneai/test', 'Test', 'For tests');
insert into private.presets (id, name, description) values ('oneai/later', 'Later', 'For tests');
insert into private.router_rules (preset_id, priority, models, reason)
values ('oneai/test', 1, '{acme/other,acme/small}', 'For tests'), ('oneai/later', 1, '{acme/other}', 'First'), ('oneai/later', 2, '{acme/small}', 'Then');
update private.account_plans set plan_id = 'enterprise' where account_id = any (array[tests.account_of('Ada'), tests.account_of('Eve')]);
select private.grant_credits(account_id, 1000000000, 'top_up', 'payment:1', 'Top-up', 'tests', null)
from unnest(array[tests.account_of('Ada'), tests.account_of('Eve')]) as account_id;

create temporary table keys (name text, hash text);
grant select, insert on keys to public;
create function pg_temp.make(name text, settings jsonb default '{}')
returns void
language sql
as $$
  insert into keys
  select make.name, encode(sha256(convert_to(api.create_key(tests.account_of(split_part(make.name, ' ', 1)), make.name, settings) ->> 'secret', 'UTF8')), 'hex')
$$;
create function pg_temp.hash_of(name text) returns text language sql as $$ select hash from keys where keys.name = $1 $$;
create function pg_temp.calls(name text, model text)
returns jsonb
language sql
as $$
  select api.start_call(pg_temp.hash_of(name), array[model], '{"prompt_bytes": 100, "messages": 1, "max_tokens": 10}', '{}', 'completion') -> 'verdict'
$$;
create function pg_temp.lists(name text, wanted text[] default '{oneai/test,acme/small,acme/other}')
returns text[]
language sql
as $$
  select coalesce(array_agg(item ->> 'id' order by item ->> 'id'), '{}')
  from api.list_key_models(pg_temp.hash_of(name)) as item
  where item ->> 'id' = any (wanted)
$$;
grant execute on function pg_temp.make, pg_temp.hash_of, pg_temp.calls, pg_temp.lists to public;

select tests.sign_in_as('Ada');
select pg_temp.make('Ada all');
select pg_temp.make('Ada preset', '{"allowed_models": ["oneai/te*"]}');
select pg_temp.make('Ada small', '{"allowed_models": ["acme/s*"]}');
select pg_temp.make('Ada none', '{"allowed_models": ["nobody/*"]}');
select pg_temp.make('Ada slow', '{"requests_per_minute": 2}');
select pg_temp.make('Ada hour', '{"requests_per_hour": 2}');
select pg_temp.make('Ada day', '{"requests_per_day": 20000}');
select pg_temp.make('Ada reads', '{"scopes": ["read"]}');
select tests.sign_in_as('Eve');
select pg_temp.make('Eve');
select tests.sign_in_as_service();

-- presets -----------------------------------------------------------------------------------------

select is(pg_temp.lists('Ada all'), '{acme/other,acme/small,oneai/test}', 'a key without limits lists all');
select is(pg_temp.calls('Ada preset', 'oneai/test') -> 'model_ids', '["acme/other", "acme/small"]', 'a key that may call a preset calls what it chooses');
select is(pg_temp.calls('Ada preset', 'acme/small') ->> 'rule', 'key_models', 'and not the same by its own name');
select is(pg_temp.lists('Ada preset'), '{oneai/test}', 'which is what it lists');
select is(pg_temp.calls('Ada small', 'oneai/test') -> 'model_ids', '["acme/small"]', 'a preset chooses among the models of a key');
select is(pg_temp.calls('Ada small', 'oneai/later') -> 'model_ids', '["acme/small"]', 'also where only a later rule has one of them');
select is(pg_temp.lists('Ada small'), '{acme/small,oneai/test}', 'and is listed with them');
select is(pg_temp.calls('Ada none', 'oneai/test') ->> 'rule', 'key_models', 'a preset of which the key may call nothing calls nothing');
select is(pg_temp.lists('Ada none'), '{}', 'and is not listed');

-- what was used ----------------------------------------------------------------------------------

select tests.sign_out();
select tests.create_user(name) from unnest(array['Adam', 'Mia']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
insert into private.members (account_id, user_id, role)
select accounts.id, tests.id_of(person.name), role::private.member_role
from (values ('Ada', 'owner'), ('Adam', 'admin'), ('Mia', 'member')) as person (name, role)
join private.accounts on accounts.name = 'Engine';
insert into private.usage_days (account_id, day, model_id, user_id, key_id, requests, charged_micros)
select accounts.id, '2027-03-27', 'acme/small', tests.id_of(used.name), '00000000-0000-0000-0000-000000000000', 1, used.micros
from (values ('Ada', 900), ('Mia', 70)) as used (name, micros)
join private.accounts on accounts.name = 'Engine';
create function pg_temp.makes_team_key(who text)
returns void
language plpgsql
as $$
begin
  perform tests.sign_in_as(who);
  insert into keys
  select 'Engine ' || who, encode(sha256(convert_to(api.create_key(accounts.id, who) ->> 'secret', 'UTF8')), 'hex')
  from api.accounts where accounts.name = 'Engine';
end
$$;
grant execute on function pg_temp.makes_team_key to public;
select pg_temp.makes_team_key(who) from unnest(array['Ada', 'Adam', 'Mia']) as who;
select tests.sign_in_as_service();
select is(
  (api.describe_key(pg_temp.hash_of('Engine ' || who)) ->> 'account_used_micros')::bigint, micros, 'what was used of the account, to a key of ' || role
)
from (values ('Ada', 'its owner', 970::bigint), ('Adam', 'an admin', 970), ('Mia', 'a member: their own alone', 70)) as told (who, role, micros);
select is((api.describe_key(pg_temp.hash_of('Eve')) ->> 'account_used_micros')::bigint, 0::bigint, 'nothing of it to a key of elsewhere');

-- how often ---------------------------------------------------------------------------------------

select is(
  (select array[told ->> 'rate_limit', told ->> 'rate_remaining'] from pg_temp.calls('Ada slow', 'acme/small') as told),
  '{2,1}', 'a key with a minute of its own is told of that'
);
select isnt(pg_temp.calls('Ada all', 'acme/small') ->> 'rate_limit', '2', 'another of that of its account');

create function pg_temp.tells(verdict jsonb)
returns text
language sql
as $$
  select concat_ws(
    ', ', coalesce(verdict ->> 'rule', 'allowed'), 'minute ' || (verdict ->> 'rate_remaining') || '/' || (verdict ->> 'rate_limit'),
    'hour ' || (verdict ->> 'hour_remaining') || '/' || (verdict ->> 'hour_limit'),
    'day ' || (verdict ->> 'day_remaining') || '/' || (verdict ->> 'day_limit'),
    'month ' || (verdict ->> 'quota_remaining') || '/' || (verdict ->> 'quota_limit')
  )
$$;
grant execute on function pg_temp.tells to public;
select tests.travel('2 days');
select is(pg_temp.tells(pg_temp.calls('Ada all', 'acme/small')), 'allowed, minute 9999/10000', 'a call is told of the minute of its account');
select is(pg_temp.tells(pg_temp.calls('Ada hour', 'acme/small')), 'allowed, minute 9998/10000, hour 1/2', 'and of the hour of its key');
select is(pg_temp.tells(pg_temp.calls('Ada day', 'acme/small')), 'allowed, minute 9997/10000, day 19999/20000', 'or its day');
select is(pg_temp.tells(pg_temp.calls('Ada hour', 'acme/none')), 'model, minute 9996/10000, hour 0/2', 'a refused one is told of what it took');
select is(pg_temp.tells(pg_temp.calls('Ada hour', 'acme/small')), 'requests_per_hour, minute 9996/10000, hour 0/2', 'one too many of what is full, and took nothing');
select is(pg_temp.tells(pg_temp.calls('Ada small', 'acme/other')), 'key_models, minute 9995/10000', 'a model that the key may not call counts, and is told');
select is(pg_temp.tells(pg_temp.calls('Ada reads', 'acme/small')), 'scope, minute 9995/10000', 'a key that may not call at all took nothing');
select tests.sign_out();
create function pg_temp.repeats(hash text)
returns jsonb
language sql
as $$
  select api.start_call(
    pg_temp.hash_of('Ada hour'), '{acme/small}', '{"prompt_bytes": 100, "messages": 1, "max_tokens": 10}', '{}', 'completion', null, 'again', repeats.hash
  ) -> 'verdict'
$$;
grant execute on function pg_temp.repeats to public;
insert into private.limit_overrides (account_id, subject_id, requests_per_day, requests_per_month, reason)
values (tests.account_of('Ada'), tests.account_of('Ada'), 10, 50, 'For tests');
select tests.travel('2 hours');
select tests.sign_in_as_service();
select is(pg_temp.tells(pg_temp.repeats(repeat('a', 64))), 'allowed, minute 9999/10000, hour 1/2, day 9/10, month 41/50', 'where account and key have windows, each is told');
select is(pg_temp.tells(pg_temp.repeats(repeat('a', 64))), 'allowed, minute 9998/10000, hour 1/2, day 9/10, month 41/50', 'a repetition is told of the minute that it took from');
select is(pg_temp.tells(pg_temp.repeats(repeat('b', 64))), 'idempotency, minute 9998/10000, hour 1/2, day 9/10, month 41/50', 'another request under its name too');

select tests.travel('10 minutes');
select api.describe_key(pg_temp.hash_of('Eve'));
select is(
  current_setting('response.headers', true), '[{"RateLimit-Policy": "\"minute\";q=600;w=60"}, {"RateLimit": "\"minute\";r=599;t=60"}]',
  'who only reads is told of the minute for that'
);
select api.find_key_receipt(pg_temp.hash_of('Eve'), 'x');
select matches(current_setting('response.headers', true), 'r=598', 'each time');
select tests.travel('2 minutes');
select count(api.describe_key(pg_temp.hash_of('Ada all'))) from generate_series(1, 597);
select lives_ok($$select api.describe_key(pg_temp.hash_of('Ada small'))$$, 'an account may ask what its keys may know');
select lives_ok($$select api.list_key_models(pg_temp.hash_of('Ada small'))$$, 'the models among it');
select lives_ok($$select api.find_key_receipt(pg_temp.hash_of('Ada small'), 'x')$$, 'and the receipts, 600 times in a minute');
select tests.throws($$select api.describe_key(pg_temp.hash_of('Ada all'))$$, 429, 'rate_limited', 'once more is too often');
select tests.throws($$select api.list_key_models(pg_temp.hash_of('Ada small'))$$, 429, 'rate_limited', 'with whichever key');
select tests.throws($$select api.find_key_receipt(pg_temp.hash_of('Ada none'), 'x')$$, 429, 'rate_limited', 'and whatever is asked');
select is(pg_temp.calls('Ada all', 'acme/small') ->> 'allowed', 'true', 'calls of models are not concerned');
select lives_ok($$select api.describe_key(pg_temp.hash_of('Eve'))$$, 'nor is anybody else');
select tests.travel('65 seconds');
select lives_ok($$select api.describe_key(pg_temp.hash_of('Ada all'))$$, 'a minute later there is room again');

select tests.sign_in_as('Ada');
select tests.is_refused('select * from private.read_windows', 'a person does not see who asked how often');
select * from finish();
rollback;
