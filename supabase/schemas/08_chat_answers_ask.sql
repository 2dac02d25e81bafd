-- chat, answers, how one begins: the message is kept, what the model is told is chosen, the call is
-- authorised and the answer opened, in one transaction.
--
-- A refusal keeps the message, and an id that comes again begins nothing.

create function private.open_conversation(account_id uuid, conversation_id uuid, message private.new_message)
returns private.conversations
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  conversation private.conversations;
begin
  select * into conversation from private.conversations
  where conversations.id = open_conversation.conversation_id
  for no key update;
  if conversation.id is null and message.id is not null and message.parent_id is null then
    insert into private.conversations (id, account_id, user_id, title)
    values (open_conversation.conversation_id, open_conversation.account_id, auth.uid(), private.title_of(message.content))
    on conflict on constraint conversations_pkey do nothing;
    select * into conversation from private.conversations
    where conversations.id = open_conversation.conversation_id
    for no key update;
  end if;
  if conversation.id is null
    or conversation.user_id <> auth.uid()
    or conversation.account_id <> open_conversation.account_id
    or conversation.deleted_at is not null
  then
    perform private.fail(404, 'not_found', 'There is no such conversation.', 'Choose one from your list, or begin a new one.');
  end if;
  return conversation;
end
$$;

comment on function private.open_conversation is 'The caller''s conversation, locked, made if it begins with this message.';

create function private.question(
  conversation private.conversations, message private.new_message, known private.messages, parent private.messages
)
returns private.messages
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if message.id is null then
    if known.id is null or known.role <> 'user' then
      perform private.fail(404, 'not_found', 'There is no such message to answer in this conversation.', 'Load the conversation again.');
    end if;
    return known;
  elsif known.id is not null then
    if known.role <> 'user' or known.content <> message.content or known.parent_id is distinct from message.parent_id then
      perform private.fail(409, 'conflict', 'This id was used for another message.', 'Use a new id for a new message.');
    end if;
    return known;
  elsif message.parent_id is not null then
    if parent.id is null then
      perform private.fail(404, 'not_found', 'The message before this one is not in this conversation.', 'Load the conversation again.');
    elsif parent.status = 'streaming' then
      perform private.fail(409, 'conflict', 'The answer before this message is still being written.', 'Wait for it, or stop it.');
    end if;
  end if;
  known.conversation_id := conversation.id;
  known.id := message.id;
  known.parent_id := message.parent_id;
  known.role := 'user';
  known.content := message.content;
  return known;
end
$$;

comment on function private.question is 'The message to be answered: the one that is known, or a new one, which is not kept yet.';

create function private.authorize_answer(
  account_id uuid, models text[], content text, context private.answer_context, room private.model_room,
  options private.answer_options, idempotency_key text, request_hash bytea
)
returns private.verdict
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  features private.request_features;
begin
  if context.needed_tokens > room.context_tokens - room.answer_tokens then
    return private.refusal(
      413, 'too_large', 'context',
      format(
        'This is too long for %s by about %s tokens: the message and its instructions have about %s, and there is room for %s beside an answer.',
        left(models[1], 100), context.needed_tokens - room.context_tokens + room.answer_tokens, context.needed_tokens,
        room.context_tokens - room.answer_tokens
      ),
      'Shorten the message, or choose a model with a larger context.'
    );
  end if;
  if cardinality(models) > 1 then
    -- What falls back must take it in as well.
    models := models[1] || array(
      select fallback.id
      from unnest(models[2:]) with ordinality as fallback (id, position)
      left join private.models as large on large.id = fallback.id
      where large.context_tokens >= context.tokens + room.answer_tokens
      order by fallback.position
    );
  end if;
  if models[1] like 'oneai/%' then
    features := private.features_of(content, context.tokens, context.tokens + room.answer_tokens);
    features.user_id := auth.uid();
    if options.max_tokens > room.answer_tokens then
      select least(room.context_tokens, min(routable.context_tokens)) into room.context_tokens
      from private.account_plans
      cross join lateral private.route_in_plan(account_plans.plan_id, models[1], features) as routed
      join private.models as routable on routable.id = any (routed.model_ids)
      where account_plans.account_id = authorize_answer.account_id;
    end if;
  else
    features.prompt_tokens := context.tokens;
    features.context_tokens := context.tokens + room.answer_tokens;
  end if;
  return private.authorize_run(row(
    authorize_answer.account_id, auth.uid(), null, 'completion', models,
    private.require_shape(row(
      context.bytes, context.count, 0,
      -- Where nobody said how long, each model has its own room beside what it is told.
      case when options.max_tokens is not null then
        least(options.max_tokens, greatest(room.context_tokens - context.tokens, 1))
      end,
      1, 0
    )::private.request_shape),
    features, options.max_cost_micros, idempotency_key, request_hash
  ));
end
$$;

comment on function private.authorize_answer is
  'Authorises the call for the caller''s answer, to a message with that content and after that context, or refuses what is too long.';

create function private.trimmed_of(context private.answer_context)
returns jsonb
language sql
immutable
security invoker
set search_path = ''
return case when (context).trimmed_messages > 0 then jsonb_build_object(
  'messages', (context).trimmed_messages, 'tokens', (context).trimmed_tokens
) end;

comment on function private.trimmed_of is 'What was left out of what a model is told, if anything.';

create function private.start_answer(
  account_id uuid, conversation_id uuid, answer_id uuid, models text[], message private.new_message, answer_to uuid,
  options private.answer_options, request_hash bytea
)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write messages, runs or holds. It acts for the caller's own id only.
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
-- Plans made while a table was nearly empty must be right when it is not.
set enable_seqscan = off
as $$
declare
  at constant timestamptz := private.clock();
  idempotency_key constant text := 'answer:' || start_answer.answer_id;
  asked_id constant uuid := coalesce(message.id, start_answer.answer_to);
  conversation private.conversations;
  known private.messages;
  earlier private.messages;
  asked private.messages;
  parent private.messages;
  room private.model_room;
  context private.answer_context;
  verdict private.verdict;
  is_new boolean;
begin
  if start_answer.conversation_id is null or start_answer.answer_id is null or (message.id is null) = (start_answer.answer_to is null) then
    perform private.fail(
      422, 'invalid_input', 'An answer needs an id, a conversation, and either a message with an id or the message it answers.', null
    );
  end if;
  if not private.has_role(start_answer.account_id, 'owner', 'admin', 'member') then
    return jsonb_build_object(
      'verdict', private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.'),
      'conversation_id', start_answer.conversation_id, 'user_message_id', null, 'answer_id', start_answer.answer_id,
      'context', '[]'::jsonb, 'trimmed', null, 'stored', false
    );
  end if;
  conversation := private.open_conversation(start_answer.account_id, start_answer.conversation_id, message);

  for known in
    select * from private.messages
    where messages.conversation_id = conversation.id
      and messages.id in (start_answer.answer_id, asked_id, message.parent_id)
  loop
    if known.id = start_answer.answer_id then
      earlier := known;
    elsif known.id = asked_id then
      asked := known;
    else
      parent := known;
    end if;
  end loop;
  if earlier.id is not null or asked_id = start_answer.answer_id then
    if earlier.run_id is null or earlier.parent_id is distinct from asked_id then
      perform private.fail(409, 'conflict', 'This id was used for another message.', 'Use a new id for a new answer.');
    end if;
    -- It was asked before: the run of then, or a conflict when the request was another.
    verdict := private.earlier_verdict(
      row(
        conversation.account_id, conversation.user_id, null, 'completion', start_answer.models, null, null, null, idempotency_key,
        start_answer.request_hash
      )::private.run_request,
      at
    );
    if verdict.allowed is null then
      -- After a day only the answer itself is known.
      verdict.allowed := true;
      verdict.is_replay := true;
      verdict.run_id := earlier.run_id;
      verdict.model_ids := array[earlier.model_id];
    end if;
    return jsonb_build_object(
      'verdict', verdict, 'conversation_id', conversation.id, 'user_message_id', earlier.parent_id,
      'answer_id', earlier.id, 'context', '[]'::jsonb, 'trimmed', null, 'stored', true
    );
  end if;

  if conversation.message_count >= 5000 then
    perform private.fail(413, 'too_large', 'This conversation has 5,000 messages, and that is all it can have.', 'Begin a new one.');
  end if;
  is_new := asked.id is null;
  asked := private.question(conversation, message, asked, parent);

  room := private.room_of(start_answer.models[1], options.max_tokens);
  context := private.context_of(
    asked,
    coalesce(options.system, (
      select preferences.custom_instructions from private.preferences where preferences.user_id = conversation.user_id
    )),
    room.context_tokens - room.answer_tokens
  );
  verdict := private.authorize_answer(
    conversation.account_id, start_answer.models, asked.content, context, room, options, idempotency_key, start_answer.request_hash
  );
  if verdict.is_replay then
    -- The run is of another conversation, or of one that is gone: it must not become this message's.
    perform private.fail(409, 'conflict', 'This id was used for another answer.', 'Use a new id for a new answer.');
  end if;

  if is_new and not verdict.allowed then
    perform private.count_kept(octet_length(asked.content));
  end if;
  -- Both in one statement, because each reads the checks of the table anew.
  insert into private.messages (conversation_id, id, user_id, parent_id, role, status, content, model_id, run_id, trimmed_messages)
  select
    conversation.id, asked.id, conversation.user_id, asked.parent_id, 'user'::private.message_role,
    'complete'::private.message_status, asked.content, null, null::uuid, null::integer
  where is_new
  union all
  select
    conversation.id, start_answer.answer_id, conversation.user_id, asked.id, 'assistant', 'streaming', '',
    verdict.model_ids[1], verdict.run_id, nullif(context.trimmed_messages, 0)
  where verdict.allowed;
  update private.conversations set
    leaf_id = case when verdict.allowed then start_answer.answer_id when is_new then asked.id else conversations.leaf_id end,
    model_id = coalesce(left(start_answer.models[1], 200), conversations.model_id),
    message_count = conversations.message_count + is_new::integer + verdict.allowed::integer,
    updated_at = case when verdict.allowed or is_new then at else conversations.updated_at end
  where conversations.id = conversation.id;

  return jsonb_build_object(
    'verdict', verdict,
    'conversation_id', conversation.id,
    'user_message_id', asked.id,
    'answer_id', start_answer.answer_id,
    'context', case when verdict.allowed then context.messages else '[]' end,
    'trimmed', private.trimmed_of(context),
    'stored', true
  );
end
$$;

comment on function private.start_answer is
  'Keeps the message, chooses what the model is told, authorises the call and opens the answer, in one transaction. A refusal keeps the message.';

create function private.start_temporary_answer(
  account_id uuid, answer_id uuid, models text[], roles text[], sizes bigint[], content text,
  options private.answer_options, request_hash bytea
)
returns jsonb
language plpgsql
volatile
-- As its owner, because members may not write runs or holds. It acts for the caller's own id only.
security definer
set search_path = ''
as $$
declare
  room constant private.model_room := private.room_of(models[1], options.max_tokens);
  context private.answer_context;
  verdict private.verdict;
begin
  if answer_id is null
    or coalesce(cardinality(roles), 0) = 0
    or cardinality(roles) is distinct from cardinality(sizes)
    or (select bool_or(role is null) from unnest(roles) as role)
    or coalesce(0 > any (sizes), true)
    or (select sum(size) from unnest(sizes) as size) > 100000000
  then
    perform private.fail(
      422, 'invalid_input', 'A temporary answer needs an id, and of each message before it a role and a size of at most 100 MB together.', null
    );
  end if;
  if not private.has_role(start_temporary_answer.account_id, 'owner', 'admin', 'member') then
    verdict := private.refusal(404, 'not_found', 'account', 'There is no such account.', 'Choose one of your own accounts.');
  else
    context := private.fit_context(roles, sizes, room.context_tokens - room.answer_tokens);
    verdict := private.authorize_answer(
      start_temporary_answer.account_id, models, content, context, room, options, 'answer:' || answer_id, request_hash
    );
  end if;
  return jsonb_build_object(
    'verdict', verdict, 'kept', coalesce(context.kept, '{}'), 'trimmed', private.trimmed_of(context)
  );
end
$$;

comment on function private.start_temporary_answer is
  'Chooses by their sizes which messages the model is told and authorises the call. What they say is not kept.';

grant execute on function private.start_answer, private.start_temporary_answer to authenticated;

-- api ---------------------------------------------------------------------------------------------

create function api.start_answer(
  account_id uuid, conversation_id uuid, answer_id uuid, models text[], message jsonb default null,
  answer_to uuid default null, options jsonb default '{}', request_hash text default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.start_answer(
    account_id, conversation_id, answer_id, private.read_choice(models), private.read_message(message), answer_to,
    private.read_answer_options(options), private.read_hash(request_hash)
  );
end
$$;

comment on function api.start_answer is
  'Asks for an answer: to a new message {id, parent_id, content}, or once more to one that is there. Returns the verdict and what the model is to be told; the same answer_id again is the same run.';

create function api.start_temporary_answer(
  account_id uuid, answer_id uuid, models text[], roles text[], sizes bigint[], content text default null,
  options jsonb default '{}', request_hash text default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  return private.start_temporary_answer(
    account_id, answer_id, private.read_choice(models), roles, sizes, content, private.read_answer_options(options),
    private.read_hash(request_hash)
  );
end
$$;

comment on function api.start_temporary_answer is
  'Asks for an answer in a chat that is not kept: the role of each message and its size in bytes, the oldest first, and for the router how the last begins. Returns the verdict and the places, from 1, of the messages the model is to be told.';

grant execute on function api.start_answer, api.start_temporary_answer to authenticated;
