-- models, how one is chosen: names that stand for a choice, the rules that make it for each request,
-- the models that rest after they have failed, and those that a person excludes.
--
-- A model that is retired, without a price or excluded by the person is never chosen, one that rests
-- only after all others. What a person names is not chosen here: it is theirs to call, excluded or not.

create table private.presets (
  id text primary key check (id ~ '^oneai/[a-z][a-z-]{1,30}$'),
  name text not null check (char_length(name) between 1 and 80),
  description text not null,
  active boolean not null default true
);

comment on table private.presets is 'Names that can be called like a model and stand for a choice among models.';

alter table private.presets enable row level security;

create table private.router_rules (
  id bigint generated always as identity primary key,
  preset_id text not null references private.presets (id) on delete cascade,
  priority integer not null,
  needs_code boolean,
  needs_math boolean,
  needs_images boolean,
  needs_tools boolean,
  language text check (language ~ '^[a-z]{2,3}$'),
  min_prompt_tokens integer check (min_prompt_tokens >= 0),
  max_prompt_tokens integer check (max_prompt_tokens >= 0),
  models text[] not null check (cardinality(models) between 1 and 10),
  reason text not null check (char_length(reason) between 1 and 200),
  active boolean not null default true
);

comment on table private.router_rules is
  'Which models a preset tries for which kind of request. An empty condition does not matter; the lowest priority that fits wins.';

alter table private.router_rules enable row level security;
create index router_rules_preset_id_idx on private.router_rules (preset_id);

create type private.request_features as (
  has_code boolean,
  has_math boolean,
  has_images boolean,
  has_tools boolean,
  language text,
  prompt_tokens integer,
  context_tokens integer,
  user_id uuid
);

comment on type private.request_features is 'What the router may know of a request, and for whom it chooses.';

create function private.is_usable(model private.models, features private.request_features)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select model.enabled
    and model.retired_at is null
    and model.price_version_id is not null
    and (not coalesce(features.has_images, false) or 'image' = any (model.input_modalities))
    and (not coalesce(features.has_tools, false) or 'tools' = any (model.parameters))
    and model.context_tokens >= greatest(coalesce(features.prompt_tokens, 0), coalesce(features.context_tokens, 0))
$$;

comment on function private.is_usable is 'Whether a model can take such a request.';

create function private.exclusions_of(user_id uuid)
returns text[]
language sql
stable
security invoker
set search_path = ''
as $$
  select array(
    select private.like_pattern(excluded.pattern)
    from private.preferences
    cross join lateral unnest(preferences.exclusions) as excluded (pattern)
    where preferences.user_id = exclusions_of.user_id
  )
$$;

comment on function private.exclusions_of is 'What no preset chooses for a person, as LIKE reads it.';

create function private.choices_of(preset_id text, user_id uuid)
returns text[]
language sql
stable
security invoker
set search_path = ''
as $$
  select array(
    select listed.model_id
    from private.router_rules
    cross join lateral unnest(router_rules.models) as listed (model_id)
    where router_rules.preset_id = choices_of.preset_id
      and router_rules.active
      and not listed.model_id like any ((select private.exclusions_of(choices_of.user_id))::text[])
  )
$$;

comment on function private.choices_of is 'All that a preset may choose for a person, whatever is asked.';

create function private.route(preset_id text, features private.request_features)
returns table (model_ids text[], reason text)
language sql
stable
security invoker
set search_path = ''
as $$
  select usable.model_ids, router_rules.reason
  from private.router_rules
  join private.presets on presets.id = router_rules.preset_id and presets.active
  cross join lateral (
    select
      array_agg(models.id order by health.model_id is not null, listed.position) as model_ids,
      bool_and(health.model_id is not null) as all_rest
    from unnest(router_rules.models) with ordinality as listed (model_id, position)
    join private.models on models.id = listed.model_id
    left join private.model_health as health on health.model_id = models.id and health.cooling_until > private.clock()
    where private.is_usable(models.*, route.features)
      and not models.id like any ((select private.exclusions_of((route.features).user_id))::text[])
  ) as usable
  where router_rules.preset_id = route.preset_id
    and router_rules.active
    and usable.model_ids is not null
    and (router_rules.needs_code is null or router_rules.needs_code = coalesce((route.features).has_code, false))
    and (router_rules.needs_math is null or router_rules.needs_math = coalesce((route.features).has_math, false))
    and (router_rules.needs_images is null or router_rules.needs_images = coalesce((route.features).has_images, false))
    and (router_rules.needs_tools is null or router_rules.needs_tools = coalesce((route.features).has_tools, false))
    and (router_rules.language is null or router_rules.language = (route.features).language)
    and coalesce((route.features).prompt_tokens, 0) between coalesce(router_rules.min_prompt_tokens, 0)
      and coalesce(router_rules.max_prompt_tokens, 2147483647)
  order by usable.all_rest, router_rules.priority, router_rules.id
$$;

comment on function private.route is
  'The models a preset stands for in this request, best first and those that rest last, and the one line that says why; then what later rules say.';

create function private.note_attempt(model_id text, error text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  -- Three failures in a row cool a model down for 30 seconds, then twice as long each time, an hour at most.
  with cleared as (
    delete from private.model_health where model_health.model_id = note_attempt.model_id and note_attempt.error is null
  )
  insert into private.model_health as health (model_id, failures, last_error)
  select models.id, 1, left(note_attempt.error, 200)
  from private.models
  where models.id = note_attempt.model_id and note_attempt.error is not null
  on conflict on constraint model_health_pkey do update set
    failures = health.failures + 1,
    last_error = excluded.last_error,
    cooling_until = case
      when health.failures >= 2
      then private.clock() + least(interval '30 seconds' * power(2, least(health.failures - 2, 10)), interval '1 hour')
    end
$$;

comment on function private.note_attempt is 'Remembers that a model failed, or forgets it all once the model answers.';

-- policies and grants -------------------------------------------------------------------------

create policy "anybody sees the presets" on private.presets for select to anon, authenticated using (active);

grant select on private.presets to anon, authenticated, service_role;
grant select on private.router_rules to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.presets
with (security_invoker = true)
as
select presets.id, presets.name, presets.description
from private.presets
where presets.active;

comment on view api.presets is 'Names that are called like a model and choose one for each request.';

grant select on api.presets to anon, authenticated, service_role;

create function api.change_exclusions(added text[] default '{}', removed text[] default '{}')
returns api.profile
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  caller constant uuid := auth.uid();
  wrong text;
  wanted text[];
begin
  select coalesce(pattern, 'Nothing') into wrong
  from unnest(added) as pattern
  where (pattern ~ private.model_pattern_form()) is not true
  limit 1;
  if wrong is not null then
    perform private.fail(
      422, 'invalid_input', format('%s is neither a model nor a pattern of models.', left(wrong, 100)),
      'Write it like openai/gpt-4o or openai/*.'
    );
  end if;

  -- Held, so that of two changes at once neither is lost.
  select preferences.exclusions into wanted from private.preferences where preferences.user_id = caller for no key update;
  wanted := array(
    select pattern from unnest(wanted) as pattern where pattern <> all (coalesce(removed, '{}'))
    union
    select pattern from unnest(added) as pattern
    order by pattern
  );
  if cardinality(wanted) > 100 then
    perform private.fail(
      422, 'invalid_input', 'You can exclude 100 models or patterns at most.', 'Exclude a whole provider, or take one back first.'
    );
  end if;
  update private.preferences set exclusions = wanted where preferences.user_id = caller;
  return api.update_profile();
end
$$;

comment on function api.change_exclusions is
  'Adds to what no preset chooses for the caller, and takes back: models, or patterns such as openai/*. Returns the profile.';

grant execute on function api.change_exclusions to authenticated;
