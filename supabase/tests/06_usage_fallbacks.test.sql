-- usage, fallbacks: where nobody says how long an answer may be, it gives way so that other models can
-- take over, by the rules, plans and prices that OneAI starts with; and what is held covers them all.

begin;
select no_plan();

select tests.create_user('Ada');
create temporary table mine as select tests.account_of('Ada') as account_id, tests.id_of('Ada') as user_id, md5('key')::uuid as key_id;
grant select on mine to public;
insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
select key_id, account_id, user_id, 'Robot', 'sk-oneai-r', sha256('sk-oneai-robot') from mine;

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd, output_modalities)
select id, id, context, most, prompt / 1e6, completion / 1e6, array[makes]
from (
  values
    ('openai/gpt-4o-mini', 128000, 16384, 0.15, 0.6, 'text'), ('google/gemini-2.5-flash', 1048576, 65535, 0.3, 2.5, 'text'),
    ('anthropic/claude-haiku-4.5', 200000, 64000, 1, 5, 'text'), ('google/gemini-2.5-flash-lite', 1048576, 65535, 0.1, 0.4, 'text'),
    ('openai/gpt-4.1-nano', 1047576, 32768, 0.1, 0.4, 'text'), ('openai/o4-mini', 200000, 100000, 1.1, 4.4, 'text'),
    ('deepseek/deepseek-r1', 64000, 16000, 0.7, 2.5, 'text'), ('google/gemini-2.5-pro', 1048576, 65536, 1.25, 10, 'text'),
    ('acme/short', 32000, 2000, 0, 0, 'text'), ('acme/narrow', 12000, 8000, 0, 0, 'text'), ('acme/wide', 24000, 16000, 0, 0, 'text'),
    ('acme/vectors', 32000, 16384, 0, 0, 'embeddings')
) as model (id, context, most, prompt, completion, makes);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
values ('acme/short', 1, 0.1, 0), ('acme/*', 2, 0, 0);
insert into private.plan_models (plan_id, priority, pattern, allowed) select id, 1, 'acme/barred', false from private.plans;
insert into private.plan_models (plan_id, priority, pattern, allowed) select id, 2, 'acme/*', true from private.plans;

-- The account on this plan, with exactly this much that is free.
create function pg_temp.is_on(plan text, free bigint)
returns void
language sql
as $$
  update private.account_plans set plan_id = plan from mine where account_plans.account_id = mine.account_id;
  select private.adjust_credits(account_id, free - free_micros, gen_random_uuid()::text, 'For tests', 'tests')
  from mine
  join private.balances using (account_id)
  where free <> free_micros;
$$;
create function pg_temp.verdict(
  models text[], max_tokens integer default null, features text default '{"has_code": false}', bytes bigint default 100,
  by_key boolean default false, max_cost bigint default null
)
returns private.verdict
language sql
as $$
  select private.authorize_run(row(
    account_id, user_id, case when by_key then key_id end, 'completion', models,
    row(bytes, 1, 0, max_tokens, 1, 0)::private.request_shape, private.read_features(features::jsonb), max_cost, null, null
  )::private.run_request)
  from mine
$$;
create function pg_temp.says(verdict private.verdict)
returns text
language sql
as $$
  select case
    when verdict.allowed then format(
      '%s: %s tokens%s', array_to_string(verdict.model_ids, ' '), verdict.max_tokens, case when verdict.is_clamped then ' (clamped)' else '' end
    )
    else concat_ws(' ', verdict.status, verdict.reason, verdict.rule)
  end
$$;

-- what OneAI starts with --------------------------------------------------------------------------

select pg_temp.is_on('free', 500000000);
select is(
  pg_temp.says(pg_temp.verdict('{oneai/auto}')), 'openai/gpt-4o-mini google/gemini-2.5-flash-lite: 13843 tokens (clamped)',
  'an everyday question on Free has a fallback; what 10 credits do not buy 4,096 tokens of is none'
);
select pg_temp.is_on('pro', 20000000000);
select is(
  pg_temp.says(pg_temp.verdict('{oneai/auto}', features => '{"has_math": true}')),
  'openai/o4-mini deepseek/deepseek-r1 google/gemini-2.5-pro: 8310 tokens (clamped)', 'mathematics on Pro gives way to what 100 credits buy of the dearest'
);
create function pg_temp.quickest_on(plan text)
returns text
language sql
as $$
  select pg_temp.is_on(plan, 20000000000);
  select pg_temp.says(pg_temp.verdict('{oneai/auto-fast}'));
$$;
select is(
  pg_temp.quickest_on(plan), 'google/gemini-2.5-flash-lite openai/gpt-4.1-nano openai/gpt-4o-mini: 16384 tokens',
  'the quickest on ' || plan || ' are as long as the shortest of them, which is no clamp'
)
from unnest(array['pro', 'team', 'enterprise']) as plan;
select is(
  pg_temp.says(pg_temp.verdict('{google/gemini-2.5-flash-lite,openai/gpt-4o-mini,openai/gpt-4.1-nano}')),
  'google/gemini-2.5-flash-lite openai/gpt-4o-mini openai/gpt-4.1-nano: 16384 tokens', 'so are those that a caller names'
);
select is(
  pg_temp.says(pg_temp.verdict('{google/gemini-2.5-flash-lite,openai/gpt-4o-mini,openai/gpt-4.1-nano}', 32768)),
  'google/gemini-2.5-flash-lite openai/gpt-4.1-nano: 32768 tokens', 'a length that was asked for gives way to none'
);

create function pg_temp.asks(word text, models text[], content text)
returns text
language plpgsql
as $$
declare
  said jsonb;
begin
  perform tests.sign_in_as('Ada');
  select api.start_answer(
    account_id, md5(word)::uuid, md5(word || '!')::uuid, asks.models,
    jsonb_build_object('id', md5(word || '?')::uuid, 'parent_id', null, 'content', asks.content), null, '{}', repeat('ab', 32)
  ) -> 'verdict' into said from mine;
  perform tests.sign_out();
  return format('%s: %s tokens', said ->> 'model_ids', said ->> 'max_tokens');
end
$$;
select is(
  pg_temp.asks('fast', '{oneai/auto-fast}', 'Hello'),
  '["google/gemini-2.5-flash-lite", "openai/gpt-4.1-nano", "openai/gpt-4o-mini"]: 16384 tokens', 'the chat, where nobody ever says a length, falls back as well'
);
select is(
  pg_temp.asks('long', '{acme/wide,acme/narrow}', repeat('many words ', 1000)), '["acme/wide", "acme/narrow"]: 8000 tokens',
  'and has counted what it tells a model'
);

-- how far it gives way ----------------------------------------------------------------------------

select is(pg_temp.says(pg_temp.verdict('{openai/gpt-4o-mini,acme/short}')), 'openai/gpt-4o-mini: 16384 tokens', 'no further than 4,096 tokens');
select is(pg_temp.says(pg_temp.verdict('{acme/short,openai/gpt-4o-mini}')), 'acme/short openai/gpt-4o-mini: 2000 tokens', 'nor below what the first can, if that is less');
select is(
  pg_temp.says(pg_temp.verdict('{acme/wide,acme/narrow}', bytes => 9000)), 'acme/wide: 14920 tokens', 'one with less than that beside the prompt is left out'
);
select is(
  pg_temp.says(pg_temp.verdict('{acme/wide,acme/narrow}', bytes => 7000)), 'acme/wide acme/narrow: 4920 tokens', 'one with more is what it gives way to'
);
select is(
  pg_temp.says(pg_temp.verdict('{acme/wide,acme/narrow}', features => '{"prompt_tokens": 3000, "context_tokens": 7096}', bytes => 9000)),
  'acme/wide acme/narrow: 8000 tokens', 'where the prompt was counted that counts, not its bytes'
);
select is(
  pg_temp.says(pg_temp.verdict('{openai/gpt-4o-mini,google/gemini-2.5-flash}', max_cost => amount)),
  kept, 'to the micro: ' || amount
)
from (
  values
    (12352799, 'openai/gpt-4o-mini: 16384 tokens'), (12352800, 'openai/gpt-4o-mini google/gemini-2.5-flash: 4096 tokens'),
    (12355799, 'openai/gpt-4o-mini google/gemini-2.5-flash: 4096 tokens'), (12355800, 'openai/gpt-4o-mini google/gemini-2.5-flash: 4097 tokens')
) as capped (amount, kept);
select is(
  (select hold_micros from pg_temp.verdict('{google/gemini-2.5-flash-lite,openai/gpt-4o-mini}')), 32400 + 16384 * 720::bigint,
  'no more is held than the dearest costs at the length that is left'
);

-- Whatever the models, the money and the wish are.
create function pg_temp.wrong(seed integer)
returns setof text
language plpgsql
as $$
declare
  chosen text[];
  max_tokens integer;
  free bigint;
  max_cost bigint;
  alone private.verdict;
  verdict private.verdict;
  previewed private.cost_preview;
  dearest numeric;
begin
  perform setseed(seed / 100.0);
  chosen := (select array_agg(id order by random()) from private.models where output_modalities = '{text}' and prompt_usd > 0);
  chosen := chosen[:1 + floor(random() * 4)];
  max_tokens := case when random() < 0.3 then 1 + floor(random() * 40000) end;
  free := floor(power(10, 5 + random() * 5));
  update private.router_rules set models = chosen where preset_id = 'oneai/auto-fast';
  perform pg_temp.is_on('enterprise', free);
  alone := pg_temp.verdict(chosen[1:1], max_tokens);
  if not alone.allowed then
    return;
  end if;
  perform pg_temp.is_on('enterprise', free);
  perform tests.sign_in_as('Ada');
  select told.* into previewed
  from mine, api.preview_cost(
    account_id, 'oneai/auto-fast', jsonb_build_object('prompt_bytes', 100, 'max_tokens', max_tokens), '{"has_code": false}'
  ) as told;
  perform tests.sign_out();
  verdict := pg_temp.verdict('{oneai/auto-fast}', max_tokens);
  select max(ceil(180 * price.prompt_bound_micros + verdict.max_tokens * price.output_bound_micros)) into dearest
  from private.models join private.price_versions as price on price.id = price_version_id
  where models.id = any (verdict.model_ids);

  if verdict.hold_micros is distinct from dearest or dearest > free then
    return next format('%s: holds %s of %s where the dearest costs %s', seed, verdict.hold_micros, free, dearest);
  end if;
  if (previewed.cap_micros, previewed.max_tokens, previewed.model_id) is distinct from (verdict.hold_micros, verdict.max_tokens, verdict.model_ids[1]) then
    return next format('%s: holds %s for %s tokens, and was to hold %s', seed, verdict.hold_micros, verdict.max_tokens, previewed);
  end if;
  if verdict.is_clamped <> alone.is_clamped then
    return next format('%s: gives way to a fallback, and says that it was clamped', seed);
  end if;
  if verdict.max_tokens > alone.max_tokens
    or verdict.max_tokens < (case when max_tokens is null then least(alone.max_tokens, 4096) else alone.max_tokens end)
  then
    return next format('%s: %s tokens where alone it had %s', seed, verdict.max_tokens, alone.max_tokens);
  end if;
  if exists (select from private.models where id = any (verdict.model_ids) and max_output_tokens < verdict.max_tokens) then
    return next format('%s: longer than one of them can', seed);
  end if;
end
$$;
select is_empty(format('select pg_temp.wrong(%s)', seed), 'what is held covers all that may answer, seed ' || seed) from generate_series(1, 60) as seed;

-- a preset, and then what the caller names ----------------------------------------------------------

update private.router_rules set models = '{openai/gpt-4.1-nano,openai/gpt-4o-mini}' where preset_id = 'oneai/auto-fast';
select pg_temp.is_on('enterprise', 20000000000);
create function pg_temp.routed(models text[], by_key boolean default false)
returns text
language sql
as $$
  select case when allowed then array_to_string(model_ids, ' ') else concat_ws(' ', status, reason, rule) end
  from pg_temp.verdict(models, 10, by_key => by_key)
$$;
select is(
  pg_temp.routed('{oneai/auto-fast,acme/wide,openai/gpt-4o-mini,acme/short,acme/wide}'), 'openai/gpt-4.1-nano openai/gpt-4o-mini acme/wide acme/short',
  'what a caller names comes after what the router chose, each once'
);
select is(
  pg_temp.routed('{oneai/auto-fast,acme/barred,acme/none,acme/vectors,oneai/auto,acme/wide}'), 'openai/gpt-4.1-nano openai/gpt-4o-mini acme/wide',
  'but for what the plan and the task do not allow'
);
update private.api_keys set allowed_models = '{oneai/auto-fast,acme/s*}';
select is(
  pg_temp.routed('{oneai/auto-fast,acme/wide,acme/short}', by_key => true), 'openai/gpt-4.1-nano openai/gpt-4o-mini acme/short',
  'a key that may call the preset may not call whatever is named beside it'
);
update private.api_keys set allowed_models = '{openai/*,acme/s*}';
select is(
  pg_temp.routed('{oneai/auto-fast,acme/wide,acme/short}', by_key => true), 'openai/gpt-4.1-nano openai/gpt-4o-mini acme/short', 'nor does one that may not'
);
update private.router_rules set models = '{google/gemini-2.5-pro}' where preset_id = 'oneai/auto-fast';
select pg_temp.is_on('enterprise', 1000);
select is(pg_temp.routed('{oneai/auto-fast,acme/wide}'), 'acme/wide', 'it answers where nothing that was chosen can be had');

select * from finish();
rollback;
