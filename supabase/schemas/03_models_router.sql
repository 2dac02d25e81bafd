-- models, how one is chosen: names that stand for a choice, the rules that make it for each request,
-- and the models that rest after they have failed.
--
-- A model that is retired or without a price is never chosen, one that rests only after all others.

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
  excluded_models text[]
);

comment on type private.request_features is 'What the router may know of a request.';

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
    and not exists (
      select from unnest(features.excluded_models) as excluded (pattern)
      where model.id like private.like_pattern(excluded.pattern)
    )
$$;

comment on function private.is_usable is 'Whether a model can take such a request.';

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
