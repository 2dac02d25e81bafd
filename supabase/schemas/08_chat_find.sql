-- chat, finding: what somebody types as a query, the page of conversations that fits it, and the place
-- in each where it is met. The words of the index are in 08_chat, beside the tables.
--
-- Only the caller's own conversations are searched.

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
  if right(parsed::text, 1) = '''' and words !~ '("|(^|\s)-\S*)\s*$' then
    -- Somebody is still typing the last word. One that is quoted, or to be without, is meant as it stands.
    parsed := (parsed::text || ':*')::tsquery;
  end if;
  return case when numnode(parsed) > 0 then parsed end;
end
$$;

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
      and messages.content <> ''
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
      and conversations.title_words @@ find_conversations.query
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
    page.id, page.account_id, page.folder_id, page.title::text, page.has_own_title, page.model_id, page.leaf_id, page.message_count,
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

grant execute on function private.read_cursor, private.find_conversations, private.search_query to authenticated;

-- api ---------------------------------------------------------------------------------------------

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

grant execute on function api.list_conversations, api.search_conversations to authenticated;
