// What reaches the webhook: real-shaped events of every kind, forged ones, and all events of a
// thousand payments in every order.
import { createHmac, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Razorpay from 'razorpay';
import { beforeAll, describe, expect } from 'vitest';
import { sandboxKeys } from '../../../scripts/sandbox/razorpay.ts';
import {
  disputePayment,
  endDispute,
  payOrder,
  refundPayment,
} from '../../../scripts/sandbox/razorpay/payments.ts';
import type { Event } from '../../../scripts/sandbox/razorpay/webhooks.ts';
import { createOrder } from '../../../scripts/sandbox/razorpay/payments.ts';
import { isSigned, sign } from '../../functions/_shared/signature.ts';
import { openDatabase, test } from '../database.ts';
import { breakFunction } from '../money/break-function.ts';
import { seededRandom } from '../money/random.ts';
import {
  hushLogs,
  inParallel,
  openDesk,
  openPeople,
  openSandbox,
  personOf,
  shuffle,
  stateOf,
} from './stage.ts';

beforeAll(hushLogs);

const secret = sandboxKeys.RAZORPAY_WEBHOOK_SECRET;
const folder = join(import.meta.dirname, '../fixtures/razorpay');
const signed = (body: string) => createHmac('sha256', secret).update(body).digest('hex');

test('events in every shape that Razorpay has are kept and applied', async ({ database }) => {
  const sandbox = await openSandbox('2027-01-01T00:00:00Z');
  const desk = openDesk(database, sandbox);
  const files = readdirSync(folder);
  expect(files.length).toBe(33);
  for (const file of files) {
    const body = readFileSync(join(folder, file), 'utf8');
    expect([file, await desk.hear({ id: file, body, signature: signed(body) })]).toEqual([
      file,
      200,
    ]);
  }
  const odd = await desk.look(
    `select id, outcome from private.webhook_events where state <> 'applied'`,
  );
  expect(odd).toEqual([]);
  expect(await desk.look('select from private.transactions')).toHaveLength(0);
  await sandbox.stop();
});

test('nothing forged or altered is accepted or kept', async ({ database }) => {
  const sandbox = await openSandbox('2027-01-01T00:00:00Z');
  const desk = openDesk(database, sandbox);
  const random = seededRandom(200);
  const body = readFileSync(join(folder, 'payment.captured.json'), 'utf8');
  const signature = signed(body);
  const forgeries: (() => { body: string; signature: string })[] = [
    () => ({ body, signature: '' }),
    () => ({ body, signature: randomBytes(32).toString('hex') }),
    () => ({ body, signature: createHmac('sha256', '').update(body).digest('hex') }),
    () => ({ body, signature: createHmac('sha256', 'guess').update(body).digest('hex') }),
    () => ({ body, signature: signature.toUpperCase() }),
    () => ({ body, signature: `${signature}0` }),
    () => ({ body, signature: signature.slice(0, -1) }),
    () => ({ body: JSON.stringify(JSON.parse(body)), signature }),
    () => ({ body: body.slice(0, random.int(1, body.length - 1)), signature }),
    () => ({ body: `${body} `, signature }),
    () => ({
      body: body.replace('"amount": 100', `"amount": ${random.int(101, 99_999)}`),
      signature,
    }),
    () => {
      const at = random.int(0, body.length - 1);
      const other = body[at] === 'x' ? 'y' : 'x';
      return { body: `${body.slice(0, at)}${other}${body.slice(at + 1)}`, signature };
    },
    () => ({ body: 'x'.repeat(999_999), signature }),
  ];
  const answers = new Set<number>();
  for (let nth = 0; nth < 200; nth += 1) {
    const forged = forgeries[nth % forgeries.length]!();
    answers.add(await desk.hear({ id: `forged-${nth}`, ...forged }));
  }
  const large = `"${'x'.repeat(1_000_001)}"`;
  expect(await desk.hear({ id: 'large', body: large, signature: signed(large) })).toBe(413);
  expect([...answers]).toEqual([401]);
  expect(await desk.look('select id from private.webhook_events')).toEqual([]);
  expect(await desk.hear({ id: 'true', body, signature })).toBe(200);
  await sandbox.stop();
});

test("the package's own check of signatures agrees with ours", async () => {
  const random = seededRandom(1000);
  for (let nth = 0; nth < 1000; nth += 1) {
    const text = randomBytes(random.int(0, 400)).toString(nth % 2 ? 'utf8' : 'base64');
    const key = randomBytes(random.int(1, 40)).toString('base64');
    const ours = await sign(text, key);
    const other = random.chance(0.5)
      ? ours
      : ours.replace(/^./, (sign) => (sign === '0' ? '1' : '0'));
    const theirs = Razorpay.validateWebhookSignature(text, other, key);
    expect(await isSigned(text, other, ['another', key])).toBe(theirs);
    expect(theirs).toBe(other === ours);
  }
});

interface Payments {
  setUp: (sql: import('postgres').Sql) => Promise<void>;
  /** Every delivery of every event, and what the browser says of each payment. */
  events: Event[];
  verified: object[];
  paid: number;
}

const payments = 1000;
const people = 50;

/** A thousand orders, each paid in the end, some after a failure, some refunded or disputed later. */
async function thousandPayments(): Promise<Payments> {
  const sandbox = await openSandbox('2027-03-01T00:00:00Z');
  const random = seededRandom(6);
  const { world } = sandbox;
  const orders: { id: string; account: string; razorpayId: string; minor: number }[] = [];
  const verified: object[] = [];
  for (let nth = 0; nth < payments; nth += 1) {
    world.clock.moveTo(world.clock.now() + random.int(0, 60));
    const id = random.uuid();
    const minor = random.pick([500, 2000, 15000]);
    const order = createOrder(world, { amount: minor, currency: 'GBP', receipt: id });
    const account = personOf(1 + (nth % people)).accountId;
    orders.push({ id, account, razorpayId: order.id, minor });
    if (random.chance(0.2)) payOrder(world, order, { outcome: 'failure' });
    const payment = payOrder(world, order, { method: random.pick(['card', 'upi', 'netbanking']) });
    verified.push(structuredClone(payment));
    if (random.chance(0.1)) {
      refundPayment(world, payment, { amount: random.int(1, minor) }, undefined);
      if (random.chance(0.3) && payment.amount_refunded < minor) {
        refundPayment(world, payment, {}, undefined);
      }
    } else if (random.chance(0.05)) {
      const dispute = disputePayment(world, payment, random.int(1, minor));
      endDispute(world, dispute, random.pick(['won', 'lost']));
    }
  }
  await sandbox.stop();
  return {
    events: [...sandbox.events()],
    verified,
    paid: orders.length,
    async setUp(sql) {
      await openPeople(sql, people);
      await sql`
        insert into private.orders (id, account_id, price_id, request_key, currency, amount_minor, credits_micros, razorpay_order_id, created_at)
        select one.id, one.account, prices.id, one.id::text, 'GBP', prices.amount_minor, prices.credits_micros, one."razorpayId", '2027-03-01'
        from jsonb_to_recordset(${sql.json(orders)}) as one (id uuid, account uuid, "razorpayId" text, minor bigint)
        join private.prices on prices.currency = 'GBP' and prices.package_id is not null and prices.amount_minor = one.minor`;
    },
  };
}

async function playAll(
  all: Payments,
  seed: number,
  harm?: (sql: import('postgres').Sql) => Promise<void>,
) {
  await using database = await openDatabase();
  const sandbox = await openSandbox('2027-03-08T00:00:00Z');
  await all.setUp(database.owner);
  await harm?.(database.owner);
  const desk = openDesk(database, sandbox);
  const deliveries = [
    ...[...all.events, ...all.events, ...all.events].map((event) => async () => {
      expect(await desk.hear(event)).toBe(200);
    }),
    ...all.verified.map((entity) => async () => {
      const payload = { payment: { entity } };
      await desk.call('note_entities', { payload, seen_at: 1804464000 });
    }),
  ];
  await inParallel(shuffle(deliveries, seededRandom(seed)), 8, (deliver) => deliver());
  for (let waiting = 1; waiting > 0;) {
    await desk.look(`select tests.travel('1 hour'), private.retry_webhooks(5000)`);
    const [left] = await desk.look<{ n: number }>(
      `select count(*)::int as n from private.webhook_events where state = 'received'`,
    );
    waiting = left?.n ?? 0;
  }
  const [found] = await desk.look<{
    grants: number;
    dead: number;
    events: number;
    problems: number;
  }>(`
    select (select count(*)::int from private.transactions where fact ~ '^razorpay:payment:[^:]+$' and kind = 'grant') as grants,
      (select count(*)::int from private.webhook_events where state = 'dead') as dead,
      (select count(*)::int from private.webhook_events) as events,
      (select count(*)::int from private.payments where problem is not null) as problems`);
  const state = await stateOf(desk.sql);
  await sandbox.stop();
  return { ...found!, ...state };
}

describe('a thousand payments, each event three times, in any order', { timeout: 600_000 }, () => {
  test('grant a thousand times and end in one state', async () => {
    const all = await thousandPayments();
    const first = await playAll(all, 1);
    expect(first).toMatchObject({
      grants: all.paid,
      dead: 0,
      problems: 0,
      events: all.events.length,
    });
    for (const seed of [2, 3]) expect(await playAll(all, seed)).toEqual(first);
  });

  test('are granted more often if the payment is not what a grant goes by', async () => {
    const all = await thousandPayments();
    const few = { ...all, events: all.events.slice(0, 300), verified: [] };
    const harmed = await playAll(few, 1, (sql) =>
      breakFunction(sql, 'private.settle_payment', [
        [/payment\.grant_id is null and payment\.problem is null/, 'true'],
        [/'razorpay:payment:' \|\| payment_id/, `'razorpay:payment:' || gen_random_uuid()`],
        // Behind both, a payment has but one invoice.
        [/perform private\.issue_invoice\(payment\);/, ''],
      ]),
    );
    const sound = await playAll(few, 1);
    expect(harmed.grants).toBeGreaterThan(sound.grants);
  });
});
