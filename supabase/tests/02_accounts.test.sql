-- accounts: what signing up makes, who sees whom, what people may change of themselves, and the
-- shapes the tables refuse.

begin;
select no_plan();

-- signing up ------------------------------------------------------------------------------------

select tests.create_user('Ada Lovelace', 'lovelace@example.com');
select results_eq(
  $$
    select profiles.name, accounts.kind::text, accounts.name, members.role::text, locale, theme, default_model, custom_instructions
    from private.profiles
    join private.preferences using (user_id)
    join private.accounts on accounts.personal_user_id = profiles.user_id
    join private.members on members.account_id = accounts.id and members.user_id = profiles.user_id
    where profiles.user_id = tests.id_of('Ada Lovelace')
  $$,
  $$values ('Ada Lovelace', 'personal', 'Ada Lovelace', 'owner', 'en', 'system', 'oneai/auto', '')$$,
  'signing up makes a profile, preferences and a personal account that one owns'
);
select is((select count(*) from private.wallets where account_id = tests.account_of('Ada Lovelace')), 1::bigint, 'with its wallet');
select is((select plan_id from private.account_plans where account_id = tests.account_of('Ada Lovelace')), 'free', 'on the Free plan');

create function pg_temp.signs_up(metadata jsonb, email text default null)
returns text
language sql
as $$
  with made as (
    insert into auth.users (id, email, raw_user_meta_data) values (gen_random_uuid(), signs_up.email, signs_up.metadata) returning id
  )
  select id::text from made
$$;
create function pg_temp.name_of(metadata jsonb, email text default null)
returns text
language plpgsql
as $$
declare
  made constant uuid := pg_temp.signs_up(metadata, email);
begin
  return (select name from private.profiles where user_id = made);
end
$$;
select is(pg_temp.name_of('{"name": " Bob "}', 'b1@example.com'), 'Bob', 'the name is the one given');
select is(pg_temp.name_of('{"full_name": "Bob Builder"}', 'b2@example.com'), 'Bob Builder', 'or what Google or GitHub say');
select is(pg_temp.name_of('{"name": "  "}', 'bobby@example.com'), 'bobby', 'or what stands before the @');
select is(pg_temp.name_of(null, 'plain@example.com'), 'plain', 'also when nothing was said');
select is(pg_temp.name_of('{}', null), 'New user', 'or something to begin with');
select is(pg_temp.name_of(jsonb_build_object('name', repeat('😀', 80)), 'b3@example.com'), repeat('😀', 80), 'a long name fits');
select tests.throws($$select pg_temp.signs_up(jsonb_build_object('name', repeat('x', 81)), 'long@example.com')$$, 422, 'invalid_input', 'a name too long is refused');
select tests.throws($$select pg_temp.signs_up(jsonb_build_object('name', repeat('x', 10000)), 'long@example.com')$$, 422, 'invalid_input', 'so are 10 kB of it');
select tests.throws($$select pg_temp.signs_up('{"name": "a\u0001b"}', 'odd@example.com')$$, 422, 'invalid_input', 'and control characters');
select is((select count(*) from auth.users where email in ('long@example.com', 'odd@example.com')), 0::bigint, 'who is refused is not there');

-- who sees whom ----------------------------------------------------------------------------------

select tests.create_user(name) from unnest(array['Ada', 'Adam', 'Bill', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select
  (select id from private.accounts where name = 'Engine') as engine, tests.id_of('Ada') as ada, tests.id_of('Mia') as mia, tests.id_of('Eve') as eve;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'owner'), ('Adam', 'admin'), ('Bill', 'billing'), ('Mia', 'member'), ('Vic', 'viewer')) as person (name, role);
insert into private.api_keys (account_id, created_by, name, prefix, hash) select engine, ada, 'Robot', 'sk-oneai-r', sha256('x') from ids;

create function pg_temp.sees()
returns text
language sql
as $$
  select format(
    'accounts %s, people %s, members %s, preferences %s, keys %s',
    (select string_agg(name || ' as ' || role, ', ' order by name) from api.accounts),
    (select string_agg(name, ' ' order by name) from private.profiles),
    (select string_agg(name, ' ' order by name) from api.members, ids where account_id = engine),
    (select count(*) from private.preferences), (select count(id) from private.api_keys)
  )
$$;
grant execute on function pg_temp.sees to public;
select tests.sign_in_as('Mia');
select is(
  pg_temp.sees(),
  'accounts Engine as member, Mia as owner, people Ada Adam Bill Mia Vic, members Ada Adam Bill Mia Vic, preferences 1, keys 1',
  'a member sees the team and everybody in it, and preferences of nobody else'
);
select tests.sign_in_as('Vic');
select is(
  pg_temp.sees(),
  'accounts Engine as viewer, Vic as owner, people Ada Adam Bill Mia Vic, members Ada Adam Bill Mia Vic, preferences 1, keys 1',
  'so does who only looks'
);
select tests.sign_in_as('Eve');
select is(pg_temp.sees(), 'accounts Eve as owner, people Eve, members , preferences 1, keys 0', 'a stranger sees herself');
select results_eq('select name, locale from api.profile', $$values ('Eve', 'en')$$, 'her profile is one row');
select is_empty('select * from private.accounts, ids where id = engine', 'an account''s id is of no use to her');
select results_eq('select user_id from private.members', 'select eve from ids', 'she sees no membership but her own');
select tests.is_refused('select hash from private.api_keys', 'nobody reads the hash of a key');
select tests.sign_in_as_service();
select tests.is_refused('select hash from private.api_keys', 'not even the server');
select isnt_empty('select id, prefix from private.api_keys', 'which sees the rest');
select tests.sign_in_anonymously();
select tests.is_refused('select * from ' || relation, 'a visitor does not read ' || relation)
from unnest(array[
  'api.profile', 'api.accounts', 'api.members', 'private.profiles', 'private.preferences', 'private.accounts', 'private.members', 'private.api_keys'
]) as relation;

select tests.sign_in_as('Mia');
select ok(private.has_role(engine, 'owner', 'member'), 'a role is known, among several') from ids;
select ok(not private.has_role(engine, 'owner', 'admin'), 'others are not had') from ids;
select ok(not private.has_role(gen_random_uuid(), 'owner'), 'nor any where there is no account');
select ok(not private.has_role(null, 'owner'), 'or none is named');
select set_eq('select * from private.my_peer_ids()', $$select user_id from api.members$$, 'peers are those one shares an account with');
select tests.sign_in_as('Eve');
select ok(not private.has_role(engine, 'owner', 'admin', 'member', 'billing', 'viewer'), 'a stranger has no role') from ids;

-- what people may change --------------------------------------------------------------------------

select results_eq(
  $$
    select name, avatar_url, locale, theme, default_model, custom_instructions
    from api.update_profile(' Eva ', 'https://example.com/e.png', 'pt-BR', 'dark', 'acme/small', 'Be brief.')
  $$,
  $$values ('Eva', 'https://example.com/e.png', 'pt-BR', 'dark', 'acme/small', 'Be brief.')$$,
  'a person changes all of a profile, and sees what it is now'
);
select results_eq(
  $$select name, avatar_url, locale, theme from api.update_profile(theme => 'light')$$, $$values ('Eva', 'https://example.com/e.png', 'pt-BR', 'light')$$,
  'what is not given stays'
);
select results_eq($$select avatar_url, custom_instructions from api.update_profile(avatar_url => '', custom_instructions => ' ')$$, $$values (null::text, '')$$, 'an empty picture address removes it');
select tests.throws(format('select api.update_profile(%s)', arguments), 422, 'invalid_input', 'no profile with ' || arguments)
from unnest(array[
  $$name => ''$$, $$name => '   '$$, $$name => repeat('x', 81)$$, $$name => E'a\x07'$$, $$avatar_url => 'http://example.com'$$,
  $$avatar_url => 'javascript:alert(1)'$$, $$avatar_url => 'https://' || repeat('x', 500)$$, $$locale => 'english'$$, $$locale => 'EN'$$, $$locale => ''$$,
  $$locale => 'en_GB'$$, $$theme => 'blue'$$, $$theme => ''$$, $$default_model => ''$$, $$default_model => repeat('x', 201)$$,
  $$custom_instructions => repeat('x', 4001)$$
]) as arguments;
select results_eq('select name, theme from api.profile', $$values ('Eva', 'light')$$, 'what is refused changes nothing');
select tests.changes_rows($$update private.profiles set name = 'Mallory' from ids where user_id = mia$$, 0, 'a stranger changes no other profile');
select tests.changes_rows($$update private.preferences set theme = 'dark' from ids where user_id = mia$$, 0, 'nor preferences');
select tests.sign_in_as('Ada');
select tests.changes_rows($$update private.profiles set name = 'Mallory' from ids where user_id = mia$$, 0, 'nor does the owner of her team');
select tests.changes_rows($$update private.profiles set name = 'Ada L.' from ids where user_id = ada$$, 1, 'but her own she may');
select tests.is_refused(statement, 'an owner is refused: ' || statement)
from unnest(array[
  'update private.profiles set user_id = gen_random_uuid()', 'update private.profiles set created_at = now()',
  'insert into private.profiles (user_id, name) values (gen_random_uuid(), ''x'')', 'delete from private.profiles', 'delete from private.preferences',
  'update private.preferences set user_id = gen_random_uuid()', 'update private.accounts set name = ''x''', 'update private.accounts set suspended_at = null',
  'delete from private.accounts', $$insert into private.accounts (kind, name) values ('team', 'x')$$, $$update private.members set role = 'owner'$$,
  'delete from private.members', 'insert into private.members select engine, eve, ''owner'' from ids', 'update private.api_keys set revoked_at = null',
  'delete from private.api_keys', 'update private.api_keys set allowed_models = ''{*}''', 'select private.set_up_user()', 'truncate private.accounts cascade'
]) as statement;
select tests.sign_in_as_service();
select tests.is_refused(statement, 'the server is refused: ' || statement)
from unnest(array[
  'update private.profiles set name = ''x''', $$update private.members set role = 'owner'$$, 'delete from private.accounts', 'update private.api_keys set revoked_at = null'
]) as statement;
select tests.is_refused($$select api.update_profile(name => 'x')$$, 'the server has no profile to change');
select tests.is_refused('select api.is_person()', 'and is no person');
select tests.sign_in_anonymously();
select tests.is_refused($$select api.update_profile(name => 'x')$$, 'a visitor has none either');
select tests.is_refused('select api.is_person()', 'and does not ask who they are');
select tests.sign_in_as('Eve');
select is(api.is_person(), true, 'who is signed in is a person');
select tests.act_as('authenticated', jsonb_build_object('sub', gen_random_uuid(), 'role', 'authenticated'));
select tests.throws($$select api.update_profile(name => 'Ghost')$$, 404, 'not_found', 'nor has somebody who is gone but whose token still lives');
select is(api.is_person(), false, 'who is a person no more');
select tests.act_as('authenticated', '{"role": "authenticated"}');
select is_empty('select * from api.accounts', 'a token without a person sees nothing');
select tests.throws($$select api.update_profile(name => 'Nobody')$$, 404, 'not_found', 'and changes nothing');
select is(api.is_person(), false, 'nor is it one');

-- going away --------------------------------------------------------------------------------------

select tests.sign_out();
select throws_ok($$delete from private.accounts where name = 'Engine'$$, '23503', null, 'an account with books is never deleted');
create temporary table eves as select tests.account_of('Eve') as id;
delete from auth.users using ids where users.id = eve;
select is_empty('select * from private.profiles, ids where user_id = eve', 'who goes away takes the profile along');
select is_empty('select * from private.members, ids where user_id = eve', 'and all memberships');
select results_eq(
  'select personal_user_id, balance_micros > 0 from private.accounts join eves using (id) join private.wallets on account_id = accounts.id',
  'values (null::uuid, true)', 'the books stay, and are nobody''s'
);

-- what the tables refuse ----------------------------------------------------------------------------

create function pg_temp.breaks(statement text, code text)
returns text
language sql
as $$
  select throws_ok(statement, code::char(5), null, code || ': ' || statement)
$$;
select pg_temp.breaks(statement, '23514')
from unnest(array[
  $$update private.profiles set name = ''$$, $$update private.profiles set name = repeat('x', 81)$$, $$update private.profiles set avatar_url = 'http://x'$$,
  $$update private.profiles set avatar_url = 'https://' || repeat('x', 500)$$, $$update private.preferences set locale = 'xx-xx'$$,
  $$update private.preferences set theme = 'blue'$$, $$update private.preferences set default_model = ''$$,
  $$update private.preferences set custom_instructions = repeat('x', 4001)$$, $$update private.accounts set name = ''$$,
  $$update private.accounts set name = repeat('x', 81)$$, $$insert into private.accounts (kind, name, personal_user_id) select 'team', 'x', mia from ids$$,
  $$update private.api_keys set name = ''$$, $$update private.api_keys set prefix = 'short'$$, $$update private.api_keys set hash = '\x00'$$,
  $$update private.api_keys set allowed_models = '{}'$$, $$update private.api_keys set allowed_models = array_fill('*'::text, array[51])$$
]) as statement;
select pg_temp.breaks(statement, '23505')
from unnest(array[
  $$insert into private.accounts (kind, name, personal_user_id) select 'personal', 'x', mia from ids$$,
  $$insert into private.members (account_id, user_id, role) select engine, mia, 'viewer' from ids$$,
  $$insert into private.api_keys (account_id, created_by, name, prefix, hash) select engine, mia, 'Copy', 'sk-oneai-c', sha256('x') from ids$$,
  $$insert into private.preferences (user_id) select mia from ids$$,
  $$insert into private.profiles (user_id, name) select mia, 'Twin' from ids$$,
  $$insert into private.api_keys (id, account_id, created_by, name, prefix, hash) select id, account_id, created_by, 'Twin', prefix, sha256('y') from private.api_keys$$
]) as statement;
select pg_temp.breaks(statement, '23503')
from unnest(array[
  $$insert into private.profiles (user_id, name) values (gen_random_uuid(), 'x')$$,
  $$insert into private.members (account_id, user_id, role) select engine, gen_random_uuid(), 'viewer' from ids$$,
  $$insert into private.members (account_id, user_id, role) select gen_random_uuid(), mia, 'viewer' from ids$$
]) as statement;
select pg_temp.breaks($$update private.members set role = 'king'$$, '22P02');

select * from finish();
rollback;
