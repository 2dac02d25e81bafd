import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Waiver } from '../../scripts/db/unwaived.ts';
import { catalogueRules, unindexedForeignKeys } from './catalogue-rules.ts';
import { openDatabase, test, type TestDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openDatabase('plain');
});
afterAll(() => database[Symbol.asyncDispose]());

async function offenders(sql: Sql, query: string): Promise<string[]> {
  const rows = await sql.unsafe<{ offender: string }[]>(query);
  return rows.map((row) => row.offender).sort();
}

describe('the schema', () => {
  test.for(Object.entries(catalogueRules))('%s', async ([, query]) => {
    expect(await offenders(database.owner, query)).toEqual([]);
  });

  test('every foreign key is indexed, or somebody wrote down why not', async () => {
    const file = join(import.meta.dirname, '../advisors-waivers.json');
    const waivers = JSON.parse(readFileSync(file, 'utf8')) as Waiver[];
    const waived = waivers.filter((one) => one.name === 'unindexed_foreign_keys');
    const found = await offenders(database.owner, unindexedForeignKeys);
    expect(found).toEqual(waived.map((one) => one.object).sort());
  });
});

test('every rule finds who breaks it', async ({ database: broken }) => {
  await broken.owner.unsafe(`
    create table public.stray (id integer);
    create table api.naked (id integer);
    create view api.leak as select 1 as one;
    create function api.escalate() returns integer language sql security definer as 'select 1';
    grant usage on schema private to public;
    create table private.open (id integer primary key, parent integer references private.open);
    create policy "wide open" on private.open using (auth.uid() is not null);
  `);
  const expected: Record<string, string[]> = {
    'nothing is in public': ['_stray', 'stray', 'stray'],
    'api holds views and functions only': ['api.naked'],
    'every view of api runs as its caller': ['api.leak'],
    'no function of api runs as its owner': ['api.escalate()'],
    'every function has an empty search path': ['api.escalate()'],
    'every table of private has row level security': ['private.open'],
    'every table of private has a comment': ['private.open'],
    'every view and function of api has a comment': ['api.escalate()', 'api.leak', 'api.naked'],
    'nothing is granted to everybody': ['private to public'],
    'every policy names its role and covers one operation': ['wide open on open'],
    'no policy asks who the caller is once per row': ['wide open on open'],
  };
  for (const [rule, query] of Object.entries(catalogueRules)) {
    expect(await offenders(broken.owner, query), rule).toEqual(expected[rule]);
  }
  expect(await offenders(broken.owner, unindexedForeignKeys)).toContain(
    'private.open.open_parent_fkey',
  );
});
