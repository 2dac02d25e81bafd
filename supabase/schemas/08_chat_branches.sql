-- chat, branches: one way through a conversation's tree, as it is shared, forked or brought along, and
-- how a conversation is made of one.
--
-- What is made is a copy: nothing that happens to the one changes the other.

create function private.branch_of(conversation_id uuid, message_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  with recursive path as (
    select messages as message, 1 as step
    from private.messages
    where messages.conversation_id = branch_of.conversation_id and messages.id = branch_of.message_id
    union all
    select parent.message, path.step + 1
    from path
    -- One by its key at a step: a join may read the whole conversation at each.
    cross join lateral (
      select messages as message
      from private.messages
      where messages.conversation_id = branch_of.conversation_id and messages.id = (path.message).parent_id
      limit 1
    ) as parent
  )
  select jsonb_agg(
    jsonb_build_object(
      'role', (path.message).role, 'status', (path.message).status, 'content', (path.message).content,
      'reasoning', (path.message).reasoning, 'model_id', (path.message).model_id, 'error_code', (path.message).error_code,
      'trimmed_messages', (path.message).trimmed_messages, 'created_at', (path.message).created_at
    )
    order by path.step desc
  )
  from path
$$;

comment on function private.branch_of is 'The branch that ends at a message, without ids.';

create function private.require_branch(conversation private.conversations, message_id uuid)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  branch constant jsonb := private.branch_of(conversation.id, require_branch.message_id);
begin
  if branch is null then
    perform private.fail(404, 'not_found', 'There is no such message in this conversation.', 'Load the conversation again.');
  elsif jsonb_path_exists(branch, '$[*] ? (@.status == "streaming")') then
    perform private.fail(409, 'conflict', 'An answer in it is still being written.', 'Wait for it, or stop it.');
  end if;
  return branch;
end
$$;

comment on function private.require_branch is 'A branch that is complete, or the refusal.';

create function private.add_branch(account_id uuid, title text, has_own_title boolean, branch jsonb)
returns uuid
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  added constant uuid := private.new_id();
  model_id constant text := jsonb_path_query_array(branch, '$[*].model_id ? (@ != null)') ->> -1;
begin
  perform private.count_kept(octet_length(branch::text));
  insert into private.conversations (id, account_id, user_id, title, has_own_title, model_id, message_count)
  values (
    added, add_branch.account_id, auth.uid(), add_branch.title, add_branch.has_own_title, model_id, jsonb_array_length(branch)
  );
  with listed as materialized (
    select private.new_id() as id, said.value as message, said.position
    from jsonb_array_elements(branch) with ordinality as said (value, position)
  ),
  linked as (
    select listed.*, lag(listed.id) over (order by listed.position) as parent_id from listed
  ),
  kept as (
    insert into private.messages (
      conversation_id, id, user_id, parent_id, role, status, content, reasoning, model_id, error_code, trimmed_messages,
      created_at
    )
    select
      added, linked.id, auth.uid(), linked.parent_id, (linked.message ->> 'role')::private.message_role,
      coalesce(linked.message ->> 'status', 'complete')::private.message_status, linked.message ->> 'content',
      coalesce(linked.message ->> 'reasoning', ''), linked.message ->> 'model_id', linked.message ->> 'error_code',
      (linked.message ->> 'trimmed_messages')::integer, (linked.message ->> 'created_at')::timestamptz
    from linked
  )
  update private.conversations set leaf_id = (select linked.id from linked order by linked.position desc limit 1)
  where conversations.id = added;
  return added;
end
$$;

comment on function private.add_branch is 'A new conversation of the caller''s that has one branch.';

create function private.fork_conversation(conversation_id uuid, message_id uuid)
returns uuid
language plpgsql
volatile
-- As its owner, because members may not write messages. It acts for the caller's own id only.
security definer
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(fork_conversation.conversation_id);
  branch constant jsonb := private.require_branch(conversation, fork_conversation.message_id);
begin
  if not private.has_role(conversation.account_id, 'owner', 'admin', 'member') then
    perform private.fail(403, 'forbidden', 'You may not write in this account any more.', 'Ask an owner of the account.');
  end if;
  return private.add_branch(conversation.account_id, conversation.title, conversation.has_own_title, branch);
end
$$;

comment on function private.fork_conversation is 'Goes on from a message of the caller''s in a new conversation.';

grant execute on function private.fork_conversation to authenticated;

-- api ---------------------------------------------------------------------------------------------

create function api.fork_conversation(conversation_id uuid, message_id uuid)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  added constant uuid := private.fork_conversation(fork_conversation.conversation_id, fork_conversation.message_id);
begin
  return query select * from api.conversations where conversations.id = added;
end
$$;

comment on function api.fork_conversation is 'Goes on from a message in a new conversation.';

grant execute on function api.fork_conversation to authenticated;
