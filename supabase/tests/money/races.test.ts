// Many at once for too little of something: exactly as many pass as there is room for.
import { describe, expect } from 'vitest';
import { openDatabase, test as base } from '../database.ts';
import { quote } from './session.ts';
import {
  authorize,
  finish,
  holdMicros,
  now,
  openPools,
  openStage,
  type Stage,
  tally,
  untilWaiting,
} from './stage.ts';

/** One database and its connections for every test that leaves nothing for another to stumble on. */
const test = base.extend('crowd', { scope: 'file' }, async ({}, { onCleanup }) => {
  const database = await openDatabase();
  const pools = openPools(database);
  onCleanup(async () => {
    await pools[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  return pools;
});

const all = 200;
const plenty = 1_000_000;
const many = (
  count: number,
  one: (index: number) => Promise<Awaited<ReturnType<typeof authorize>>>,
) => Promise.all(Array.from({ length: count }, (_, index) => one(index)));

describe('200 parallel authorisations where there is room for k', () => {
  test.for([0, 1, 7, 64, 199, 200])('a wallet lets exactly %i through', async (k, { crowd }) => {
    const stage = await openStage(crowd, { balance: k * holdMicros + (k % holdMicros) });
    const answers = await many(all, (index) => authorize(stage, { byKey: index % 2 === 0 }));
    expect(tally(answers)).toEqual(split(k, 'balance'));
    await stage.audit();
  });

  test.for([0, 1, 23, 150])('a budget of a key lets exactly %i through', async (k, { crowd }) => {
    const stage = await openStage(crowd, { balance: plenty });
    await setBudget(stage, 'key', stage.account.keys[0]!.id, k * holdMicros + 100);
    const answers = await many(all, () => authorize(stage, { byKey: true }));
    expect(tally(answers)).toEqual(split(k, 'key_budget'));
    await stage.audit();
  });

  test.for([0, 1, 23, 150])(
    'the cap of a member lets exactly %i through, by key and in person',
    async (k, { crowd }) => {
      const stage = await openStage(crowd, { balance: plenty });
      await setBudget(stage, 'member', stage.account.callers[0]!, k * holdMicros + 100);
      const answers = await many(all, (index) => authorize(stage, { byKey: index % 2 === 0 }));
      expect(tally(answers)).toEqual(split(k, 'member_budget'));
      await stage.audit();
    },
  );

  test.for([1, 23, 150])(
    'a monthly quota of requests lets exactly %i through',
    async (k, { crowd }) => {
      const stage = await openStage(crowd, { balance: plenty, plan: { perMonth: k } });
      const answers = await many(all, (index) => authorize(stage, { byKey: index % 2 === 0 }));
      expect(tally(answers)).toEqual(split(k, 'requests_per_month'));
      await stage.audit();
    },
  );

  test.for([1, 23, 150])(
    'a rate of requests a minute lets exactly %i through',
    async (k, { crowd }) => {
      const stage = await openStage(crowd, { balance: plenty, plan: { perMinute: k } });
      const answers = await many(all, (index) => authorize(stage, { byKey: index % 2 === 0 }));
      expect(tally(answers)).toEqual(split(k, 'requests_per_minute'));
      await stage.audit();
    },
  );

  test.for([1, 23, 150])(
    'a monthly quota of tokens lets exactly %i through',
    async (k, { crowd }) => {
      const plan = { tokensPerMonth: k * holdMicros + 50 };
      const stage = await openStage(crowd, { balance: plenty, plan });
      const answers = await many(all, (index) => authorize(stage, { byKey: index % 2 === 0 }));
      expect(tally(answers)).toEqual(split(k, 'tokens_per_month'));
      await stage.audit();
    },
  );
});

describe('the end of a run', () => {
  const later = now + 16 * 60_000;
  const used = { prompt_tokens: 40, completion_tokens: 1 };
  const ends = {
    settle: (stage: Stage, run: string) =>
      finish(stage, run, { outcome: 'completed', used }, now + 1000),
    fail: (stage: Stage, run: string) => finish(stage, run, { outcome: 'failed' }, now + 2000),
    sweep: (stage: Stage) =>
      stage.act({ kind: 'sweep', text: 'select private.sweep_runs()' }, later),
    stop: (stage: Stage, run: string) =>
      stage.act({
        kind: 'stop',
        caller: { user: stage.account.callers[0]! },
        text: `select api.stop_run(${quote(run)}) as stopped`,
      }),
  };
  type End = keyof typeof ends;
  const winners: Record<End, string> = {
    settle: 'completed',
    fail: 'failed',
    sweep: 'expired',
    stop: '',
  };

  test('comes once, in whatever order settle, failure, sweep and stop come', async ({
    database,
  }) => {
    await using pools = openPools(database, 12);
    const stage = await openStage(pools, { balance: plenty });
    for (const order of permutations(Object.keys(ends) as End[])) {
      const run = await start(stage);
      const winner = order.find((end) => winners[end])!;
      let ended = false;
      for (const end of order) {
        const answer = await ends[end](stage, run);
        expect(answer.error, order.join()).toBeUndefined();
        if (end === 'stop') expect(answer.rows?.[0]?.stopped, order.join()).toBe(!ended);
        if (end === 'settle' || end === 'fail')
          expect(answer.rows?.[0]?.outcome, order.join()).toBe(winners[winner]);
        ended ||= end !== 'stop';
      }
    }
    await stage.audit(later);
  });

  test('comes once when all of them come at once, and each hears how it ended', async ({
    database,
  }) => {
    await using pools = openPools(database, 12);
    const stage = await openStage(pools, { balance: plenty });
    const seen = new Set<unknown>();
    for (let round = 0; round < 40; round += 1) {
      const run = await start(stage);
      const order = permutations(Object.keys(ends) as End[])[round % 24]!;
      const answers = await Promise.all([...order, ...order].map((end) => ends[end](stage, run)));
      const receipts = answers
        .flatMap(({ rows }) => rows ?? [])
        .filter((row) => row.run_id === run);
      expect(tally(answers)).toEqual({ done: 8 });
      expect(receipts).toHaveLength(4);
      expect(
        new Set(
          receipts.map(
            ({ outcome, charged_micros }) => `${String(outcome)} ${String(charged_micros)}`,
          ),
        ).size,
      ).toBe(1);
      seen.add(receipts[0]?.outcome);
      await stage.look('select private.sweep_runs()', later);
    }
    await stage.audit(later);
    expect(seen.size).toBeGreaterThan(1);
  });

  test('does not come to a run whose worker was told to go on while the sweep was at work', async ({
    database,
  }) => {
    await using pools = openPools(database, 12);
    const stage = await openStage(pools, { balance: plenty });
    const other = await openStage(pools, { balance: plenty });
    const [dead, alive] = [await start(other), await start(stage)];
    const late = now + 45_000;
    await stage.look(
      `update private.runs set lease_until = lease_until - interval '1 second' where id = ${quote(dead)}`,
    );
    // The sweep has chosen both runs and waits at the first: its receipt cannot be written yet.
    await stage.look(`create function private.wait() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock(77); return new; end';
      create trigger wait before insert on private.usage_events for each row execute function private.wait()`);
    const gate = await stage.sql.reserve();
    await gate`select pg_advisory_lock(77)`;
    const sweep = stage.look('select private.sweep_runs()', late);
    await untilWaiting(stage, 1);
    const touch = stage.look(`select api.touch_run(${quote(alive)}, 'gen-1') as stop`, late);
    await Promise.race([touch, untilWaiting(stage, 2)]);
    await gate`select pg_advisory_unlock(77)`;
    gate.release();
    await sweep;
    const [touched] = await touch;
    const runs = await stage.look(`select status from private.runs where id = ${quote(alive)}`);
    const ends = await stage.look(
      `select outcome from private.usage_events where run_id = ${quote(alive)}`,
    );
    // Told to go on, it goes on; otherwise it was told that it has ended.
    const goesOn = touched?.stop === false;
    expect(runs).toEqual(goesOn ? [{ status: 'open' }] : []);
    expect(ends).toEqual(goesOn ? [] : [{ outcome: 'expired' }]);
    await stage.audit(late);
  });

  test('comes to runs that failed on the same models in opposite order', async ({ crowd }) => {
    const places = await Promise.all(
      Array.from({ length: 20 }, () => openStage(crowd, { balance: plenty })),
    );
    await crowd.sql`insert into private.models (id, name, context_tokens, max_output_tokens)
      select 'stage/' || name, name, 1000, 1000 from unnest('{a,b,c,d}'::text[]) as name`;
    const attempts = ['a', 'b', 'c', 'd'].map((name) => ({
      model: `stage/${name}`,
      error: 'overloaded',
    }));
    for (let round = 0; round < 5; round += 1) {
      const runs = await Promise.all(places.map((stage) => start(stage)));
      const answers = await many(places.length, (index) =>
        finish(places[index]!, runs[index]!, {
          outcome: 'completed',
          used,
          attempts: index % 2 === 0 ? attempts : attempts.toReversed(),
        }),
      );
      expect(tally(answers)).toEqual({ done: places.length });
    }
  });
});

describe('the same thing at once', () => {
  test.for([
    ['in person', false],
    ['by key', true],
  ] as const)(
    'fifty calls %s under one idempotency key are one run; another body under it is a conflict',
    async ([, byKey], { crowd }) => {
      const stage = await openStage(crowd, { balance: plenty });
      const wish = { byKey, idempotencyKey: 'once' };
      const answers = await many(50, () => authorize(stage, wish));
      expect(tally(answers)).toEqual({ allowed: 1, replay: 49 });
      expect(new Set(answers.map(({ rows }) => rows?.[0]?.run_id)).size).toBe(1);
      const others = await many(50, () => authorize(stage, { ...wish, requestHash: 'b' }));
      expect(tally(others)).toEqual({ idempotency: 50 });
      await stage.audit();
    },
  );

  test('fifty grants of one fact are one grant; other figures under it are a conflict', async ({
    crowd,
  }) => {
    const stage = await openStage(crowd, { balance: 0 });
    const grant = (amount: number) =>
      stage.act({
        kind: 'top_up',
        facts: { fact: 'payment:once', amount },
        text: `select private.grant_top_up(${quote(stage.account.id)}, ${amount}, 'payment:once', 'Once', 'race') as id`,
      });
    const answers = await many(50, () => grant(5000));
    expect(new Set(answers.map(({ rows }) => rows?.[0]?.id)).size).toBe(1);
    expect(tally(await many(50, (index) => grant(4000 + index)))).toEqual({ PT409: 50 });
    expect(
      await stage.look(
        `select balance_micros from private.wallets where account_id = ${quote(stage.account.id)}`,
      ),
    ).toEqual([{ balance_micros: '5000' }]);
    await stage.audit();
  });

  test('a payment told of again does not take the bonus of a code redeemed after it', async ({
    crowd,
  }) => {
    const stage = await openStage(crowd, { balance: 0 });
    const pay = (fact: string) =>
      stage.act({
        kind: 'top_up',
        facts: { fact, amount: 1000 },
        text: `select private.grant_top_up(${quote(stage.account.id)}, 1000, ${quote(fact)}, 'Once', 'race') as id`,
      });
    await stage.look(
      `insert into private.coupons (code, bonus_percent, starts_at) values ('BONUS', 10, '${new Date(now).toISOString()}')`,
    );
    await pay('payment:first');
    await redeem(stage, 'BONUS');
    await many(20, () => pay('payment:first'));
    const balance = () =>
      stage.look(
        `select balance_micros from private.wallets where account_id = ${quote(stage.account.id)}`,
      );
    expect(await balance()).toEqual([{ balance_micros: '1000' }]);
    await many(20, () => pay('payment:second'));
    expect(await balance()).toEqual([{ balance_micros: '2100' }]);
    await stage.audit();
  });

  test('a code for five is redeemed by exactly five of thirty accounts, once each', async ({
    crowd,
  }) => {
    const stages = await Promise.all(
      Array.from({ length: 30 }, () => openStage(crowd, { balance: 0 })),
    );
    await stages[0]!.look(
      `insert into private.coupons (code, credits_micros, max_redemptions, starts_at) values ('FIVE', 700, 5, '${new Date(now).toISOString()}')`,
    );
    const answers = await Promise.all(
      stages.flatMap((stage) => [redeem(stage, 'FIVE'), redeem(stage, 'FIVE')]),
    );
    const { allowed, ...refused } = tally(answers);
    expect(allowed).toBe(5);
    // The second try of an account that was let through, or one of the fifty that came too late.
    expect(refused).toEqual({ once: 5, used_up: 50 });
    for (const stage of stages) {
      await stage.audit();
    }
  });

  test('of sixty wrong codes ten are looked at, whichever of a person’s accounts they are for', async ({
    crowd,
  }) => {
    const stages = [
      await openStage(crowd, { balance: 0 }),
      await openStage(crowd, { balance: 0 }),
      await openStage(crowd, { balance: 0 }),
    ] as const;
    const guesser = stages[0].account.callers[0]!;
    for (const { account, look } of stages.slice(1)) {
      await look(
        `insert into private.members (account_id, user_id, role) values (${quote(account.id)}, ${quote(guesser)}, 'billing')`,
      );
    }
    await stages[0].look(
      `insert into private.coupons (code, credits_micros, starts_at) values ('SOUND', 700, '${new Date(now).toISOString()}')`,
    );
    const answers = await many(60, (index) =>
      redeem(stages[index % 3]!, `WRONG-${index}`, guesser),
    );
    expect(tally(answers)).toEqual({ code: 10, wrong_codes: 50 });
    expect(tally([await redeem(stages[1], 'SOUND', guesser)])).toEqual({ wrong_codes: 1 });
    expect(tally([await redeem(stages[1], 'SOUND')])).toEqual({ allowed: 1 });
    for (const stage of stages) {
      await stage.audit();
    }
  });
});

describe('a key that is revoked', () => {
  test('lets nothing through once the revocation has returned, not even what was waiting', async ({
    crowd,
  }) => {
    const stage = await openStage(crowd, { balance: plenty });
    const revocation = await stage.sql.reserve();
    await revocation`begin`;
    await revocation`select private.lock_account(${stage.account.id})`;
    await revocation`update private.api_keys set revoked_at = now() where id = ${stage.account.keys[0]!.id}`;
    const waiting = many(30, () => authorize(stage, { byKey: true }));
    await untilWaiting(stage, 30);
    await revocation`commit`;
    revocation.release();
    expect(tally(await waiting)).toEqual({ key: 30 });
    expect(tally(await many(50, () => authorize(stage, { byKey: true })))).toEqual({ key: 50 });
    await stage.audit();
  });
});

describe('a key whose models are narrowed', () => {
  test('lets no call through by the list of before, not even one that was waiting', async ({
    crowd,
  }) => {
    const stage = await openStage(crowd, { balance: plenty });
    const narrowing = await stage.sql.reserve();
    await narrowing`begin`;
    await narrowing`select private.lock_account(${stage.account.id})`;
    await narrowing`update private.api_keys set allowed_models = '{other/*}' where id = ${stage.account.keys[0]!.id}`;
    const waiting = many(30, () => authorize(stage, { byKey: true }));
    await untilWaiting(stage, 30);
    await narrowing`commit`;
    narrowing.release();
    expect(tally(await waiting)).toEqual({ key_models: 30 });
    expect(tally([await authorize(stage, { byKey: true })])).toEqual({ key_models: 1 });
    await stage.audit();
  });
});

function split(allowed: number, rule: string): Record<string, number> {
  return { ...(allowed > 0 && { allowed }), ...(allowed < all && { [rule]: all - allowed }) };
}

async function setBudget(
  stage: Stage,
  subject: 'key' | 'member',
  subjectId: string,
  limit: number,
): Promise<void> {
  const { account } = stage;
  const { error } = await stage.act({
    kind: 'budget',
    caller: { user: account.callers[0]! },
    facts: { budget: { account, subject, subjectId, period: 'month', limit } },
    text: `select * from api.set_budget(${quote(account.id)}, ${quote(subject)}, ${quote(subjectId)}, 'month', ${limit})`,
  });
  expect(error).toBeUndefined();
}

function redeem(stage: Stage, code: string, user = stage.account.callers[0]!) {
  return stage.act({
    kind: 'redeem',
    caller: { user },
    facts: { code },
    text: `select * from api.redeem_code(${quote(stage.account.id)}, ${quote(code)})`,
  });
}

async function start(stage: Stage): Promise<string> {
  const { rows } = await authorize(stage);
  expect(rows?.[0]).toMatchObject({ allowed: true });
  return String(rows?.[0]?.run_id);
}

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, index) => index !== at)).map((rest) => [item, ...rest]),
  );
}
