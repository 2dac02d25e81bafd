-- chat, sharing: snapshots of a branch that whoever has the link can read, and forks of them.
--
-- A snapshot never changes, names nobody, holds neither instructions nor reasoning, and is gone the
-- moment it is revoked or expires, its conversation is deleted, its author leaves the account or the
-- account is suspended.

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

grant select on private.shares to authenticated, service_role;

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
  perform private.count_kept(octet_length(shown::text));
  insert into private.shares (id, conversation_id, user_id, leaf_id, title, messages, message_count, expires_at)
  values (
    private.new_share_id(), conversation.id, conversation.user_id, leaf,
    -- A title made of words that are not in this branch must not give them away.
    case
      when conversation.has_own_title or not exists (
        select from private.messages
        where messages.conversation_id = conversation.id and messages.role = 'user'
          and messages.created_at < (shown #>> '{0,created_at}')::timestamptz
      ) then conversation.title
      else private.title_of(shown #>> '{0,content}')
    end,
    shown,
    jsonb_array_length(shown), until_at
  )
  returning shares.id into added;
  return added;
end
$$;

comment on function private.add_share is 'Takes a snapshot of a branch of the caller''s.';

create function private.end_share(share_id text)
returns boolean
language plpgsql
volatile
-- As its owner, because whoever has left the account sees its links no more, and must be able to end them.
security definer
set search_path = ''
as $$
begin
  -- Nobody will read what it showed, so that is not kept until the link is forgotten.
  update private.shares set revoked_at = coalesce(shares.revoked_at, private.clock()), messages = '[]'
  where shares.id = end_share.share_id and shares.user_id = auth.uid();
  return found;
end
$$;

comment on function private.end_share is 'Ends a link of the caller''s, and tells whether there is one.';

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
  join private.accounts on accounts.id = conversations.account_id and accounts.suspended_at is null
  join private.members on members.account_id = accounts.id and members.user_id = shares.user_id
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

grant execute on function private.read_share to anon, authenticated;
grant execute on function private.add_share, private.end_share, private.fork_share to authenticated;

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
  if not private.end_share(revoke_share.share_id) then
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

comment on function api.create_share is 'Takes a snapshot of the branch that ends at a message, or of the open one, readable by whoever has its id until it expires.';
comment on function api.revoke_share is 'Ends a link at once.';
comment on function api.read_share is 'What a link shows: title and messages. Anybody may ask who has its id.';
comment on function api.fork_share is 'Goes on from a shared snapshot in a conversation of one''s own.';

grant execute on function api.read_share to anon, authenticated;
grant execute on function api.create_share, api.revoke_share, api.fork_share to authenticated;
