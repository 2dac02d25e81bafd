// Two hundred seeds against real connections, and the proof that the same harness sees what it is for.
import { afterAll, expect } from 'vitest';
import { test, type TestDatabase } from '../database.ts';
import { breakFunction } from './break-function.ts';
import { openSimulator, type Outcome, replayCommand } from './simulator.ts';
import {
  authorize,
  finish,
  holdMicros,
  openPools,
  openStage,
  tally,
  untilWaiting,
} from './stage.ts';

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
  'authorize allowed replay by key',
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
  'redeem allowed',
  'redeem code',
  'redeem once',
  'top_up PT409',
];

test(
  'check-then-debit is caught by seeds: an answer is not a typed one',
  patience,
  async ({ database }) => {
    await unlock(database);
    // Who comes first is luck: the balance, the month or the chain of hashes.
    const expected = /failed with (23514|23505|40P01)/;
    expect(await complaintsOf(database, expected)).toMatch(expected);
  },
);

test(
  'check-then-debit, forty at once: the balance lets eight through',
  patience,
  async ({ database }) => {
    const { answers, complaints } = await checkThenDebit(database);
    expect(answers).toEqual({ allowed: 8, 23514: 32 });
    expect(complaints).toHaveLength(32);
    for (const complaint of complaints)
      expect(complaint).toMatch(/failed with 23514 .*micros_check/);
  },
);

test(
  'check-then-debit without the constraint is caught: more is held than there is',
  patience,
  async ({ database }) => {
    await database.owner`alter domain private.micros drop constraint micros_check`;
    const { answers, complaints } = await checkThenDebit(database);
    expect(answers).toEqual({ allowed: 40 });
    expect(complaints.join('\n')).toMatch(/overspent: /);
  },
);

test('a paid call that is begun anew under its key is caught', patience, async ({ database }) => {
  await breakFunction(database.owner, 'private.start_call', [
    [/private\.lost_charge\(stored\) = 0/, 'private.lost_charge(stored) >= 0'],
  ]);
  await using pools = openPools(database, 2);
  const stage = await openStage(pools, { balance: 8 * holdMicros });
  const used = { prompt_tokens: 40, completion_tokens: 1 };
  for (const outcome of ['failed', 'completed', 'completed']) {
    expect(await stage.complaints()).toEqual([]);
    const { rows } = await authorize(stage, { byKey: true, idempotencyKey: 'once' });
    await finish(stage, String(rows?.[0]?.run_id), { outcome, used });
  }
  expect((await stage.complaints()).join('\n')).toMatch(/by key once began two calls within a day/);
});

test('a lot that is said to pay next and does not is caught', patience, async ({ database }) => {
  await breakFunction(database.owner, 'private.note_lots', [
    [/\(array_agg\(lots\.id\)\)\[1\]/, 'max(lots.id)'],
  ]);
  const expected = /is said to pay next, it is lot/;
  expect(await complaintsOf(database, expected)).toMatch(expected);
});

test(
  'a roll-up that forgets calls which were open for long is caught',
  patience,
  async ({ database }) => {
    await breakFunction(database.owner, 'private.roll_up_usage', [
      [/\(select runs\.id from private\.runs order by runs\.id limit 1\)/, 'null'],
    ]);
    const expected = /the days of \S+ sum to|are in no day/;
    expect(await complaintsOf(database, expected)).toMatch(expected);
  },
);

test('a month that counts what gave nothing is caught', patience, async ({ database }) => {
  await breakFunction(database.owner, 'private.finish_run', [
    [
      /set month_requests = allowances\.month_requests - 1/,
      'set month_requests = allowances.month_requests',
    ],
  ]);
  const expected = /month \S+ \S+ counts \d+ requests, there were/;
  expect(await complaintsOf(database, expected)).toMatch(expected);
});

test('a receipt beside a call that is still open is caught', patience, async ({ database }) => {
  await breakFunction(database.owner, 'private.finish_run', [
    [
      /delete from private\.runs where runs\.id = finish_run\.run_id returning \* into run/,
      'select * into run from private.runs where runs.id = finish_run.run_id',
    ],
  ]);
  const expected = /is open and was \w+ with 1 receipts/;
  expect(await complaintsOf(database, expected)).toMatch(expected);
});

/** Takes the lock out of whatever authorises, and lets time pass between check and debit. */
async function unlock({ owner }: TestDatabase, pause = 'pg_sleep(0.01)'): Promise<void> {
  await breakFunction(owner, 'private.authorize_run', [
    [
      /private\.lock_calls\(request\.account_id\)/,
      "set_config('tests.unlocked', 'yes', true) = 'yes'",
    ],
  ]);
  await breakFunction(owner, 'private.lock_calls', [
    [/RETURN \(pg_adv/, "RETURN (current_setting('tests.unlocked', true) = 'yes' OR pg_adv"],
  ]);
  await owner.unsafe(`
    create function private.dawdle() returns trigger language plpgsql as
      'begin perform ${pause}; return null; end';
    create trigger dawdle before update on private.allowances for each statement execute function private.dawdle()`);
}

/** Forty at once with money for eight, all of whom have checked before the first of them debits. */
async function checkThenDebit(database: TestDatabase) {
  await unlock(database, 'pg_advisory_xact_lock_shared(1)');
  await using pools = openPools(database, 42);
  const stage = await openStage(pools, { balance: 9 * holdMicros });
  await authorize(stage);
  const gate = await pools.sql.reserve();
  await gate`select pg_advisory_lock(1)`;
  const answers = Promise.all(Array.from({ length: 40 }, () => authorize(stage)));
  await untilWaiting(stage, 40);
  await gate`select pg_advisory_unlock(1)`;
  gate.release();
  return { answers: tally(await answers), complaints: await stage.complaints() };
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
