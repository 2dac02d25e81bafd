-- chat, arranging: folders, names, pins, archive, and which branch of a conversation is open. What is
-- deleted can be brought back for thirty days and goes for good after them.
--
-- Nothing here reads or changes a word of a message.

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

grant execute on function
  private.require_conversation, private.newest_leaf, private.add_folder, private.remove_folder
to authenticated;

-- api ---------------------------------------------------------------------------------------------

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
  api.rename_conversation, api.move_conversation, api.pin_conversation, api.archive_conversation, api.delete_conversation,
  api.restore_conversation, api.select_branch, api.create_folder, api.rename_folder, api.delete_folder
to authenticated;
grant execute on function api.title_conversation to service_role;
