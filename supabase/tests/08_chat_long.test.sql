-- chat, a long conversation among many short ones: with such figures a planner takes every conversation
-- for short, and would read a long one whole at each step. What is read is counted.

begin;
select no_plan();

select tests.create_user('Ada');
create temporary table ids as select tests.account_of('Ada') as home, tests.id_of('Ada') as ada;
grant select on ids to public;
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd) values ('acme/large', 'Large', 32000, 4000, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/*', 1, 0.003, 0.015);
insert into private.plans (id, name) values ('test', 'Test');
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, '*', true);
update private.account_plans set plan_id = 'test';

insert into private.conversations (id, account_id, user_id, title)
select md5('short' || n)::uuid, home, ada, 'Short' from ids, generate_series(1, 300) as n;
insert into private.conversations (id, account_id, user_id, title) select md5('endless')::uuid, home, ada, 'Long' from ids;
insert into private.messages (conversation_id, id, user_id, role, content)
select md5('short' || n)::uuid, md5('short' || n || m)::uuid, ada, 'user', 'Hello' from ids, generate_series(1, 300) as n, generate_series(1, 10) as m;
analyze private.messages;
insert into private.messages (conversation_id, id, user_id, parent_id, role, content)
select md5('endless')::uuid, md5('endless' || n)::uuid, ada, case when n > 1 then md5('endless' || n - 1)::uuid end, 'user', 'Hello'
from ids, generate_series(1, 400) as n;

create function pg_temp.rows_so_far()
returns bigint
language sql
as $$
  -- What an index leads to is counted by the index.
  select sum(pg_stat_get_xact_tuples_fetched(counted.id))::bigint + pg_stat_get_xact_tuples_returned('private.messages'::regclass)
  from (
    select 'private.messages'::regclass::oid as id
    union all
    select indexrelid from pg_index where indrelid = 'private.messages'::regclass
  ) as counted
$$;

create function pg_temp.rows_read(task text)
returns bigint
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  before constant bigint := pg_temp.rows_so_far();
begin
  execute task;
  return pg_temp.rows_so_far() - before;
end
$$;

grant execute on function pg_temp.rows_so_far, pg_temp.rows_read to public;

select cmp_ok(
  pg_temp.rows_read($$
    select private.context_of(messages, null, 32000) from private.messages
    where messages.conversation_id = md5('endless')::uuid and messages.id = md5('endless400')::uuid
  $$), '<=', 400::bigint,
  'what leads to a message is read once'
);
select cmp_ok(
  pg_temp.rows_read($$select private.branch_of(md5('endless')::uuid, md5('endless400')::uuid)$$), '<=', 400::bigint, 'also where it is shared'
);

select tests.sign_in_as('Ada');
select cmp_ok(
  pg_temp.rows_read($$
    select api.start_answer(
      home, md5('endless')::uuid, md5('answer')::uuid, '{acme/large}',
      jsonb_build_object('id', md5('question')::uuid, 'parent_id', md5('endless1')::uuid, 'content', 'Hello'), null, '{"max_tokens": 10}', repeat('ab', 32)
    )
    from ids
  $$), '<=', 20::bigint,
  'what is asked near its beginning does not read the rest'
);
select is((select status::text from api.messages where id = md5('answer')::uuid), 'streaming', 'and is being answered');

select * from finish();
rollback;
