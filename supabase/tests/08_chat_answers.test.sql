-- chat, answers: asking, replays, refusals that keep the message, what the model is told, flushing,
-- finishing, losing the worker and reading it all again.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');
select tests.create_user(name) from unnest(array['Ada', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as
select (select id from private.accounts where name = 'Engine') as engine, tests.account_of('Ada') as home, tests.id_of('Ada') as ada;
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'member'), ('Mia', 'owner'), ('Vic', 'viewer')) as person (name, role);
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values ('acme/small', 'Small', 1000, 200, 0, 0), ('acme/large', 'Large', 32000, 4000, 0, 0), ('acme/huge', 'Huge', 1000000, 4000, 0, 0);
insert into private.models (id, name, context_tokens, max_output_tokens, output_modalities, prompt_usd, completion_usd)
values ('acme/vectors', 'Vectors', 32000, 4000, '{embeddings}', 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/*', 2, 0.003, 0.015, 0);
insert into private.presets (id, name, description) values ('oneai/test', 'Test', 'For tests.');
insert into private.router_rules (preset_id, priority, needs_code, language, models, reason)
values
  ('oneai/test', 1, true, null, '{acme/huge}', 'Code.'), ('oneai/test', 2, null, 'ja', '{acme/large}', 'Japanese.'),
  ('oneai/test', 3, null, null, '{acme/small,acme/large}', 'Anything.');
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 2, '*', true);
update private.account_plans set plan_id = 'test';
select private.adjust_credits(engine, 100000000, 'tests', 'For tests', 'tests') from ids;

-- Ids are the MD5 of a word, so that a test can name them.
create function pg_temp.ask(
  conversation text, answer text, message text default null, content text default 'Hello', parent text default null,
  again text default null, models text[] default '{acme/large}', options jsonb default '{"max_tokens": 100}',
  hash text default repeat('ab', 32), account uuid default null
)
returns jsonb
language sql
as $$
  select api.start_answer(
    coalesce(account, engine), md5(conversation)::uuid, md5(answer)::uuid, models,
    case when message is not null then jsonb_build_object('id', md5(message)::uuid, 'parent_id', md5(parent)::uuid, 'content', content) end,
    md5(again)::uuid, options, hash
  )
  from ids
$$;
create function pg_temp.says(answer jsonb)
returns text
language sql
as $$
  select case
    when answer #> '{verdict,is_replay}' = 'true' then 'replay'
    when answer #> '{verdict,allowed}' = 'true' then 'allowed'
    else concat_ws(' ', answer #>> '{verdict,status}', answer #>> '{verdict,reason}', answer #>> '{verdict,rule}')
  end
$$;
create function pg_temp.run_of(answer text)
returns uuid
language sql
security definer
as $$
  select run_id from private.messages where id = md5(answer)::uuid
$$;
create function pg_temp.finish(answer text, first integer default 1, frames jsonb default '[["c", "Yes."]]', outcome text default 'completed')
returns jsonb
language sql
as $$
  select api.finish_answer(
    pg_temp.run_of(answer), jsonb_build_object('outcome', outcome, 'used', '{"prompt_tokens": 10, "completion_tokens": 5}'::jsonb), first, frames
  )
$$;
-- An exchange that is over: the message, and the answer given to it.
create function pg_temp.exchange(conversation text, message text, content text, parent text, said text)
returns void
language plpgsql
as $$
begin
  perform tests.sign_in_as('Ada');
  perform pg_temp.ask(conversation, message || '!', message, content, parent, models => '{acme/huge}');
  perform tests.sign_in_as_service();
  perform pg_temp.finish(message || '!', frames => jsonb_build_array(jsonb_build_array('c', said)));
  perform tests.sign_in_as('Ada');
end
$$;
grant execute on all functions in schema pg_temp to public;

-- the first message -----------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
create temporary table first as select pg_temp.ask('talk', 'a1', 'm1', E'  Grüße,\t\n world 😀 \u0001 ') as said;
grant select on first to public;
select is(pg_temp.says(said), 'allowed', 'a member asks') from first;
select is(
  said -> 'context', jsonb_build_array(jsonb_build_object('role', 'user', 'content', E'  Grüße,\t\n world 😀 \u0001 ')),
  'the model is told the message as it was written, byte for byte'
)
from first;
select is(said - '{verdict,context}'::text[], jsonb_build_object(
  'conversation_id', md5('talk')::uuid, 'user_message_id', md5('m1')::uuid, 'answer_id', md5('a1')::uuid, 'trimmed', null, 'stored', true
), 'and the page which ids it has')
from first;
select results_eq(
  'select role::text, status::text, content, parent_id, model_id, run_id is not null from api.messages order by 1 desc',
  $$
    values
      ('user', 'complete', E'  Grüße,\t\n world 😀 \u0001 ', null, null, false),
      ('assistant', 'streaming', '', md5('m1')::uuid, 'acme/large', true)
  $$,
  'the message is kept as it is, and below it an answer is open'
);
select results_eq(
  'select title::text, has_own_title, model_id, leaf_id, message_count from api.conversations',
  $$values ('Grüße, world 😀', false, 'acme/large', md5('a1')::uuid, 2)$$,
  'the conversation is called as it begins and ends in the answer'
);
select is((said #>> '{verdict,hold_micros}')::bigint, (select held_micros::bigint from api.wallets where account_id = engine), 'and the call is held for')
from first, ids;

-- the same again --------------------------------------------------------------------------------------

select is(pg_temp.says(pg_temp.ask('talk', 'a1', 'm1', E'  Grüße,\t\n world 😀 \u0001 ')), 'replay', 'the same answer again is a replay');
select is(
  pg_temp.ask('talk', 'a1', 'm1', E'  Grüße,\t\n world 😀 \u0001 ') #>> '{verdict,run_id}', said #>> '{verdict,run_id}', 'of the same run'
)
from first;
select is(pg_temp.ask('talk', 'a1', again => 'm1') #>> '{verdict,run_id}', said #>> '{verdict,run_id}', 'also asked for by what it answers') from first;
select is(
  pg_temp.says(pg_temp.ask('talk', 'a1', 'm1', hash => repeat('cd', 32))), '409 conflict idempotency', 'with another hash it is a conflict'
);
select tests.throws($$select pg_temp.ask('talk', 'a1', 'm9', 'Else')$$, 409, 'conflict', 'as an answer to something else as well');
select tests.throws($$select pg_temp.ask('talk', 'm1', again => 'm1')$$, 409, 'conflict', 'a message''s id is no answer''s');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm1', 'Else')$$, 409, 'conflict', 'another text under the id of a message is a conflict');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'a1', '')$$, 422, 'invalid_input', 'an empty message is none');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', 'Self', 'm9')$$, 404, 'not_found', 'a message does not follow itself');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'a9')$$, 409, 'conflict', 'nor has its answer the same id');
select is((select message_count from api.conversations), 2, 'nothing was kept by any of it');
select is((select count(*) from api.messages), 2::bigint, 'nor counted');
select tests.throws($$select pg_temp.ask('talk', 'a2', 'm2', 'And?', 'a1')$$, 409, 'conflict', 'an answer that is being written is waited for');

-- flushing ---------------------------------------------------------------------------------------------

select tests.sign_in_as_service();
select is(api.append_frames(pg_temp.run_of('a1'), 1, '[["r", "Hm"], ["c", "Good"]]', 'gen-1'), false, 'a flush is kept');
select is(current_setting('synchronous_commit'), 'off', 'without waiting for the disk');
select is(api.append_frames(pg_temp.run_of('a1'), 1, '[["r", "Hm"], ["c", "Good"]]'), false, 'again, it changes nothing');
select is(api.append_frames(pg_temp.run_of('a1'), 2, '[["c", "Good"], ["c", " day"]]'), false, 'and of one that overlaps the new frames are kept');
select is(api.append_frames(pg_temp.run_of('a1'), 9, '[]'), false, 'one without frames says only that the worker lives');
select tests.throws($$select api.append_frames(pg_temp.run_of('a1'), 5, '[["c", "!"]]')$$, 409, 'conflict', 'a gap is refused');
select tests.throws(format('select api.append_frames(pg_temp.run_of(%L), 4, %L)', 'a1', frames), 422, 'invalid_input', 'no frames: ' || frames)
from unnest(array['{}', '[1]', '[["c"]]', '[["x", "y"]]', '[["c", 1]]', '[["c", "a", "b"]]', '"c"', '[null]', '[["c", null]]']) as frames;
select tests.throws($$select api.append_frames(pg_temp.run_of('a1'), 0, '[["c", "!"]]')$$, 422, 'invalid_input', 'numbers start at 1');
select results_eq(
  $$select generation_id, lease_until - private.clock() from private.runs where id = pg_temp.run_of('a1')$$, $$values ('gen-1', interval '30 seconds')$$,
  'the lease goes on and the generation is known'
);

-- reading ------------------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select is(api.read_answer(pg_temp.run_of('a1')), '{
  "status": "streaming", "run_status": "open", "last": 3, "error_code": null, "receipt": null, "stop_requested": false,
  "chunks": [
    {"first": 1, "last": 2, "frames": [["r", "Hm"], ["c", "Good"]]},
    {"first": 3, "last": 3, "frames": [["c", " day"]]}
  ]
}'::jsonb, 'all of it is read from the beginning');
select is(
  api.read_answer(pg_temp.run_of('a1'), 1) -> 'chunks',
  '[{"first": 2, "last": 2, "frames": [["c", "Good"]]}, {"first": 3, "last": 3, "frames": [["c", " day"]]}]', 'and from the middle of a flush'
);
select is(api.read_answer(pg_temp.run_of('a1'), 3) -> 'chunks', '[]', 'there is nothing after the end');
select is(api.read_answer(pg_temp.run_of('a1'), -5), api.read_answer(pg_temp.run_of('a1')), 'and nothing before the beginning');
select is(api.stop_run(pg_temp.run_of('a1')), true, 'its author stops it');
select is(api.read_answer(pg_temp.run_of('a1'), 3) -> 'stop_requested', 'true', 'whoever reads sees that');
select tests.sign_in_as('Mia');
select tests.throws($$select api.read_answer(pg_temp.run_of('a1'))$$, 404, 'not_found', 'who manages the team does not read it');
select tests.sign_in_as('Eve');
select tests.throws($$select api.read_answer(pg_temp.run_of('a1'))$$, 404, 'not_found', 'nor does a stranger');
select tests.sign_in_as_service();
select is(api.append_frames(pg_temp.run_of('a1'), 4, '[["c", "."]]'), true, 'the worker hears that it is to stop');

-- finishing ------------------------------------------------------------------------------------------------

create temporary table done as select pg_temp.finish('a1', 4, '[["c", "."], ["c", "!"]]', 'stopped') as told;
select is(told #>> '{receipt,charged_micros}', '105', 'it is charged what it used') from done;
select is(
  told - 'receipt', (
    select jsonb_build_object(
      'wallet', jsonb_build_object('balance_micros', balance_micros, 'held_micros', 0, 'available_micros', balance_micros),
      'limits', '{"requests_this_month": 1, "requests_per_month": null}'::jsonb
    )
    from private.wallets, ids
    where account_id = engine
  ), 'and the page learns what there is now'
)
from done;
select is(pg_temp.finish('a1', 1, '[["c", "Something else"]]'), told, 'repeated, it is the same receipt') from done;
select is(api.append_frames(pg_temp.run_of('a1'), 6, '[["c", "?"]]'), null, 'a flush after the end hears of it');
select tests.throws($$select api.finish_answer(pg_temp.run_of('a1'), '{"outcome": "expired"}')$$, 422, 'invalid_input', 'a worker does not expire a run');
select tests.throws($$select api.finish_answer(gen_random_uuid(), '{"outcome": "completed"}')$$, 404, 'not_found', 'nor ends one that is not there');
select results_eq(
  $$select content, reasoning, status::text from private.messages where id = md5('a1')::uuid$$, $$values ('Good day.!', 'Hm', 'stopped')$$,
  'the message has the text once, reasoning apart'
);
select tests.sign_in_as('Ada');
select is(
  jsonb_path_query_array(api.read_answer(pg_temp.run_of('a1')), '$.chunks[*].frames[*][1]'), '["Hm", "Good", " day", ".", "!"]',
  'every frame can still be read, once'
);
select is(api.read_answer(pg_temp.run_of('a1')) #>> '{receipt,charged_micros}', '105', 'with the receipt');
select tests.sign_out();
select tests.travel('25 hours');
delete from private.run_chunks where run_id = pg_temp.run_of('a1') and first_frame = 1;
select tests.sign_in_as('Ada');
select is(
  jsonb_path_query_array(api.read_answer(pg_temp.run_of('a1')), '$.chunks[*].frames[*][1]'), '["Hm", "Good day.!"]',
  'a day later the pieces are forgotten, some before others: what has lost its beginning is read as a whole'
);
select is(
  jsonb_path_query_array(api.read_answer(pg_temp.run_of('a1'), 3), '$.chunks[*].frames[*][1]'), '[".", "!"]',
  'and whoever has what is gone reads on'
);
select tests.sign_out();
select is(private.forget_chunks(), 3, 'soon all of them are gone');
select tests.sign_in_as('Ada');
select is(
  api.read_answer(pg_temp.run_of('a1')) -> 'chunks', '[{"first": 1, "last": 2, "frames": [["r", "Hm"], ["c", "Good day.!"]]}]',
  'and the answer is read in one piece'
);
select is(
  api.read_answer(pg_temp.run_of('a1'), 3) -> 'chunks', api.read_answer(pg_temp.run_of('a1')) -> 'chunks',
  'from its start, whatever of the pieces somebody had'
);

select is(
  pg_temp.ask('talk', 'a1', 'm1', hash => repeat('cd', 32)) #>> '{verdict,run_id}', said #>> '{verdict,run_id}', 'and asking for it starts nothing, even when its key is forgotten'
)
from first;

-- the tree ---------------------------------------------------------------------------------------------------

select is(
  pg_temp.ask('talk', 'a2', 'm2', 'And you?', 'a1') -> 'context',
  jsonb_build_array(
    jsonb_build_object('role', 'user', 'content', E'  Grüße,\t\n world 😀 \u0001 '), '{"role": "assistant", "content": "Good day.!"}'::jsonb,
    '{"role": "user", "content": "And you?"}'::jsonb
  ),
  'a model is told the branch it goes on'
);
select is(
  pg_temp.ask('talk', 'a3', 'm3', 'And they?', 'a1') -> 'context' -> 2, '{"role": "user", "content": "And they?"}', 'an edit is a message beside the old one'
);
select is(pg_temp.ask('talk', 'a4', again => 'm2', models => '{acme/huge}') -> 'context' -> 2 ->> 'content', 'And you?', 'and another answer one beside the first');
select is(pg_temp.says(pg_temp.ask('talk', 'a5', 'm5', 'Anew')), 'allowed', 'even the first message has others beside it');
select results_eq(
  'select message_count, leaf_id, model_id from api.conversations', $$values (9, md5('a5')::uuid, 'acme/large')$$, 'all of them count'
);
select tests.throws($$select pg_temp.ask('talk', 'a9', again => 'a1')$$, 404, 'not_found', 'an answer is not answered');
select tests.throws($$select pg_temp.ask('talk', 'a9', again => 'm9')$$, 404, 'not_found', 'nor what is not there');
select tests.throws($$select pg_temp.ask('other', 'a9', again => 'm1')$$, 404, 'not_found', 'nor what is in another conversation');
select tests.throws($$select pg_temp.ask('other', 'a9', 'm9', 'Hi', 'a1')$$, 404, 'not_found', 'a new conversation does not begin in the middle');
select pg_temp.ask('other', 'b1', 'n1');
select tests.throws($$select pg_temp.ask('other', 'b2', 'n2', 'Hi', 'm1')$$, 404, 'not_found', 'a message does not follow one of another conversation');
select tests.throws($$select pg_temp.ask('talk', 'a9')$$, 422, 'invalid_input', 'something must be asked');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', again => 'm1')$$, 422, 'invalid_input', 'and one thing only');
select tests.throws($$select pg_temp.ask(null, 'a9', 'm9')$$, 422, 'invalid_input', 'in a conversation');
select tests.throws($$select pg_temp.ask('talk', null, 'm9')$$, 422, 'invalid_input', 'by an answer with an id');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', E' \n\t ')$$, 422, 'invalid_input', 'blanks are no message');
select tests.throws(
  format('select pg_temp.ask(%L, %L, %L, repeat(%L, 1048577))', 'talk', 'a9', 'm9', 'x'), 413, 'too_large', 'a message has 1 MB at most'
);
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', options => '{"max_tokens": 0}')$$, 422, 'invalid_input', 'an answer has a token');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', options => '{"system": 5}')$$, 422, 'invalid_input', 'instructions are text');
select tests.throws(
  $$select pg_temp.ask('talk', 'a9', 'm9', options => jsonb_build_object('system', repeat('x', 102401)))$$, 413, 'too_large', 'of 100 kB at most'
);
select is((select count(*) from api.messages where conversation_id = md5('talk')::uuid), 9::bigint, 'none of which was kept');
select is(
  pg_temp.says(pg_temp.ask('long', 'l1', 'k1', repeat('x', 1048576), models => '{acme/huge}')), 'allowed', 'a message of 1 MB is'
);

-- others --------------------------------------------------------------------------------------------------

select tests.sign_in_as('Mia');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', 'Hi', 'a1')$$, 404, 'not_found', 'who manages the team does not write into it');
select tests.throws($$select pg_temp.ask('talk', 'a1', 'm1', E'  Grüße,\t\n world 😀 \u0001 ')$$, 404, 'not_found', 'or join a run of it');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9')$$, 404, 'not_found', 'or take its id');
select tests.throws($$select pg_temp.ask('mias', 'a5', 'm1', 'Mine')$$, 409, 'conflict', 'an answer''s id belongs to the account');
select is(pg_temp.says(pg_temp.ask('mias', 'mia1', 'm1', 'Mine')), 'allowed', 'message ids are the conversation''s own');
select tests.sign_in_as('Vic');
select is(pg_temp.says(pg_temp.ask('vics', 'v1', 'm1')), '404 not_found account', 'who may only look does not ask');
select is((select count(*) from api.conversations), 0::bigint, 'and has no conversation by it');
select tests.sign_in_as('Eve');
select is(pg_temp.says(pg_temp.ask('eves', 'v1', 'm1')), '404 not_found account', 'nor does a stranger in the team''s name');
select tests.throws(
  $$select pg_temp.ask('talk', 'v1', 'm9', account => tests.account_of('Eve'))$$, 404, 'not_found', 'or in her own into a conversation of others'
);
select tests.throws(
  $$select pg_temp.ask('talk', 'v1', again => 'm1', account => tests.account_of('Eve'))$$, 404, 'not_found', 'to answer what others wrote'
);
select is((select count(*) from api.messages), 0::bigint, 'she sees none of it');
select tests.is_refused($$select api.append_frames(pg_temp.run_of('a1'), 1, '[]')$$, 'people do not flush');
select tests.is_refused($$select api.finish_answer(pg_temp.run_of('a1'), '{"outcome": "completed"}')$$, 'or finish');
select tests.is_refused($$select api.title_conversation(md5('talk')::uuid, 'Mine')$$, 'or give titles as a model');
select tests.sign_in_as('Ada');
select tests.throws($$select pg_temp.ask('talk', 'a9', 'm9', 'Hi', 'a1', account => (select home from ids))$$, 404, 'not_found', 'a conversation stays in its account');
select tests.sign_in_anonymously();
select tests.is_refused($$select pg_temp.ask('talk', 'a9', 'm9')$$, 'a visitor asks nothing');
select tests.is_refused($$select api.read_answer(md5('x')::uuid)$$, 'and reads nothing');
select tests.sign_out();

-- refusals ----------------------------------------------------------------------------------------------------

create temporary table balance as select free_micros as free from private.balances, ids where account_id = engine;
select private.adjust_credits(engine, -free, 'tests:empty', 'For tests', 'tests') from ids, balance;
select tests.sign_in_as('Ada');
create temporary table refused as select pg_temp.ask('poor', 'p1', 'q1') as said;
select is(pg_temp.says(said), '402 insufficient_credits balance', 'without credits there is no answer') from refused;
select is(said #> '{context}', '[]', 'and nothing to be told') from refused;
select results_eq(
  $$select conversations.message_count, messages.id = leaf_id, messages.content from api.conversations join api.messages on conversation_id = conversations.id
    where conversations.id = md5('poor')::uuid$$,
  $$values (1, true, 'Hello')$$, 'but the message is kept'
);
select is(pg_temp.says(pg_temp.ask('poor', 'p1', 'q1')), '402 insufficient_credits balance', 'asked again it is kept once');
select is((select message_count from api.conversations where id = md5('poor')::uuid), 1, 'and counted once');
select tests.sign_out();
select private.adjust_credits(engine, 1000000000, 'tests:again', 'For tests', 'tests') from ids;
select tests.sign_in_as('Ada');
select is(pg_temp.says(pg_temp.ask('poor', 'p1', again => 'q1')), 'allowed', 'with credits it is answered');
select is(pg_temp.says(pg_temp.ask('poor', 'p2', 'q2', models => '{acme/none}')), '404 not_found model', 'a model must be there');
select is(pg_temp.says(pg_temp.ask('poor', 'p4', again => 'q1', models => '{acme/vectors}')), '404 not_found model', 'and make text');
select is(pg_temp.says(pg_temp.ask('poor', 'p3', again => 'q1', models => '{acme/none}')), '404 not_found model', 'for another answer too');
select is((select leaf_id from api.conversations where id = md5('poor')::uuid), md5('q2')::uuid, 'which leaves open what was open');
select is(pg_temp.says(pg_temp.ask('poor', 'p4', 'q4', options => '{"max_cost_micros": 1}')), '413 too_large price_cap', 'what it may cost is kept to');

-- what fits --------------------------------------------------------------------------------------------------

select tests.sign_out();
update private.preferences set custom_instructions = 'Be brief.' from ids where user_id = ada;
select pg_temp.exchange('fits', 'f1', repeat('a', 1200), null, repeat('b', 900));
select pg_temp.exchange('fits', 'f2', repeat('c', 600), 'f1!', repeat('d', 300));
-- 200 tokens are for the answer, and 800 are left: 11 for the instructions, 41 for the message.
create temporary table trimmed as select pg_temp.ask('fits', 'f3!', 'f3', repeat('e', 99), 'f2!', models => '{acme/small}', options => '{}') as said;
select is(
  jsonb_path_query_array(said, '$.context[*].content'), jsonb_build_array('Be brief.', repeat('c', 600), repeat('d', 300), repeat('e', 99)),
  'the oldest is left out, an answer with what it answers, never the instructions'
)
from trimmed;
select is(said -> 'trimmed', '{"messages": 2, "tokens": 716}', 'and said to be') from trimmed;
select is((select trimmed_messages from api.messages where id = md5('f3!')::uuid), 2, 'then and whenever it is read again');
select is((said #>> '{verdict,max_tokens}')::integer, 200, 'beside which the answer has room') from trimmed;
select is(
  pg_temp.ask('fits', 'f4!', again => 'f3', models => '{acme/large,acme/small,acme/huge}', options => '{"system": "Sing.", "max_tokens": 50}') -> 'trimmed', 'null',
  'a larger model is told everything'
);
select is((select trimmed_messages from api.messages where id = md5('f4!')::uuid), null, 'of which nothing is noted');
select is(
  jsonb_path_query_array(pg_temp.ask('fits', 'f5!', again => 'f3', models => '{acme/large}', options => '{"system": ""}'), '$.context[*].role'),
  '["user", "assistant", "user", "assistant", "user"]', 'empty instructions take the place of those in the profile'
);
select results_eq(
  $$select model_ids from api.runs where id = pg_temp.run_of('f4!')$$, $$values ('{acme/large,acme/huge}'::text[])$$, 'nor falls back to one it does not fit'
);
select pg_temp.exchange('blank', 'w1', 'Hello?', null, E' \n\t ');
select is(
  jsonb_path_query_array(pg_temp.ask('blank', 'w2!', 'w2', 'Say something.', 'w1!', models => '{acme/large}'), '$.context[*].content') - 'Be brief.',
  '["Hello?", "Say something."]', 'an answer of nothing but space is not told again'
);
create temporary table long as select pg_temp.ask('fits', 'f6!', 'f6', repeat('x', 3000), models => '{acme/small}', options => '{}') as said;
select is(pg_temp.says(said), '413 too_large context', 'what cannot be left out and does not fit is refused') from long;
select is(
  said #>> '{verdict,detail}',
  'This is too long for acme/small by about 219 tokens: the message and its instructions have about 1019, and there is room for 800 beside an answer.',
  'with how much it is too long'
)
from long;
select is((select content from api.messages where id = md5('f6')::uuid), repeat('x', 3000), 'and kept');

-- which way --------------------------------------------------------------------------------------------------

select is(
  pg_temp.ask('way', answer, answer || '?', content, models => '{oneai/test}') #>> '{verdict,route_reason}', reason, content
)
from (values
  ('w1', E'Why?\n```\nx = 1\n```', 'Code.'), ('w2', 'Please write a python script', 'Code.'), ('w3', 'こんにちは', 'Japanese.'), ('w4', 'Good day', 'Anything.')
) as request (answer, content, reason);
select is(
  pg_temp.ask('way', 'w5', 'w5?', repeat('long ', 1000), models => '{oneai/test}') #> '{verdict,model_ids}', '["acme/large"]', 'a preset chooses what it fits'
);

-- when the worker is gone --------------------------------------------------------------------------------------

select pg_temp.ask('lost', 'x1', 'y1'), pg_temp.ask('lost', 'x2', again => 'y1'), pg_temp.ask('lost', 'x3', again => 'y1');
select tests.sign_in_as_service();
select api.append_frames(pg_temp.run_of('x1'), 1, '[["c", "As far"]]'), api.append_frames(pg_temp.run_of('x2'), 1, '[["c", "It was"]]', 'gen-2');
select tests.sign_out();
select tests.travel('1 minute');
select is(private.close_lost_answers(), 0, 'while a run is open its answer is');
select ok(private.sweep_runs() >= 3, 'the sweep ends runs nobody keeps alive');
select tests.sign_in_as('Ada');
select is(
  api.read_answer(pg_temp.run_of('x1')) - '{receipt,chunks}'::text[],
  '{"status": "lost", "run_status": "finished", "last": 1, "error_code": "run_lost", "stop_requested": false}', 'at once it reads as lost'
);
select tests.sign_out();
select ok(private.close_lost_answers() >= 3, 'and then it is closed');
select is(private.close_lost_answers(), 0, 'once');
select results_eq(
  $$select status::text, content, error_code from private.messages where conversation_id = md5('lost')::uuid and role = 'assistant' order by content desc$$,
  $$values ('lost', 'It was', 'run_lost'), ('lost', 'As far', 'run_lost'), ('lost', '', 'run_lost')$$, 'as far as it came'
);
select is((select status::text from private.runs where id = pg_temp.run_of('x2')), 'reconciling', 'what it cost is asked upstream if it was called');
select tests.sign_in_as_service();
select is(pg_temp.finish('x1', 2, '[["c", " as it goes"]]') #>> '{receipt,charged_micros}', '0', 'a worker that was given up charges nothing any more');
select is((select content || ' ' || status from private.messages where id = md5('x1')::uuid), 'As far as it goes complete', 'but what it brings is kept');
select is(pg_temp.finish('x2', 5, '[["c", "…"]]', 'failed') #>> '{receipt,charged_micros}', '0', 'an answer that failed costs nothing');
select is(
  (select content || ' ' || status || ' ' || error_code from private.messages where id = md5('x2')::uuid), 'It was… failed text_incomplete', 'and says when a part is missing'
);
select tests.sign_out();
select tests.travel('2 hours');
select tests.sign_in_as_service();
select pg_temp.finish('x3', 1, '[["c", "Too late"]]');
select is((select content || status from private.messages where id = md5('x3')::uuid), 'lost', 'after an hour it is too late');

-- reconciling and limits -------------------------------------------------------------------------------------------

select tests.sign_in_as('Ada');
select pg_temp.ask('later', 'r1', 'r1?');
select tests.sign_in_as_service();
select api.append_frames(pg_temp.run_of('r1'), 1, '[["c", "All"]]', 'gen-3');
create temporary table unsettled as select api.finish_answer(pg_temp.run_of('r1'), '{"outcome": "completed"}', 2, '[["c", " of it"]]') as told;
select is(told -> 'receipt', 'null', 'without figures there is no receipt yet') from unsettled;
select is((select content || ' ' || status from private.messages where id = md5('r1')::uuid), 'All of it complete', 'the answer is whole all the same');
select tests.sign_in_as('Ada');
select is(api.read_answer(pg_temp.run_of('r1'), 9) ->> 'run_status', 'reconciling', 'and its cost is to come');
select tests.sign_out();
update private.conversations set message_count = 5000 where id = md5('later')::uuid;
select tests.sign_in_as('Ada');
select tests.throws($$select pg_temp.ask('later', 'r2', 'r2?', 'More', 'r1')$$, 413, 'too_large', 'a conversation is full one day');
select tests.throws($$select pg_temp.ask('later', 'r2', again => 'r1?')$$, 413, 'too_large', 'for other answers too');
select is(pg_temp.says(pg_temp.ask('later', 'r1', 'r1?')), 'replay', 'but what is there is there');
select api.delete_conversation(md5('later')::uuid);
select tests.throws($$select pg_temp.ask('later', 'r2', again => 'r1?')$$, 404, 'not_found', 'one that is deleted is not answered');

select * from finish();
rollback;
