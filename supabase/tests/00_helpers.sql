-- Words for tests, so that a test reads as a sentence about somebody: who they are, what they
-- try, what comes of it. Loaded into test databases only, after the migrations and pgTAP.
--
-- Nothing here makes a row that the product would not make itself: people are signed up the
-- way the auth service signs them up, and act through the role and claims of their token.

create schema tests;
grant usage on schema tests to public;

-- people ----------------------------------------------------------------------------------

create function tests.create_user(name text, email text default null)
returns uuid
language sql
volatile
security definer
set search_path = ''
as $$
  insert into auth.users (id, email, email_confirmed_at, raw_user_meta_data)
  values (
    gen_random_uuid(),
    coalesce(create_user.email, lower(replace(create_user.name, ' ', '.')) || '@example.com'),
    now(),
    jsonb_build_object('name', create_user.name)
  )
  returning id
$$;

-- The role that signs people up on the platform, so that the trigger runs as it does there.
grant create on schema tests to supabase_auth_admin;
alter function tests.create_user owner to supabase_auth_admin;
revoke create on schema tests from supabase_auth_admin;

create function tests.id_of(name text)
returns uuid
language sql
stable
security definer
set search_path = ''
as $$
  select users.id from auth.users where users.raw_user_meta_data ->> 'name' = id_of.name
$$;

create function tests.account_of(name text)
returns uuid
language sql
stable
security definer
set search_path = ''
as $$
  select accounts.id from private.accounts where accounts.personal_user_id = tests.id_of(account_of.name)
$$;

-- signing in ------------------------------------------------------------------------------

create function tests.act_as(role text, claims jsonb)
returns void
language sql
volatile
as $$
  select set_config('request.jwt.claims', act_as.claims::text, true),
    set_config('role', act_as.role, true)
$$;

create function tests.sign_in_as(user_id uuid)
returns void
language plpgsql
volatile
as $$
begin
  if user_id is null then
    raise exception 'Nobody was given to sign in as.';
  end if;
  perform tests.act_as('authenticated', jsonb_build_object(
    'sub', user_id, 'role', 'authenticated', 'aud', 'authenticated', 'aal', 'aal1', 'session_id', user_id
  ));
end
$$;

create function tests.sign_in_as(name text)
returns void
language sql
volatile
as $$
  select tests.sign_in_as(tests.id_of(name))
$$;

create function tests.sign_in_anonymously()
returns void
language sql
volatile
as $$
  select tests.act_as('anon', '{"role": "anon"}')
$$;

create function tests.sign_in_as_service()
returns void
language sql
volatile
as $$
  select tests.act_as('service_role', '{"role": "service_role"}')
$$;

create function tests.sign_out()
returns void
language sql
volatile
as $$
  select tests.act_as('none', '{}')
$$;

-- time ------------------------------------------------------------------------------------

create or replace function private.clock()
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(nullif(current_setting('tests.now', true), '')::timestamptz, pg_catalog.now())
$$;

create function tests.travel_to(moment timestamptz)
returns void
language sql
volatile
as $$
  select set_config('tests.now', moment::text, true)
$$;

create function tests.travel(distance interval)
returns void
language sql
volatile
as $$
  select tests.travel_to(private.clock() + distance)
$$;

-- claims ----------------------------------------------------------------------------------

create function tests.throws(sql text, status integer, reason text, description text)
returns text
language sql
volatile
as $$
  select extensions.throws_ok(sql, ('PT' || status)::char(5), reason, description)
$$;

create function tests.is_refused(sql text, description text)
returns text
language sql
volatile
as $$
  select extensions.throws_ok(sql, '42501'::char(5), null, description)
$$;

create function tests.changes_rows(sql text, count bigint, description text)
returns text
language plpgsql
volatile
as $$
declare
  changed bigint;
begin
  execute changes_rows.sql;
  get diagnostics changed = row_count;
  return extensions.is(changed, changes_rows.count, changes_rows.description);
end
$$;
