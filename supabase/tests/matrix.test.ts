// Who can do what to whose rows, tried: every relation and verb, every function of api, for a
// visitor, an owner, a member of the owner's team, a stranger and our own server.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TransactionSql } from 'postgres';
import { beforeAll, expect, test } from 'vitest';
import { runSql } from '../../scripts/db/run-sql.ts';
import { openDatabase } from './database.ts';
import {
  attempt,
  callsOfApi,
  columnsToTry,
  everybody,
  everyRow,
  type Outcome,
  type Relation,
  relationsOf,
  type Who,
} from './matrix.ts';

/** What anybody may read without signing in, and the tables behind it. */
const open = ['api.models', 'api.packages', 'api.plans', 'api.presets', 'api.prices'].concat(
  ['models', 'packages', 'plans', 'presets', 'price_versions', 'prices'].map(
    (name) => `private.${name}`,
  ),
);

interface Cell {
  relation: Relation;
  who: Who;
  verb: 'select' | 'insert' | 'update' | 'delete';
  columns: string[];
  outcome: Outcome;
}

interface Found {
  relations: Relation[];
  cells: Cell[];
  calls: { name: string; who: Who; outcome: Outcome }[];
  /** What Eve and a visitor read before and after Ada's rows were there. */
  before: string[];
  after: string[];
  /** Rows that are not Eve's and that she or a visitor changed all the same. */
  harmed: string[];
}

let found: Found;

beforeAll(async () => {
  await using database = await openDatabase();
  await database.owner.begin(async (tx) => {
    found = await explore(tx);
  });
});

async function explore(tx: TransactionSql): Promise<Found> {
  await load(tx, 'matrix.shared.sql');
  const shared = await everyRow(tx);
  await tx`select tests.create_user('Eve')`;
  const evesOwn = without(await everyRow(tx), shared);
  const before = await readings(tx);
  await load(tx, 'matrix.owner.sql');
  const after = await readings(tx);
  const precious = without(await everyRow(tx), evesOwn);

  const harmed: string[] = [];
  const attemptAndWatch = (who: Who, statement: string) =>
    attempt(tx, who, statement, async (inner) => {
      if (who !== 'stranger' && who !== 'anonymous') return;
      const lost = without(precious, await everyRow(inner));
      harmed.push(...[...lost].map((row) => `${who}: ${statement}: ${row}`));
    });

  const relations = await relationsOf(tx);
  const cells: Cell[] = [];
  for (const relation of relations) {
    for (const who of everybody) {
      for (const { verb, columns, statement } of await statements(tx, who, relation)) {
        const outcome = await attemptAndWatch(who, statement);
        cells.push({ relation, who, verb, columns, outcome });
      }
    }
  }
  const calls: Found['calls'] = [];
  for (const { name, statement } of await callsOfApi(tx)) {
    for (const who of everybody) {
      calls.push({ name, who, outcome: await attemptAndWatch(who, statement) });
    }
  }
  return { relations, cells, calls, before, after, harmed };
}

function without(rows: Set<string>, others: Set<string>): Set<string> {
  return new Set([...rows].filter((row) => !others.has(row)));
}

async function load(tx: TransactionSql, file: string): Promise<void> {
  await runSql(tx, `tests/${file}`, readFileSync(join(import.meta.dirname, file), 'utf8'));
}

/** An insert repeats a row that is there, so that only the missing right can be what stops it. */
async function statements(tx: TransactionSql, who: Who, relation: Relation) {
  const { name, writable } = relation;
  const read = await columnsToTry(tx, who, 'select', relation);
  const written = await columnsToTry(tx, who, 'update', relation);
  const [row] = await tx.unsafe<{ copy: string }[]>(
    `select quote_literal(to_jsonb(t)) as copy from ${name} as t limit 1`,
  );
  const list = writable.join(', ');
  return [
    { verb: 'select', columns: read, statement: `select ${read.join(', ')} from ${name}` },
    {
      verb: 'insert',
      columns: [],
      statement: `insert into ${name} (${list})
        select ${list} from jsonb_populate_record(null::${name}, ${row?.copy ?? `'{}'`})`,
    },
    {
      verb: 'update',
      columns: written,
      statement: `update ${name} set ${written.map((one) => `${one} = ${one}`).join(', ')}`,
    },
    { verb: 'delete', columns: [], statement: `delete from ${name}` },
  ] as const satisfies { verb: string; columns: string[]; statement: string }[];
}

/** All that a visitor and Eve can read, row by row. */
async function readings(tx: TransactionSql): Promise<string[]> {
  const texts: string[] = [];
  for (const who of ['anonymous', 'stranger'] as const) {
    for (const relation of await relationsOf(tx)) {
      // The hour up to which usage is summed is nobody's, and moves on.
      if (relation.name === 'private.usage_rollups') continue;
      const columns = await columnsToTry(tx, who, 'select', relation);
      const outcome = await attempt(tx, who, `select ${columns.join(', ')} from ${relation.name}`);
      if (!('rows' in outcome)) continue;
      texts.push(...outcome.rows.map((row) => `${who} ${relation.name} ${row.join(' | ')}`));
    }
  }
  return texts.sort();
}

const refused = new Set(['42501', '55000', '0A000']);

function isRefused(outcome: Outcome): boolean {
  return 'code' in outcome && refused.has(outcome.code);
}

function describeCell({ relation, verb, columns, outcome }: Cell): string {
  if (isRefused(outcome)) return '';
  if ('code' in outcome) return `${verb} (${outcome.code})`;
  const touched = outcome.rows.length;
  const share = touched === 0 ? 'none' : touched === relation.count ? 'all' : 'some';
  const whole = verb === 'select' ? relation.columns.length : relation.writable.length;
  const partly = columns.length > 0 && columns.length < whole ? ` (${columns.join(', ')})` : '';
  return verb === 'insert' ? verb : `${verb} ${share}${partly}`;
}

function describeCall(outcome: Outcome): string {
  if ('rows' in outcome) return 'answered';
  if (outcome.code === '42501') return '-';
  return outcome.code.startsWith('PT')
    ? `${outcome.code.slice(2)} ${outcome.message}`
    : outcome.code;
}

test('the matrix is the one that was agreed to', async () => {
  const lines = found.relations.flatMap((relation) => [
    relation.name,
    ...everybody.map((who) => {
      const mine = found.cells.filter((cell) => cell.relation === relation && cell.who === who);
      return `  ${who.padEnd(10)} ${mine.map(describeCell).filter(Boolean).join(', ') || '-'}`;
    }),
    '',
  ]);
  const names = [...new Set(found.calls.map(({ name }) => name))];
  const calls = names.flatMap((name) => [
    `${name}()`,
    ...found.calls
      .filter((call) => call.name === name)
      .map(({ who, outcome }) => `  ${who.padEnd(10)} ${describeCall(outcome)}`),
    '',
  ]);
  const text = [
    'What each may do with the rows there are: all, some or none of them.',
    '',
    ...lines,
    "What becomes of a call that names the owner's ids and says nothing else.",
    '',
    ...calls,
  ].join('\n');
  await expect(text).toMatchFileSnapshot('matrix.golden.txt');
});

test('the owner has a row of everything, so that nothing is refused for want of rows', () => {
  const empty = found.relations.filter(({ isTable, count }) => isTable && count === 0);
  expect(empty.map(({ name }) => name)).toEqual([]);
});

test('a visitor reads what is open to all, and nothing else', () => {
  const read = found.cells.filter(
    ({ who, verb, outcome }) => who === 'anonymous' && verb === 'select' && !isRefused(outcome),
  );
  expect(read.map(({ relation }) => relation.name)).toEqual(open.toSorted());
});

test('a visitor writes nothing, and calls nothing but what a link shows', () => {
  const written = found.cells.filter(
    ({ who, verb, outcome }) => who === 'anonymous' && verb !== 'select' && !isRefused(outcome),
  );
  expect(written.map(({ relation, verb }) => `${verb} ${relation.name}`)).toEqual([]);
  const called = found.calls.filter(
    ({ who, outcome }) => who === 'anonymous' && !isRefused(outcome),
  );
  expect(called.map(({ name }) => name)).toEqual(['api.read_share']);
});

test('what a stranger reads does not depend on what others have', () => {
  expect(found.after).toEqual(found.before);
  expect(found.before.some((row) => row.startsWith('stranger api.profile '))).toBe(true);
});

test('a stranger or a visitor changes no row of anybody else, with or without its id', () => {
  expect(found.harmed).toEqual([]);
});

test('people write to no table but by the columns that are theirs to fill in', () => {
  const written = found.cells.filter(
    ({ relation, who, verb, outcome }) =>
      relation.isTable &&
      ['owner', 'member', 'stranger'].includes(who) &&
      (verb === 'insert' || verb === 'delete') &&
      !isRefused(outcome),
  );
  expect(written.map(({ relation, who, verb }) => `${who} ${verb} ${relation.name}`)).toEqual([]);
});

test('a call that makes no sense is refused by its reason, never by an error of ours', () => {
  const broken = found.calls.filter(
    ({ outcome }) => 'code' in outcome && !/^(42501|PT4\d\d)$/.test(outcome.code),
  );
  const told = broken.map(({ name, who, outcome }) => `${name} ${who}: ${JSON.stringify(outcome)}`);
  expect(told).toEqual([]);
});
