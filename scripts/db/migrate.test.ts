import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { applyMigrations } from './migrate.ts';
import { type Scratch, startScratch } from './scratch.ts';

let scratch: Scratch;
beforeAll(async () => {
  scratch = await startScratch();
});
afterAll(() => scratch.stop());

let count = 0;

/** A project with the given files, and a database prepared as on the platform. */
async function project(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'oneai-migrate-'));
  mkdirSync(join(folder, 'migrations'));
  const write = (more: Record<string, string>) => {
    for (const [name, text] of Object.entries(more)) writeFileSync(join(folder, name), text);
  };
  write(files);
  const database = await scratch.database(`migrate_${(count += 1)}`, 'bootstrap');
  const sql = postgres(database.url('postgres'), { max: 1, onnotice: () => {} });
  onTestFinished(async () => {
    await sql.end();
    rmSync(folder, { recursive: true });
  });
  const log: string[] = [];
  const migrate = () =>
    applyMigrations(database.url('supabase_admin'), { folder, log: (line) => log.push(line) });
  return { migrate, write, sql, log };
}

const init = 'migrations/20260101000000_init.sql';
const next = 'migrations/20260102000000_next.sql';

test('migrations run in order, once, and are recorded as the Supabase CLI records them', async () => {
  const { migrate, write, sql, log } = await project({ [init]: 'create table public.a (n int);' });
  await migrate();
  write({ [next]: 'insert into public.a values (1); insert into public.a values (2)' });
  await migrate();
  await migrate();
  expect(log).toEqual(['applied 20260101000000_init.sql', 'applied 20260102000000_next.sql']);
  expect(await sql`select n from public.a order by n`).toEqual([{ n: 1 }, { n: 2 }]);
  expect(await sql`select * from supabase_migrations.schema_migrations order by version`).toEqual([
    {
      version: '20260101000000',
      statements: ['create table public.a (n int)'],
      name: 'init',
    },
    {
      version: '20260102000000',
      statements: ['insert into public.a values (1)', 'insert into public.a values (2)'],
      name: 'next',
    },
  ]);
});

test('migrations run as postgres, who is not a superuser', async () => {
  const { migrate } = await project({ [init]: "select 1;\ncopy (select 1) to program 'true';" });
  await expect(migrate()).rejects.toThrow(
    /^migrations\/20260101000000_init\.sql, line 2: permission denied to COPY to or from an external program/,
  );
});

test('a failing migration names its file, line and reason, and leaves nothing half done', async () => {
  const { migrate, write, sql, log } = await project({
    [init]: 'create table public.a (n int primary key);',
    [next]: "insert into public.a values (1);\n\n-- 'again'\ninsert into public.a\nvalues (1);",
  });
  await expect(migrate()).rejects.toThrow(
    'migrations/20260102000000_next.sql, line 4: duplicate key value violates unique constraint "a_pkey"; Key (n)=(1) already exists.',
  );
  expect(log).toEqual(['applied 20260101000000_init.sql']);
  expect(await sql`select n from public.a`).toEqual([]);

  write({ [next]: 'insert into public.a values (1);' });
  await migrate();
  expect(await sql`select n from public.a`).toEqual([{ n: 1 }]);
});

test('an error inside a long statement is reported at its own line', async () => {
  const { migrate } = await project({ [init]: "select 1;\nselect\n  'ü😀',\n  missing;\n" });
  await expect(migrate()).rejects.toThrow(
    'migrations/20260101000000_init.sql, line 4: column "missing" does not exist.',
  );
});

test('a recorded migration that changed or went away asks for a fresh start', async () => {
  const { migrate, write } = await project({ [init]: 'create table public.a (n int);' });
  await migrate();
  write({ [init]: '-- only a comment is new\ncreate table public.a (n int);\n' });
  await migrate();
  write({ [init]: 'create table public.a (n bigint);' });
  await expect(migrate()).rejects.toThrow('The schema changed; start with --fresh.');
});

test('the seed runs once, after the migrations, and again only when it failed', async () => {
  const { migrate, write, sql } = await project({
    [init]: 'create table public.a (n int primary key);',
    'seed.sql': 'insert into public.a values (1);\ninsert into public.a values (1);',
  });
  await expect(migrate()).rejects.toThrow(/^seed\.sql, line 2: duplicate key/);
  write({ 'seed.sql': 'insert into public.a values (1);' });
  await migrate();
  await migrate();
  expect(await sql`select n from public.a`).toEqual([{ n: 1 }]);
});
