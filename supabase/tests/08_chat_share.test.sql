-- chat, sharing: snapshots that do not change and end when they should, forks, and conversations that
-- are brought along: whole, twice, and in every shape they must not have.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select
  private.clock() as now,
  (select id from private.accounts where name = 'Engine') as engine, tests.account_of('Ada') as home, tests.account_of('Eve') as eves,
  tests.id_of('Ada') as ada, md5('talk')::uuid as talk;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'member'), ('Mia', 'owner'), ('Vic', 'viewer')) as person (name, role);

insert into private.conversations (id, account_id, user_id, title, leaf_id, message_count) select talk, engine, ada, 'A talk', md5('d')::uuid, 5 from ids;
insert into private.messages (conversation_id, id, user_id, parent_id, role, status, content, reasoning, model_id, run_id, error_code, created_at)
select talk, md5(name)::uuid, ada, md5(parent)::uuid, role::private.message_role, status::private.message_status, content, reasoning, model, run, error, private.clock()
from ids, (
  values
    ('s', null, 'system', 'complete', 'Be secret.', '', null, null::uuid, null), ('a', 's', 'user', 'complete', E'Hello\u0001 😀', '', null, null, null),
    ('b', 'a', 'assistant', 'stopped', 'Good', 'Thought', 'acme/small', md5('run')::uuid, 'stopped'), ('c', 'b', 'user', 'complete', 'Go on', '', null, null, null),
    ('d', 'c', 'assistant', 'complete', 'Day', '', 'acme/large', null, null), ('e', 'c', 'assistant', 'streaming', '', '', 'acme/large', md5('run2')::uuid, null)
) as given (name, parent, role, status, content, reasoning, model, run, error);
update private.messages set trimmed_messages = 3 where id = md5('b')::uuid;

create function pg_temp.import(conversations jsonb, dry_run boolean default false, source text default 'chatgpt', account uuid default null)
returns jsonb
language sql
as $$
  select api.import_conversations(coalesce(account, home), source, conversations, dry_run) from ids
$$;
-- Why a conversation of these messages is not brought along.
create function pg_temp.reason(messages jsonb)
returns text
language sql
as $$
  select pg_temp.import(jsonb_build_array(jsonb_build_object('id', md5(messages::text), 'messages', messages))) #>> '{rejected,0,reason}'
$$;
grant execute on all functions in schema pg_temp to public;

-- sharing -----------------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
create temporary table share as select shares.* from ids, api.create_share(talk) as shares;
grant select on share to public;
select matches(id, '^[A-Za-z0-9_-]{22}$', 'a link has an id of 128 bits') from share;
select isnt((select id from ids, api.create_share(talk)), id, 'another one each time') from share;
select results_eq(
  'select conversation_id, leaf_id, title, message_count, expires_at, revoked_at from share',
  $$select talk, md5('d')::uuid, 'A talk', 4, null::timestamptz, null::timestamptz from ids$$, 'it shows the branch that is open'
);
select is((select count(*) from api.shares), 2::bigint, 'its author sees what was shared');
select tests.sign_in_anonymously();
select is(api.read_share(id), jsonb_build_object(
  'id', id, 'title', 'A talk', 'message_count', 4, 'created_at', ids.now, 'expires_at', null,
  'messages', jsonb_build_array(
    jsonb_build_object('role', 'user', 'status', 'complete', 'content', E'Hello\u0001 😀', 'model_id', null, 'created_at', ids.now),
    jsonb_build_object('role', 'assistant', 'status', 'stopped', 'content', 'Good', 'model_id', 'acme/small', 'created_at', ids.now),
    jsonb_build_object('role', 'user', 'status', 'complete', 'content', 'Go on', 'model_id', null, 'created_at', ids.now),
    jsonb_build_object('role', 'assistant', 'status', 'complete', 'content', 'Day', 'model_id', 'acme/large', 'created_at', ids.now)
  )
), 'anybody with the link reads what was said, without instructions, reasoning or names')
from share, ids;
select tests.is_refused('select from api.shares', 'but sees no list');
select tests.is_refused('select from private.shares', 'of any kind');
select tests.is_refused($$select api.create_share(talk) from ids$$, 'and shares nothing');
select tests.is_refused($$select api.fork_share(id, id::uuid) from share$$, 'and forks nothing');
select tests.is_refused($$select api.revoke_share(id) from share$$, 'and revokes nothing');
select tests.throws(format('select api.read_share(%L)', id), 404, 'not_found', 'no link: ' || left(coalesce(id, 'none'), 30))
from unnest(array['', 'x', repeat('A', 22), repeat('A', 100000), '%', null]) as id;

select tests.sign_out();
update private.messages set content = 'Changed' where id = md5('d')::uuid;
update private.conversations set title = 'Changed' from ids where conversations.id = talk;
select is(private.read_share(id) #>> '{messages,3,content}', 'Day', 'a snapshot does not change') from share;
select is(private.read_share(id) ->> 'title', 'A talk', 'nor does its title') from share;
update private.messages set content = 'Day' where id = md5('d')::uuid;

select tests.sign_in_as('Ada');
select is((select message_count from ids, api.create_share(talk, md5('a')::uuid)), 1, 'any message may be the last');
select tests.throws($$select api.create_share(talk, md5('s')::uuid) from ids$$, 422, 'invalid_input', 'instructions alone are nothing to share');
select tests.throws($$select api.create_share(talk, md5('e')::uuid) from ids$$, 409, 'conflict', 'nor is an answer that is being written');
select tests.throws($$select api.create_share(talk, md5('x')::uuid) from ids$$, 404, 'not_found', 'nor what is not there');
select tests.throws($$select api.create_share(talk, null, private.clock()) from ids$$, 422, 'invalid_input', 'a link expires in the future');
select is((select expires_at from ids, api.create_share(talk, null, 'infinity')), null, 'or never');
select tests.sign_in_as('Mia');
select tests.throws($$select api.create_share(talk) from ids$$, 404, 'not_found', 'whoever manages the team does not share it');
select tests.throws($$select api.revoke_share(id) from share$$, 404, 'not_found', 'or revoke it');
select is((select count(*) from api.shares), 0::bigint, 'or see that it was shared');
select tests.sign_in_as('Eve');
select tests.throws($$select api.create_share(talk) from ids$$, 404, 'not_found', 'nor does a stranger');
select tests.throws($$select api.revoke_share(id) from share$$, 404, 'not_found', 'who knows the link');
select is(api.read_share(id) ->> 'title', 'A talk', 'but she reads it') from share;

-- its end ---------------------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
create temporary table short as select shares.id from ids, api.create_share(talk, null, private.clock() + interval '1 hour') as shares;
grant select on short to public;
select api.delete_conversation(talk) from ids;
select tests.throws($$select api.read_share(id) from share$$, 404, 'not_found', 'the link to a deleted conversation shows nothing');
select api.restore_conversation(talk) from ids;
select is(api.read_share(id) ->> 'title', 'A talk', 'until that is brought back') from share;
select is((select ended.revoked_at from share, api.revoke_share(share.id) as ended), private.clock(), 'a link is revoked');
select tests.travel('59 minutes');
select is((select ended.revoked_at from share, api.revoke_share(share.id) as ended), private.clock() - interval '59 minutes', 'once');
select tests.throws($$select api.read_share(id) from share$$, 404, 'not_found', 'and shows nothing from then on');
select tests.throws($$select api.fork_share(id, home) from share, ids$$, 404, 'not_found', 'nor is it forked');
select is(api.read_share(id) ->> 'title', 'Changed', 'one that expires is read until then') from short;
select tests.travel('1 minute');
select tests.throws($$select api.read_share(id) from short$$, 404, 'not_found', 'and not a moment longer');
select tests.sign_out();
select is(private.purge_shares(), 0, 'the list keeps them');
select tests.travel('31 days');
select is(private.purge_shares(), 2, 'for thirty days');
insert into private.shares (id, conversation_id, user_id, leaf_id, title, messages, message_count)
select lpad(n::text, 22, 'x'), talk, ada, md5('d')::uuid, 'Many', '[{}]', 1 from ids, generate_series(1, 97) as n;
select tests.sign_in_as('Ada');
select tests.throws($$select api.create_share(talk) from ids$$, 409, 'conflict', 'a conversation has a hundred links at most');

-- forks -------------------------------------------------------------------------------------------------------

create temporary table open as select id from api.shares where message_count = 4 and title = 'A talk' and revoked_at is null limit 1;
grant select on open to public;
select tests.sign_in_as('Eve');
create temporary table forked as select conversations.* from open, ids, api.fork_share(open.id, eves) as conversations;
select results_eq(
  'select title::text, has_own_title, message_count, account_id, user_id, model_id from forked', $$select 'A talk', true, 4, eves, tests.id_of('Eve'), 'acme/large' from ids$$,
  'whoever reads a link goes on from it in an account of their own'
);
select results_eq(
  $$
    with recursive path as (
      select messages.*, 1 as step from api.messages join forked on messages.id = leaf_id
      union all
      select messages.*, step + 1 from path join api.messages on messages.id = path.parent_id
    )
    select role::text, status::text, content, model_id, run_id from path order by step desc
  $$,
  $$
    values
      ('user', 'complete', E'Hello\u0001 😀', null, null::uuid), ('assistant', 'stopped', 'Good', 'acme/small', null),
      ('user', 'complete', 'Go on', null, null), ('assistant', 'complete', 'Day', 'acme/large', null)
  $$,
  'with every message, in new rows'
);
select tests.throws($$select api.fork_share(open.id, engine) from open, ids$$, 404, 'not_found', 'in no account of others');
select tests.throws($$select api.fork_conversation(talk, md5('d')::uuid) from ids$$, 404, 'not_found', 'a conversation of others is not forked');
select tests.sign_in_as('Vic');
select tests.throws($$select api.fork_share(open.id, engine) from open, ids$$, 404, 'not_found', 'who may only look has no conversations');
select tests.sign_in_as('Mia');
select tests.throws($$select api.fork_conversation(talk, md5('d')::uuid) from ids$$, 404, 'not_found', 'not even by whoever manages the team');
select tests.sign_in_as('Ada');
create temporary table own as select conversations.* from ids, api.fork_conversation(talk, md5('b')::uuid) as conversations;
select results_eq('select title::text, message_count, model_id, account_id from own', $$select 'Changed', 3, 'acme/small', engine from ids$$, 'its author goes on from any message');
select results_eq(
  'select role::text, content, reasoning from api.messages join own on conversation_id = own.id order by messages.created_at, content',
  $$values ('system', 'Be secret.', ''), ('assistant', 'Good', 'Thought'), ('user', E'Hello\u0001 😀', '')$$, 'instructions and reasoning included'
);
select results_eq(
  $$select error_code, trimmed_messages from api.messages join own on conversation_id = own.id where role = 'assistant'$$,
  $$values ('stopped', 3)$$, 'and what is missing from an answer, or was not told before it'
);
select tests.throws($$select api.fork_conversation(talk, md5('e')::uuid) from ids$$, 409, 'conflict', 'but not from an answer that is being written');
select tests.throws($$select api.fork_conversation(talk, md5('x')::uuid) from ids$$, 404, 'not_found', 'or what is not there');
select is((select count(*) from ids, api.messages where conversation_id = talk), 6::bigint, 'the first one stays as it was');

-- the end of whoever shared ------------------------------------------------------------------------------------

select tests.sign_out();
update private.accounts set suspended_at = private.clock() from ids where accounts.id = engine;
select tests.throws($$select api.read_share(id) from open$$, 404, 'not_found', 'the links of a suspended account show nothing');
update private.accounts set suspended_at = null from ids where accounts.id = engine;
delete from private.members using ids where account_id = engine and user_id = ada;
select tests.throws($$select api.read_share(id) from open$$, 404, 'not_found', 'nor do those of somebody who left it');
select tests.sign_in_as('Ada');
select lives_ok($$select api.revoke_share(id) from open$$, 'who may end them all the same');
select tests.sign_out();
insert into private.members (account_id, user_id, role) select engine, ada, 'member' from ids;
select tests.throws($$select api.read_share(id) from open$$, 404, 'not_found', 'for good');
select is((select messages from private.shares join open using (id)), '[]', 'and nothing of them is kept');

insert into private.messages (conversation_id, id, user_id, parent_id, role, content, created_at)
select talk, md5('f')::uuid, ada, md5('s')::uuid, 'user', 'Said anew', private.clock() + interval '1 second' from ids;
delete from private.shares where title = 'Many';
select tests.sign_in_as('Ada');
select is((select title from ids, api.create_share(talk, md5('b')::uuid)), 'Changed', 'a link has the title of its conversation');
select is((select title from ids, api.create_share(talk, md5('f')::uuid)), 'Said anew', 'unless that may be of words that were edited away');
select tests.sign_out();
update private.conversations set has_own_title = true from ids where conversations.id = talk;
select tests.sign_in_as('Ada');
select is((select title from ids, api.create_share(talk, md5('f')::uuid)), 'Changed', 'and somebody gave it');

-- bringing along --------------------------------------------------------------------------------------------------

create temporary table file as select '[
  {
    "id": "one", "title": " Old\u0007 times ", "created_at": 1700000000.25, "updated_at": "2024-02-03T04:05:06Z", "model": "gpt-4", "leaf_id": "c",
    "messages": [
      {"id": "d", "parent_id": "b", "role": "user", "content": "Other", "created_at": 1700000004},
      {"id": "c", "parent_id": "b", "role": "user", "content": "Next", "created_at": 1700000003},
      {"id": "b", "parent_id": "a", "role": "assistant", "content": "Hi", "reasoning": "Hm", "model": "gpt-4", "created_at": 1700000002000},
      {"id": "a", "parent_id": null, "role": "system", "content": "", "created_at": "0000-99-99"}
    ]
  },
  {"messages": [{"id": "1", "role": "user", "content": "Untitled 😀"}, {"id": "2", "parent_id": "1", "role": "assistant", "content": "Yes"}]},
  {"id": "one", "messages": [{"id": "1", "role": "user", "content": "The same id again"}]},
  {"id": "none", "messages": []}
]'::jsonb as content;
grant select on file to public;
select is(
  pg_temp.import(content, true), '{"imported": 2, "duplicates": 1, "rejected": [{"index": 3, "reason": "It has no messages."}]}', 'a dry run says what would be'
)
from file;
select is((select count(*) from ids, api.conversations where account_id = home), 0::bigint, 'and does nothing');
select is(
  pg_temp.import(content), '{"imported": 2, "duplicates": 1, "rejected": [{"index": 3, "reason": "It has no messages."}]}', 'the real one does it'
)
from file;
select results_eq(
  $$select title::text, has_own_title, message_count, model_id, created_at, updated_at from ids, api.conversations where account_id = home order by title$$,
  $$
    values
      ('Old times', true, 4, 'gpt-4', to_timestamp(1700000000.25), '2024-02-03 04:05:06+00'::timestamptz),
      ('Untitled 😀', false, 2, null, private.clock(), private.clock())
  $$,
  'titles, models and times come along; what cannot be true does not'
);
select results_eq(
  $$
    select messages.role::text, messages.content, messages.reasoning, parent.content, messages.created_at, messages.id = leaf_id
    from api.conversations
    join api.messages on messages.conversation_id = conversations.id
    left join api.messages as parent on parent.id = messages.parent_id
    where title = 'Old times'
    order by messages.created_at
  $$,
  $$
    values
      ('system', '', '', null, to_timestamp(1700000000.25) + interval '4 microseconds', false),
      ('assistant', 'Hi', 'Hm', '', to_timestamp(1700000002), false), ('user', 'Next', '', 'Hi', to_timestamp(1700000003), true),
      ('user', 'Other', '', 'Hi', to_timestamp(1700000004), false)
  $$,
  'and every branch, whatever the order in the file'
);
select is(pg_temp.import(content) - 'rejected', '{"imported": 0, "duplicates": 3}', 'again, all of it is here') from file;
select api.delete_conversation(id) from ids, api.conversations where account_id = home;
select is(pg_temp.import(content) - 'rejected', '{"imported": 0, "duplicates": 3}', 'even deleted, while it can be brought back') from file;
select is(pg_temp.import(content, source => 'claude') - 'rejected', '{"imported": 2, "duplicates": 1}', 'from elsewhere it is another') from file;
select tests.sign_in_as('Eve');
select is(pg_temp.import(content, account => eves) - 'rejected', '{"imported": 2, "duplicates": 1}', 'for somebody else as well') from file, ids;
select tests.throws($$select pg_temp.import('[]')$$, 404, 'not_found', 'nobody brings anything into an account of others');
select tests.sign_in_as('Vic');
select tests.throws($$select pg_temp.import('[]', account => engine) from ids$$, 404, 'not_found', 'or where they may only look');
select tests.sign_in_anonymously();
select tests.is_refused($$select pg_temp.import('[]')$$, 'a visitor brings nothing');

select tests.sign_in_as('Ada');
select is(pg_temp.reason(messages), reason, coalesce(reason, 'brought along: ' || left(messages::text, 90)))
from (values
  ('{}'::jsonb, 'It is no conversation with a list of messages.'), ('null', 'It is no conversation with a list of messages.'),
  ('[1]', 'A message in it is without an id, a role or text.'), ('[{"id": 1, "role": "user", "content": "x"}]', 'A message in it is without an id, a role or text.'),
  ('[{"id": "", "role": "user", "content": "x"}]', 'A message in it is without an id, a role or text.'),
  ('[{"id": "a", "role": "tool", "content": "x"}]', 'A message in it is without an id, a role or text.'),
  ('[{"id": "a", "role": "user", "content": ["x"]}]', 'A message in it is without an id, a role or text.'),
  ('[{"id": "a", "role": "user", "content": " \n"}]', 'Its messages are empty.'),
  ('[{"id": "a", "role": "user", "content": "x"}, {"id": "a", "role": "user", "content": "y"}]', 'Two messages in it have the same id.'),
  ('[{"id": "a", "parent_id": "z", "role": "user", "content": "x"}]', 'A message in it answers one that is not there.'),
  ('[{"id": "a", "parent_id": "a", "role": "user", "content": "x"}]', 'Its messages answer each other in a circle.'),
  ('[{"id": "r", "role": "user", "content": "x"}, {"id": "a", "parent_id": "b", "role": "user", "content": "x"}, {"id": "b", "parent_id": "c", "role": "user", "content": "x"}, {"id": "c", "parent_id": "a", "role": "user", "content": "x"}]', 'Its messages answer each other in a circle.'),
  ((select jsonb_agg(jsonb_build_object('id', n::text, 'parent_id', nullif(n - 1, 0)::text, 'role', 'user', 'content', 'x')) from generate_series(1, 60000) as n), 'It has more than 5,000 messages.'),
  (jsonb_build_array(jsonb_build_object('id', 'a', 'role', 'user', 'content', repeat('x', 1048577))), 'A message in it is longer than 1 MB.'),
  ((select jsonb_agg(jsonb_build_object('id', n::text, 'parent_id', nullif(n - 1, 0)::text, 'role', 'user', 'content', 'x') order by n desc) from generate_series(1, 5000) as n), null),
  ((select jsonb_agg(jsonb_build_object('id', n::text, 'parent_id', case n when 1 then '5000' else (n - 1)::text end, 'role', 'user', 'content', 'x') order by n desc) from generate_series(1, 5000) as n), 'Its messages answer each other in a circle.'),
  ('[{"id": "a", "role": "user", "content": "x", "created_at": 1e308, "parent_id": null}]', null),
  ('[{"id": "a", "role": "user", "content": "x", "created_at": "infinity"}]', null), ('[{"id": "a", "role": "user", "content": "x", "created_at": -1}]', null),
  ('[{"id": "a", "role": "user", "content": "x", "created_at": {"year": 1}}]', null), ('[{"id": "a", "role": "user", "content": "x", "created_at": "2023-02-31"}]', null),
  ('[{"id": "a", "role": "user", "content": "x", "model": "m", "unknown": [1]}]', null)
) as file (messages, reason);
select is(
  (select count(*) from api.messages where created_at not between '2000-01-01' and private.clock() + interval '1 day'), 0::bigint, 'no message has a time that cannot be'
);
select tests.throws($$select pg_temp.import('{}')$$, 422, 'invalid_input', 'conversations come as a list');
select tests.throws($$select pg_temp.import(null)$$, 422, 'invalid_input', 'or not at all');
select tests.throws($$select pg_temp.import('[]', source => 'Chat GPT')$$, 422, 'invalid_input', 'from somewhere');
select tests.throws($$select pg_temp.import((select jsonb_agg(n) from generate_series(1, 51) as n))$$, 413, 'too_large', 'fifty at once');
select tests.throws(
  $$
    select pg_temp.reason((
      select jsonb_agg(jsonb_build_object('id', n::text, 'parent_id', nullif(n - 1, 0)::text, 'role', 'user', 'content', 'x')) from generate_series(1, 100000) as n
    ))
  $$,
  413, 'too_large', 'a hundred thousand messages are too many to look at'
);
select tests.throws($$select pg_temp.import(jsonb_build_array(repeat('x', 7000000)))$$, 413, 'too_large', 'of 5 MB');
select is(pg_temp.import('[]'), '{"imported": 0, "duplicates": 0, "rejected": []}', 'nothing is nothing');
select is(
  pg_temp.import(jsonb_build_array(jsonb_build_object('id', repeat('é', 5000), 'messages', '[{"id": "a", "role": "user", "content": "x"}]'::jsonb))) -> 'imported', '1',
  'an id of any length is an id'
);
select is(
  pg_temp.import('[
    {"id": "", "messages": [{"id": "a", "role": "user", "content": "one without an id"}]},
    {"id": "", "messages": [{"id": "a", "role": "user", "content": "another"}]},
    {"id": "", "messages": [{"id": "a", "role": "user", "content": "another"}]}
  ]') - 'rejected',
  '{"imported": 2, "duplicates": 1}', 'what has an empty id is known by what it says'
);

-- how much in a day ------------------------------------------------------------------------------------------------

select tests.sign_out();
delete from private.kept_days;
select tests.sign_in_as('Eve');
select is(api.start_answer(
  eves, md5('vain')::uuid, md5('vain answer')::uuid, '{acme/none}', jsonb_build_object('id', md5('vain question'), 'content', repeat('é', 500))
) #>> '{verdict,allowed}', 'false', 'a question that is refused') from ids;
select tests.sign_out();
select is((select bytes from private.kept_days), 2000::bigint, 'counts as what is kept unpaid');
create temporary table link as select shares.id from private.shares where shares.revoked_at is null and shares.message_count > 0 limit 1;
grant select on link to public;
update private.kept_days set bytes = 499999500;
select tests.sign_in_as('Eve');
select tests.throws($$select api.fork_share(link.id, eves) from link, ids$$, 429, 'rate_limited', 'nobody has copies of more than 500 MB in a day');
select tests.throws(
  $$select api.import_conversations(eves, 'chatgpt', '[{"id": "x", "messages": [{"id": "a", "role": "user", "content": "Hello"}]}]', false) from ids$$,
  429, 'rate_limited', 'or brings along more'
);
select tests.throws(
  format($$select api.start_answer(eves, md5('vain')::uuid, md5('next')::uuid, '{acme/none}', '{"id": "%s", "content": "%s"}') from ids$$, md5('q2'), 'x'),
  429, 'rate_limited', 'or asks more in vain'
);
select tests.travel('1 day');
select lives_ok($$select api.fork_share(link.id, eves) from link, ids$$, 'the next day there is room again');

select * from finish();
rollback;
