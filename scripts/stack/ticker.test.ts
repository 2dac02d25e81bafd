import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Stack, startStack } from './stack.ts';
import { nextRun } from './ticker.ts';

let stack: Stack;
let sql: Sql;
const patience = { timeout: 15_000, interval: 50 };

beforeAll(async () => {
  stack = await startStack();
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`
    create table private.probe_ticks (name text, as_user text default session_user, transaction bigint default txid_current());
    grant all on private.probe_ticks to postgres;
    create function public.probe_job(task text) returns void language sql as $$ select private.call_job(task) $$`);
});
afterAll(async () => {
  await sql.end();
  await stack.stop();
});

const schedule = (name: string, command: string, every = '1 seconds') => sql`
  insert into private.schedules (name, schedule, command, purpose)
  values (${name}, ${every}, ${command}, 'a test')`;
const ticksOf = async (name: string) =>
  (await sql`select * from private.probe_ticks where name = ${name}`).length;

test('health knows the ticker', async () => {
  const [known] = await sql`select is_well, state from admin.health where name = 'Schedules'`;
  expect(known?.['is_well']).toBe(true);
  expect(known?.['state']).toMatch(/^\d+ installed$/);
});

test('a command that is due runs as postgres, and no more once it is taken away', async () => {
  await schedule('probe-plain', `insert into private.probe_ticks (name) values ('plain')`);
  await vi.waitFor(async () => expect(await ticksOf('plain')).toBeGreaterThan(1), patience);
  const [tick] = await sql`select as_user from private.probe_ticks where name = 'plain'`;
  expect(tick?.['as_user']).toBe('postgres');

  await sql`delete from private.schedules where name = 'probe-plain'`;
  await schedule('probe-after', `insert into private.probe_ticks (name) values ('after')`);
  await vi.waitFor(async () => expect(await ticksOf('after')).toBe(1), patience);
  const atFirst = await ticksOf('plain');
  await vi.waitFor(async () => expect(await ticksOf('after')).toBeGreaterThan(2), patience);
  expect(await ticksOf('plain')).toBe(atFirst);
  await sql`delete from private.schedules where name = 'probe-after'`;
});

test('a command that fails keeps nothing and stops no other', async () => {
  await schedule(
    'probe-bad',
    `insert into private.probe_ticks (name) values ('bad'); select 1 / 0`,
  );
  await schedule('probe-good', `insert into private.probe_ticks (name) values ('good')`);
  await vi.waitFor(async () => expect(await ticksOf('good')).toBeGreaterThan(1), patience);
  expect(await ticksOf('bad')).toBe(0);
  await sql`delete from private.schedules where name like 'probe-%'`;
});

test('a command never runs beside itself', async () => {
  // Each run waits for a lock that the test holds: a second one would show among the waiting.
  const holder = postgres(stack.databaseUrl, { max: 1 });
  const waiting = async () =>
    (
      await sql`select from pg_stat_activity where query like '%probe_lock%' and wait_event = 'advisory'`
    ).length;
  await holder.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(4711)`;
    await schedule('probe-slow', `select pg_advisory_xact_lock(4711) as probe_lock`);
    await schedule('probe-beside', `insert into private.probe_ticks (name) values ('beside')`);
    await vi.waitFor(async () => expect(await ticksOf('beside')).toBeGreaterThan(3), patience);
    expect(await waiting()).toBe(1);
  });
  await sql`delete from private.schedules where name like 'probe-%'`;
  await holder.end();
});

test('work that needs the network reaches functions/jobs', async () => {
  const syncedSince = async (moment: Date) =>
    Number(
      (await sql`select count(*) from private.models where synced_at > ${moment}`)[0]?.['count'],
    );
  const [now] = await sql<{ at: Date }[]>`select clock_timestamp() as at`;
  await sql`select public.probe_job('sync-models')`;
  await vi.waitFor(async () => expect(await syncedSince(now!.at)).toBeGreaterThan(60), patience);
});

test.each([
  ['30 seconds', '2026-11-20T10:00:00Z', '2026-11-20T10:00:30Z'],
  ['*/5 * * * *', '2026-11-20T10:01:00Z', '2026-11-20T10:05:00Z'],
  ['0 3 * * 1', '2026-11-20T10:00:00Z', '2026-11-23T03:00:00Z'],
])('%s after %s comes at %s', (schedule, after, expected) => {
  expect(new Date(nextRun(schedule, Date.parse(after))).toISOString()).toBe(
    expected.replace('Z', '.000Z'),
  );
});

test('a schedule that cannot be read is refused', () => {
  expect(() => nextRun('every day', 0)).toThrow();
  expect(() => nextRun('* * * * * *', 0)).toThrow();
});
