// The life of an answer on real connections: whatever comes first, or at once, the text is whole,
// the run is charged once and nobody waits for nothing.
import { randomUUID } from 'node:crypto';
import type { TransactionSql } from 'postgres';
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { openDatabase, type Caller, type TestDatabase } from './database.ts';

const now = Date.parse('2027-03-10T12:00:00Z');
const later = now + 45_000;
const pieces = ['Good', ' day', ', wörld', ' 😀', '\n', '.'];
const thoughts = 'Hm';
const text = pieces.join('');
/** The reasoning is frame 1, the pieces are frames 2 to 7. */
const frames = [['r', thoughts], ...pieces.map((piece) => ['c', piece])];
const charge = 105;
const report = { outcome: 'completed', used: { prompt_tokens: 10, completion_tokens: 5 } };

let database: TestDatabase;
let account: string;
let eves: string;
let ada: Caller;
let eve: Caller;

beforeAll(async () => {
  database = await openDatabase();
  const { owner } = database;
  await owner`select tests.create_user(name) from unnest('{Ada,Eve}'::text[]) as name`;
  await owner.unsafe(`
    insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
    values ('acme/small', 'Small', 100000, 4000, 0, 0);
    insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
    values ('acme/*', 1, 0.003, 0.015);
    insert into private.plans (id, name) values ('test', 'Test');
    insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, '*', true);
    update private.account_plans set plan_id = 'test';
    select private.adjust_credits(id, 100000000, 'tests:' || id, 'For tests', 'tests') from private.accounts;`);
  const people = await owner<{ name: string; user: string; account: string }[]>`
    select name, personal_user_id as user, id as account from private.accounts`;
  const [adas, evesOwn] = ['Ada', 'Eve'].map((one) => people.find(({ name }) => name === one)!);
  [ada, eve] = [{ user: adas!.user }, { user: evesOwn!.user }];
  [account, eves] = [adas!.account, evesOwn!.account];
});
afterAll(() => database[Symbol.asyncDispose]());

function as<T>(caller: Caller, work: (tx: TransactionSql) => Promise<T>, at = now): Promise<T> {
  return database.as(caller, async (tx) => {
    await tx`select set_config('tests.now', ${new Date(at).toISOString()}, true)`;
    return work(tx);
  });
}

/** As the ticker: the owner of the schema, at a time. */
function tick(statement: string, at = later): Promise<unknown> {
  return database.owner.begin(async (tx) => {
    await tx`select set_config('tests.now', ${new Date(at).toISOString()}, true)`;
    return tx.unsafe(statement);
  });
}

interface Ask {
  conversation?: string;
  answer?: string;
  message?: string;
  content?: string;
  again?: string;
  hash?: string;
  caller?: Caller;
  accountId?: string;
}

interface Started {
  verdict: {
    allowed: boolean;
    is_replay: boolean;
    run_id: string;
    status: number | null;
    rule: string | null;
  };
}

function ask(wish: Ask): Promise<Started> {
  const { conversation = randomUUID(), answer = randomUUID(), again, content = 'Hello' } = wish;
  const message = again ? null : { id: wish.message ?? randomUUID(), parent_id: null, content };
  return as(wish.caller ?? ada, async (tx) => {
    const [row] = await tx<{ started: Started }[]>`
      select api.start_answer(
        ${wish.accountId ?? account}, ${conversation}, ${answer}, '{acme/small}', ${message && tx.json(message)},
        ${again ?? null}, '{"max_tokens": 100}', ${(wish.hash ?? 'a').repeat(64)}
      ) as started`;
    return row!.started;
  });
}

async function start(): Promise<string> {
  const { verdict } = await ask({});
  expect(verdict).toMatchObject({ allowed: true });
  return verdict.run_id;
}

/** A worker that knows what it has flushed, as the one in the functions does. */
function workerOf(run: string, generation: string | null) {
  let flushed = 0;
  return {
    async append(upTo: number): Promise<boolean | null> {
      const first = flushed + 1;
      const [row] = await as(
        'service_role',
        (tx) => tx<{ stop: boolean | null }[]>`
          select api.append_frames(${run}, ${first}, ${tx.json(frames.slice(first - 1, upTo))}, ${generation}) as stop`,
      );
      if (row!.stop !== null) flushed = Math.max(flushed, upTo);
      return row!.stop;
    },
    async finish(): Promise<{ receipt: { charged_micros: number } | null }> {
      const first = flushed + 1;
      const [row] = await as(
        'service_role',
        (tx) => tx<{ told: { receipt: { charged_micros: number } | null } }[]>`
          select api.finish_answer(${run}, ${tx.json(report)}, ${first}, ${tx.json(frames.slice(first - 1))}) as told`,
      );
      return row!.told;
    },
  };
}

async function outcomeOf(run: string) {
  const [row] = await database.owner<
    {
      content: string;
      reasoning: string;
      status: string;
      receipts: number;
      charged: number;
      posted: number;
      open: number;
    }[]
  >`
    select content, reasoning, status,
      (select count(*)::int from private.usage_events where run_id = ${run}) as receipts,
      (select sum(charged_micros)::int from private.usage_events where run_id = ${run}) as charged,
      (select count(*)::int from private.transactions where fact = 'run:' || ${run}) as posted,
      (select count(*)::int from private.runs where id = ${run}) as open
    from private.messages where run_id = ${run}`;
  return row!;
}

async function heldMicros(): Promise<number> {
  const [row] = await database.owner<{ held: number }[]>`
    select held_micros::int as held from private.balances where account_id = ${account}`;
  return row!.held;
}

const steps = ['append', 'finish', 'sweep', 'stop', 'close'] as const;
type Step = (typeof steps)[number];

function stepsOf(run: string, generation: string | null): Record<Step, () => Promise<unknown>> {
  const worker = workerOf(run, generation);
  return {
    append: () => worker.append(5),
    finish: () => worker.finish(),
    sweep: () => tick('select private.sweep_runs()'),
    stop: () => as(ada, (tx) => tx`select api.stop_run(${run})`),
    close: () => tick('select private.close_lost_answers()'),
  };
}

describe.each([null, 'gen-1'])('an answer whose call upstream is %s', (generation) => {
  test('is whole and charged once, in whatever order flush, end, sweep, stop and closing come', async () => {
    for (const order of permutations([...steps])) {
      const run = await start();
      const does = stepsOf(run, null);
      await workerOf(run, generation).append(2);
      for (const step of order) await does[step]();
      // Without a record upstream, a sweep that came first has let go of the charge.
      const isSwept = order.indexOf('sweep') < order.indexOf('finish');
      const charged = isSwept && !generation ? 0 : charge;
      expect(await outcomeOf(run), order.join()).toEqual({
        content: text,
        reasoning: thoughts,
        status: 'complete',
        receipts: 1,
        charged,
        posted: charged > 0 ? 1 : 0,
        open: 0,
      });
    }
    expect(await heldMicros()).toBe(0);
  });

  test('is so when all of it comes at once, twice', async () => {
    const ends = new Set<number>();
    for (const order of permutations([...steps]).filter((_, index) => index % 3 === 0)) {
      const run = await start();
      const does = stepsOf(run, null);
      await workerOf(run, generation).append(2);
      await Promise.all([...order, ...order].map((step) => does[step]()));
      const { charged, posted, ...outcome } = await outcomeOf(run);
      expect(outcome, order.join()).toEqual({
        content: text,
        reasoning: thoughts,
        status: 'complete',
        receipts: 1,
        open: 0,
      });
      expect([charged, posted]).toEqual(charged > 0 ? [charge, 1] : [0, 0]);
      ends.add(charged);
    }
    expect(await heldMicros()).toBe(0);
    expect(ends.has(charge)).toBe(true);
  });
});

test('a reader that comes at any moment reads every frame once', async () => {
  const run = await start();
  const worker = workerOf(run, null);
  const seen: unknown[] = [];
  let status = 'streaming';
  const reading = (async () => {
    for (let looks = 0; looks < 10_000 && status === 'streaming'; looks += 1) {
      const [row] = await as(
        ada,
        (tx) => tx<{ told: { status: string; chunks: { frames: unknown[] }[] } }[]>`
          select api.read_answer(${run}, ${seen.length}) as told`,
      );
      seen.push(...row!.told.chunks.flatMap((chunk) => chunk.frames));
      status = row!.told.status;
    }
  })();
  for (const upTo of [1, 3, 3, 4, 6]) await worker.append(upTo);
  await worker.finish();
  await reading;
  expect(status).toBe('complete');
  expect(seen).toEqual(frames);
});

describe('many at once', () => {
  test('the same answer asked for ten times is one run', async () => {
    const same = {
      conversation: randomUUID(),
      answer: randomUUID(),
      message: randomUUID(),
    };
    const started = await Promise.all(Array.from({ length: 10 }, () => ask(same)));
    expect(new Set(started.map(({ verdict }) => verdict.run_id)).size).toBe(1);
    expect(started.filter(({ verdict }) => verdict.is_replay)).toHaveLength(9);
    expect(await countOf(same.conversation)).toEqual({ messages: 2, counted: 2 });
    const others = await Promise.all(Array.from({ length: 10 }, () => ask({ ...same, hash: 'b' })));
    expect(others.map(({ verdict }) => `${verdict.status} ${verdict.rule}`)).toEqual(
      Array.from({ length: 10 }, () => '409 idempotency'),
    );
    expect(await countOf(same.conversation)).toEqual({ messages: 2, counted: 2 });
  });

  test('ten answers to one message are ten runs beside each other', async () => {
    const [conversation, message] = [randomUUID(), randomUUID()];
    await ask({ conversation, message });
    const started = await Promise.all(
      Array.from({ length: 10 }, () => ask({ conversation, again: message })),
    );
    expect(new Set(started.map(({ verdict }) => verdict.run_id)).size).toBe(10);
    expect(await countOf(conversation)).toEqual({ messages: 12, counted: 12 });
  });

  test('an id that two people take at once belongs to one of them', async () => {
    for (let round = 0; round < 10; round += 1) {
      const conversation = randomUUID();
      const results = await Promise.allSettled([
        ask({ conversation }),
        ask({ conversation, caller: eve, accountId: eves }),
      ]);
      const refused = results.filter(({ status }) => status === 'rejected');
      expect(refused).toMatchObject([{ reason: { code: 'PT404', message: 'not_found' } }]);
      expect(await countOf(conversation)).toEqual({ messages: 2, counted: 2 });
    }
  });

  test('the same file brought along five times at once, in either order, is there once', async () => {
    const file = Array.from({ length: 20 }, (_, n) => ({
      id: `talk-${n}`,
      messages: [{ id: 'a', role: 'user', content: `Hello ${n}` }],
    }));
    const results = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        as(ada, async (tx) => {
          const conversations = tx.json(n % 2 === 0 ? file : file.toReversed());
          const [row] = await tx<{ told: { imported: number; duplicates: number } }[]>`
            select api.import_conversations(${account}, 'oneai', ${conversations}) as told`;
          return row!.told;
        }),
      ),
    );
    expect(results.map(({ imported }) => imported).toSorted()).toEqual([0, 0, 0, 0, 20]);
    expect(results.map(({ duplicates }) => duplicates).toSorted()).toEqual([0, 20, 20, 20, 20]);
  });
});

test('a link that is revoked while many read it shows all or nothing, and nothing afterwards', async () => {
  const conversation = randomUUID();
  const { verdict } = await ask({ conversation });
  await workerOf(verdict.run_id, null).finish();
  const [share] = await as(
    ada,
    (tx) => tx<{ id: string }[]>`select id from api.create_share(${conversation})`,
  );
  const read = () =>
    as(
      'anon',
      (tx) =>
        tx<{ told: { message_count: number } }[]>`select api.read_share(${share!.id}) as told`,
    ).then(
      ([row]) => row!.told.message_count,
      (error: unknown) => (error as { code: string }).code,
    );
  const during = Array.from({ length: 20 }, read);
  const revoked = as(ada, (tx) => tx`select api.revoke_share(${share!.id})`);
  const readings = await Promise.all([...during, ...Array.from({ length: 20 }, read)]);
  await revoked;
  for (const reading of readings) expect([2, 'PT404']).toContain(reading);
  expect(new Set(await Promise.all(Array.from({ length: 20 }, read)))).toEqual(new Set(['PT404']));
});

test('a conversation deleted, brought back and purged under a running answer stops it and breaks nothing', async () => {
  for (let round = 0; round < 10; round += 1) {
    const conversation = randomUUID();
    const { verdict } = await ask({ conversation });
    const worker = workerOf(verdict.run_id, null);
    await worker.append(2);
    await Promise.all([
      as(ada, (tx) => tx`select api.delete_conversation(${conversation})`),
      worker.append(3),
    ]);
    expect(await worker.append(4)).toBe(true);
    const longAfter = now + 31 * 86_400_000;
    await Promise.all([
      worker.finish(),
      tick('select private.purge_conversations()', longAfter),
      tick('select private.close_lost_answers()', later),
    ]);
    const [row] = await database.owner<{ receipts: number; left: number }[]>`
      select (select count(*)::int from private.usage_events where run_id = ${verdict.run_id}) as receipts,
        (select count(*)::int from private.messages where conversation_id = ${conversation}) as left`;
    expect(row).toEqual({ receipts: 1, left: 0 });
  }
  expect(await heldMicros()).toBe(await openMicros());
});

async function openMicros(): Promise<number> {
  const [row] = await database.owner<{ open: number }[]>`
    select coalesce(sum(held_micros), 0)::int as open from private.runs where account_id = ${account}`;
  return row!.open;
}

async function countOf(conversation: string): Promise<{ messages: number; counted: number }> {
  const [row] = await database.owner<{ messages: number; counted: number }[]>`
    select count(*)::int as messages, max(message_count) as counted
    from private.conversations
    join private.messages on conversation_id = conversations.id
    where conversations.id = ${conversation}`;
  return row!;
}

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, index) => index !== at)).map((rest) => [item, ...rest]),
  );
}
