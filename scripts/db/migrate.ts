import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import postgres from 'postgres';
import { ensureAuthSchema } from '../stack/auth-schema.ts';
import { StackError } from '../stack/stack-error.ts';
import { runSql } from './run-sql.ts';
import { splitStatements } from './split-statements.ts';

export interface MigrateOptions {
  log?: (line: string) => void;
  /** The folder that holds `migrations/` and `seed.sql`. */
  folder?: string;
}

const root = join(import.meta.dirname, '../..');
export const supabaseFolder = join(root, 'supabase');

// The tables of the Supabase CLI, so that it finds its own record on a database of ours.
const records = `
create table if not exists supabase_migrations.schema_migrations (
  version text primary key,
  statements text[],
  name text
);
create table if not exists supabase_migrations.seed_files (path text primary key, hash text not null);
`;

/** Brings a database up to date: the platform's part, every new migration, and the seed once. */
export async function applyMigrations(
  superuserUrl: string,
  { log = () => {}, folder = supabaseFolder }: MigrateOptions = {},
): Promise<void> {
  await preparePlatform(superuserUrl);
  const sql = connectAsPostgres(superuserUrl);
  try {
    await sql.unsafe(records);
    const recorded = await readRecord(sql);
    for (const migration of pendingMigrations(folder, recorded)) {
      await apply(sql, migration);
      log(`applied ${migration.file}`);
    }
    if (await seed(sql, folder)) log('seeded');
  } finally {
    await sql.end();
  }
}

/** What the hosted platform has before the first migration. */
export async function preparePlatform(superuserUrl: string): Promise<void> {
  await runBootstrap(superuserUrl);
  await ensureAuthSchema(superuserUrl);
}

export async function runBootstrap(superuserUrl: string): Promise<void> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  const file = 'scripts/stack/bootstrap.sql';
  try {
    await runSql(sql, file, readFileSync(join(root, file), 'utf8'));
  } finally {
    await sql.end();
  }
}

/** Migrations and schema files run as the platform runs them: not as a superuser. */
export function connectAsPostgres(superuserUrl: string): Sql {
  const url = new URL(superuserUrl);
  url.username = 'postgres';
  return postgres(url.href, { max: 1, onnotice: () => {} });
}

interface Migration {
  version: string;
  name: string;
  file: string;
  text: string;
}

function readMigrations(folder: string): Migration[] {
  const migrations = join(folder, 'migrations');
  if (!existsSync(migrations)) return [];
  return readdirSync(migrations)
    .sort()
    .flatMap((file) => {
      const [, version, name] = /^(\d{14})_(.+)\.sql$/.exec(file) ?? [];
      if (!version || !name) return [];
      return { version, name, file, text: readFileSync(join(migrations, file), 'utf8') };
    });
}

type Recorded = Map<string, string[]>;

async function readRecord(sql: Sql): Promise<Recorded> {
  const rows = await sql<{ version: string; statements: string[] | null }[]>`
    select version, statements from supabase_migrations.schema_migrations`;
  return new Map(rows.map((row) => [row.version, row.statements ?? []]));
}

function pendingMigrations(folder: string, recorded: Recorded): Migration[] {
  const migrations = readMigrations(folder);
  const known = new Map(migrations.map((one) => [one.version, one]));
  for (const [version, statements] of recorded) {
    const migration = known.get(version);
    if (!migration || statementsOf(migration).join('\n') !== statements.join('\n')) {
      throw new StackError('The schema changed; start with --fresh.');
    }
  }
  return migrations.filter((one) => !recorded.has(one.version));
}

function statementsOf(migration: Migration): string[] {
  return splitStatements(migration.text).map((one) => one.text);
}

async function apply(sql: Sql, migration: Migration): Promise<void> {
  await sql.begin(async (tx) => {
    await runSql(tx, `migrations/${migration.file}`, migration.text);
    // A file may change settings for itself; the record is written whatever they are.
    await tx`
      insert into supabase_migrations.schema_migrations (version, statements, name)
      values (${migration.version}, ${statementsOf(migration)}, ${migration.name})`;
  });
}

async function seed(sql: Sql, folder: string): Promise<boolean> {
  const path = 'supabase/seed.sql';
  const file = join(folder, 'seed.sql');
  if (!existsSync(file)) return false;
  const [done] = await sql`select from supabase_migrations.seed_files where path = ${path}`;
  if (done) return false;
  await sql.begin(async (tx) => {
    await runSql(tx, 'seed.sql', readFileSync(file, 'utf8'));
    await tx`insert into supabase_migrations.seed_files values (${path}, 'run once')`;
  });
  return true;
}
