// Plans change while accounts move between them and call: on real connections, one step at a time.
import { expect, vi } from 'vitest';
import { test } from '../database.ts';
import { authorize, openPools, openStage, type Stage, tally, untilWaiting } from './stage.ts';

/** A plan of one call a minute beside the stage's own, which allows any number. */
async function openNarrowPlan({ look }: Stage): Promise<string> {
  const [made] = await look(`
    insert into private.plans (id, name) values ('narrow', 'Narrow');
    insert into private.plan_models (plan_id, priority, pattern, allowed) values ('narrow', 1, '*', true)
    returning plan_id as id`);
  return String(made!.id);
}

const limitOf = async (stage: Stage) => (await authorize(stage)).rows?.[0]?.rate_limit;

test('an account that moves onto a plan while that plan is edited goes by the edit', async ({
  database,
}) => {
  await using pools = openPools(database);
  const stage = await openStage(pools, { balance: 1_000_000 });
  const plan = await openNarrowPlan(stage);
  const editor = await pools.sql.reserve();
  await editor`begin`;
  await editor`update private.plans set requests_per_minute = 7 where id = ${plan}`;
  const moved = stage
    .look(
      `update private.account_plans set plan_id = '${plan}' where account_id = '${stage.account.id}'`,
    )
    .then(() => limitOf(stage));
  let isDone = false;
  void moved.finally(() => (isDone = true));
  // Either they wait for the edit, or they have gone by what was there before it.
  await vi.waitFor(
    async () => {
      const [row] = await pools.superuser<{ waiting: number }[]>`
        select count(*)::int as waiting from pg_locks where not granted`;
      if (!isDone && !row!.waiting) throw new Error('neither yet');
    },
    { timeout: 30_000 },
  );
  await editor`commit`;
  editor.release();
  await moved;
  expect(await limitOf(stage)).toBe(7);
  await stage.audit();
});

test('a call that waited while its account changed plan may call what the new plan allows', async ({
  database,
}) => {
  await using pools = openPools(database);
  const stage = await openStage(pools, { balance: 1_000_000 });
  const [before] = await stage.look(
    `select plan_id from private.account_plans where account_id = '${stage.account.id}'`,
  );
  await stage.look(`insert into private.plans (id, name) values ('bare', 'Bare')`);
  const afterMoveTo = async (plan: unknown) => {
    const mover = await pools.sql.reserve();
    await mover`begin`;
    await mover`select private.lock_account(${stage.account.id})`;
    await mover`update private.account_plans set plan_id = ${String(plan)} where account_id = ${stage.account.id}`;
    const waiting = Promise.all([authorize(stage), authorize(stage)]);
    await untilWaiting(stage, 2);
    await mover`commit`;
    mover.release();
    return tally(await waiting);
  };
  expect(await afterMoveTo('bare')).toEqual({ plan_models: 2 });
  expect(await afterMoveTo(before!.plan_id)).toEqual({ allowed: 2 });
  await stage.audit();
});

test('an edit of a plan takes no lock for each of its accounts', async ({ database }) => {
  await using pools = openPools(database);
  const stage = await openStage(pools, { balance: 1_000_000 });
  await stage.look(
    `insert into private.accounts (kind, name) select 'team', 'Stage' from generate_series(1, 50)`,
  );
  const editor = await pools.sql.reserve();
  await editor`begin`;
  await editor`update private.plans set requests_per_minute = 7 where id = 'free'`;
  const [locks] = await editor`
    select count(*)::int as advisory from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`;
  expect(locks!.advisory).toBe(1);
  await editor`commit`;
  editor.release();
  const [outdated] = await stage.look(`
    select count(*)::int as allowances from private.allowances
    join private.account_plans using (account_id) where account_plans.plan_id = 'free' and valid_until > '-infinity'`);
  expect(outdated!.allowances).toBe(0);
});

for (const [what, statement] of [
  ['a plan', `update private.account_plans set plan_id = plan_id where account_id = '$1'`],
  ['a limit', `update private.limit_overrides set requests_per_minute = 9 where account_id = '$1'`],
] as const) {
  test(`${what} changed by hand never waits for an account with the row in hand`, async ({
    database,
  }) => {
    await using pools = openPools(database);
    const stage = await openStage(pools, { balance: 1_000_000 });
    const { id } = stage.account;
    await stage.look(`insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
      values ('${id}', '${id}', 8, 'Stage')`);
    const byHand = statement.replace('$1', id);
    const busy = await pools.sql.reserve();
    await busy`begin`;
    await busy`set local lock_timeout = '10s'`;
    await busy`select private.lock_account(${id})`;
    await expect(
      pools.sql.unsafe(`set local lock_timeout = '10s'; ${byHand}`),
    ).rejects.toMatchObject({
      code: 'PT409',
      message: 'conflict',
      hint: `Begin with: select private.lock_account('${id}');`,
    });
    // As the hint says: in the order of everybody else.
    const waiting = pools.sql.unsafe(`select private.lock_account('${id}'); ${byHand}`);
    await busy.unsafe(byHand);
    await busy`commit`;
    busy.release();
    await waiting;
    await pools.sql.unsafe(byHand);
    await stage.audit();
  });
}
