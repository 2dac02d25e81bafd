// The tables and helpers that the platform's Auth and Storage services own, made before our own
// migrations so that these can put a trigger on auth.users or a policy on storage.objects.
// Never holds a table of ours. Safe to run again on a database that has them.
import { getAuthSchemaSql, getStorageSchemaSql } from '@supabase/lite';
import postgres from 'postgres';

// The platform's own definitions: they read the claims whichever way the caller set them.
const authHelpers = `
create or replace function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;
create or replace function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;
create or replace function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;
create or replace function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  )
$$;
`;

// Made by the service's own role, so that this role owns it, as on the platform. The schema itself
// is the bootstrap's work: the role may not create one.
function asOwner(role: string, sql: string): string {
  return `set local role ${role};\n${sql.replace(/^create schema .*;$/gim, '')}\nreset role;\n`;
}

const grants = `
grant select, insert, update, delete, truncate, references, trigger
  on all tables in schema auth to postgres;
grant all on storage.buckets, storage.objects to postgres, anon, authenticated, service_role;
-- On the platform an extension lets postgres write policies on storage.objects; membership in its
-- owner is how plain Postgres says the same.
grant supabase_storage_admin to postgres;
`;

/** Takes the URL of a superuser, on a database that bootstrap.sql has prepared. */
export async function ensureAuthSchema(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const script = [
    // Scratch databases are made side by side, but role memberships belong to the whole server.
    'select pg_advisory_xact_lock(7340021);',
    asOwner('supabase_auth_admin', getAuthSchemaSql() + authHelpers),
    asOwner('supabase_storage_admin', getStorageSchemaSql()),
    grants,
  ];
  try {
    await sql.begin((tx) => tx.unsafe(script.join('\n')));
  } finally {
    await sql.end();
  }
}
