// Two hundred seeds against real connections, and the proof that the same harness sees what it is for.
import { afterAll, expect } from 'vitest';
import { test, type TestDatabase } from '../database.ts';
import { breakFunction } from './break-function.ts';
import { openSimulator, type Outcome, replayCommand } from './simulator.ts';

const only = process.env.SEED;
const first = only ? Number(only) : 1;
const last = only ? Number(only) : Number(process.env.SEEDS ?? 200);
const lanes = 2;
const patience = { timeout: 600_000 };

const reached = new Set<string>();

test.concurrent.for(Array.from({ length: only ? 1 : lanes }, (_, lane) => lane))(
  'no seed finds anything wrong (lane %i)',
  patience,
  async (lane, { database }) => {
    await using simulator = await simulate(database);
    for (let seed = first + lane; seed <= last; seed += lanes) {
      const outcome = await simulator.play(seed);
      if (outcome.complaints.length > 0) throw new Error(report(outcome));
      for (const answer of outcome.answers.keys()) reached.add(answer);
    }
  },
);

// A schedule that never gets anywhere would be green as well.
afterAll(() => {
  if (last - first > 50) expect([...reached]).toEqual(expect.arrayContaining(corners));
});

const corners = [
  'authorize allowed',
  'authorize allowed clamped',
  'authorize allowed replay',
  'authorize balance',
  'authorize idempotency',
  'authorize key',
  'authorize key_budget',
  'authorize member_budget',
  'authorize price_cap',
  'authorize requests_per_minute',
  'authorize requests_per_month',
  'authorize tokens_per_month',
  'finish estimated',
  'finish none',
  'finish reported',
  'finish reconciled',
  'finish reconciling',
  'finish PT422',
  'grant PT409',
  'refund done',
  'refund PT409',
  'reverse done',
  'adjust done',
  'adjust PT402',
  'redeem done',
  'redeem PT409',
  'top_up PT409',
];

test(
  'check-then-debit is caught: the table refuses, and the answer is not a typed one',
  patience,
  async ({ database }) => {
    await unlock(database);
    const expected = /\(authorize\): failed with 23514/;
    expect(await complaintsOf(database, expected)).toMatch(expected);
  },
);

test(
  'check-then-debit without the constraint is caught: more is held than there is',
  patience,
  async ({ database }) => {
    await unlock(database);
    await database.owner`alter table private.wallets drop constraint never_overspent`;
    const expected = /overspent: /;
    expect(await complaintsOf(database, expected)).toMatch(expected);
  },
);

/** Takes the lock out of authorising, and gives the gap between check and debit some width. */
async function unlock({ owner }: TestDatabase): Promise<void> {
  await breakFunction(owner, 'private.authorize_run', [
    [/private\.lock_account\(request\.account_id\)/, 'true'],
  ]);
  await owner.unsafe(`
    create function private.dawdle() returns trigger language plpgsql as
      'begin perform pg_sleep(0.01); return null; end';
    create trigger dawdle before update on private.wallets for each statement execute function private.dawdle()`);
}

/** What the harness says of seed after seed, until it says what it is expected to. */
async function complaintsOf(database: TestDatabase, expected: RegExp): Promise<string> {
  await using simulator = await simulate(database);
  const said: string[] = [];
  for (let seed = 1; seed <= 40; seed += 1) {
    said.push(...(await simulator.play(seed)).complaints);
    if (expected.test(said.join('\n'))) break;
  }
  return said.join('\n');
}

async function simulate(database: TestDatabase) {
  const simulator = await openSimulator({
    superuserUrl: database.url('supabase_admin'),
    ownerUrl: database.url('postgres'),
  });
  return { ...simulator, [Symbol.asyncDispose]: simulator.close };
}

function report({ seed, complaints }: Outcome): string {
  const shown = complaints.slice(0, 20).map((complaint) => `  ${complaint}`);
  return [
    `Seed ${seed} found ${complaints.length} things wrong. Again: ${replayCommand(seed)}`,
    ...shown,
  ].join('\n');
}
