// Random requests, 64 at a time, against a wallet, a key's budget and a member's cap that are all
// too small for them: never over, never leaked, and three accounts of the money that agree. Each
// schedule has a seed of its own, counted up from SEED, and one that fails names it:
// SCHEDULES=10000 SEED=7 npm run test:gateway -- schedules plays many, SCHEDULES=1 SEED=… that one.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect, test, vi } from 'vitest';
import { inParallel } from '../../../scripts/chat/chat-stack.ts';
import {
  base,
  booksOf,
  ledgerCharges,
  type MadeKey,
  newCustomer,
  type SandboxRun,
  setCredits,
  sql,
  upstreamRuns,
} from './customer.ts';

const schedules = Number(process.env['SCHEDULES'] ?? 6);
const firstSeed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const atOnce = 64;
/** So many schedules make their calls at a time. What is left to settle later nobody waits for. */
const playing = 4;

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
  /** Goes through to the upstream, and says there which request it was. */
  name: string;
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
  const name = `${nth} ${isStream ? 'stream' : 'whole'} ${fault}`;
  return {
    name,
    path,
    idempotencyKey: random(4) === 0 ? `schedule-${nth % 16}` : null,
    leavesAfter: random(5) === 0 ? 5 + random(400) : null,
    body: {
      model: 'sandbox/fast',
      stream: isStream,
      plan: name,
      ...(path === 'responses'
        ? { input: content, max_output_tokens: 1 + random(3000) }
        : { messages: [{ role: 'user', content }], max_tokens: 1 + random(3000) }),
      sandbox: { frame_ms: random(3), delay_ms: random(60), generation_misses: 0, fault },
    },
  };
}

/** Of those that share an Idempotency-Key, about half say the same again, the others something else. */
function planAll(random: (below: number) => number): Plan[] {
  const plans: Plan[] = [];
  for (let nth = 0; nth < atOnce; nth += 1) {
    const plan = planOne(random, nth);
    const { idempotencyKey, leavesAfter } = plan;
    const first = plans.find((one) => one.idempotencyKey === idempotencyKey);
    const isRepeat = idempotencyKey !== null && first && random(2) === 0;
    plans.push(isRepeat ? { ...first, leavesAfter } : plan);
  }
  return plans;
}

interface Told {
  status: number;
  left: boolean;
}

async function play({ key }: Account, plan: Plan, requestId: string): Promise<Told> {
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

interface Limits {
  wallet: number;
  key: number;
  member: number;
}

interface Played {
  account: Account;
  limits: Limits;
  plans: Plan[];
  told: Told[];
}

interface Account {
  accountId: string;
  key: string;
}

/** Made by the calls that the site makes, but for the password: to hash it would take most of the time. */
async function newAccount({ wallet, key, member }: Limits): Promise<Account> {
  const userId = crypto.randomUUID();
  const made = await sql.begin(async (tx) => {
    await tx`insert into auth.users (id, email) values (${userId}, ${`${userId}@example.com`})`;
    const [account] = await tx<{ id: string }[]>`
      update private.account_plans set plan_id = 'enterprise'
      where account_id = (select id from private.accounts where personal_user_id = ${userId})
      returning account_id as id`;
    const accountId = account!.id;
    const claims = JSON.stringify({ sub: userId, role: 'authenticated' });
    await tx`select set_config('role', 'authenticated', true), set_config('request.jwt.claims', ${claims}, true)`;
    const [{ made } = {}] = await tx<{ made?: MadeKey }[]>`
      select api.create_key(${accountId}, 'Test') as made`;
    const budget = (subject: string, subjectId: string, micros: number) =>
      tx`select api.set_budget(${accountId}, ${subject}, ${subjectId}, 'day', ${micros})`;
    await budget('key', made!.key.id, key);
    await budget('member', userId, member);
    return { accountId, key: made!.secret };
  });
  await setCredits(made.accountId, wallet / 1e6);
  return made;
}

/** Looked at while the calls run: at no moment may anything be over. */
async function isNeverOver({ accountId }: Account, { key, member }: Limits): Promise<void> {
  const [now] = await sql<{ free: number; key: number; member: number }[]>`
    select
      free_micros::float8 as free,
      (select sum(spent_micros + held_micros) filter (where subject = 'key')::float8
        from private.budgets where account_id = ${accountId}) as key,
      (select sum(spent_micros + held_micros) filter (where subject = 'member')::float8
        from private.budgets where account_id = ${accountId}) as member
    from private.balances where account_id = ${accountId}`;
  expect(now!.free).toBeGreaterThanOrEqual(0);
  expect(now!.key).toBeLessThanOrEqual(key);
  expect(now!.member).toBeLessThanOrEqual(member);
}

const sumOf = (some: { charged: number }[]) => some.reduce((sum, one) => sum + one.charged, 0);
const shortly = ({ body, ...run }: SandboxRun) => ({ ...run, plan: body?.['plan'] });

/** So it is once nothing runs any more; what is wrong then stays wrong. */
async function isSettledRightly({ account, limits, plans, told }: Played): Promise<void> {
  const { accountId } = account;
  const { wallet, key, member } = limits;
  await isNeverOver(account, limits);
  const books = await booksOf(accountId);
  // Nothing has leaked: nothing is held, in no book.
  expect(books).toMatchObject({ held: 0, open: 0 });
  const [held] = await sql<{ total: number }[]>`
    select coalesce(sum(held_micros), 0)::float8 as total from private.budgets where account_id = ${accountId}`;
  expect(held!.total).toBe(0);
  expect(books.charged).toBe(await ledgerCharges(accountId));
  expect(wallet - books.balance).toBe(books.charged);
  expect(books.charged).toBeLessThanOrEqual(Math.min(wallet, key, member));
  // Request by request, the receipts are what the upstream billed, with our fifth on top.
  const receipts = await sql<{ request_id: string; charged: number }[]>`
    select request_id, charged_micros::float8 as charged from private.usage_events where account_id = ${accountId}`;
  const runs = await upstreamRuns(accountId);
  const names = [...new Set(plans.map(({ name }) => name))];
  const disagreed = names.flatMap((name) => {
    const requests = plans.flatMap((one, at) => (one.name === name ? [at] : []));
    const ids = requests.map((at) => `${accountId}-${at}`);
    const charged = sumOf(receipts.filter(({ request_id }) => ids.includes(request_id)));
    const asked = runs.filter((one) => one.body?.['plan'] === name);
    const billed = sumOf(asked.map((one) => ({ charged: Math.round(Number(one.charged) * 1.2) })));
    // Only an answer in one piece that broke off reaches nobody: that part of the bill is ours.
    const isOurs = name.endsWith('whole die-mid-stream');
    const agrees = isOurs ? charged <= billed : charged === billed;
    const answers = requests.map((at) => told[at]);
    return agrees ? [] : [{ charged, told: answers, asked: asked.map(shortly) }];
  });
  expect(disagreed).toEqual([]);
  tally('calls upstream', runs.length);
}

async function playAll(seed: number): Promise<Played> {
  const random = randomFrom(seed);
  // Which of the three is the tightest is chance.
  const [wallet, key, member] = [60, 60, 60].map((most) => (5 + random(most)) * 1e6) as [
    number,
    number,
    number,
  ];
  const limits = { wallet, key, member };
  const plans = planAll(random);
  const account = await newAccount(limits);
  const watch = { isOver: false };
  const watching = async () => {
    while (!watch.isOver) {
      await isNeverOver(account, limits);
      await sleep(50);
    }
  };
  const calling = async () => {
    try {
      return await Promise.all(
        plans.map((plan, at) => play(account, plan, `${account.accountId}-${at}`)),
      );
    } finally {
      watch.isOver = true;
    }
  };
  const [told] = await Promise.all([calling(), watching()]);
  const odd = told.filter(({ status }) => ![0, 200, 402, 409, 429, 500, 502, 503].includes(status));
  expect(odd).toEqual([]);
  for (const { status } of told) tally(status === 0 ? 'left' : String(status), 1);
  return { account, limits, plans, told };
}

const tallies: Record<string, number> = {};
function tally(name: string, count: number): void {
  tallies[name] = (tallies[name] ?? 0) + count;
}

test(
  `${schedules} schedules of ${atOnce} requests at once, seed ${firstSeed} and on`,
  { timeout: 60_000 + schedules * 60_000 },
  async () => {
    const failed: string[] = [];
    let checked = 0;
    const check = async (seed: number, played: Promise<Played>) => {
      try {
        const all = await played;
        // The call of somebody who left may begin a moment later, and some are settled a while later.
        await vi.waitFor(() => isSettledRightly(all), { timeout: 180_000, interval: 1000 });
      } catch (error) {
        // In full: what `fetch` says of a failure is in its cause.
        failed.push(`seed ${seed}: ${inspect(error, { depth: 8 })}`);
        console.error(failed.at(-1));
      }
      checked += 1;
      if (checked % 250 > 0) return;
      console.log(`${checked} schedules, ${failed.length} failed: ${JSON.stringify(tallies)}`);
    };
    const seeds = Array.from({ length: schedules }, (_, nth) => firstSeed + nth);
    const checks: Promise<void>[] = [];
    await inParallel(seeds, playing, async (seed) => {
      const played = playAll(seed);
      checks.push(check(seed, played));
      await played.catch(() => {});
    });
    await Promise.all(checks);
    expect(failed).toEqual([]);
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
