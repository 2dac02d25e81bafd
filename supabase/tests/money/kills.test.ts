// The connection dies at every statement of authorising and of settling: all of it happened or
// nothing did, and asking again leads to where it would have led without the death.
import { expect } from 'vitest';
import { test } from '../database.ts';
import { type Answer, ask, isLost, persist, quote } from './session.ts';
import {
  authorize,
  finish,
  now,
  openPools,
  openStage,
  type Pools,
  type Stage,
  tally,
  until,
  untilWaiting,
} from './stage.ts';

const tables = [
  'wallets',
  'allowances',
  'key_windows',
  'token_quotas',
  'budgets',
  'runs',
  'repeatable_runs',
  'stored_answers',
  'api_keys',
  'transactions',
  'lots',
  'allocations',
  'usage_events',
  'model_health',
  'account_plans',
];
const report = {
  outcome: 'completed',
  used: { prompt_tokens: 90, completion_tokens: 1 },
  attempts: [{ model: 'stage/model', error: 'overloaded' }],
};

test.for([
  ['in person', 'repeatable_runs'],
  ['by key', 'stored_answers'],
] as const)(
  'authorising %s dies at each of its steps: all or nothing, and a retry gets the run',
  async ([who, kept], { database }) => {
    await using pools = openPools(database, 4);
    await installSteps(pools);
    const stage = await prepare(pools);
    let deaths = 0;
    for (let step = 1; ; step += 1) {
      const before = await everything(stage);
      const wish = { byKey: who === 'by key', idempotencyKey: `step-${step}` };
      const death = await dieAt(pools, step, () => authorize(stage, wish));
      const [run] = await stage.look(
        `select run_id from private.${kept} where idempotency_key = 'step-${step}'`,
      );
      if (!death) break;
      deaths += 1;
      // Nothing at all, unless it died with the commit behind it.
      if (!run) expect(await everything(stage)).toEqual(before);
      await expectNoLocks(stage);
      const again = await persist(() => authorize(stage, wish));
      expect(again.rows?.[0]).toMatchObject({ allowed: true, is_replay: Boolean(run) });
      await stage.audit();
    }
    expect(deaths).toBeGreaterThan(12);
  },
);

test('settling dies at each of its steps: all or nothing, and a retry settles once', async ({
  database,
}) => {
  await using pools = openPools(database, 4);
  await installSteps(pools);
  const stage = await prepare(pools);
  let deaths = 0;
  for (let step = 1; ; step += 1) {
    const started = await persist(() => authorize(stage, { byKey: true }));
    const id = String(started.rows?.[0]?.run_id);
    await stage.audit();
    const before = await everything(stage);
    const death = await dieAt(pools, step, () => finish(stage, id, report));
    if (!death) break;
    deaths += 1;
    const [run] = await stage.look(`select status from private.runs where id = ${quote(id)}`);
    const [end] = await stage.look(`select from private.usage_events where run_id = ${quote(id)}`);
    expect(run?.status).toBe(end ? undefined : 'open');
    if (run) expect(await everything(stage)).toEqual(before);
    await expectNoLocks(stage);
    const again = await persist(() => finish(stage, id, report));
    expect(again.rows?.[0]).toMatchObject({ outcome: 'completed', charged_micros: '91' });
    await stage.audit();
  }
  expect(deaths).toBeGreaterThan(20);
});

test('connections ended from outside at any moment leave nothing half done', async ({
  database,
}) => {
  await using pools = openPools(database, 32);
  const stage = await prepare(pools);
  const rounds = Array.from({ length: 6 }, (_, round) => round);
  for (const round of rounds) {
    const ids = Array.from({ length: 16 }, (_, nth) => `round-${round}-${nth}`);
    const work = ids.map(async (idempotencyKey) => {
      const { rows } = await authorize(stage, { byKey: true, idempotencyKey });
      if (rows?.[0]) await finish(stage, String(rows[0].run_id), report);
    });
    for (let volley = 0; volley < 3; volley += 1) {
      // Not while the driver asks for types, as it does on connecting: it would leave that error to nobody.
      await pools.superuser`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
          and query not like '%pg_catalog.pg_type%'`;
    }
    await Promise.all(work);
    const again = await Promise.all(
      ids.map((idempotencyKey) => persist(() => authorize(stage, { byKey: true, idempotencyKey }))),
    );
    const runs = again.map(({ rows }) => String(rows?.[0]?.run_id));
    const ended = await Promise.all(runs.map((run) => persist(() => finish(stage, run, report))));
    expect(new Set(runs).size).toBe(ids.length);
    expect(tally(ended)).toEqual({ done: ids.length });
  }
  const [sums] = await stage.look(`
    select count(*) as receipts, count(distinct run_id) as runs, count(distinct transaction_id) as charges,
      sum(charged_micros) as charged, (select count(*) from private.runs) as open
    from private.usage_events where account_id = ${quote(stage.account.id)}`);
  expect(sums).toEqual({
    receipts: '96',
    runs: '96',
    charges: '96',
    charged: String(96 * 91),
    open: '0',
  });
  await expectNoLocks(stage);
  await stage.audit();
});

test('a connection that dies with the lock of an account in hand leaves it to those who wait', async ({
  database,
}) => {
  await using pools = openPools(database, 16);
  const stage = await prepare(pools);
  const [running] = (await authorize(stage)).rows ?? [];
  const holding = ask(
    stage.sql,
    'owner',
    now,
    `select private.lock_account(${quote(stage.account.id)});
     update private.wallets set set_aside_micros = 0 where account_id = ${quote(stage.account.id)};
     select 'in hand', pg_sleep(60)`,
  );
  await until(async () => {
    const [row] = await pools.superuser`
      select from pg_stat_activity where query like '%in hand%' and wait_event = 'PgSleep'`;
    return row !== undefined;
  });
  const waiting = Array.from({ length: 8 }, () => authorize(stage, { byKey: true }));
  const settling = finish(stage, String(running?.run_id), report);
  await untilWaiting(stage, 9);
  await pools.superuser`
    select pg_terminate_backend(pid) from pg_stat_activity where query like '%in hand%' and wait_event = 'PgSleep'`;
  expect(isLost(await holding)).toBe(true);
  expect(tally(await Promise.all(waiting))).toEqual({ allowed: 8 });
  expect((await settling).rows?.[0]).toMatchObject({ charged_micros: '91' });
  await expectNoLocks(stage);
  await stage.audit();
});

/** A stage on which authorising and settling touch every table they can. */
async function prepare(pools: Pools): Promise<Stage> {
  const stage = await openStage(pools, {
    balance: 100_000,
    plan: { perMinute: 100_000, perMonth: 100_000, tokensPerMonth: 10_000_000 },
  });
  const { account } = stage;
  for (const [subject, subjectId] of [
    ['key', account.keys[0]!.id],
    ['member', account.callers[0]!],
  ] as const) {
    const budget = { account, subject, subjectId, period: 'day' as const, limit: 1_000_000 };
    await stage.act({
      kind: 'budget',
      caller: { user: account.callers[0]! },
      facts: { budget },
      text: `select * from api.set_budget(${quote(account.id)}, '${subject}', ${quote(subjectId)}, 'day', 1000000)`,
    });
  }
  // The key has limits of its own, so that its windows are counted as well.
  await stage.look(`insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
    values (${quote(account.keys[0]!.id)}, ${quote(account.id)}, 100000, 'Staged')`);
  return stage;
}

/** Counts every statement that writes, before and after, and the commit; ends the connection at the one asked for. */
async function installSteps({ superuser }: Pools): Promise<void> {
  const triggers = tables.map(
    (table) => `
      create trigger step_before before insert or update or delete on private.${table}
        for each statement execute function private.step();
      create trigger step_after after insert or update or delete on private.${table}
        for each statement execute function private.step();
      create constraint trigger step_commit after insert or update on private.${table}
        deferrable initially deferred for each row execute function private.step()`,
  );
  await superuser.unsafe(`
    create table private.deaths (step integer not null, reached integer not null);
    insert into private.deaths values (0, 0);
    create sequence private.steps;
    create function private.step() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      if nextval('private.steps') = (select step from private.deaths) then
        perform pg_terminate_backend(pg_backend_pid());
        perform pg_sleep(60);
      end if;
      return null;
    end $$;
    ${triggers.join(';\n')}`);
}

/** Whether the work died: its connection ends at the given step, unless it has fewer. */
async function dieAt(pools: Pools, step: number, work: () => Promise<Answer>): Promise<boolean> {
  await pools.superuser.unsafe(
    `select setval('private.steps', 1, false); update private.deaths set step = ${step}`,
  );
  const answer = await work();
  await pools.superuser`update private.deaths set step = 0`;
  if (answer.error) expect(isLost(answer), answer.error.message).toBe(true);
  return answer.error !== undefined;
}

/** A connection that died left no lock of an account behind. */
async function expectNoLocks({ sql, account }: Stage): Promise<void> {
  // The server takes a moment to notice that somebody has gone; then he holds nothing any more.
  const taken = sql.begin(async (tx) => {
    await tx`set local statement_timeout = '20s'`;
    await tx`select private.lock_account(${account.id})`;
    return tx`
      select locktype from pg_locks
      where database = (select oid from pg_database where datname = current_database())
        and locktype = 'advisory' and pid <> pg_backend_pid()`;
  });
  expect([...(await taken)]).toEqual([]);
}

async function everything(stage: Stage): Promise<unknown> {
  const queries = tables.map(
    (table) => `select '${table}' as name, to_jsonb(t)::text as row from private.${table} as t`,
  );
  return stage.look(
    `select * from (${queries.join(' union all ')}) as all_rows order by name, row`,
    now,
  );
}
