import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { converge } from './converge.ts';
import { runSql } from './run-sql.ts';
import { planChanges } from './plan-changes.ts';
import { type Scratch, startScratch } from './scratch.ts';

let scratch: Scratch;
beforeAll(async () => {
  scratch = await startScratch();
});
afterAll(() => scratch.stop());

async function execute(url: string, text: string) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.begin((tx) => runSql(tx, 'test.sql', text)).finally(() => sql.end());
}

const before = `
create schema private;
create type private.kind as enum ('personal', 'team');
create table private.accounts (
  id bigint generated always as identity primary key,
  kind private.kind not null,
  amount_micros bigint not null
);
create table private.usage (at timestamptz not null, n integer) partition by range (at);
create table private.usage_2026_11 partition of private.usage
  for values from ('2026-11-01') to ('2026-12-01');
`;

const after = `
create schema private;
comment on schema private is 'Ours.';
grant usage on schema private to authenticated;
alter default privileges revoke execute on functions from public;
alter default privileges in schema private grant select on tables to service_role;
create type private.kind as enum ('personal', 'team');
create table private.accounts (
  id bigint generated always as identity primary key,
  kind private.kind not null,
  amount_micros bigint not null constraint no_debt check (amount_micros >= 0),
  doubled bigint generated always as (amount_micros * 2) stored
) with (fillfactor = 60);
comment on column private.accounts.doubled is 'Twice.';
alter table private.accounts enable row level security;
create policy "everybody reads teams" on private.accounts for select to authenticated
  using (kind = 'team');
grant select, update (kind) on private.accounts to authenticated;
create unlogged table private.counters (id integer primary key) with (fillfactor = 60);
create table private.usage (at timestamptz not null, n integer) partition by range (at);
create table private.usage_2026_11 partition of private.usage
  for values from ('2026-11-01') to ('2026-12-01');
create index usage_at_idx on private.usage (at);
create function private.sign(n bigint) returns integer language sql stable security definer
  set search_path = '' set statement_timeout = '5s'
  begin atomic
    select case when sign.n > 0 then 1 else 0 end;
  end;
grant execute on function private.sign to authenticated;
create function private.touch() returns trigger language plpgsql set search_path = '' as $$
begin
  -- kept; with its comment
  return new;
end
$$;
create view private.teams with (security_invoker = true, security_barrier = true) as
  select id from private.accounts where kind = 'team';
create trigger on_users_update after update on auth.users
  for each row when (old.email is distinct from new.email) execute function private.touch();
create constraint trigger on_accounts_insert after insert on private.accounts
  deferrable initially deferred for each row execute function private.touch();
create policy "people read their files" on storage.objects for select to authenticated
  using (owner = (select auth.uid()));
`;

test('the planned migration leads from one schema to the other, all of it', async () => {
  const from = await scratch.database('changes_from', 'bootstrap');
  const to = await scratch.database('changes_to', 'bootstrap');
  await execute(from.url('postgres'), before);
  await execute(to.url('postgres'), after);

  const { destructive } = await converge(from.url('postgres'), to.url('postgres'));
  expect(destructive).toBe(false);
  expect((await planChanges(from.url('postgres'), to.url('postgres'))).migrations).toEqual([]);
  // An equality that pg-delta judges says nothing about what it cannot see: ask the catalogue too.
  expect(await facts(from.url('postgres'))).toEqual(await facts(to.url('postgres')));
});

test("partitions that time made are nobody's difference", async () => {
  const from = await scratch.database('months_from', 'bootstrap');
  const to = await scratch.database('months_to', 'bootstrap');
  const parent = 'create schema private; create table private.u (n integer) partition by list (n);';
  await execute(from.url('postgres'), parent);
  await execute(
    to.url('postgres'),
    `${parent} create table private.u_1 partition of private.u for values in (1)`,
  );
  expect((await planChanges(from.url('postgres'), to.url('postgres'))).migrations).toEqual([]);
  expect((await planChanges(to.url('postgres'), from.url('postgres'))).migrations).toEqual([]);
});

test('a lost column is called destructive, what the platform owns is left alone', async () => {
  const from = await scratch.database('loss_from', 'bootstrap');
  const to = await scratch.database('loss_to', 'bootstrap');
  await execute(from.url('postgres'), 'create table public.a (n integer, lost integer)');
  await execute(to.url('postgres'), 'create table public.a (n integer)');
  await execute(to.url('supabase_admin'), 'create table auth.theirs (n integer)');
  const { migrations, destructive } = await planChanges(from.url('postgres'), to.url('postgres'));
  expect(migrations.join()).toMatch(/^alter table "public"."a" drop column "lost";\n$/i);
  expect(destructive).toBe(true);
});

test('a kind of object that cannot be carried is refused by name', async () => {
  const from = await scratch.database('odd_from', 'bootstrap');
  const to = await scratch.database('odd_to', 'bootstrap');
  await execute(
    to.url('postgres'),
    'create table public.a (n integer, m integer); create statistics public.both on n, m from public.a',
  );
  await expect(planChanges(from.url('postgres'), to.url('postgres'))).rejects.toThrow(
    /The schemas could not be compared: .*statistics object.*both/,
  );
});

async function facts(url: string) {
  const sql = postgres(url, { max: 1 });
  try {
    return await sql`
      with facts as (
        select relname as name, relpersistence::text || relkind::text || relispartition as detail,
          reloptions as options, case when not relispartition then relacl end as grants
        from pg_class where relnamespace = 'private'::regnamespace
        union all
        select attname, attrelid::regclass::text, attoptions, attacl
        from pg_attribute where attacl is not null and attrelid = 'private.accounts'::regclass
        union all
        select indexrelid::regclass::text, pg_get_indexdef(indexrelid) || indisvalid, null, null
        from pg_index where indrelid in ('private.accounts'::regclass, 'private.usage'::regclass)
        union all
        select proname, pg_get_functiondef(oid), proconfig, proacl
        from pg_proc where pronamespace = 'private'::regnamespace
        union all
        select tgname, pg_get_triggerdef(oid), null, null
        from pg_trigger where not tgisinternal and tgname like 'on\_%'
        union all
        select polname, pg_get_expr(polqual, polrelid), polroles::regrole[]::text[], null
        from pg_policy
        union all
        select conname, pg_get_constraintdef(oid), null, null
        from pg_constraint where connamespace = 'private'::regnamespace
        union all
        select defaclobjtype::text, defaclnamespace::regnamespace::text, null, defaclacl
        from pg_default_acl
        union all
        select 'comment', description, null, null
        from pg_description where objoid in ('private'::regnamespace, 'private.accounts'::regclass)
      )
      select name, detail,
        (select string_agg(one, ', ' order by one) from unnest(options) as one) as options,
        (select string_agg(one::text, ', ' order by one::text) from unnest(grants) as one) as grants
      from facts order by name, detail`;
  } finally {
    await sql.end();
  }
}
