-- models, as they come: reads OpenRouter's list of models and brings the catalogue to it.
--
-- Nothing odd becomes a price: one price that cannot be read, and the model has none.

create function private.read_usd(value text)
returns numeric
language sql
immutable
security invoker
set search_path = ''
as $$
  -- Plain decimals only, and never more than ten dollars for one unit: anything else is not a price.
  select case when value ~ '^[0-9]{1,3}(\.[0-9]{1,40})?$' and value::numeric <= 10 then trim_scale(round(value::numeric, 18)) end
$$;

comment on function private.read_usd is 'A price as OpenRouter writes it, or nothing.';

create function private.read_tokens(value text)
returns integer
language sql
immutable
security invoker
set search_path = ''
as $$
  select case when value ~ '^[1-9][0-9]{0,8}$' then value::integer end
$$;

comment on function private.read_tokens is 'A number of tokens as OpenRouter writes it, or nothing.';

create function private.read_words(value jsonb)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select coalesce(array_agg(word), '{}')
  from jsonb_array_elements_text(case when jsonb_typeof(value) = 'array' then value else '[]' end) as word
  where word ~ '^[a-z0-9_-]{1,40}$'
$$;

comment on function private.read_words is 'A list of plain words as OpenRouter writes it.';

create function private.read_models(payload jsonb)
returns setof private.models
language sql
stable
security invoker
set search_path = ''
as $$
  select distinct on (read.id)
    read.id,
    read.name,
    split_part(read.id, '/', 1),
    read.description,
    read.context_tokens,
    least(read.max_output_tokens, read.context_tokens),
    read.input_modalities,
    read.output_modalities,
    read.parameters,
    price.prompt,
    price.completion,
    price.cache_read,
    price.cache_write,
    price.reasoning,
    price.audio,
    price.image,
    price.search,
    price.request,
    null::bigint,
    true,
    read.listed_at,
    null::timestamptz,
    private.clock(),
    read.canonical_slug,
    null::text
  from (
    select
      item ->> 'id' as id,
      substring(item ->> 'canonical_slug' from '^[A-Za-z0-9~._:/-]{1,250}$') as canonical_slug,
      left(coalesce(nullif(btrim(item ->> 'name'), ''), item ->> 'id'), 200) as name,
      left(coalesce(item ->> 'description', ''), 4000) as description,
      private.read_tokens(item ->> 'context_length') as context_tokens,
      coalesce(
        private.read_tokens(item #>> '{top_provider,max_completion_tokens}'),
        private.read_tokens(item ->> 'context_length')
      ) as max_output_tokens,
      private.read_words(item #> '{architecture,input_modalities}') as input_modalities,
      private.read_words(item #> '{architecture,output_modalities}') as output_modalities,
      private.read_words(item -> 'supported_parameters') as parameters,
      case when item ->> 'created' ~ '^[0-9]{1,10}$' then to_timestamp((item ->> 'created')::bigint) end as listed_at,
      case when jsonb_typeof(item -> 'pricing') = 'object' then item -> 'pricing' else '{}' end as pricing,
      position
    from jsonb_array_elements(payload -> 'data') with ordinality as list (item, position)
    where jsonb_typeof(item) = 'object'
  ) as read
  cross join lateral (
    -- One odd price makes all of them suspect: the model then has none.
    select
      case
        when read.pricing ?& array['prompt', 'completion'] and bool_and(private.read_usd(priced.value) is not null)
        then read.pricing
        else '{}'
      end as pricing
    from jsonb_each_text(read.pricing) as priced
  ) as sound
  cross join lateral (
    select
      private.read_usd(sound.pricing ->> 'prompt') as prompt,
      private.read_usd(sound.pricing ->> 'completion') as completion,
      private.read_usd(sound.pricing ->> 'input_cache_read') as cache_read,
      private.read_usd(sound.pricing ->> 'input_cache_write') as cache_write,
      private.read_usd(sound.pricing ->> 'internal_reasoning') as reasoning,
      private.read_usd(sound.pricing ->> 'audio') as audio,
      private.read_usd(sound.pricing ->> 'image') as image,
      private.read_usd(sound.pricing ->> 'web_search') as search,
      private.read_usd(sound.pricing ->> 'request') as request
  ) as price
  where read.id ~ '^[a-z0-9~][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._:-]{0,149})$'
    and read.id not like 'oneai/%'
    and read.context_tokens is not null
  order by read.id, read.position
$$;

comment on function private.read_models is 'The models of an answer of /models that can be read, each once.';

create function private.sync_models(payload jsonb)
returns jsonb
language plpgsql
volatile
-- As its owner, because nobody else may write the catalogue or a price.
security definer
set search_path = ''
as $$
declare
  incoming private.models[];
  known integer;
  added integer;
  retired integer := 0;
  repriced integer;
  refused jsonb;
begin
  if jsonb_typeof(sync_models.payload -> 'data') is distinct from 'array' then
    perform private.fail(
      422, 'invalid_input', 'The list of models has no array called data.', 'Send the answer of /models as it came.'
    );
  end if;

  select array_agg(one) into incoming from private.read_models(sync_models.payload) as one;
  if incoming is null then
    perform private.fail(422, 'invalid_input', 'Not one model of the list can be read.', 'Nothing was changed.');
  end if;

  select count(*) into known from private.models where models.retired_at is null;
  select count(*) into added
  from unnest(incoming) as one
  where not exists (select from private.models where models.id = one.id);
  select coalesce(jsonb_agg(left(coalesce(item ->> 'id', item::text), 200)), '[]') into refused
  from (
    select item
    from jsonb_array_elements(sync_models.payload -> 'data') as list (item)
    where not exists (select from unnest(incoming) as one where one.id = item ->> 'id')
    limit 20
  ) as left_out;

  insert into private.models as model (
    id, name, description, context_tokens, max_output_tokens, input_modalities, output_modalities, parameters,
    prompt_usd, completion_usd, cache_read_usd, cache_write_usd, reasoning_usd, audio_usd, image_usd, search_usd,
    request_usd, listed_at, synced_at, canonical_slug
  )
  select
    id, name, description, context_tokens, max_output_tokens, input_modalities, output_modalities, parameters,
    prompt_usd, completion_usd, cache_read_usd, cache_write_usd, reasoning_usd, audio_usd, image_usd, search_usd,
    request_usd, listed_at, synced_at, canonical_slug
  from unnest(incoming)
  order by id
  on conflict (id) do update set
    name = excluded.name,
    description = coalesce(nullif(excluded.description, ''), model.description),
    context_tokens = excluded.context_tokens,
    max_output_tokens = excluded.max_output_tokens,
    input_modalities = excluded.input_modalities,
    output_modalities = excluded.output_modalities,
    parameters = excluded.parameters,
    prompt_usd = excluded.prompt_usd,
    completion_usd = excluded.completion_usd,
    cache_read_usd = excluded.cache_read_usd,
    cache_write_usd = excluded.cache_write_usd,
    reasoning_usd = excluded.reasoning_usd,
    audio_usd = excluded.audio_usd,
    image_usd = excluded.image_usd,
    search_usd = excluded.search_usd,
    request_usd = excluded.request_usd,
    listed_at = excluded.listed_at,
    synced_at = excluded.synced_at,
    canonical_slug = excluded.canonical_slug,
    retired_at = null;

  -- A list of less than half of what we know is an accident upstream, not a wave of retirements.
  if cardinality(incoming) * 2 >= known then
    update private.models set retired_at = private.clock()
    where models.retired_at is null
      and not exists (select from unnest(incoming) as one where one.id = models.id);
    get diagnostics retired = row_count;
  end if;

  repriced := private.reprice();

  return jsonb_build_object(
    'received', cardinality(incoming),
    'added', added,
    'retired', retired,
    'repriced', repriced,
    'without_price', (select count(*) from unnest(incoming) as one where one.prompt_usd is null),
    'refused', refused
  );
end
$$;

comment on function private.sync_models is 'Brings the catalogue to what OpenRouter lists now.';

grant execute on function private.sync_models to service_role;

-- api ---------------------------------------------------------------------------------------

create function api.sync_models(payload jsonb)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.sync_models(payload)
$$;

comment on function api.sync_models is
  'Takes OpenRouter''s list of models as it came: adds, updates, retires and reprices. Odd entries are left out and named.';

grant execute on function api.sync_models to service_role;
