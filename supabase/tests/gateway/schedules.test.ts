// Random requests, 64 at a time, against a wallet, a key's budget and a member's cap that are all
// too small for them: never over, never leaked, and three accounts of the money that agree. The
// seed is told, so that a schedule can be played again: SCHEDULES=10000 SEED=7 npm run test:gateway.
import { expect, test, vi } from 'vitest';
import { inParallel } from '../../../scripts/chat/chat-stack.ts';
import {
  base,
  booksOf,
  type Customer,
  ledgerCharges,
  newCustomer,
  type SandboxRun,
  setCredits,
  settled,
  sql,
  upstreamRuns,
} from './customer.ts';

const schedules = Number(process.env['SCHEDULES'] ?? 6);
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const atOnce = 64;

/** A small generator of numbers that are the same for the same seed. */
function randomFrom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const faults = [
  null,
  null,
  null,
  null,
  null,
  'unavailable',
  'die-mid-stream',
  'error-chunk',
  'empty',
];

interface Plan {
  path: string;
  body: object;
  idempotencyKey: string | null;
  /** Hangs up after this many milliseconds. */
  leavesAfter: number | null;
}

function planOne(random: (below: number) => number, nth: number): Plan {
  const isStream = random(2) === 0;
  const fault = faults[random(faults.length)];
  const path = ['chat/completions', 'chat/completions', 'messages', 'responses'][random(4)]!;
  const content = 'word '.repeat(1 + random(200));
  return {
    path,
    idempotencyKey: random(4) === 0 ? `schedule-${nth % 16}` : null,
    leavesAfter: random(5) === 0 ? 5 + random(400) : null,
    body: {
      model: 'sandbox/fast',
      stream: isStream,
      // Goes through to the upstream, and says there which request it was.
      plan: `${nth} ${isStream ? 'stream' : 'whole'} ${fault}`,
      ...(path === 'responses'
        ? { input: content, max_output_tokens: 1 + random(3000) }
        : { messages: [{ role: 'user', content }], max_tokens: 1 + random(3000) }),
      sandbox: { frame_ms: random(3), delay_ms: random(60), generation_misses: 0, fault },
    },
  };
}

interface Told {
  status: number;
  left: boolean;
}

async function play({ key }: Customer, plan: Plan, requestId: string): Promise<Told> {
  const leave = new AbortController();
  const timer =
    plan.leavesAfter === null ? undefined : setTimeout(() => leave.abort(), plan.leavesAfter);
  try {
    const response = await fetch(`${base}/${plan.path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'x-request-id': requestId,
        ...(plan.idempotencyKey ? { 'idempotency-key': plan.idempotencyKey } : {}),
      },
      body: JSON.stringify(plan.body),
      signal: leave.signal,
    });
    await response.text();
    return { status: response.status, left: false };
  } catch (error) {
    if (!leave.signal.aborted) throw error;
    return { status: 0, left: true };
  } finally {
    clearTimeout(timer);
  }
}

/** Looked at while the calls run: at no moment may anything be over. */
async function isNeverOver(accountId: string, limits: Limits): Promise<void> {
  const { balance, held } = await booksOf(accountId);
  expect(balance - held).toBeGreaterThanOrEqual(0);
  const budgets = await sql<{ subject: string; total: number }[]>`
    select subject, (spent_micros + held_micros)::float8 as total
    from private.budgets where account_id = ${accountId}`;
  for (const { subject, total } of budgets) {
    expect(total).toBeLessThanOrEqual(subject === 'key' ? limits.key : limits.member);
  }
}

interface Limits {
  wallet: number;
  key: number;
  member: number;
}

const sumOf = (some: { charged: number }[]) => some.reduce((sum, one) => sum + one.charged, 0);
const shortly = ({ body, ...run }: SandboxRun) => ({ ...run, plan: body?.['plan'] });

async function run(nth: number): Promise<void> {
  const random = randomFrom(seed + nth);
  const customer = await newCustomer();
  const { accountId, userId, keyId } = customer;
  // Which of the three is the tightest is chance.
  const [wallet, key, member] = [60, 60, 60].map((most) => (5 + random(most)) * 1e6) as [
    number,
    number,
    number,
  ];
  const limits = { wallet, key, member };
  await setCredits(accountId, wallet / 1e6);
  const budget = (subject: string, subject_id: string, limit_micros: number) =>
    customer.rpc('set_budget', {
      account_id: accountId,
      subject,
      subject_id,
      period: 'day',
      limit_micros,
    });
  await budget('key', keyId, key);
  await budget('member', userId, member);

  const plans = Array.from({ length: atOnce }, (_, at) => planOne(random, at));
  const watch = { isOver: false };
  const watching = (async () => {
    while (!watch.isOver) {
      await isNeverOver(accountId, limits);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const told = await Promise.all(
    plans.map((plan, at) => play(customer, plan, `${accountId}-${at}`)),
  );
  const books = await settled(accountId);
  watch.isOver = true;
  await watching;
  await isNeverOver(accountId, limits);

  const odd = told.filter(({ status }) => ![0, 200, 402, 409, 429, 500, 502, 503].includes(status));
  expect(odd).toEqual([]);
  // Nothing has leaked: nothing is held, in no book.
  expect(books).toMatchObject({ held: 0, open: 0 });
  const [held] = await sql<{ total: number }[]>`
    select coalesce(sum(held_micros), 0)::float8 as total from private.budgets where account_id = ${accountId}`;
  expect(held!.total).toBe(0);
  expect(books.charged).toBe(await ledgerCharges(accountId));
  expect(wallet - books.balance).toBe(books.charged);
  // Request by request, the receipt is what the upstream billed, with our fifth on top.
  const receipts = await sql<{ request_id: string; charged: number }[]>`
    select request_id, charged_micros::float8 as charged from private.usage_events where account_id = ${accountId}`;
  const runs = await upstreamRuns(accountId);
  const disagreed = plans.flatMap(({ body }, at) => {
    const charged = sumOf(receipts.filter((one) => one.request_id === `${accountId}-${at}`));
    const asked = runs.filter((one) => one.body?.['plan'] === (body as { plan: string }).plan);
    const billed = sumOf(asked.map((one) => ({ charged: Math.round(Number(one.charged) * 1.2) })));
    // Only an answer in one piece that broke off reaches nobody: that part of the bill is ours.
    const isOurs = (body as { plan: string }).plan.endsWith('whole die-mid-stream');
    const agrees = isOurs ? charged <= billed : charged === billed;
    return agrees ? [] : [{ charged, told: told[at], asked: asked.map(shortly) }];
  });
  expect(disagreed).toEqual([]);
  expect(books.charged).toBeLessThanOrEqual(Math.min(wallet, key, member));
}

test(
  `${schedules} schedules of ${atOnce} requests at once, seed ${seed}`,
  { timeout: 60_000 + schedules * 60_000 },
  async () => {
    await inParallel(
      Array.from({ length: schedules }, (_, nth) => nth),
      4,
      (nth) =>
        run(nth).catch((error: unknown) => {
          throw new Error(`schedule ${nth} of seed ${seed}: ${String(error)}`, { cause: error });
        }),
    );
  },
);

test(
  'a revocation lets nobody in once it has returned, under load',
  { timeout: 120_000 },
  async () => {
    const customer = await newCustomer();
    let isRevoked = false;
    const after: number[] = [];
    let before = 0;
    const worker = async () => {
      for (;;) {
        const late = isRevoked;
        const response = await fetch(`${base}/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${customer.key}` },
          body: JSON.stringify({
            model: 'sandbox/fast',
            messages: [{ role: 'user', content: 'hello' }],
            max_tokens: 4,
          }),
        });
        await response.text();
        if (late) return void after.push(response.status);
        before += 1;
      }
    };
    const workers = Array.from({ length: 32 }, worker);
    await vi.waitFor(() => expect(before).toBeGreaterThan(100), { timeout: 90_000 });
    await customer.rpc('revoke_key', { key_id: customer.keyId });
    isRevoked = true;
    const [{ returned_at } = {}] = await sql<
      { returned_at?: Date }[]
    >`select clock_timestamp() as returned_at`;
    await Promise.all(workers);
    expect(after).toEqual(Array.from({ length: 32 }, () => 401));
    const [late] = await sql<{ count: number }[]>`
    select count(*)::int from private.usage_events
    where usage_events.account_id = ${customer.accountId} and usage_events.started_at > ${returned_at ?? null}`;
    expect(late!.count).toBe(0);
  },
);
