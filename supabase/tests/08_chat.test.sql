-- chat: who sees conversations, how they are arranged, deleted and brought back, listed page by page,
-- and found by words of any language and any query.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Mia', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select (select id from private.accounts where name = 'Engine') as engine, tests.account_of('Ada') as home, tests.id_of('Ada') as ada;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role from ids, (values ('Ada', 'member'), ('Mia', 'owner')) as person (name, role);

-- A conversation of Ada's that has said this; its ids are the MD5 of its name and of "name.1", "name.2", …
create function pg_temp.talk(name text, used_at timestamptz, variadic said text[])
returns void
language sql
security definer
as $$
  insert into private.conversations (id, account_id, user_id, title, leaf_id, message_count, model_id, created_at, updated_at)
  select md5(name)::uuid, engine, ada, name, md5(name || '.' || cardinality(said))::uuid, cardinality(said), 'acme/small', used_at, used_at from ids;
  insert into private.messages (conversation_id, id, user_id, parent_id, role, content, created_at)
  select
    md5(name)::uuid, md5(name || '.' || position)::uuid, ada, case when position > 1 then md5(name || '.' || position - 1)::uuid end,
    case when position % 2 = 1 then 'user' else 'assistant' end::private.message_role, content, used_at + position * interval '1 second'
  from ids, unnest(said) with ordinality as said (content, position)
$$;
create function pg_temp.found(query text, account uuid default null)
returns text
language sql
as $$
  select string_agg(title, ', ' order by title) from ids, api.search_conversations(coalesce(account, engine), query)
$$;
create function pg_temp.shown(query text)
returns text
language sql
as $$
  select translate(string_agg(excerpt, ' / ' order by title), E'\u0002\u0003', '[]') from ids, api.search_conversations(engine, query)
$$;
grant execute on all functions in schema pg_temp to public;

-- whose they are -------------------------------------------------------------------------------------

select pg_temp.talk('Plans', '2027-03-01', 'What now?', 'Let us see.', 'And then?', 'Lunch.');
select tests.sign_in_as('Ada');
select is((select count(*) from api.conversations), 1::bigint, 'an author sees a conversation');
select is((select count(*) from api.messages), 4::bigint, 'and all that was said');
select tests.sign_in_as('Mia');
select is((select count(*) from api.conversations), 0::bigint, 'whoever manages the team does not');
select is((select count(*) from api.messages), 0::bigint, 'nor a word of it');
select is((select count(*) from ids, api.list_conversations(engine)), 0::bigint, 'in no list');
select is(pg_temp.found('lunch'), null, 'by no search');
select tests.sign_in_as('Eve');
select is((select count(*) from api.conversations), 0::bigint, 'a stranger sees none');
select is((select count(*) from ids, api.list_conversations(engine)), 0::bigint, 'even of an account she names');
select is(pg_temp.found('lunch'), null, 'whatever she looks for');
select tests.throws(call, 404, 'not_found', 'a stranger gets nowhere: ' || call)
from unnest(array[
  $$select api.rename_conversation(md5('Plans')::uuid, 'Mine')$$, $$select api.move_conversation(md5('Plans')::uuid, null)$$,
  $$select api.pin_conversation(md5('Plans')::uuid)$$, $$select api.archive_conversation(md5('Plans')::uuid)$$,
  $$select api.delete_conversation(md5('Plans')::uuid)$$, $$select api.restore_conversation(md5('Plans')::uuid)$$,
  $$select api.select_branch(md5('Plans')::uuid, md5('Plans.1')::uuid)$$, $$select api.create_folder(engine, 'Mine') from ids$$
]) as call;
select tests.sign_in_as('Mia');
select tests.throws(call, 404, 'not_found', 'nor does another member: ' || call)
from unnest(array[
  $$select api.rename_conversation(md5('Plans')::uuid, 'Mine')$$, $$select api.pin_conversation(md5('Plans')::uuid)$$,
  $$select api.delete_conversation(md5('Plans')::uuid)$$, $$select api.select_branch(md5('Plans')::uuid, md5('Plans.1')::uuid)$$
]) as call;
select tests.sign_in_anonymously();
select tests.is_refused('select from api.conversations', 'a visitor has no conversations');
select tests.is_refused('select from api.messages', 'no messages');
select tests.is_refused('select from api.folders', 'no folders');
select tests.is_refused('select from ids, api.list_conversations(engine)', 'no list');
select tests.is_refused($$select pg_temp.found('lunch')$$, 'and no search');
select tests.sign_out();
delete from private.members where user_id = tests.id_of('Ada') and account_id in (select engine from ids);
select tests.sign_in_as('Ada');
select is((select count(*) from api.conversations) + (select count(*) from api.messages), 0::bigint, 'who has left a team leaves its conversations');
select is(pg_temp.found('lunch'), null, 'and finds nothing there');
select tests.throws($$select api.pin_conversation(md5('Plans')::uuid)$$, 404, 'not_found', 'nor changes anything');
select tests.sign_out();
insert into private.members (account_id, user_id, role) select engine, ada, 'member' from ids;

-- arranging -------------------------------------------------------------------------------------------

select tests.sign_in_as_service();
select is(api.title_conversation(md5('Plans')::uuid, E'  "The\n next\u0001 meal"  '), true, 'a model gives a title');
select is((select title from private.conversations), '"The next meal"', 'in one line');
select is(api.title_conversation(md5('Plans')::uuid, E' \n '), false, 'nothing is no title');
select is(api.title_conversation(md5('None')::uuid, 'Title'), false, 'and nothing has none');
select tests.sign_in_as('Ada');
select is((select title || has_own_title from api.rename_conversation(md5('Plans')::uuid, ' Meals ')), 'Mealstrue', 'its author gives one of their own');
select tests.throws($$select api.rename_conversation(md5('Plans')::uuid, ' ')$$, 422, 'invalid_input', 'that says something');
select tests.throws($$select api.rename_conversation(md5('Plans')::uuid, repeat('x', 201))$$, 422, 'invalid_input', 'in 200 letters at most');
select tests.sign_in_as_service();
select is(api.title_conversation(md5('Plans')::uuid, 'Better'), false, 'which no model changes');
select tests.sign_in_as('Ada');
create temporary table folder as select id from ids, api.create_folder(engine, ' Work ');
create temporary table home_folder as select id from ids, api.create_folder(home, 'Home');
grant select on folder, home_folder to public;
select is((select string_agg(name, ',' order by name) from api.folders), 'Home,Work', 'folders have names');
select is((select folder_id from api.move_conversation(md5('Plans')::uuid, (select id from folder))), (select id from folder), 'a conversation goes into one');
select tests.throws($$select api.move_conversation(md5('Plans')::uuid, (select id from home_folder))$$, 404, 'not_found', 'of the same account');
select is((select name from api.rename_folder((select id from folder), 'Play')), 'Play', 'a folder is renamed');
select tests.throws($$select api.create_folder(engine, '') from ids$$, 422, 'invalid_input', 'a folder has a name');
select tests.sign_in_as('Mia');
select is((select count(*) from api.folders), 0::bigint, 'other members do not see it');
select tests.throws($$select api.rename_folder((select id from folder), 'Mine')$$, 404, 'not_found', 'or rename it');
select is(api.delete_folder((select id from folder)), false, 'or delete it');
create temporary table mias as select id from ids, api.create_folder(engine, 'Mine');
grant select on mias to public;
select tests.sign_in_as('Ada');
select tests.throws($$select api.move_conversation(md5('Plans')::uuid, (select id from mias))$$, 404, 'not_found', 'a conversation goes into no folder of somebody else''s');
select is(api.delete_folder((select id from folder)), true, 'its owner deletes it');
select is((select folder_id from api.conversations where id = md5('Plans')::uuid), null, 'and what was in it is not');
select is((select pinned_at from api.pin_conversation(md5('Plans')::uuid)), private.clock(), 'a conversation is pinned');
select is((select pinned_at from api.pin_conversation(md5('Plans')::uuid, false)), null, 'and let go');
select is((select archived_at from api.archive_conversation(md5('Plans')::uuid)), private.clock(), 'archived');
select is((select archived_at from api.archive_conversation(md5('Plans')::uuid, false)), null, 'and put back');

-- branches --------------------------------------------------------------------------------------------

select tests.sign_out();
insert into private.messages (conversation_id, id, user_id, parent_id, role, content, created_at)
select md5('Plans')::uuid, md5(name)::uuid, ada, md5(parent)::uuid, 'user', name, private.clock() + place * interval '1 second'
from ids, (values ('other', 'Plans.2', 2), ('older', 'Plans.2', 1), ('below', 'other', 3), ('root', null, 4)) as added (name, parent, place);
select tests.sign_in_as('Ada');
select is((select leaf_id from api.select_branch(md5('Plans')::uuid, md5('Plans.1')::uuid)), md5('below')::uuid, 'a branch ends where it was last gone on');
select is((select leaf_id from api.select_branch(md5('Plans')::uuid, md5('Plans.3')::uuid)), md5('Plans.4')::uuid, 'another one where that ends');
select is((select leaf_id from api.select_branch(md5('Plans')::uuid, md5('older')::uuid)), md5('older')::uuid, 'or at once');
select is((select leaf_id from api.select_branch(md5('Plans')::uuid, md5('root')::uuid)), md5('root')::uuid, 'or at its beginning');
select tests.throws($$select api.select_branch(md5('Plans')::uuid, md5('none')::uuid)$$, 404, 'not_found', 'what is not there is not opened');

-- deleting ----------------------------------------------------------------------------------------------

select is((select deleted_at from api.delete_conversation(md5('Plans')::uuid)), private.clock(), 'a conversation is deleted');
select is((select count(*) from ids, api.list_conversations(engine)), 0::bigint, 'it is in no list');
select is(pg_temp.found('lunch'), null, 'and not found');
select tests.throws($$select api.delete_conversation(md5('Plans')::uuid)$$, 404, 'not_found', 'nor deleted again');
select tests.travel('29 days 23 hours');
select tests.sign_out();
select is(private.purge_conversations(), 0, 'for thirty days it is kept');
select tests.sign_in_as('Ada');
select is((select deleted_at from api.restore_conversation(md5('Plans')::uuid)), null, 'and can be brought back');
select is((select count(*) from api.messages), 8::bigint, 'whole');
select is((select count(*) from api.restore_conversation(md5('Plans')::uuid)), 1::bigint, 'twice is once');
select api.delete_conversation(md5('Plans')::uuid);
select tests.travel('30 days 1 second');
select tests.throws($$select api.restore_conversation(md5('Plans')::uuid)$$, 404, 'not_found', 'after that it cannot');
select tests.sign_out();
select is(private.purge_conversations(), 1, 'because it is gone');
select is((select count(*) from private.messages), 0::bigint, 'with every word');

-- lists -------------------------------------------------------------------------------------------------

select pg_temp.talk(name, used_at, 'Hi') from (
  values ('One', timestamptz '2027-01-01'), ('Two', '2027-01-02'), ('Three', '2027-01-03'), ('Four', '2027-01-03'), ('Five', '2027-01-05')
) as talks (name, used_at);
update private.conversations set pinned_at = private.clock() where title in ('One', 'Two');
update private.conversations set archived_at = private.clock() where title = 'Five';
update private.conversations set model_id = 'acme/large' where title = 'Two';
update private.messages set model_id = 'acme/old' where conversation_id = md5('One')::uuid;
create temporary table tie as select string_agg(title, ',' order by id desc) as titles from private.conversations where title in ('Three', 'Four');
grant select on tie to public;
create function pg_temp.pages(size integer)
returns text
language plpgsql
as $$
declare
  at text;
  titles text := '';
  page record;
begin
  loop
    select string_agg(title, ',' order by place) as titles, (array_agg(cursor order by place desc))[1] as cursor into page
    from ids, api.list_conversations(engine, cursor => at, max_rows => size) with ordinality as list (
      id, account_id, folder_id, title, has_own_title, model_id, leaf_id, message_count, pinned_at, archived_at, created_at, updated_at,
      message_id, excerpt, cursor, place
    );
    exit when page.titles is null;
    titles := titles || ',' || page.titles;
    at := page.cursor;
  end loop;
  return ltrim(titles, ',');
end
$$;
grant execute on function pg_temp.pages to public;
select tests.sign_in_as('Ada');
select is(pg_temp.pages(size), 'Two,One,' || titles, format('pages of %s show each conversation once, pinned first, then the newest', size))
from tie, unnest(array[1, 2, 3, 4, 100]) as size;
select is((select count(*) from ids, api.list_conversations(engine, max_rows => -3)), 1::bigint, 'a page has a row');
select results_eq('select title from ids, api.list_conversations(engine, archived => true)', $$values ('Five')$$, 'archived ones are apart');
select is((select count(*) from ids, api.list_conversations(engine, archived => null)), 5::bigint, 'or with the rest');
select results_eq(
  $$select title from ids, api.list_conversations(engine, '2027-01-02', '2027-01-03')$$, $$values ('Two')$$, 'a day ends before the next'
);
select results_eq($$select title from ids, api.list_conversations(engine, model => 'acme/large')$$, $$values ('Two')$$, 'by the model asked last');
select results_eq($$select title from ids, api.list_conversations(engine, model => 'acme/old')$$, $$values ('One')$$, 'or any that ever answered');
select is((select count(*) from ids, api.list_conversations(home)), 0::bigint, 'another account has its own');
select tests.throws(
  format('select from ids, api.list_conversations(engine, cursor => %L)', cursor), 422, 'invalid_input', 'no cursor: ' || cursor
)
from unnest(array['x', '2.1.00000000-0000-0000-0000-000000000000', '1.123456789012345678.00000000-0000-0000-0000-000000000000', '1.1.x']) as cursor;

-- search ------------------------------------------------------------------------------------------------

select tests.sign_out();
delete from private.conversations;
select pg_temp.talk('Ledger', '2027-02-01', 'How does double-entry bookkeeping work?', 'Every movement has two sides; see example.com/books and snake_case_name.');
select pg_temp.talk('Straße', '2027-02-02', 'ÄPFEL UND ÖL', 'Ein Apfel fällt');
select pg_temp.talk('中文', '2027-02-03', '我今天想吃北京烤鸭。', '好的');
select pg_temp.talk('日本', '2027-02-04', 'すしが食べたい', '東京へ行こう');
select pg_temp.talk('Привет', '2027-02-05', 'Как дела, мир?', 'Хорошо');
select pg_temp.talk('สวัสดี', '2027-02-06', 'ผมอยากกินข้าวผัด', 'ได้');
select pg_temp.talk('مرحبا', '2027-02-07', 'كيف حالك اليوم', 'بخير');
select pg_temp.talk('Emoji', '2027-02-08', E'Look 😀 here\u0002and\u0003there', '...');
select pg_temp.talk('Large', '2027-02-09', repeat('filler ', 30000) || 'needle ' || repeat('filler ', 30000), (select string_agg(md5(n::text), ' ') from generate_series(1, 31000) as n));
select tests.sign_in_as('Ada');
select is(pg_temp.found(query), titles, 'found by ' || query)
from (values
  ('bookkeeping', 'Ledger'), ('BookKeeping', 'Ledger'), ('book', 'Ledger'), ('double entry', 'Ledger'), ('double-entry', 'Ledger'),
  ('"two sides"', 'Ledger'), ('"sides two"', null), ('example', 'Ledger'), ('example.com', 'Ledger'), ('snake_case', 'Ledger'), ('case', 'Ledger'),
  ('movement -sides', null), ('movement -side', 'Ledger'), ('"two side"', null), ('"two sid', 'Ledger'), ('movement -money', 'Ledger'), ('nothing or movement', 'Ledger'), ('ledger', 'Ledger'), ('money', null),
  ('äpfel', 'Straße'), ('öl', 'Straße'), ('fäl', 'Straße'), ('北京', '中文'), ('烤鸭', '中文'), ('鸭烤', null), ('食べ', '日本'), ('東京', '日本'),
  ('МИР', 'Привет'), ('хорош', 'Привет'), ('ข้าวผัด', 'สวัสดี'), ('حالك', 'مرحبا'), ('needle', 'Large'), (md5('1'), 'Large'), (md5('9999'), 'Large'), ('日本', '日本')
) as search (query, titles);
select lives_ok(format('select from ids, api.search_conversations(engine, %L)', query), 'no query fails: ' || left(query, 30))
from unnest(array[
  '', ' ', '"', '''', '\', '!', '&', '|', '(', ')', ':*', '<->', '-', '--', '- -', '"-"', '-"', 'a:*b', 'a & | b', '!!a', '((a)', 'or', 'or or', 'and',
  '''a'':*', '$$a$$', '%', '_', E'\u0001', E'\u0002a\u0003', '😀', '‮abc', repeat('a', 100000), repeat('"a ', 10000), repeat('北', 10000), 'ก้้้้้้้', ' ', '1e308',
  '-a', '-a -b', '"a" -"b c"', 'a" b', '*', '?', '[', '{', '^', '(?=a)', repeat('(', 500)
]) as query;
select is((select count(*) from ids, api.search_conversations(engine, '!?')), 9::bigint, 'a query without a word is the list');
select is((select count(*) from ids, api.search_conversations(engine, null)), 9::bigint, 'and so is none');
select is(pg_temp.shown('bookkeeping wor'), 'How does double-entry [bookkeeping] [wor]k?', 'every hit is marked where it is');
select is(pg_temp.shown('öl äpfel'), '[ÄPFEL] UND [ÖL]', 'as it is written');
select is(pg_temp.shown('北京'), '我今天想吃[北京]烤鸭。', 'signs that follow each other as one');
select is(pg_temp.shown('there'), 'Look 😀 here and [there]', 'no text brings marks of its own');
select is(pg_temp.shown('straße'), '[Straße]', 'a title is shown where no message is found');
select matches(pg_temp.shown('needle'), '^…(filler )+\[needle\]( filler)+( f?i?l?l?e?)?…$', 'from the middle of a long one, what is around it');
select is((select message_id from ids, api.search_conversations(engine, 'movement')), md5('Ledger.2')::uuid, 'with the message that has it');
select is((select message_id from ids, api.search_conversations(engine, 'ledger')), null, 'or none for a title');
select is(
  (select string_agg(title, ',') from ids, api.search_conversations(engine, 'apfel or movement', max_rows => 1)), 'Straße', 'the newest comes first'
);
select is(
  (
    select string_agg(rest.title, ',')
    from ids, api.search_conversations(engine, 'apfel or movement', max_rows => 1) as first,
      api.search_conversations(engine, 'apfel or movement', cursor => first.cursor) as rest
  ),
  'Ledger', 'and the rest after its cursor'
);
select is((select count(*) from ids, api.search_conversations(engine, 'movement', from_at => '2027-02-02')), 0::bigint, 'filters hold for a search');
select is((select count(*) from ids, api.search_conversations(engine, 'movement', archived => true)), 0::bigint, 'archived ones too');
select is(pg_temp.found('movement', home), null, 'another account has its own') from ids;

select * from finish();
rollback;
