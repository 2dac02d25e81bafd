-- chat, answers: the pieces in which one comes, how what callers send is read, and what a model is told.
-- 08_chat_answers_ask opens an answer, 08_chat_answers_end keeps it as it streams, closes it and reads
-- it again. One call before the model is asked and one after; in between at most two flushes a second.
--
-- A model is told what fits it, the newest first, and never less than the message itself.

create table private.run_chunks (
  run_id uuid not null,
  first_frame integer not null check (first_frame > 0),
  last_frame integer not null,
  frames jsonb not null,
  created_at timestamptz not null default private.clock(),
  primary key (run_id, first_frame),
  check (last_frame >= first_frame)
);

comment on table private.run_chunks is
  'The text of answers in the pieces it streamed in, numbered from 1, to resume reading from. Kept for a day; the message has the whole.';

alter table private.run_chunks enable row level security;
create index run_chunks_created_at_idx on private.run_chunks (created_at);

create policy "authors see the pieces of their answers" on private.run_chunks
  for select to authenticated
  using (exists (select from private.messages where messages.run_id = run_chunks.run_id));

grant select on private.run_chunks to authenticated, service_role;

-- reading what callers send -------------------------------------------------------------------

create function private.read_id(label text, value jsonb)
returns uuid
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
begin
  if value = 'null' then
    return null;
  end if;
  if jsonb_typeof(value) <> 'string' or not pg_input_is_valid(value #>> '{}', 'uuid') then
    perform private.fail(422, 'invalid_input', format('%s must be a uuid, not %s.', label, left(value::text, 50)), null);
  end if;
  return value #>> '{}';
end
$$;

comment on function private.read_id is 'An id out of JSON, or the refusal.';

create type private.new_message as (id uuid, parent_id uuid, content text);

comment on type private.new_message is 'What a person wrote, and below which message.';

create function private.read_message(message jsonb)
returns private.new_message
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  content constant text := message ->> 'content';
begin
  if message is null or message = 'null' then
    return null;
  end if;
  if jsonb_typeof(message) <> 'object' or jsonb_typeof(message -> 'content') is distinct from 'string' then
    perform private.fail(422, 'invalid_input', 'A message has an id, a parent_id and a content that is text.', null);
  end if;
  if octet_length(content) > 1048576 then
    perform private.fail(
      413, 'too_large', format('The message is too long: %s bytes of at most 1,048,576.', to_char(octet_length(content), 'FM999,999,999')),
      'Send it in parts.'
    );
  end if;
  if content !~ '\S' then
    perform private.fail(422, 'invalid_input', 'The message is empty.', 'Write something.');
  end if;
  return row(private.read_id('A message''s id', message -> 'id'), private.read_id('parent_id', message -> 'parent_id'), content)::private.new_message;
end
$$;

comment on function private.read_message is 'A message out of JSON, its text as it is; refused when empty or longer than 1 MB.';

create type private.answer_options as (
  max_tokens integer,
  max_cost_micros bigint,
  system text
);

comment on type private.answer_options is 'What may be said about an answer that is wanted.';

create function private.read_answer_options(options jsonb)
returns private.answer_options
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if options = '{}' then
    return null;
  end if;
  if jsonb_typeof(coalesce(options -> 'system', 'null')) not in ('string', 'null') then
    perform private.fail(422, 'invalid_input', 'The system prompt must be text.', null);
  end if;
  if octet_length(options ->> 'system') > 102400 then
    perform private.fail(413, 'too_large', 'The system prompt is longer than 100 kB.', 'Shorten it.');
  end if;
  return row(
    private.read_count('max_tokens', options -> 'max_tokens', 10000000),
    private.read_count('max_cost_micros', options -> 'max_cost_micros', 9007199254740991),
    options ->> 'system'
  )::private.answer_options;
end
$$;

comment on function private.read_answer_options is
  'Options out of JSON. A system prompt that is given, even empty, takes the place of the custom instructions.';

create function private.require_frames(first integer, frames jsonb)
returns jsonb
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if frames is null or frames = 'null' then
    return '[]';
  end if;
  if jsonb_typeof(frames) <> 'array' or coalesce(first, 0) not between 1 and 100000000 or exists (
    select from jsonb_array_elements(frames) as frame
    where jsonb_typeof(frame) <> 'array'
      or jsonb_array_length(frame) <> 2
      or frame -> 0 not in ('"c"', '"r"')
      or jsonb_typeof(frame -> 1) <> 'string'
  ) then
    perform private.fail(
      422, 'invalid_input', 'Frames are a list of ["c", text] and ["r", text], the first with its number from 1.', null
    );
  end if;
  return frames;
end
$$;

comment on function private.require_frames is 'Frames as they are kept, or the refusal; none for nothing.';

-- what is asked ---------------------------------------------------------------------------------

create function private.title_of(content text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return coalesce(nullif(btrim(left(btrim(regexp_replace(left(content, 400), '[\s\u0001-\u001F\u007F]+', ' ', 'g')), 60)), ''), 'New chat');
end
$$;

comment on function private.title_of is 'What a conversation is called until it has a better title: how its first message begins.';

create function private.features_of(content text, prompt_tokens integer, context_tokens integer)
returns private.request_features
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return private.read_features(jsonb_build_object(
    'text', left(content, 8000),
    'prompt_tokens', prompt_tokens,
    'context_tokens', context_tokens
  ));
end
$$;

comment on function private.features_of is 'What the router may know of a message.';

create type private.model_room as (context_tokens integer, answer_tokens integer);

create function private.room_of(model text, max_tokens integer)
returns private.model_room
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  -- What a preset will choose is not known yet: the largest of its models counts.
  candidates constant text[] := case when model like 'oneai/%' then private.choices_of(model, auth.uid()) else array[model] end;
begin
  return (
    select row(
      max(models.context_tokens),
      least(coalesce(room_of.max_tokens, 4096), max(models.max_output_tokens), max(models.context_tokens) / 2)
    )::private.model_room
    from private.models
    where models.id = any (candidates)
      and models.retired_at is null
      and models.enabled
      and models.price_version_id is not null
  );
end
$$;

comment on type private.model_room is 'How much a model takes in, and how much of that is kept free for an answer.';
comment on function private.room_of is
  'How much a model takes in, and how much of that an answer is to find free; a preset as much as the largest of its models.';

create type private.answer_context as (
  messages jsonb,
  kept integer[],
  count integer,
  bytes bigint,
  tokens integer,
  needed_tokens integer,
  trimmed_messages integer,
  trimmed_tokens integer
);

comment on type private.answer_context is
  'What a model is told before it answers, and the places of that in the whole, from 1. Needed is what cannot be left out: the instructions and the last message.';

create function private.fit_context(roles text[], sizes bigint[], room_tokens integer)
returns private.answer_context
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  context private.answer_context;
  place integer := 0;
  role text;
  tokens integer;
  is_begun boolean := false;
begin
  context.kept := '{}';
  context.count := cardinality(roles);
  context.bytes := 0;
  -- A token is rarely under three bytes, and a message has a little around it: rather too many than too few.
  context.tokens := (select sum((size + 2) / 3 + 8) from unnest(sizes) as size);
  context.needed_tokens := 0;
  context.trimmed_messages := 0;
  context.trimmed_tokens := 0;
  foreach role in array roles loop
    place := place + 1;
    tokens := (sizes[place] + 2) / 3 + 8;
    if role = 'system' or place = cardinality(roles) then
      context.needed_tokens := context.needed_tokens + tokens;
    else
      -- What is left must not begin with an answer to nothing.
      is_begun := is_begun
        or coalesce(context.tokens <= room_tokens, true) and (context.trimmed_messages = 0 or role = 'user');
      if not is_begun then
        context.tokens := context.tokens - tokens;
        context.trimmed_messages := context.trimmed_messages + 1;
        context.trimmed_tokens := context.trimmed_tokens + tokens;
        continue;
      end if;
    end if;
    context.kept := context.kept || place;
    context.bytes := context.bytes + sizes[place];
  end loop;
  context.count := context.count - context.trimmed_messages;
  return context;
end
$$;

comment on function private.fit_context is
  'Which of so many messages, the oldest first, a model is told. What does not fit is left out from the beginning, never the instructions or the last message.';

create function private.context_of(asked private.messages, instructions text, room_tokens integer)
returns private.answer_context
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    with recursive path as (
      select asked.parent_id, asked.role, asked.content, 1 as step
      union all
      select parent.parent_id, parent.role, parent.content, path.step + 1
      from path
      -- One by its key at a step: a join may read the whole conversation at each.
      cross join lateral (
        select messages.parent_id, messages.role, messages.content
        from private.messages
        where messages.conversation_id = asked.conversation_id and messages.id = path.parent_id
        limit 1
      ) as parent
    ),
    spoken as (
      select path.step, path.role::text, path.content
      from path
      -- Providers refuse a turn without a word, and all that is asked after it. Its beginning mostly tells.
      where path.step = 1 or left(path.content, 100) ~ '\S' or path.content ~ '\S'
      union all
      -- After everything else in steps, so that it comes first of all.
      select 2147483647, 'system', context_of.instructions
      where context_of.instructions <> ''
    ),
    said as (
      select spoken.*, row_number() over (order by spoken.step desc) as place
      from spoken
    ),
    sized as (
      select array_agg(said.role order by said.place) as roles, array_agg(octet_length(said.content)::bigint order by said.place) as sizes
      from said
    )
    select row(
      (
        select jsonb_agg(jsonb_build_object('role', said.role, 'content', said.content) order by said.place)
        from unnest(fitted.kept) as kept (place)
        join said on said.place = kept.place
      ),
      fitted.kept, fitted.count, fitted.bytes, fitted.tokens, fitted.needed_tokens, fitted.trimmed_messages, fitted.trimmed_tokens
    )::private.answer_context
    from sized
    cross join lateral private.fit_context(sized.roles, sized.sizes, context_of.room_tokens) as fitted
  );
end
$$;

comment on function private.context_of is 'The branch that leads to a message, instructions first, as far as it fits.';

-- grants ------------------------------------------------------------------------------------------

grant execute on function private.read_id, private.read_message, private.read_answer_options to authenticated;
grant execute on function private.require_frames to service_role;
