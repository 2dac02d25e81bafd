-- chat, import: conversations brought along from elsewhere, each looked at before it is let in.
--
-- One that is here already is skipped, one that cannot be is named, and neither keeps another out.

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
  perform private.count_kept(octet_length(conversation::text));

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
      else encode(sha256(convert_to(coalesce(nullif(item.conversation ->> 'id', ''), item.conversation::text), 'UTF8')), 'hex')
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

grant execute on function private.import_conversations to authenticated;

-- api ---------------------------------------------------------------------------------------------

create function api.import_conversations(account_id uuid, source text, conversations jsonb, dry_run boolean default false)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.import_conversations(account_id, source, conversations, dry_run)
$$;

comment on function api.import_conversations is
  'Takes up to 50 conversations, {id, title, created_at, updated_at, model, leaf_id, messages: [{id, parent_id, role, content, reasoning, model, created_at}]}, from a source. Those that came before are skipped, those that cannot be are named. A dry run only counts.';

grant execute on function api.import_conversations to authenticated;
