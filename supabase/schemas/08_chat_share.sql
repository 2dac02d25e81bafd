-- chat, sharing: what leaves a conversation and what enters one. Snapshots that whoever has the link can
-- read, forks of them and of one's own branches, and conversations brought along from elsewhere.
--
-- A snapshot never changes, names nobody, holds neither instructions nor reasoning, and is gone the
-- moment it is revoked, it expires or its conversation is deleted.

create table private.shares (
  id text primary key,
  conversation_id uuid not null references private.conversations (id) on delete cascade,
  user_id uuid not null,
  leaf_id uuid not null,
  title text not null,
  messages jsonb not null,
  message_count integer not null,
  created_at timestamptz not null default private.clock(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint well_formed check (id ~ '^[A-Za-z0-9_-]{22}$' and message_count > 0)
);

comment on table private.shares is 'Snapshots of branches, each readable by whoever has its id: 128 random bits.';

alter table private.shares enable row level security;
create index shares_conversation_id_idx on private.shares (conversation_id);
create index shares_user_id_idx on private.shares (user_id);

create policy "authors see what they shared" on private.shares
  for select to authenticated
  using (
    user_id = (select auth.uid())
    and exists (select from private.conversations where conversations.id = shares.conversation_id)
  );
create policy "authors revoke what they shared" on private.shares
  for update to authenticated
  using (
    user_id = (select auth.uid())
    and exists (select from private.conversations where conversations.id = shares.conversation_id)
  )
  with check (user_id = (select auth.uid()));

grant select on private.shares to authenticated, service_role;
grant update (revoked_at) on private.shares to authenticated;

-- branches ----------------------------------------------------------------------------------

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
    select messages, path.step + 1
    from path
    join private.messages
      on messages.conversation_id = branch_of.conversation_id and messages.id = (path.message).parent_id
  )
  select jsonb_agg(
    jsonb_build_object(
      'role', (path.message).role, 'status', (path.message).status, 'content', (path.message).content,
      'reasoning', (path.message).reasoning, 'model_id', (path.message).model_id, 'error_code', (path.message).error_code,
      'created_at', (path.message).created_at
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
      conversation_id, id, user_id, parent_id, role, status, content, reasoning, model_id, error_code, created_at
    )
    select
      added, linked.id, auth.uid(), linked.parent_id, (linked.message ->> 'role')::private.message_role,
      coalesce(linked.message ->> 'status', 'complete')::private.message_status, linked.message ->> 'content',
      coalesce(linked.message ->> 'reasoning', ''), linked.message ->> 'model_id', linked.message ->> 'error_code',
      (linked.message ->> 'created_at')::timestamptz
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

-- sharing -----------------------------------------------------------------------------------

create function private.new_share_id()
returns text
language sql
volatile
security invoker
set search_path = ''
as $$
  -- A uuid has 122 random bits; of two of them 128 are left.
  select rtrim(translate(
    encode(substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16), 'base64'), '+/', '-_'
  ), '=')
$$;

comment on function private.new_share_id is '128 random bits in 22 letters that need no escaping in an address.';

create function private.add_share(conversation_id uuid, leaf_id uuid, expires_at timestamptz)
returns text
language plpgsql
volatile
-- As its owner, because members may not insert. It shares the caller's own conversations only.
security definer
set search_path = ''
as $$
declare
  conversation constant private.conversations := private.require_conversation(add_share.conversation_id);
  leaf constant uuid := coalesce(add_share.leaf_id, conversation.leaf_id);
  until_at constant timestamptz := nullif(add_share.expires_at, 'infinity');
  shown jsonb;
  added text;
begin
  if until_at <= private.clock() then
    perform private.fail(422, 'invalid_input', 'A link cannot expire in the past.', 'Choose a later time, or none.');
  end if;
  if (
    select count(*) >= 100 from private.shares
    where shares.conversation_id = conversation.id and shares.revoked_at is null
      and coalesce(shares.expires_at, 'infinity') > private.clock()
  ) then
    perform private.fail(409, 'conflict', 'This conversation has 100 links, and that is all it can have.', 'Revoke one first.');
  end if;
  select jsonb_agg(jsonb_build_object(
    'role', said.value -> 'role', 'status', said.value -> 'status', 'content', said.value -> 'content',
    'model_id', said.value -> 'model_id', 'created_at', said.value -> 'created_at'
  ) order by said.position)
  into shown
  from jsonb_array_elements(private.require_branch(conversation, leaf)) with ordinality as said (value, position)
  where said.value ->> 'role' <> 'system' and said.value ->> 'content' <> '';
  if shown is null then
    perform private.fail(422, 'invalid_input', 'There is nothing to share yet.', 'Write something first.');
  elsif octet_length(shown::text) > 20971520 then
    perform private.fail(413, 'too_large', 'This branch is longer than 20 MB, too long to share.', 'Share an earlier message.');
  end if;
  insert into private.shares (id, conversation_id, user_id, leaf_id, title, messages, message_count, expires_at)
  values (
    private.new_share_id(), conversation.id, conversation.user_id, leaf, conversation.title, shown,
    jsonb_array_length(shown), until_at
  )
  returning shares.id into added;
  return added;
end
$$;

comment on function private.add_share is 'Takes a snapshot of a branch of the caller''s.';

create function private.require_share(share_id text)
returns private.shares
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  share private.shares;
begin
  select shares.* into share
  from private.shares
  join private.conversations on conversations.id = shares.conversation_id and conversations.deleted_at is null
  where shares.id = require_share.share_id
    and shares.revoked_at is null
    and coalesce(shares.expires_at, 'infinity') > private.clock();
  if share.id is null then
    perform private.fail(404, 'not_found', 'There is nothing under this link, or not any more.', 'Ask whoever sent it for a new one.');
  end if;
  return share;
end
$$;

comment on function private.require_share is 'A snapshot that may be read now, or the refusal.';

create function private.read_share(share_id text)
returns jsonb
language plpgsql
stable
-- As its owner, because whoever has the link may read, signed in or not. The id is the key.
security definer
set search_path = ''
as $$
declare
  share constant private.shares := private.require_share(read_share.share_id);
begin
  return jsonb_build_object(
    'id', share.id, 'title', share.title, 'messages', share.messages, 'message_count', share.message_count,
    'created_at', share.created_at, 'expires_at', share.expires_at
  );
end
$$;

comment on function private.read_share is 'What a link shows.';

create function private.fork_share(share_id text, account_id uuid)
returns uuid
language plpgsql
volatile
-- As its owner, because members may not write messages. It acts for the caller's own id only.
security definer
set search_path = ''
as $$
declare
  share constant private.shares := private.require_share(fork_share.share_id);
begin
  if not private.has_role(fork_share.account_id, 'owner', 'admin', 'member') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  return private.add_branch(fork_share.account_id, share.title, true, share.messages);
end
$$;

comment on function private.fork_share is 'Goes on from a snapshot in a conversation of the caller''s own.';

create function private.purge_shares(max_shares integer default 500)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  purged integer;
begin
  delete from private.shares
  where shares.id in (
    select gone.id from private.shares as gone
    where least(gone.revoked_at, gone.expires_at) < private.clock() - interval '30 days'
    limit purge_shares.max_shares
  );
  get diagnostics purged = row_count;
  return purged;
end
$$;

comment on function private.purge_shares is 'Removes snapshots that nobody could read for 30 days.';

-- bringing conversations along ------------------------------------------------------------------

create function private.read_moment(value jsonb)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  written constant text := value #>> '{}';
  moment timestamptz;
begin
  if jsonb_typeof(value) = 'number' and value::numeric between 0 and 1e14 then
    -- Seconds, or milliseconds where seconds would be thousands of years.
    moment := to_timestamp((case when value::numeric > 1e11 then value::numeric / 1000 else value::numeric end)::double precision);
  elsif jsonb_typeof(value) = 'string' and written ~ '^\d{4}-\d\d-\d\d' and pg_input_is_valid(written, 'timestamptz') then
    moment := written::timestamptz;
  end if;
  return case when moment between '2000-01-01' and private.clock() + interval '1 day' then moment end;
end
$$;

comment on function private.read_moment is 'A moment out of a file, or nothing when it cannot be true.';

create function private.has_cycle(parents integer[])
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  -- In which walk a message was first met; walks that meet an earlier one end well.
  met integer[] := array_fill(0, array[cardinality(parents)]);
  at integer;
begin
  for walk in 1..cardinality(parents) loop
    at := walk;
    while at is not null and met[at] = 0 loop
      met[at] := walk;
      at := parents[at];
    end loop;
    if met[at] = walk then
      return true;
    end if;
  end loop;
  return false;
end
$$;

comment on function private.has_cycle is 'Whether somebody is among their own forebears, given the place of everybody''s parent.';

create function private.why_not_importable(conversation jsonb)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  messages constant jsonb := conversation -> 'messages';
  parents integer[];
begin
  if jsonb_typeof(conversation) is distinct from 'object' or jsonb_typeof(messages) is distinct from 'array' then
    return 'It is no conversation with a list of messages.';
  elsif jsonb_array_length(messages) = 0 then
    return 'It has no messages.';
  elsif jsonb_array_length(messages) > 5000 then
    return 'It has more than 5,000 messages.';
  elsif exists (
    select from jsonb_array_elements(messages) as message
    where jsonb_typeof(message) <> 'object'
      or jsonb_typeof(message -> 'id') is distinct from 'string'
      or char_length(message ->> 'id') not between 1 and 200
      or jsonb_typeof(coalesce(message -> 'parent_id', 'null')) not in ('string', 'null')
      or jsonb_typeof(message -> 'content') is distinct from 'string'
      or coalesce(message ->> 'role', '') not in ('user', 'assistant', 'system')
  ) then
    return 'A message in it is without an id, a role or text.';
  elsif exists (
    select from jsonb_array_elements(messages) as message
    where octet_length(message ->> 'content') > 1048576 or octet_length(message ->> 'reasoning') > 1048576
  ) then
    return 'A message in it is longer than 1 MB.';
  elsif not exists (select from jsonb_array_elements(messages) as message where message ->> 'content' ~ '\S') then
    return 'Its messages are empty.';
  elsif (select count(distinct message ->> 'id') from jsonb_array_elements(messages) as message) < jsonb_array_length(messages) then
    return 'Two messages in it have the same id.';
  end if;

  with listed as materialized (
    select message ->> 'id' as id, message ->> 'parent_id' as parent_id, position::integer
    from jsonb_array_elements(messages) with ordinality as listed (message, position)
  )
  select array_agg(case when listed.parent_id is not null then coalesce(parent.position, 0) end order by listed.position)
  into parents
  from listed
  left join listed as parent on parent.id = listed.parent_id;
  if 0 = any (parents) then
    return 'A message in it answers one that is not there.';
  elsif private.has_cycle(parents) then
    return 'Its messages answer each other in a circle.';
  end if;
  return null;
end
$$;

comment on function private.why_not_importable is 'Says in words why a conversation cannot be brought along, or nothing.';

create function private.import_conversation(account_id uuid, import_key text, conversation jsonb)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  added constant uuid := private.new_id();
  at constant timestamptz := private.clock();
  created_at constant timestamptz := coalesce(
    private.read_moment(conversation -> 'created_at'), private.read_moment(conversation -> 'updated_at'), at
  );
  title constant text := btrim(left(regexp_replace(conversation ->> 'title', '[\s\u0001-\u001F\u007F]+', ' ', 'g'), 200));
  first_text constant text := (
    select message ->> 'content'
    from jsonb_array_elements(conversation -> 'messages') with ordinality as listed (message, position)
    where message ->> 'content' ~ '\S'
    order by message ->> 'role' = 'user' desc, position
    limit 1
  );
begin
  insert into private.conversations (
    id, account_id, user_id, title, has_own_title, model_id, message_count, import_key, created_at, updated_at
  )
  values (
    added, import_conversation.account_id, auth.uid(), coalesce(nullif(title, ''), private.title_of(first_text)),
    coalesce(title, '') <> '', left(conversation ->> 'model', 200), jsonb_array_length(conversation -> 'messages'),
    import_conversation.import_key, created_at,
    greatest(coalesce(private.read_moment(conversation -> 'updated_at'), created_at), created_at)
  )
  on conflict do nothing;
  if not found then
    return false;
  end if;

  with listed as materialized (
    select private.new_id() as id, message, message ->> 'id' as source_id, position
    from jsonb_array_elements(conversation -> 'messages') with ordinality as listed (message, position)
  ),
  kept as (
    insert into private.messages (
      conversation_id, id, user_id, parent_id, role, content, reasoning, model_id, created_at
    )
    select
      added, listed.id, auth.uid(), parent.id, (listed.message ->> 'role')::private.message_role, listed.message ->> 'content',
      coalesce(listed.message ->> 'reasoning', ''), left(listed.message ->> 'model', 200),
      -- Without a time of their own they follow each other as they were listed.
      coalesce(private.read_moment(listed.message -> 'created_at'), created_at + listed.position * interval '1 microsecond')
    from listed
    left join listed as parent on parent.source_id = listed.message ->> 'parent_id'
    returning messages.id, messages.created_at
  )
  update private.conversations set leaf_id = coalesce(
    (select listed.id from listed where listed.source_id = conversation ->> 'leaf_id'),
    (select kept.id from kept order by kept.created_at desc, kept.id desc limit 1)
  )
  where conversations.id = added;
  return true;
end
$$;

comment on function private.import_conversation is 'Writes a conversation from elsewhere, unless it is here already.';

create function private.import_conversations(account_id uuid, source text, conversations jsonb, dry_run boolean)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write messages. It acts for the caller's own id only.
security definer
set search_path = ''
as $$
declare
  item record;
  wanted_key text;
  reason text;
  keys text[] := '{}';
  imported integer := 0;
  duplicates integer := 0;
  rejected jsonb := '[]';
begin
  if not private.has_role(import_conversations.account_id, 'owner', 'admin', 'member') then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  elsif coalesce(import_conversations.source, '') !~ '^[a-z][a-z0-9-]{0,30}$' then
    perform private.fail(422, 'invalid_input', 'Say in small letters where the conversations come from.', 'Such as chatgpt, claude or oneai.');
  elsif jsonb_typeof(conversations) is distinct from 'array' then
    perform private.fail(422, 'invalid_input', 'Conversations come as a list.', null);
  elsif jsonb_array_length(conversations) > 50 or octet_length(conversations::text) > 6291456 then
    perform private.fail(413, 'too_large', 'At most 50 conversations and 5 MB come at once.', 'Send them in smaller parts.');
  end if;
  -- Two imports of one person wait for each other, so that they do not meet in opposite order.
  perform from private.profiles where profiles.user_id = auth.uid() for no key update;
  for item in
    select listed.value as conversation, listed.position::integer - 1 as index
    from jsonb_array_elements(conversations) with ordinality as listed (value, position)
    order by listed.position
  loop
    reason := private.why_not_importable(item.conversation);
    if reason is not null then
      rejected := rejected || jsonb_build_object('index', item.index, 'reason', reason);
      continue;
    end if;
    wanted_key := import_conversations.source || ':' || case
      when octet_length(item.conversation ->> 'id') between 1 and 200 then item.conversation ->> 'id'
      else encode(sha256(convert_to(coalesce(item.conversation ->> 'id', item.conversation::text), 'UTF8')), 'hex')
    end;
    if wanted_key = any (keys) or exists (
      select from private.conversations as known
      where known.user_id = auth.uid()
        and known.account_id = import_conversations.account_id
        and known.import_key = wanted_key
    ) then
      duplicates := duplicates + 1;
    elsif coalesce(dry_run, false)
      or private.import_conversation(import_conversations.account_id, wanted_key, item.conversation)
    then
      imported := imported + 1;
    else
      duplicates := duplicates + 1;
    end if;
    keys := keys || wanted_key;
  end loop;
  return jsonb_build_object('imported', imported, 'duplicates', duplicates, 'rejected', rejected);
end
$$;

comment on function private.import_conversations is 'Brings conversations along: what is here already is skipped, what cannot be is named.';

grant execute on function private.read_share to anon, authenticated;
grant execute on function
  private.fork_conversation, private.add_share, private.fork_share, private.import_conversations
to authenticated;

-- api ---------------------------------------------------------------------------------------

create view api.shares
with (security_invoker = true)
as
select
  shares.id, shares.conversation_id, shares.leaf_id, shares.title, shares.message_count, shares.created_at,
  shares.expires_at, shares.revoked_at
from private.shares;

comment on view api.shares is 'What the caller has shared.';

grant select on api.shares to authenticated;

create function api.create_share(conversation_id uuid, leaf_id uuid default null, expires_at timestamptz default null)
returns setof api.shares
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  added constant text := private.add_share(create_share.conversation_id, create_share.leaf_id, create_share.expires_at);
begin
  return query select * from api.shares where shares.id = added;
end
$$;

create function api.revoke_share(share_id text)
returns setof api.shares
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update private.shares set revoked_at = coalesce(shares.revoked_at, private.clock()) where shares.id = revoke_share.share_id;
  if not found then
    perform private.fail(404, 'not_found', 'There is no such link of yours.', 'Choose one from your list.');
  end if;
  return query select * from api.shares where shares.id = revoke_share.share_id;
end
$$;

create function api.read_share(share_id text)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select private.read_share(share_id)
$$;

create function api.fork_share(share_id text, account_id uuid)
returns setof api.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  added constant uuid := private.fork_share(fork_share.share_id, fork_share.account_id);
begin
  return query select * from api.conversations where conversations.id = added;
end
$$;

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

create function api.import_conversations(account_id uuid, source text, conversations jsonb, dry_run boolean default false)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.import_conversations(account_id, source, conversations, dry_run)
$$;

comment on function api.create_share is 'Takes a snapshot of the branch that ends at a message, or of the open one, readable by whoever has its id until it expires.';
comment on function api.revoke_share is 'Ends a link at once.';
comment on function api.read_share is 'What a link shows: title and messages. Anybody may ask who has its id.';
comment on function api.fork_share is 'Goes on from a shared snapshot in a conversation of one''s own.';
comment on function api.fork_conversation is 'Goes on from a message in a new conversation.';
comment on function api.import_conversations is
  'Takes up to 50 conversations, {id, title, created_at, updated_at, model, leaf_id, messages: [{id, parent_id, role, content, reasoning, model, created_at}]}, from a source. Those that came before are skipped, those that cannot be are named. A dry run only counts.';

grant execute on function api.read_share to anon, authenticated;
grant execute on function
  api.create_share, api.revoke_share, api.fork_share, api.fork_conversation, api.import_conversations
to authenticated;
