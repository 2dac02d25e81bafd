-- chat: conversations as trees of messages, and the folders they lie in. They are arranged in
-- 08_chat_arrange, found in 08_chat_find, answered in 08_chat_answers, and leave and enter in
-- 08_chat_share and 08_chat_import. A conversation belongs to an account and is read by its author
-- alone: whoever manages a team does not see what its members write. Text is kept byte for byte, and a
-- message is never changed: an edit is a new message beside the old one.

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

comment on function private.search_words is 'A text as it is searched: small letters, words parted by spaces.';
comment on function private.search_vector is
  'The words of a text for an index, the same in every language. Of a text with more words than Postgres can index, its beginning.';
-- tables ------------------------------------------------------------------------------------

create domain private.conversation_title as text check (char_length(value) between 1 and 200);
create domain private.import_key as text check (octet_length(value) <= 300);

comment on domain private.conversation_title is 'What a conversation is called.';
comment on domain private.import_key is 'Where an imported conversation came from.';

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
  title private.conversation_title not null,
  title_words tsvector not null generated always as (private.search_vector(title)) stored,
  has_own_title boolean not null default false,
  model_id text,
  leaf_id uuid,
  message_count integer not null default 0,
  pinned_at timestamptz,
  is_pinned boolean not null generated always as (pinned_at is not null) stored,
  archived_at timestamptz,
  deleted_at timestamptz,
  import_key private.import_key,
  created_at timestamptz not null default private.clock(),
  updated_at timestamptz not null default private.clock(),
  constraint conversations_folder_id_fkey foreign key (folder_id, account_id, user_id)
    references private.folders (id, account_id, user_id) on delete set null (folder_id)
)
with (fillfactor = 80);

comment on table private.conversations is 'Conversations, each of one author in one account. Deleted ones can be brought back for 30 days.';
comment on column private.conversations.title_words is
  'To search by, among the conversations of one person. An index would be written with every message, because the last use is in one.';
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
  trimmed_messages integer check (trimmed_messages > 0),
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

comment on column private.messages.trimmed_messages is 'How many of the messages before it the model was not told, because they did not fit.';

alter table private.messages enable row level security;
create index messages_parent_id_idx on private.messages (conversation_id, parent_id);
create unique index messages_run_id_key on private.messages (run_id) where run_id is not null;
create index messages_created_at_idx on private.messages (created_at) where status = 'streaming';
-- An answer is empty as it begins, and each version of a row is indexed anew.
create index messages_words_idx on private.messages using gin (user_id, private.search_vector(content)) where content <> '';

create unlogged table private.kept_days (
  user_id uuid primary key references auth.users (id) on delete cascade,
  day date not null,
  bytes bigint not null
)
with (fillfactor = 60);

comment on table private.kept_days is 'How much each person has put here without a call that was paid for, in one day. A crash forgets it.';

alter table private.kept_days enable row level security;

create function private.count_kept(bytes bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  today constant date := (private.clock() at time zone 'UTC')::date;
  -- A row costs something beside its text.
  added constant bigint := count_kept.bytes + 1000;
  kept bigint;
begin
  insert into private.kept_days as days (user_id, day, bytes) values (auth.uid(), today, added)
  on conflict on constraint kept_days_pkey do update
    set day = excluded.day, bytes = excluded.bytes + case when days.day = excluded.day then days.bytes else 0 end
  returning days.bytes into kept;
  if kept > 500000000 then
    perform private.fail(
      429, 'rate_limited', 'This is more than 500 MB in a day of what was brought along, copied, shared or asked in vain.',
      'Go on tomorrow.'
    );
  end if;
end
$$;

comment on function private.count_kept is 'Counts what the caller puts here without a call that is paid for: 500 MB a day.';

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
grant select on private.kept_days to service_role;
grant update (name) on private.folders to authenticated;
grant update (folder_id, title, has_own_title, leaf_id, pinned_at, archived_at, deleted_at) on private.conversations to authenticated;
grant update (title) on private.conversations to service_role;
-- An index on words is kept up by whoever changes the row.
grant execute on function private.search_words, private.search_vector to authenticated, service_role;

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
  messages.status, messages.model_id, messages.run_id, messages.error_code, messages.trimmed_messages, messages.created_at
from private.messages;

comment on view api.messages is
  'The messages of the caller''s conversations. Those with the same parent are each other''s branches. One that is streaming has its text in read_answer.';

grant select on api.folders, api.conversations, api.messages to authenticated;
