-- What the hosted platform has made before the first migration: its roles, schemas and
-- grants. Run once per database, as the superuser. Nothing of ours is made here, and
-- nothing here grants more than the platform does.

do $$
declare
  local_password constant text := 'postgres';
begin
  if not exists (select from pg_roles where rolname = 'postgres') then
    execute format('create role postgres login createrole createdb replication bypassrls password %L', local_password);
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    execute format('create role authenticator login noinherit password %L', local_password);
    execute format('create role supabase_auth_admin login noinherit createrole password %L', local_password);
    execute format('create role supabase_storage_admin login noinherit createrole password %L', local_password);
    grant anon, authenticated, service_role to authenticator;
    grant anon, authenticated, service_role, authenticator to postgres with admin option;
    grant anon, authenticated, service_role to supabase_storage_admin;
    grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    alter role authenticator set statement_timeout = '8s';
    alter role authenticator set lock_timeout = '8s';
  end if;
end
$$;

create schema if not exists extensions authorization postgres;
create schema if not exists auth authorization supabase_auth_admin;
create schema if not exists storage authorization supabase_storage_admin;
create schema if not exists realtime authorization supabase_admin;
create schema if not exists supabase_migrations authorization postgres;

grant usage on schema extensions to anon, authenticated, service_role;
grant usage on schema auth to postgres, anon, authenticated, service_role;
grant usage on schema storage to postgres, anon, authenticated, service_role;
grant usage on schema realtime to postgres, anon, authenticated, service_role;
grant usage on schema public to postgres, anon, authenticated, service_role;
grant create on schema public to postgres;

do $$
begin
  execute format('grant create, connect, temporary on database %I to postgres', current_database());
  execute format('alter database %I set search_path to "$user", public, extensions', current_database());
end
$$;

create extension if not exists pgcrypto with schema extensions;
create extension if not exists "uuid-ossp" with schema extensions;
create extension if not exists pg_stat_statements with schema extensions;
grant execute on all functions in schema extensions to anon, authenticated, service_role, postgres;

-- Extensions that migrations may create as an ordinary role, as the platform's own allow-list lets them.
create extension if not exists pg_trgm with schema extensions;
