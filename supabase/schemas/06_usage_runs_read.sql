-- usage, what callers send about runs, out of JSON and of text: shapes, wishes, hashes and reports,
-- with their gaps filled.
--
-- What cannot be is refused; an odd figure in the report of a run is no figure, so that it can end.

create function private.read_count(label text, value jsonb, most bigint default 2147483647)
returns bigint
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
  if jsonb_typeof(value) <> 'number' or value::text !~ '^[0-9]{1,15}(\.0+)?$' then
    perform private.fail(422, 'invalid_input', format('%s must be a whole number, not %s.', label, left(value::text, 40)), null);
  end if;
  if value::numeric > most then
    perform private.fail(422, 'invalid_input', format('%s is too large: %s.', label, left(value::text, 40)), format('At most %s.', most));
  end if;
  return value::numeric::bigint;
end
$$;

comment on function private.read_count is 'A number of something out of JSON: whole, not negative, or refused.';

create function private.read_shape(shape jsonb)
returns private.request_shape
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return private.require_shape(row(
    private.read_count('prompt_bytes', shape -> 'prompt_bytes'),
    private.read_count('messages', shape -> 'messages'),
    private.read_count('images', shape -> 'images'),
    private.read_count('max_tokens', shape -> 'max_tokens'),
    private.read_count('n', shape -> 'choices'),
    private.read_count('searches', shape -> 'searches')
  )::private.request_shape);
end
$$;

create function private.require_task(task text)
returns private.run_task
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if coalesce(task, '') not in ('completion', 'embedding') then
    perform private.fail(422, 'invalid_input', 'A task is a completion or an embedding.', null);
  end if;
  return task::private.run_task;
end
$$;

create function private.require_idempotency_key(idempotency_key text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if octet_length(idempotency_key) not between 1 and 255 then
    perform private.fail(422, 'invalid_input', 'An idempotency key has between 1 and 255 bytes.', null);
  end if;
  return idempotency_key;
end
$$;

create function private.read_choice(models text[])
returns text[]
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- An array may start at any number; this one starts at 1.
  return models[array_lower(models, 1):array_lower(models, 1) + 9];
end
$$;

comment on function private.read_choice is 'The models a caller names, the wanted one first, then what to fall back to: ten at most.';

create function private.read_hash(hash text)
returns bytea
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- In two steps: a pattern that counts to 64 takes longer than all the rest of reading.
  if octet_length(hash) <> 64 or hash ~ '[^0-9a-f]' then
    perform private.fail(422, 'invalid_input', 'A hash is a SHA-256 in 64 small hexadecimal digits.', null);
  end if;
  return decode(hash, 'hex');
end
$$;

comment on function private.require_task is 'What kind of call a run is, refused when there is no such kind.';
comment on function private.require_idempotency_key is 'An idempotency key of a length that can be kept.';
comment on function private.read_hash is 'A SHA-256 out of its hexadecimal digits.';

create function private.read_features(features jsonb)
returns private.request_features
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  -- Its beginning tells, and only a preset asks for it.
  text constant text := case when jsonb_typeof(features -> 'text') = 'string' then left(features ->> 'text', 8000) end;
begin
  -- Only the router asks, so most callers say nothing.
  if features = '{}' then
    return null;
  end if;
  return row(
    coalesce(private.is_about_code(text), features -> 'has_code' = 'true'),
    coalesce(private.is_about_mathematics(text), features -> 'has_math' = 'true'),
    features -> 'has_images' = 'true',
    features -> 'has_tools' = 'true',
    coalesce(private.language_of(text), case when features ->> 'language' ~ '^[a-z]{2,3}$' then features ->> 'language' end),
    private.read_count('prompt_tokens', features -> 'prompt_tokens'),
    private.read_count('context_tokens', features -> 'context_tokens'),
    null
  )::private.request_features;
end
$$;

create function private.read_used(value jsonb)
returns integer
language sql
immutable
security invoker
-- An odd figure of the upstream's must not keep a run from ending: it counts as not reported.
return case when value::text ~ '^[0-9]{1,9}(\.0+)?$' then value::numeric::integer end;

comment on function private.read_used is 'A figure the upstream reported, or nothing when it is not a plausible number.';

create function private.read_report(report jsonb)
returns private.run_report
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  used constant jsonb := case when jsonb_typeof(report -> 'used') = 'object' then report -> 'used' end;
begin
  if report ->> 'outcome' is null or report ->> 'outcome' not in ('completed', 'stopped', 'failed') then
    perform private.fail(422, 'invalid_input', 'A run ends completed, stopped or failed.', null);
  end if;
  return row(
    report ->> 'outcome',
    report ->> 'model_id',
    left(report ->> 'generation_id', 200),
    report ->> 'finish_reason',
    report ->> 'error_code',
    row(
      private.read_used(used -> 'prompt_tokens'),
      private.read_used(used -> 'completion_tokens'),
      private.read_used(used -> 'cache_read_tokens'),
      private.read_used(used -> 'cache_write_tokens'),
      private.read_used(used -> 'reasoning_tokens'),
      private.read_used(used -> 'audio_tokens'),
      private.read_used(used -> 'images'),
      private.read_used(used -> 'searches')
    ),
    private.read_used(report -> 'produced_bytes'),
    case
      when octet_length(report ->> 'upstream_usd') <= 50
        and report ->> 'upstream_usd' ~ '^[0-9]+(\.[0-9]+)?([eE]-[0-9]{1,2})?$'
        and (report ->> 'upstream_usd')::numeric < 1000000
      then report ->> 'upstream_usd'
    end,
    case when jsonb_typeof(report -> 'attempts') = 'array' then report -> 'attempts' end,
    private.read_used(report -> 'first_token_ms'),
    report -> 'is_reconciled' = 'true'
  )::private.run_report;
end
$$;

comment on function private.read_shape is 'The shape of a request out of JSON.';
comment on function private.read_features is 'What the router may know out of JSON: what its text tells goes before what is said of it. For whom it chooses no caller says.';
comment on function private.read_report is 'What became of a run out of JSON.';

grant execute on function
  private.require_shape, private.require_task, private.require_idempotency_key, private.read_choice, private.read_hash,
  private.read_shape, private.read_features, private.read_count to authenticated, service_role;
grant execute on function private.read_report, private.read_used to service_role;
