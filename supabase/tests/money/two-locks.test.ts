// What an account's two locks and two rows promise, one step at a time on real connections.
import type { ReservedSql, Sql } from 'postgres';
import { describe, expect } from 'vitest';
import { test } from '../database.ts';
import { quote } from './session.ts';
import {
  authorize,
  finish,
  holdMicros,
  openPools,
  openStage,
  type Stage,
  tally,
  untilWaiting,
} from './stage.ts';

const balance = 3 * holdMicros;
const used = { prompt_tokens: 40, completion_tokens: 1 };

test('a batch that finds the money of an account busy leaves its calls free', async ({
  database,
}) => {
  await using pools = openPools(database, 4);
  const { account, look } = await openStage(pools, { balance });
  const ending = await begin(pools.sql);
  await ending`select private.lock_money(${account.id})`;
  const batch = await begin(pools.sql);
  const tryBoth = () => batch`select private.try_lock_account(${account.id}) as locked`;
  expect(await tryBoth()).toEqual([{ locked: false }]);
  const [calls] = await look(
    `select pg_try_advisory_xact_lock(uuid_hash_extended(${quote(account.id)}, 1)) as free`,
  );
  expect(calls).toEqual({ free: true });
  await commit(ending);
  expect(await tryBoth()).toEqual([{ locked: true }]);
  await commit(batch);
});

describe('where there is room', () => {
  test('a call that ends keeps none waiting that begins', async ({ database }) => {
    await using pools = openPools(database, 4);
    const stage = await openStage(pools, { balance });
    const { rows } = await authorize(stage);
    const open = await closeGate(stage, pools.sql, 'after insert on private.transactions');
    const ending = finish(stage, String(rows?.[0]?.run_id), { outcome: 'completed', used });
    await untilWaiting(stage, 1);
    expect(tally([await authorize(stage)])).toEqual({ allowed: 1 });
    await open();
    expect(tally([await ending])).toEqual({ done: 1 });
    await stage.audit();
  });

  test('a call that begins keeps none waiting that ends', async ({ database }) => {
    await using pools = openPools(database, 4);
    const stage = await openStage(pools, { balance });
    const { rows } = await authorize(stage);
    const open = await closeGate(stage, pools.sql, 'after insert on private.runs');
    const beginning = authorize(stage);
    await untilWaiting(stage, 1);
    const report = { outcome: 'completed', used };
    expect(tally([await finish(stage, String(rows?.[0]?.run_id), report)])).toEqual({ done: 1 });
    await open();
    expect(tally([await beginning])).toEqual({ allowed: 1 });
    await stage.audit();
  });
});

describe('without its locks as well, an account is not overspent', () => {
  test('by a call that ends while another makes room', async ({ database }) => {
    await using pools = openPools(database, 4);
    const stage = await openStage(pools, { balance });
    const { rows } = await authorize(stage);
    await stage.look(`select private.lock_account(${quote(stage.account.id)})`);
    await unlock(stage);
    const open = await closeGate(stage, pools.sql, 'after insert on private.transactions');
    const ending = finish(stage, String(rows?.[0]?.run_id), { outcome: 'completed', used });
    await untilWaiting(stage, 1);
    expect(tally([await authorize(stage)])).toEqual({ allowed: 1 });
    await open();
    expect(tally([await ending])).toEqual({ done: 1 });
    await stage.audit();
  });

  test('by a grant that takes the room back while a call takes its hold from it', async ({
    database,
  }) => {
    await using pools = openPools(database, 4);
    const stage = await openStage(pools, { balance });
    await authorize(stage);
    await unlock(stage);
    const open = await closeGate(stage, pools.sql, 'before update on private.wallets');
    const granting = pools.sql
      .unsafe(
        `select private.grant_credits(${quote(stage.account.id)}, 1, 'bonus', 'gate', 'Gate', 'race')`,
      )
      .then(
        () => 'granted',
        (error: unknown) => (error as { code: string }).code,
      );
    await untilWaiting(stage, 1);
    expect(tally([await authorize(stage)])).toEqual({ allowed: 1 });
    await open();
    expect(await granting).toBe('23514');
    await stage.audit();
  });
});

async function begin(sql: Sql): Promise<ReservedSql> {
  const connection = await sql.reserve();
  await connection`begin`;
  return connection;
}

async function commit(connection: ReservedSql): Promise<void> {
  await connection`commit`;
  connection.release();
}

/** Takes both locks of every account away: nobody waits for anybody but before a row. */
async function unlock({ look }: Stage): Promise<void> {
  for (const lock of ['lock_calls', 'lock_money'])
    await look(
      `create or replace function private.${lock}(account_id uuid) returns boolean language sql as 'select true'`,
    );
}

/** Has whoever does that stand still until the gate is opened. */
async function closeGate(stage: Stage, sql: Sql, where: string): Promise<() => Promise<void>> {
  await stage.look(`
    create function private.stand_still() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock_shared(4711); return null; end';
    create trigger stand_still ${where} for each statement execute function private.stand_still()`);
  const gate = await begin(sql);
  await gate`select pg_advisory_xact_lock(4711)`;
  return () => commit(gate);
}
