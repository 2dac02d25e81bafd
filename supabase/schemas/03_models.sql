-- models: the catalogue, and what a token of each model costs. Upstream prices come from OpenRouter
-- (03_models_sync), ours follow from them by rules that are rows. One is chosen in 03_models_router.
--
-- A price version is never changed: a charge names the version it used. A model without a
-- price, or with an odd one, is not callable; it is never free and never negative.
-- One micro is one millionth of a credit and one thousand-millionth of a US dollar.

-- catalogue -------------------------------------------------------------------------------

create table private.models (
  id text primary key check (id ~ '^[a-z0-9~][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._:-]{0,149})$'),
  name text not null check (char_length(name) between 1 and 200),
  provider text not null generated always as (split_part(id, '/', 1)) stored,
  description text not null default '' check (char_length(description) <= 4000),
  context_tokens integer not null check (context_tokens > 0),
  max_output_tokens integer not null check (max_output_tokens > 0),
  input_modalities text[] not null default '{text}',
  output_modalities text[] not null default '{text}',
  parameters text[] not null default '{}',
  prompt_usd numeric check (prompt_usd between 0 and 10),
  completion_usd numeric check (completion_usd between 0 and 10),
  cache_read_usd numeric check (cache_read_usd between 0 and 10),
  cache_write_usd numeric check (cache_write_usd between 0 and 10),
  reasoning_usd numeric check (reasoning_usd between 0 and 10),
  audio_usd numeric check (audio_usd between 0 and 10),
  image_usd numeric check (image_usd between 0 and 10),
  search_usd numeric check (search_usd between 0 and 10),
  request_usd numeric check (request_usd between 0 and 10),
  price_version_id bigint,
  enabled boolean not null default true,
  listed_at timestamptz,
  retired_at timestamptz,
  synced_at timestamptz not null default now(),
  canonical_slug text check (char_length(canonical_slug) between 1 and 250),
  upstream_name text not null generated always as (coalesce(canonical_slug || coalesce(substring(id from ':[a-z0-9-]+$'), ''), id)) stored,
  check ((prompt_usd is null) = (completion_usd is null))
);

comment on table private.models is 'Every model OpenRouter has listed. Retired ones stay, because charges name them.';
comment on column private.models.prompt_usd is 'Upstream price of one prompt token in US dollars; empty means the model has no price and cannot be called.';
comment on column private.models.upstream_name is 'How the upstream names the model in its answers: dated, and not always like the id.';
comment on column private.models.enabled is 'Set to false by an admin to take a model off the site without waiting for upstream.';

alter table private.models enable row level security;

create table private.model_health (
  model_id text primary key references private.models (id) on delete cascade,
  failures integer not null default 0 check (failures >= 0),
  cooling_until timestamptz,
  last_error text
);

comment on table private.model_health is 'Models that failed lately. A row exists only while there is something to remember.';

alter table private.model_health enable row level security;

-- prices ------------------------------------------------------------------------------------

create table private.pricing_rules (
  id bigint generated always as identity primary key,
  pattern text not null check (pattern ~ '^[a-z0-9~*._:/-]{1,200}$'),
  priority integer not null,
  markup_percent numeric check (markup_percent between 0 and 10000),
  input_credits_per_1k numeric check (input_credits_per_1k between 0 and 1000000),
  output_credits_per_1k numeric check (output_credits_per_1k between 0 and 1000000),
  minimum_micros bigint not null default 0 check (minimum_micros between 0 and 1000000000),
  active boolean not null default true,
  note text not null default '',
  created_at timestamptz not null default now(),
  constraint markup_or_fixed check (
    (markup_percent is not null and input_credits_per_1k is null and output_credits_per_1k is null)
    or (markup_percent is null and input_credits_per_1k is not null and output_credits_per_1k is not null)
  )
);

comment on table private.pricing_rules is
  'How our price follows from the upstream price: a markup, or fixed credits per 1,000 tokens. The active rule with the lowest priority whose pattern fits wins; * stands for anything.';

alter table private.pricing_rules enable row level security;

create table private.price_versions (
  id bigint generated always as identity primary key,
  model_id text not null references private.models (id),
  rule_id bigint,
  prompt_micros numeric not null check (prompt_micros between 0 and 1e15),
  completion_micros numeric not null check (completion_micros between 0 and 1e15),
  cache_read_micros numeric not null check (cache_read_micros between 0 and 1e15),
  cache_write_micros numeric not null check (cache_write_micros between 0 and 1e15),
  reasoning_micros numeric not null check (reasoning_micros between 0 and 1e15),
  audio_micros numeric not null check (audio_micros between 0 and 1e15),
  image_micros numeric not null check (image_micros between 0 and 1e15),
  search_micros numeric not null check (search_micros between 0 and 1e15),
  request_micros numeric not null check (request_micros between 0 and 1e15),
  minimum_micros bigint not null check (minimum_micros >= 0),
  upstream_prompt_usd numeric not null check (upstream_prompt_usd between 0 and 10),
  upstream_completion_usd numeric not null check (upstream_completion_usd between 0 and 10),
  created_at timestamptz not null default now(),
  prompt_bound_micros numeric not null
    generated always as (greatest(prompt_micros, cache_read_micros, cache_write_micros, audio_micros)) stored,
  output_bound_micros numeric not null generated always as (greatest(completion_micros, reasoning_micros)) stored
);

comment on column private.price_versions.prompt_bound_micros is 'The most that one token of a prompt can cost.';
comment on column private.price_versions.output_bound_micros is 'The most that one token of an answer can cost.';
comment on table private.price_versions is
  'What one token, image, search or request of a model cost from a moment on. Only ever added to.';

alter table private.price_versions enable row level security;
create index price_versions_model_id_idx on private.price_versions (model_id);
alter table private.models
  add constraint models_price_version_id_fkey foreign key (price_version_id) references private.price_versions (id);
create index models_price_version_id_idx on private.models (price_version_id);

create function private.refuse_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.fail(
    409, 'append_only', format('%s is only ever added to.', tg_table_name), 'Correct a mistake with a new row.'
  );
  return null;
end
$$;

comment on function private.refuse_change is 'Stands behind every table whose rows are history.';

create trigger on_price_versions_change
  before update or delete or truncate on private.price_versions
  for each statement execute function private.refuse_change();

create function private.like_pattern(pattern text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%');
end
$$;

comment on function private.like_pattern is 'A pattern of ours, where * stands for anything, as LIKE reads it.';

create function private.model_pattern_form()
returns text
language sql
immutable
security invoker
return '^[a-z0-9~*._:/-]{1,200}$';

comment on function private.model_pattern_form is 'How a person writes such a pattern, as a regular expression.';

grant execute on function private.like_pattern, private.model_pattern_form to authenticated, service_role;

create function private.lock_catalogue()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- Before any row: whoever holds a row and then waited for this could keep its holder from going on.
  perform pg_advisory_xact_lock(hashtext('private.catalogue'));
  return null;
end
$$;

comment on function private.lock_catalogue is
  'Models, prices and what plans may call are changed by one act at a time: a second that began before the first had ended would go by rules that are gone.';

create trigger on_models_lock before insert or update or delete on private.models
  for each statement execute function private.lock_catalogue();
create trigger on_pricing_rules_lock before insert or update or delete on private.pricing_rules
  for each statement execute function private.lock_catalogue();

create function private.reprice()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  changed integer;
begin
  perform pg_advisory_xact_lock(hashtext('private.catalogue'));
  with wanted as (
    select
      models.id as model_id,
      rule.id as rule_id,
      trim_scale(coalesce(fixed.input, models.prompt_usd * markup.micros)) as prompt_micros,
      trim_scale(coalesce(fixed.output, models.completion_usd * markup.micros)) as completion_micros,
      trim_scale(coalesce(fixed.input, coalesce(models.cache_read_usd, models.prompt_usd) * markup.micros)) as cache_read_micros,
      trim_scale(coalesce(fixed.input, coalesce(models.cache_write_usd, models.prompt_usd) * markup.micros)) as cache_write_micros,
      trim_scale(coalesce(fixed.output, coalesce(nullif(models.reasoning_usd, 0), models.completion_usd) * markup.micros)) as reasoning_micros,
      trim_scale(coalesce(fixed.input, coalesce(models.audio_usd, models.prompt_usd) * markup.micros)) as audio_micros,
      trim_scale(coalesce(models.image_usd, 0) * coalesce(markup.micros, 1e9)) as image_micros,
      trim_scale(coalesce(models.search_usd, 0) * coalesce(markup.micros, 1e9)) as search_micros,
      trim_scale(coalesce(models.request_usd, 0) * coalesce(markup.micros, 1e9)) as request_micros,
      rule.minimum_micros,
      models.prompt_usd,
      models.completion_usd
    from private.models
    cross join lateral (
      select pricing_rules.*
      from private.pricing_rules
      where pricing_rules.active and models.id like private.like_pattern(pricing_rules.pattern)
      order by pricing_rules.priority, pricing_rules.id
      limit 1
    ) as rule
    cross join lateral (select 1e9 * (1 + rule.markup_percent / 100) as micros) as markup
    cross join lateral (
      select rule.input_credits_per_1k * 1000 as input, rule.output_credits_per_1k * 1000 as output
    ) as fixed
    where models.prompt_usd is not null and models.retired_at is null
  ),
  added as (
    insert into private.price_versions (
      model_id, rule_id, prompt_micros, completion_micros, cache_read_micros, cache_write_micros, reasoning_micros,
      audio_micros, image_micros, search_micros, request_micros, minimum_micros,
      upstream_prompt_usd, upstream_completion_usd
    )
    select
      wanted.model_id, wanted.rule_id, wanted.prompt_micros, wanted.completion_micros, wanted.cache_read_micros,
      wanted.cache_write_micros, wanted.reasoning_micros, wanted.audio_micros, wanted.image_micros,
      wanted.search_micros, wanted.request_micros, wanted.minimum_micros, wanted.prompt_usd, wanted.completion_usd
    from wanted
    join private.models on models.id = wanted.model_id
    left join private.price_versions as now on now.id = models.price_version_id
    where now.id is null
      or (
        now.prompt_micros, now.completion_micros, now.cache_read_micros, now.cache_write_micros, now.reasoning_micros,
        now.audio_micros, now.image_micros, now.search_micros, now.request_micros, now.minimum_micros,
        now.upstream_prompt_usd, now.upstream_completion_usd
      ) is distinct from (
        wanted.prompt_micros, wanted.completion_micros, wanted.cache_read_micros, wanted.cache_write_micros,
        wanted.reasoning_micros, wanted.audio_micros, wanted.image_micros, wanted.search_micros,
        wanted.request_micros, wanted.minimum_micros, wanted.prompt_usd, wanted.completion_usd
      )
    returning price_versions.model_id, price_versions.id
  )
  update private.models set price_version_id = added.id
  from added
  where models.id = added.model_id;
  get diagnostics changed = row_count;

  -- No price upstream any more, or no rule: not callable.
  update private.models set price_version_id = null
  where models.price_version_id is not null
    and (
      models.prompt_usd is null
      or models.retired_at is not null
      or not exists (
        select from private.pricing_rules
        where pricing_rules.active and models.id like private.like_pattern(pricing_rules.pattern)
      )
    );
  return changed;
end
$$;

comment on function private.reprice is
  'Gives every model whose price is no longer what the rules say a new price version. The only writer of price versions.';

create function private.on_pricing_rules_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.reprice();
  return null;
end
$$;

create trigger on_pricing_rules_change
  after insert or update or delete on private.pricing_rules
  for each statement execute function private.on_pricing_rules_change();

-- arithmetic --------------------------------------------------------------------------------

-- Each of these is one expression, bound to what it names when it is made, so that Postgres puts it
-- in place of its call: a call would cost more than the sum.

create type private.token_counts as (
  prompt_tokens bigint,
  completion_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  audio_tokens bigint,
  images bigint,
  searches bigint
);

comment on type private.token_counts is
  'What a call used, as the upstream reports it: prompt tokens include cached and audio ones, completion tokens include reasoning.';

create function private.price_micros(price private.price_versions, used private.token_counts)
returns bigint
language sql
immutable
security invoker
return greatest(
  price.minimum_micros,
  least(9007199254740991, ceil(
    price.request_micros
    + price.prompt_micros * greatest(
      coalesce(used.prompt_tokens, 0) - coalesce(used.cache_read_tokens, 0)
      - coalesce(used.cache_write_tokens, 0) - coalesce(used.audio_tokens, 0), 0)
    + price.cache_read_micros * coalesce(used.cache_read_tokens, 0)
    + price.cache_write_micros * coalesce(used.cache_write_tokens, 0)
    + price.audio_micros * coalesce(used.audio_tokens, 0)
    + price.completion_micros * greatest(coalesce(used.completion_tokens, 0) - coalesce(used.reasoning_tokens, 0), 0)
    + price.reasoning_micros * coalesce(used.reasoning_tokens, 0)
    + price.image_micros * coalesce(used.images, 0)
    + price.search_micros * coalesce(used.searches, 0)
  ))::bigint
);

comment on function private.price_micros is
  'What a use costs at a price version: exact, rounded up once at the end, at least the minimum charge. The only price arithmetic there is.';

create type private.request_shape as (
  prompt_bytes bigint,
  messages integer,
  images integer,
  max_tokens integer,
  choices integer,
  searches integer
);

comment on type private.request_shape is 'What is known of a call before it is made, as far as its price goes.';

-- A token is at least one byte; 16 tokens a message and 64 a request cover the chat template,
-- and no provider counts an image as more than 40,000.
create function private.prompt_tokens_bound(shape private.request_shape)
returns bigint
language sql
immutable
security invoker
return coalesce(shape.prompt_bytes, 0) + 16 * coalesce(shape.messages, 0) + 64 + 40000 * coalesce(shape.images, 0);

comment on function private.prompt_tokens_bound is 'No prompt of this shape has more tokens than this.';

grant execute on function private.prompt_tokens_bound to authenticated, service_role;

create function private.fixed_bound_micros(
  shape private.request_shape, minimum_micros bigint, request_micros numeric, prompt_bound_micros numeric,
  image_micros numeric, search_micros numeric
)
returns numeric
language sql
immutable
security invoker
return greatest(minimum_micros, ceil(
  request_micros
  + prompt_bound_micros * private.prompt_tokens_bound(shape)
  + image_micros * coalesce(shape.images, 0)
  + search_micros * coalesce(shape.searches, 0)
));

comment on function private.fixed_bound_micros is 'The most that everything but the answer can cost, at least the minimum charge.';

-- policies and grants -------------------------------------------------------------------------

create policy "anybody sees the catalogue" on private.models for select to anon, authenticated using (true);
create policy "anybody sees what a model costs" on private.price_versions for select to anon, authenticated using (true);

grant select on private.models, private.price_versions to anon, authenticated, service_role;
grant select on private.model_health, private.pricing_rules to service_role;

-- api ---------------------------------------------------------------------------------------

create view api.models
with (security_invoker = true)
as
select
  models.id,
  models.name,
  models.provider,
  models.description,
  models.context_tokens,
  models.max_output_tokens,
  models.input_modalities,
  models.output_modalities,
  models.parameters,
  models.listed_at,
  price_versions.id as price_version_id,
  price_versions.prompt_micros,
  price_versions.completion_micros,
  price_versions.cache_read_micros,
  price_versions.image_micros,
  price_versions.request_micros,
  price_versions.minimum_micros
from private.models
join private.price_versions on price_versions.id = models.price_version_id
where models.enabled and models.retired_at is null;

comment on view api.models is 'Every model that can be called, with our price in micro-credits for one token, image or request.';

grant select on api.models to anon, authenticated, service_role;

create view api.price_versions
with (security_invoker = true)
as
select
  price_versions.id,
  price_versions.model_id,
  price_versions.prompt_micros,
  price_versions.completion_micros,
  price_versions.cache_read_micros,
  price_versions.cache_write_micros,
  price_versions.reasoning_micros,
  price_versions.audio_micros,
  price_versions.image_micros,
  price_versions.search_micros,
  price_versions.request_micros,
  price_versions.minimum_micros,
  price_versions.created_at
from private.price_versions;

comment on view api.price_versions is
  'Our price in micro-credits for one token, image, search or request at every version that a receipt names, also of models that are gone.';

grant select on api.price_versions to authenticated, service_role;
