-- foundation: the two schemas of ours, how errors are raised, the clock, ids and the list
-- of scheduled work. Every other file stands on this one.
--
-- Only `api` is exposed to the Data API. It holds views and functions that run as their
-- caller, never a table. `private` holds everything else and is never exposed.

create schema api;
create schema private;

comment on schema api is 'The exposed surface of OneAI: views and functions that run as the caller.';
comment on schema private is 'Tables, predicates and the few functions that run as their owner. Never exposed.';

grant usage on schema api to anon, authenticated, service_role;
-- The views of the catalogue read as whoever asks, signed in or not.
grant usage on schema private to anon, authenticated, service_role;

-- Postgres lets everybody execute a new function. Here every grant is written beside its object.
alter default privileges revoke execute on functions from public;
alter default privileges in schema api revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema private revoke all on tables from anon, authenticated, service_role;

-- errors ------------------------------------------------------------------------------

create function private.fail(status integer, reason text, detail text default null, hint text default null)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise exception using
    errcode = 'PT' || fail.status,
    message = fail.reason,
    detail = coalesce(fail.detail, ''),
    hint = coalesce(fail.hint, '');
end
$$;

comment on function private.fail is
  'The only place that raises: status becomes the HTTP status, reason the stable code, detail a sentence for people, hint the next step.';

grant execute on function private.fail to authenticated, service_role;

create function private.require_text(label text, value text, max_chars integer, may_be_empty boolean default false)
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  trimmed constant text := btrim(require_text.value, E' \t\r\n');
begin
  if trimmed = '' and not require_text.may_be_empty then
    perform private.fail(422, 'invalid_input', format('%s must not be empty.', label), format('Give a %s.', lower(label)));
  end if;
  if char_length(trimmed) > require_text.max_chars then
    perform private.fail(
      422, 'invalid_input',
      format('%s is too long: %s of at most %s characters.', label, char_length(trimmed), max_chars),
      format('Shorten the %s.', lower(label))
    );
  end if;
  if trimmed ~ '[\u0001-\u0008\u000B\u000C\u000E-\u001F\u007F]' then
    perform private.fail(422, 'invalid_input', format('%s contains control characters.', label), 'Remove them and try again.');
  end if;
  return trimmed;
end
$$;

comment on function private.require_text is 'A text a person typed, trimmed; refused when empty, too long or with control characters.';

grant execute on function private.require_text to authenticated, service_role;

-- clock and ids -------------------------------------------------------------------------

create function private.clock()
returns timestamptz
language sql
stable
security invoker
return now();

comment on function private.clock is
  'The only clock of every rule about time. Tests replace this one function to move time.';

grant execute on function private.clock to authenticated, service_role;

create function private.moment_text(moment timestamptz)
returns text
language sql
stable
security invoker
set search_path = ''
as $$
  select to_char(moment_text.moment at time zone 'UTC', 'FMDD FMMonth YYYY, HH24:MI') || ' UTC'
$$;

comment on function private.moment_text is 'A moment as a sentence has it.';

create function private.new_id(at timestamptz default private.clock())
returns uuid
language sql
volatile
security invoker
-- Time first, so that new rows land at the end of an index; the rest is random, so that nobody can guess one.
return concat('0', to_hex((date_part('epoch', at) * 1000)::bigint), '-7', substr(gen_random_uuid()::text, 16))::uuid;

comment on function private.new_id is 'A version 7 uuid.';

grant execute on function private.new_id to authenticated, service_role;

create function private.first_id(at timestamptz)
returns uuid
language sql
immutable
security invoker
set search_path = ''
as $$
  select (lpad(to_hex((date_part('epoch', at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

comment on function private.first_id is 'No version 7 uuid of this moment or a later one is smaller.';

grant execute on function private.first_id to authenticated, service_role;

create function private.request_id()
returns text
language sql
stable
security invoker
return left(nullif(current_setting('request.headers', true), '')::json ->> 'x-request-id', 100);

comment on function private.request_id is 'The id that follows one request from the browser to the ledger.';

grant execute on function private.request_id to authenticated, service_role;

-- scheduled work --------------------------------------------------------------------------

create table private.schedules (
  name text primary key check (name ~ '^[a-z][a-z0-9-]{1,60}$'),
  schedule text not null check (schedule ~ '^([1-5]?[0-9] seconds|[0-9*/,-]+( [0-9*/,-]+){4})$'),
  command text not null check (command <> ''),
  purpose text not null check (purpose <> '')
);

comment on table private.schedules is
  'Work that time starts. pg_cron runs it on the platform, the local ticker runs the same rows without it.';

alter table private.schedules enable row level security;
grant select, insert, update, delete on private.schedules to service_role;

create function private.call_job(task text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  functions_url text;
  secret_key text;
begin
  if to_regproc('net.http_post') is null then
    perform pg_notify('oneai_jobs', call_job.task);
    return;
  end if;
  execute 'select decrypted_secret from vault.decrypted_secrets where name = $1' into functions_url using 'functions_url';
  execute 'select decrypted_secret from vault.decrypted_secrets where name = $1' into secret_key using 'secret_key';
  execute 'select net.http_post(url := $1, headers := $2, body := $3)'
  using
    functions_url || '/jobs',
    jsonb_build_object('content-type', 'application/json', 'apikey', secret_key),
    jsonb_build_object('task', call_job.task);
end
$$;

comment on function private.call_job is
  'Asks functions/jobs to do a task that needs the network: through pg_net on the platform, through the ticker elsewhere.';

create function private.install_schedules()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  installed integer := 0;
  row record;
begin
  -- By the table: the name of its function is there twice, and names none.
  if to_regclass('cron.job') is null then
    return 0;
  end if;
  for row in select schedules.name, schedules.schedule, schedules.command from private.schedules loop
    execute 'select cron.schedule($1, $2, $3)' using row.name, row.schedule, row.command;
    installed := installed + 1;
  end loop;
  return installed;
end
$$;

comment on function private.install_schedules is
  'Gives every schedule to pg_cron where that exists. For a pg_cron that came after the rows; safe to run again.';

create function private.on_schedules_change()
returns trigger
language plpgsql
volatile
-- As its owner, because pg_cron runs a job as whoever installed it.
security definer
set search_path = ''
as $$
begin
  if tg_op <> 'INSERT' and to_regclass('cron.job') is not null then
    execute 'select cron.unschedule(job.jobid) from cron.job where job.jobname = any ($1)'
    using array(
      select former.name from former
      where not exists (select from private.schedules where schedules.name = former.name)
    );
  end if;
  perform private.install_schedules();
  return null;
end
$$;

comment on function private.on_schedules_change is 'Keeps what pg_cron runs as the rows say. Work of somebody else is left alone.';

create trigger on_schedules_insert after insert on private.schedules
  for each statement execute function private.on_schedules_change();
create trigger on_schedules_update after update on private.schedules
  referencing old table as former
  for each statement execute function private.on_schedules_change();
create trigger on_schedules_delete after delete on private.schedules
  referencing old table as former
  for each statement execute function private.on_schedules_change();
