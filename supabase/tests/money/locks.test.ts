// One order of locks everywhere: whatever is at work on the same few accounts, nobody ever stands
// before a lock of somebody who stands before his.
import { expect } from 'vitest';
import { test } from '../database.ts';
import { auditLoad, playLoad, prepareLoad } from './load.ts';
import { seededRandom } from './random.ts';
import { openPools } from './stage.ts';

test('all kinds of work on three accounts by sixteen at once end without a deadlock', async ({
  database,
}) => {
  await using pools = openPools(database, 16);
  const accounts = await prepareLoad(pools.superuser, 3);
  const begun = Date.now();
  // Twenty times as fast as the clock, so that leases and lots lapse as well.
  const moment = () => begun + (Date.now() - begun) * 20;
  let acts = 6000;
  const loaded = await playLoad({
    pool: pools.sql,
    accounts,
    random: seededRandom(7),
    clients: 16,
    nextMoment: () => (acts-- > 0 ? moment() : undefined),
  });
  expect([...loaded.errors]).toEqual([]);
  for (const kind of ['authorize allowed', 'finish done', 'sweep done', 'plan done', 'sync done'])
    expect(loaded.counts.get(kind) ?? 0, kind).toBeGreaterThan(10);
  expect(await auditLoad(pools.sql, accounts, moment())).toEqual([]);
  const [row] = await pools.superuser<{ deadlocks: string }[]>`
    select pg_stat_force_next_flush(), deadlocks from pg_stat_database where datname = current_database()`;
  expect(row?.deadlocks).toBe('0');
});
