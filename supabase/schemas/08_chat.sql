-- chat: conversations as trees of messages, the folders they lie in, and finding them again. How an
-- answer comes to be is in 08_chat_answers, what leaves and enters a conversation in 08_chat_share.
--
-- A conversation belongs to an account and is read by its author alone: whoever manages a team does
-- not see what its members write. Text is kept byte for byte, and a message is never changed: an edit
-- is a new message beside the old one.

create extension if not exists btree_gin with schema extensions;

create type private.message_role as enum ('system', 'user', 'assistant');
create type private.message_status as enum ('complete', 'streaming', 'stopped', 'failed', 'lost');

-- words to search by ------------------------------------------------------------------------

create function private.search_words(content text)
returns text
-- For an index, so with every message: a plan that is kept, which those of SQL functions are not.
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- Signs part words, so that half of an address or of a name in a program is found; scripts that
  -- write no spaces are searched sign by sign.
  return regexp_replace(
    translate(lower(content collate pg_c_utf8), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)),
    '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g'
  );
end
$$;

create function private.search_vector(content text)
returns tsvector
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  kept integer := 1000000;
begin
  if octet_length(content) <= 150000 then
    return to_tsvector('pg_catalog.simple', private.search_words(content));
  end if;
  loop
    begin
      return to_tsvector('pg_catalog.simple', private.search_words(left(content, kept)));
    exception when program_limit_exceeded then
      kept := kept / 2;
    end;
  end loop;
end
$$;

create function private.search_query(query text)
returns tsquery
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  words text := translate(lower(left(query, 500) collate pg_c_utf8), '!#$%&''()*+,./:;<=>?@[\]^_`{|}~', repeat(' ', 30));
  parsed tsquery;
begin
  words := regexp_replace(words, '(\S)-', '\1 ', 'g');
  if position('"' in words) = 0 then
    words := regexp_replace(
      words, '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)', '"\1"', 'g'
    );
  end if;
  words := regexp_replace(
    words, '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g'
  );
  parsed := websearch_to_tsquery('pg_catalog.simple', words);
  if right(parsed::text, 1) = '''' then
    -- Somebody is still typing the last word.
    parsed := (parsed::text || ':*')::tsquery;
  end if;
  return case when numnode(parsed) > 0 then parsed end;
end
$$;

comment on function private.search_words is 'A text as it is searched: small letters, words parted by spaces.';
comment on function private.search_vector is
  'The words of a text for an index, the same in every language. Of a text with more words than Postgres can index, its beginning.';
comment on function private.search_query is
  'What somebody typed as a query: words, "phrases", -without, or, and the beginning of the last word. Anything is accepted; nothing to search by is no query.';

create function private.excerpt(content text, query tsquery)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  -- A sign of a script without spaces may stand anywhere, any other word only at its beginning.
  pattern constant text := (
    select string_agg(
      case when word ~ '^[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\uffff]' then word else '(?<![[:alnum:]])' || word end,
      '|' order by char_length(word) desc
    )
    from (
      select distinct words.match[1] as word
      from regexp_matches(querytree(excerpt.query), '''([^'']+)''', 'g') as words (match)
      limit 20
    ) as listed
  );
  first_hit constant integer := coalesce(regexp_instr(lower(excerpt.content collate pg_c_utf8), pattern), 0);
  starts_at constant integer := greatest(first_hit - 60, 1);
  -- The two signs that mark a hit must not come out of the text itself.
  cut text := translate(substr(excerpt.content, starts_at, 220), E'\u0002\u0003\n\r\t', '     ');
  lowered text;
  marked text := '';
  position integer := 1;
  found integer;
  ended integer;
begin
  if starts_at > 1 then
    cut := '…' || regexp_replace(cut, '^\S{0,20}\s+', '');
  end if;
  if char_length(excerpt.content) >= starts_at + 220 then
    cut := cut || '…';
  end if;
  lowered := lower(cut collate pg_c_utf8);
  loop
    found := regexp_instr(lowered, pattern, position);
    exit when coalesce(found, 0) = 0;
    ended := regexp_instr(lowered, pattern, position, 1, 1);
    marked := marked || substr(cut, position, found - position) || E'\u0002' || substr(cut, found, ended - found) || E'\u0003';
    position := ended;
  end loop;
  return replace(marked, E'\u0003\u0002', '') || substr(cut, position);
end
$$;

comment on function private.excerpt is 'The place of a text where a query is met, each hit between U+0002 and U+0003.';

-- tables ------------------------------------------------------------------------------------

create table private.folders (
  id uuid primary key default private.new_id(),
  account_id uuid not null references private.accounts (id) on delete cascade,
  user_id uuid not null references private.profiles (user_id) on delete cascade,
  name text not null check (char_length(name) between 1 and 80),
  created_at timestamptz not null default private.clock(),
  unique (id, account_id, user_id)
);

comment on table private.folders is 'Where a person keeps conversations of an account.';

alter table private.folders enable row level security;
create index folders_user_id_account_id_idx on private.folders (user_id, account_id);
create index folders_account_id_idx on private.folders (account_id);

create table private.conversations (
  id uuid primary key,
  account_id uuid not null references private.accounts (id) on delete cascade,
  user_id uuid not null references private.profiles (user_id) on delete cascade,
  folder_id uuid,
  title text not null check (char_length(title) between 1 and 200),
  has_own_title boolean not null default false,
  model_id text,
  leaf_id uuid,
  message_count integer not null default 0,
  pinned_at timestamptz,
  is_pinned boolean not null generated always as (pinned_at is not null) stored,
  archived_at timestamptz,
  deleted_at timestamptz,
  import_key text check (octet_length(import_key) <= 300),
  created_at timestamptz not null default private.clock(),
  updated_at timestamptz not null default private.clock(),
  constraint conversations_folder_id_fkey foreign key (folder_id, account_id, user_id)
    references private.folders (id, account_id, user_id) on delete set null (folder_id)
)
with (fillfactor = 80);

comment on table private.conversations is 'Conversations, each of one author in one account. Deleted ones can be brought back for 30 days.';
comment on column private.conversations.leaf_id is 'The last message of the branch that was open last.';
comment on column private.conversations.has_own_title is 'Whether a person gave the title; one made for them gives way to a better one.';
comment on column private.conversations.import_key is 'Where an imported conversation came from, so that it comes only once.';

alter table private.conversations enable row level security;
create index conversations_user_id_account_id_idx
  on private.conversations (user_id, account_id, is_pinned desc, updated_at desc, id desc);
create index conversations_account_id_idx on private.conversations (account_id);
create index conversations_folder_id_idx on private.conversations (folder_id, account_id, user_id) where folder_id is not null;
create index conversations_deleted_at_idx on private.conversations (deleted_at) where deleted_at is not null;
create unique index conversations_import_key_key on private.conversations (user_id, account_id, import_key) where import_key is not null;
create index conversations_words_idx on private.conversations using gin (user_id, private.search_vector(title));

create table private.messages (
  conversation_id uuid not null references private.conversations (id) on delete cascade,
  id uuid not null,
  user_id uuid not null,
  parent_id uuid,
  role private.message_role not null,
  status private.message_status not null default 'complete',
  content text not null,
  reasoning text not null default '',
  model_id text,
  run_id uuid,
  error_code text,
  created_at timestamptz not null default private.clock(),
  primary key (conversation_id, id),
  constraint messages_parent_id_fkey foreign key (conversation_id, parent_id) references private.messages (conversation_id, id),
  constraint well_formed check (
    id <> parent_id
    and (role = 'assistant' or (status = 'complete' and run_id is null and octet_length(content) <= 1048576))
    and (status <> 'streaming' or run_id is not null)
  )
);

comment on table private.messages is
  'The tree of each conversation. A message''s id is its own within its conversation, so nobody can take another''s.';

alter table private.messages enable row level security;
create index messages_parent_id_idx on private.messages (conversation_id, parent_id);
create unique index messages_run_id_key on private.messages (run_id) where run_id is not null;
create index messages_created_at_idx on private.messages (created_at) where status = 'streaming';
create index messages_words_idx on private.messages using gin (user_id, private.search_vector(content));

-- policies and grants -----------------------------------------------------------------------

create policy "people see their own folders" on private.folders
  for select to authenticated
  using (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()));
create policy "people rename their own folders" on private.folders
  for update to authenticated
  using (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
  with check (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()));
create policy "authors see their own conversations" on private.conversations
  for select to authenticated
  using (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()));
create policy "authors arrange their own conversations" on private.conversations
  for update to authenticated
  using (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()))
  with check (user_id = (select auth.uid()) and account_id in (select private.my_account_ids()));
create policy "authors see the messages of their conversations" on private.messages
  for select to authenticated
  using (
    user_id = (select auth.uid())
    and exists (select from private.conversations where conversations.id = messages.conversation_id)
  );

grant select on private.folders, private.conversations, private.messages to authenticated, service_role;
grant update (name) on private.folders to authenticated;
grant update (folder_id, title, has_own_title, leaf_id, pinned_at, archived_at, deleted_at) on private.conversations to authenticated;
grant update (title) on private.conversations to service_role;
-- An index on words is kept up by whoever changes the row.
grant execute on function private.search_words, private.search_vector to authenticated, service_role;

-- arranging ---------------------------------------------------------------------------------

create function private.require_conversation(conversation_id uuid)
returns private.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation private.conversations;
begin
  -- Locked, so that whatever comes of it comes before or after any answer that starts in it.
  select * into conversation from private.conversations
  where conversations.id = require_conversation.conversation_id
    and conversations.user_id = auth.uid()
    and conversations.account_id in (select private.my_account_ids())
    and conversations.deleted_at is null
  for no key update;
  if conversation.id is null then
    perform private.fail(404, 'not_found', 'There is no such conversation.', 'Choose one from your list.');
  end if;
  return conversation;
end
$$;

comment on function private.require_conversation is 'A conversation of the caller''s own that is not deleted, or the refusal.';

create function private.newest_leaf(conversation_id uuid, message_id uuid)
returns uuid
language sql
stable
security invoker
set search_path = ''
as $$
  with recursive path as (
    select newest_leaf.message_id as id, 0 as step
    union all
    select child.id, path.step + 1
    from path
    cross join lateral (
      select messages.id
      from private.messages
      where messages.conversation_id = newest_leaf.conversation_id and messages.parent_id = path.id
      order by messages.created_at desc, messages.id desc
      limit 1
    ) as child
  )
  select path.id from path order by path.step desc limit 1
$$;

comment on function private.newest_leaf is 'Where a branch ends that goes through a message and takes the newest turn at every fork below it.';

create function private.add_folder(account_id uuid, name text)
returns uuid
language plpgsql
volatile
-- As its owner, because members may not insert. It acts for the caller's own id only.
security definer
set search_path = ''
as $$
declare
  caller constant uuid := auth.uid();
  given_name constant text := private.require_text('Name', coalesce(add_folder.name, ''), 80);
  added uuid;
begin
  if not private.has_role(add_folder.account_id, 'owner', 'admin', 'member') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  if (
    select count(*) >= 500 from private.folders
    where folders.user_id = caller and folders.account_id = add_folder.account_id
  ) then
    perform private.fail(409, 'conflict', 'There are 500 folders, and that is all there can be.', 'Delete one first.');
  end if;
  insert into private.folders (account_id, user_id, name) values (add_folder.account_id, caller, given_name)
  returning folders.id into added;
  return added;
end
$$;

comment on function private.add_folder is 'Makes a folder for the caller.';

create function private.remove_folder(folder_id uuid)
returns boolean
language plpgsql
volatile
-- As its owner, because members may not delete. It looks at the caller's own folders only.
security definer
set search_path = ''
as $$
begin
  delete from private.folders
  where folders.id = remove_folder.folder_id
    and folders.user_id = auth.uid()
    and folders.account_id in (select private.my_account_ids());
  return found;
end
$$;

comment on function private.remove_folder is 'Removes a folder of the caller''s; what lay in it lies outside from then on.';

create function private.purge_conversations(max_conversations integer default 200)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  purged integer;
begin
  delete from private.conversations
  where conversations.id in (
    select gone.id from private.conversations as gone
    where gone.deleted_at < private.clock() - interval '30 days'
    order by gone.deleted_at
    limit purge_conversations.max_conversations
    for update skip locked
  );
  get diagnostics purged = row_count;
  return purged;
end
$$;

comment on function private.purge_conversations is 'Removes for good what was deleted more than 30 days ago.';

-- finding -----------------------------------------------------------------------------------

create type private.found_conversation as (
  id uuid,
  account_id uuid,
  folder_id uuid,
  title text,
  has_own_title boolean,
  model_id text,
  leaf_id uuid,
  message_count integer,
  pinned_at timestamptz,
  archived_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  message_id uuid,
  excerpt text,
  cursor text
);

comment on type private.found_conversation is
  'A conversation in a list, with what of it met a search. Its cursor asks for what comes after it.';

create type private.conversation_cursor as (is_pinned boolean, updated_at timestamptz, id uuid);

comment on type private.conversation_cursor is 'A place in a list of conversations.';

create function private.read_cursor(cursor text)
returns private.conversation_cursor
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  parts constant text[] := regexp_match(read_cursor.cursor, '^([01])\.(\d{1,17})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$');
begin
  if nullif(read_cursor.cursor, '') is null then
    return row(true, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff')::private.conversation_cursor;
  end if;
  if parts is null then
    perform private.fail(422, 'invalid_input', 'That is no cursor of a list.', 'Use one that came with the last page.');
  end if;
  return row(parts[1] = '1', timestamptz 'epoch' + parts[2]::bigint * interval '1 microsecond', parts[3])::private.conversation_cursor;
end
$$;

comment on function private.read_cursor is 'The place a cursor stands for: the beginning when there is none.';

create function private.find_conversations(
  account_id uuid, query tsquery, from_at timestamptz, to_at timestamptz, model text, folder_id uuid, archived boolean,
  after private.conversation_cursor, max_rows integer
)
returns setof private.found_conversation
language plpgsql
stable
-- As its owner, because a policy would keep the planner from using the index of words. It looks at the caller's own rows only.
security definer
set search_path = ''
as $$
declare
  caller constant uuid := auth.uid();
begin
  if not coalesce(find_conversations.account_id in (select private.my_account_ids()), false) then
    return;
  end if;
  return query
  with hits as materialized (
    select distinct on (messages.conversation_id) messages.conversation_id, messages.id
    from private.messages
    where find_conversations.query is not null
      and messages.user_id = caller
      and private.search_vector(messages.content) @@ find_conversations.query
    order by messages.conversation_id, messages.created_at desc, messages.id
  ),
  met as materialized (
    select hits.conversation_id from hits
    union all
    select conversations.id
    from private.conversations
    where find_conversations.query is not null
      and conversations.user_id = caller
      and private.search_vector(conversations.title) @@ find_conversations.query
  ),
  page as materialized (
    select conversations.*
    from private.conversations
    where conversations.user_id = caller
      and conversations.account_id = find_conversations.account_id
      and (conversations.is_pinned, conversations.updated_at, conversations.id) < (after.is_pinned, after.updated_at, after.id)
      and conversations.deleted_at is null
      and (find_conversations.query is null or conversations.id in (select met.conversation_id from met))
      and (find_conversations.archived is null or find_conversations.archived = (conversations.archived_at is not null))
      and (find_conversations.from_at is null or conversations.updated_at >= find_conversations.from_at)
      and (find_conversations.to_at is null or conversations.updated_at < find_conversations.to_at)
      and (find_conversations.folder_id is null or conversations.folder_id = find_conversations.folder_id)
      and (find_conversations.model is null or conversations.model_id = find_conversations.model or exists (
        select from private.messages
        where messages.conversation_id = conversations.id and messages.model_id = find_conversations.model
      ))
    order by conversations.is_pinned desc, conversations.updated_at desc, conversations.id desc
    limit least(greatest(coalesce(find_conversations.max_rows, 30), 1), 100)
  )
  select
    page.id, page.account_id, page.folder_id, page.title, page.has_own_title, page.model_id, page.leaf_id, page.message_count,
    page.pinned_at, page.archived_at, page.created_at, page.updated_at, hits.id,
    case when find_conversations.query is not null then
      private.excerpt(coalesce(messages.content, page.title), find_conversations.query)
    end,
    concat_ws('.', page.is_pinned::integer, (extract(epoch from page.updated_at) * 1000000)::bigint, page.id)
  from page
  left join hits on hits.conversation_id = page.id
  left join private.messages on messages.conversation_id = page.id and messages.id = hits.id
  order by page.is_pinned desc, page.updated_at desc, page.id desc;
end
$$;

comment on function private.find_conversations is
  'The caller''s conversations, pinned ones first, then the one used last; those where a query is met, in a message or the title, if there is one.';

grant execute on function
  private.require_conversation, private.newest_leaf, private.add_folder, private.remove_folder, private.read_cursor,
  private.find_conversations, private.search_query
to authenticated;

-- api ---------------------------------------------------------------------------------------

create view api.folders
with (security_invoker = true)
as
select folders.id, folders.account_id, folders.name, folders.created_at
from private.folders;

comment on view api.folders is 'The caller''s folders.';

create view api.conversations
with (security_invoker = true)
as
select
  conversations.id, conversations.account_id, conversations.user_id, conversations.folder_id, conversations.title,
  conversations.has_own_title, conversations.model_id, conversations.leaf_id, conversations.message_count,
  conversations.pinned_at, conversations.archived_at, conversations.deleted_at, conversations.created_at,
  conversations.updated_at
from private.conversations;

comment on view api.conversations is
  'The caller''s conversations, deleted ones included while they can be brought back. The leaf is the last message of the branch that is open.';

create view api.messages
with (security_invoker = true)
as
select
  messages.id, messages.conversation_id, messages.parent_id, messages.role, messages.content, messages.reasoning,
  messages.status, messages.model_id, messages.run_id, messages.error_code, messages.created_at
from private.messages;

comment on view api.messages is
  'The messages of the caller''s conversations. Those with the same parent are each other''s branches. One that is streaming has its text in read_answer.';

grant select on api.folders, api.conversations, api.messages to authenticated;

create function api.list_conversations(
  account_id uuid, from_at timestamptz default null, to_at timestamptz default null, model text default null,
  folder_id uuid default null, archived boolean default false, cursor text default null, max_rows integer default 30
)
returns setof private.found_conversation
language sql
stable
security invoker
set search_path = ''
as $$
  select *
  from private.find_conversations(
    account_id, null, from_at, to_at, model, folder_id, archived, private.read_cursor(cursor), max_rows
  )
$$;

comment on function api.list_conversations is
  'A page of the caller''s conversations in an account: pinned first, then by last use. An empty "archived" means both. Give the cursor of the last row for what comes after it.';

create function api.search_conversations(
  account_id uuid, query text, from_at timestamptz default null, to_at timestamptz default null, model text default null,
  folder_id uuid default null, archived boolean default null, cursor text default null, max_rows integer default 30
)
returns setof private.found_conversation
language sql
stable
security invoker
set search_path = ''
as $$
  select *
  from private.find_conversations(
    account_id, private.search_query(query), from_at, to_at, model, folder_id, archived, private.read_cursor(cursor), max_rows
  )
$$;

comment on function api.search_conversations is
  'Conversations where the words of a query are met, with the newest message that meets them and its place between U+0002 and U+0003. Words, "phrases", -without, or; the last word may be unfinished. With nothing to search by, the list.';

create function api.rename_conversation(conversation_id uuid, title text)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(rename_conversation.conversation_id);
  given constant text := private.require_text('Title', coalesce(rename_conversation.title, ''), 200);
begin
  update private.conversations set title = given, has_own_title = true where conversations.id = conversation.id;
  return query select * from api.conversations where conversations.id = conversation.id;
end
$$;

create function api.move_conversation(conversation_id uuid, folder_id uuid)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(move_conversation.conversation_id);
begin
  if move_conversation.folder_id is not null and not exists (
    select from private.folders
    where folders.id = move_conversation.folder_id
      and folders.user_id = conversation.user_id
      and folders.account_id = conversation.account_id
  ) then
    perform private.fail(404, 'not_found', 'There is no such folder.', 'Choose one of the same account.');
  end if;
  update private.conversations set folder_id = move_conversation.folder_id where conversations.id = conversation.id;
  return query select * from api.conversations where conversations.id = conversation.id;
end
$$;

create function api.pin_conversation(conversation_id uuid, pinned boolean default true)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(pin_conversation.conversation_id);
begin
  update private.conversations set
    pinned_at = case when coalesce(pinned, true) then coalesce(conversation.pinned_at, private.clock()) end
  where conversations.id = conversation.id;
  return query select * from api.conversations where conversations.id = conversation.id;
end
$$;

create function api.archive_conversation(conversation_id uuid, archived boolean default true)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(archive_conversation.conversation_id);
begin
  update private.conversations set
    archived_at = case when coalesce(archived, true) then coalesce(conversation.archived_at, private.clock()) end
  where conversations.id = conversation.id;
  return query select * from api.conversations where conversations.id = conversation.id;
end
$$;

create function api.delete_conversation(conversation_id uuid)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(delete_conversation.conversation_id);
begin
  update private.conversations set deleted_at = private.clock() where conversations.id = conversation.id;
  perform private.stop_run(messages.run_id)
  from private.messages
  where messages.conversation_id = conversation.id and messages.status = 'streaming';
  return query select * from api.conversations where conversations.id = conversation.id;
end
$$;

create function api.restore_conversation(conversation_id uuid)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update private.conversations set deleted_at = null
  where conversations.id = restore_conversation.conversation_id
    and coalesce(conversations.deleted_at, 'infinity') > private.clock() - interval '30 days';
  if not found then
    perform private.fail(404, 'not_found', 'There is no such conversation.', 'Deleted ones can be brought back for 30 days.');
  end if;
  return query select * from api.conversations where conversations.id = restore_conversation.conversation_id;
end
$$;

create function api.select_branch(conversation_id uuid, message_id uuid)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(select_branch.conversation_id);
begin
  if not exists (
    select from private.messages
    where messages.conversation_id = conversation.id and messages.id = select_branch.message_id
  ) then
    perform private.fail(404, 'not_found', 'There is no such message in this conversation.', 'Load the conversation again.');
  end if;
  update private.conversations set leaf_id = private.newest_leaf(conversation.id, select_branch.message_id)
  where conversations.id = conversation.id;
  return query select * from api.conversations where conversations.id = conversation.id;
end
$$;

create function api.create_folder(account_id uuid, name text)
returns setof api.folders
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  added constant uuid := private.add_folder(create_folder.account_id, create_folder.name);
begin
  return query select * from api.folders where folders.id = added;
end
$$;

create function api.rename_folder(folder_id uuid, name text)
returns setof api.folders
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  given constant text := private.require_text('Name', coalesce(rename_folder.name, ''), 80);
begin
  update private.folders set name = given where folders.id = rename_folder.folder_id;
  if not found then
    perform private.fail(404, 'not_found', 'There is no such folder.', 'Choose one of yours.');
  end if;
  return query select * from api.folders where folders.id = rename_folder.folder_id;
end
$$;

create function api.delete_folder(folder_id uuid)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.remove_folder(folder_id)
$$;

create function api.title_conversation(conversation_id uuid, title text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  made constant text := btrim(left(regexp_replace(title_conversation.title, '[\s\u0001-\u001F\u007F]+', ' ', 'g'), 100));
begin
  update private.conversations set title = made
  where conversations.id = title_conversation.conversation_id and not conversations.has_own_title and made <> '';
  return found;
end
$$;

comment on function api.rename_conversation is 'Gives a conversation a title of its author''s own.';
comment on function api.move_conversation is 'Puts a conversation into a folder of the same account, or out of any.';
comment on function api.pin_conversation is 'Pins a conversation to the top of the list, or lets go of it.';
comment on function api.archive_conversation is 'Takes a conversation out of the list without deleting it, or puts it back.';
comment on function api.delete_conversation is 'Deletes a conversation and stops what is running in it. It can be brought back for 30 days.';
comment on function api.restore_conversation is 'Brings back a deleted conversation.';
comment on function api.select_branch is 'Opens the branch that goes through a message, down to its newest end.';
comment on function api.create_folder is 'Makes a folder for conversations of an account.';
comment on function api.rename_folder is 'Renames a folder.';
comment on function api.delete_folder is 'Deletes a folder; its conversations stay. Returns whether there was one.';
comment on function api.title_conversation is 'Gives a conversation the title a model made, unless its author gave one. Returns whether it did.';

grant execute on function
  api.list_conversations, api.search_conversations, api.rename_conversation, api.move_conversation, api.pin_conversation,
  api.archive_conversation, api.delete_conversation, api.restore_conversation, api.select_branch, api.create_folder,
  api.rename_folder, api.delete_folder
to authenticated;
grant execute on function api.title_conversation to service_role;
