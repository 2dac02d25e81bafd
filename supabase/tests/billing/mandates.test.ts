// A card that may be charged by itself: agreed to once, up to an amount and a day, and no longer than
// its owner and its bank want it.
import { beforeAll, expect } from 'vitest';
import type { Payment } from '../../../scripts/sandbox/razorpay/entities.ts';
import { deleteToken, setTokenStatus } from '../../../scripts/sandbox/razorpay/tokens.ts';
import { payOrder, signCheckout } from '../../../scripts/sandbox/razorpay/payments.ts';
import { openDatabase, test } from '../database.ts';
import { seededRandom } from '../money/random.ts';
import {
  type Desk,
  hushLogs,
  openDesk,
  openPeople,
  openSandbox,
  personOf,
  shuffle,
} from './stage.ts';

beforeAll(hushLogs);

type Sandbox = Awaited<ReturnType<typeof openSandbox>>;

const ada = personOf(1);
const eve = personOf(2);
const setting = {
  account_id: ada.accountId,
  enabled: true,
  threshold_micros: 100_000_000_000,
  package_id: 'starter',
  currency: 'GBP',
  ceiling_minor: 100_000,
};

async function withDesk(work: (desk: Desk, sandbox: Sandbox) => Promise<void>) {
  await using database = await openDatabase();
  const sandbox = await openSandbox('2027-05-01T00:00:00Z');
  try {
    await openPeople(database.owner, 2);
    await work(openDesk(database, sandbox), sandbox);
  } finally {
    await sandbox.stop();
  }
}

async function order(desk: Desk, request_key: string, what = 'starter', currency = 'GBP') {
  const [price] = await desk.look<{ id: string }>(
    `select id::text from private.prices where package_id = '${what}' and currency = '${currency}' and retired_at is null`,
  );
  return desk.ask(ada.userId, 'POST', '/top-ups', {
    account_id: ada.accountId,
    price_id: Number(price!.id),
    request_key,
    keeps_card: true,
  });
}

async function keep(desk: Desk, { world }: Sandbox, key: string, what = 'starter', waits = false) {
  const { body } = await order(desk, key, what);
  const bought = world.orders.get(String(body['razorpay_order_id']))!;
  return { id: body['id'], payment: payOrder(world, bought, { bankWaits: waits }) };
}

const verify = (desk: Desk, { world }: Sandbox, id: unknown, payment: Payment) =>
  desk.ask(ada.userId, 'POST', '/checkouts/verify', {
    id,
    razorpay_payment_id: payment.id,
    razorpay_signature: signCheckout(world, payment),
  });
const hearAll = async (desk: Desk, { events }: Sandbox) => {
  for (const event of events()) await desk.hear(event);
};
const card = async (desk: Desk, userId = ada.userId) => {
  const overview = await desk.call<{ payment_method: Record<string, unknown> | null }>(
    'billing_overview',
    { account_id: ada.accountId },
    userId,
  );
  return overview.payment_method;
};
const turnOn = (desk: Desk, more = {}) =>
  desk.call('set_auto_top_up', { ...setting, ...more }, ada.userId);

test('a card is agreed to with a purchase, for so much and so long; only then it tops up by itself', async () => {
  await withDesk(async (desk, sandbox) => {
    await expect(turnOn(desk)).rejects.toMatchObject({ code: 'conflict' });
    const { id, payment } = await keep(desk, sandbox, 'keeps-it');
    const kept = sandbox.world.tokens.get(payment.token_id!)!;
    expect(kept.token).toMatchObject({
      max_amount: 500,
      expired_at: Date.parse('2032-05-01T00:00:00Z') / 1000,
    });
    // The browser alone is enough.
    expect((await verify(desk, sandbox, id, payment)).body).toEqual({ status: 'paid' });
    expect(await card(desk)).toMatchObject({
      label: 'Visa ···· 4242',
      status: 'confirmed',
      currency: 'GBP',
      max_minor: 500,
      can_top_up: true,
    });
    await expect(turnOn(desk, { package_id: 'pro' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(turnOn(desk, { currency: 'USD' })).rejects.toMatchObject({ code: 'conflict' });
    await turnOn(desk);
    expect(await desk.topUp()).toMatchObject({ due: 1, paid: 1 });
    await hearAll(desk, sandbox);
    // A charge by the card is no second agreement.
    expect(await desk.look(`select id from private.mandates`)).toEqual([{ id: payment.token_id }]);
    expect(
      await desk.look(`select from private.transactions where fact ~ '^razorpay:payment:[^:]+$'`),
    ).toHaveLength(2);
  });
});

test('whatever tells of it first, and however often, it is the same agreement', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    await withDesk(async (desk, sandbox) => {
      await keep(desk, sandbox, 'any-order');
      const events = sandbox.events();
      for (const event of shuffle([...events, ...events], seededRandom(seed))) {
        await desk.hear(event);
      }
      expect(await card(desk)).toMatchObject({ status: 'confirmed', max_minor: 500 });
    });
  }
});

test('what the webhooks fail to tell, the sweep asks', async () => {
  await withDesk(async (desk, sandbox) => {
    const { payment } = await keep(desk, sandbox, 'in-silence', 'starter', true);
    await desk.sweep();
    expect(await card(desk)).toMatchObject({ status: 'initiated', can_top_up: false });
    await expect(turnOn(desk)).rejects.toMatchObject({ code: 'conflict' });
    const kept = sandbox.world.tokens.get(payment.token_id!)!;
    setTokenStatus(sandbox.world, kept, 'confirmed');
    await desk.sweep();
    expect(await card(desk)).toMatchObject({ status: 'confirmed' });
    await turnOn(desk);
    // Its owner ends it at the bank, and no event arrives.
    deleteToken(sandbox.world, kept);
    await desk.sweep();
    expect(await card(desk)).toBeNull();
    expect(await desk.topUp()).toMatchObject({ due: 0 });
    expect(await desk.look(`select from private.notices where kind = 'card_lost'`)).toHaveLength(1);
  });
});

test('a bank that says no, a pause and an end at the bank stop it, each with a notice', async () => {
  await withDesk(async (desk, sandbox) => {
    const first = await keep(desk, sandbox, 'said-no-to', 'starter', true);
    const tokenOf = (payment: Payment) => sandbox.world.tokens.get(payment.token_id!)!;
    setTokenStatus(sandbox.world, tokenOf(first.payment), 'rejected');
    await hearAll(desk, sandbox);
    expect(await card(desk)).toBeNull();

    const second = await keep(desk, sandbox, 'paused-it');
    await hearAll(desk, sandbox);
    await turnOn(desk);
    sandbox.world.clock.moveTo(sandbox.world.clock.now() + 60);
    setTokenStatus(sandbox.world, tokenOf(second.payment), 'paused');
    await hearAll(desk, sandbox);
    expect(await card(desk)).toMatchObject({ status: 'paused', can_top_up: false });
    expect(await desk.topUp()).toMatchObject({ due: 0 });
    sandbox.world.clock.moveTo(sandbox.world.clock.now() + 60);
    setTokenStatus(sandbox.world, tokenOf(second.payment), 'confirmed');
    await hearAll(desk, sandbox);
    expect(await desk.topUp()).toMatchObject({ due: 1, paid: 1 });
    setTokenStatus(sandbox.world, tokenOf(second.payment), 'cancelled');
    await hearAll(desk, sandbox);
    expect(await card(desk)).toBeNull();
    expect(
      await desk.look(`select kind from private.notices where kind = 'card_lost'`),
    ).not.toHaveLength(0);
  });
});

test('removed, it is charged no more from that moment, and Razorpay deletes it now or later', async () => {
  await withDesk(async (desk, sandbox) => {
    const { id, payment } = await keep(desk, sandbox, 'removes-it');
    await verify(desk, sandbox, id, payment);
    await turnOn(desk);
    const remove = (userId: string) =>
      desk.ask(userId, 'POST', '/card-removals', { account_id: ada.accountId });
    expect((await remove(eve.userId)).status).toBe(404);
    expect(await card(desk)).not.toBeNull();

    sandbox.fail('unavailable', 3, /DELETE/);
    expect((await remove(ada.userId)).body).toEqual({ status: 'removing' });
    expect(await card(desk)).toBeNull();
    expect(await desk.topUp()).toMatchObject({ due: 0 });
    expect(sandbox.world.tokens.size).toBe(1);
    await desk.sweep();
    expect(sandbox.world.tokens.size).toBe(0);
    await hearAll(desk, sandbox);
    expect((await remove(ada.userId)).body).toEqual({ status: 'removed' });
    expect(await desk.look(`select enabled from private.auto_top_ups`)).toEqual([
      { enabled: false },
    ]);
    // Whoever removes a card need not be told that it is gone.
    expect(await desk.look(`select from private.notices where kind = 'card_lost'`)).toEqual([]);
    expect(payment.status).toBe('captured');
  });
});

test('the card agreed to last replaces the one before, which Razorpay deletes', async () => {
  await withDesk(async (desk, sandbox) => {
    const old = await keep(desk, sandbox, 'the-first');
    await verify(desk, sandbox, old.id, old.payment);
    sandbox.world.clock.moveTo(sandbox.world.clock.now() + 60);
    const fresh = await keep(desk, sandbox, 'the-second', 'pro');
    await verify(desk, sandbox, fresh.id, fresh.payment);
    expect(await card(desk)).toMatchObject({ max_minor: 2000 });
    await desk.sweep();
    expect([...sandbox.world.tokens.keys()]).toEqual([fresh.payment.token_id]);
    await turnOn(desk, { package_id: 'pro' });
  });
});

test('a charge that was cut off before it was made does not block the next for long', async () => {
  await withDesk(async (desk, sandbox) => {
    const { id, payment } = await keep(desk, sandbox, 'cut-off-it');
    await verify(desk, sandbox, id, payment);
    await turnOn(desk);
    sandbox.fail('unavailable', 3, /GET \/payments\/pay/);
    expect(await desk.topUp()).toMatchObject({ due: 1, paid: 0 });
    await desk.sweep();
    expect(await desk.topUp()).toMatchObject({ due: 0 });
    sandbox.world.clock.moveTo(sandbox.world.clock.now() + 2 * 3600);
    await desk.sweep();
    expect(await desk.topUp()).toMatchObject({ due: 1, paid: 1 });
  });
});

test("one address with two accounts is one customer at Razorpay; somebody else's never is", async () => {
  await withDesk(async (desk, sandbox) => {
    await keep(desk, sandbox, 'whose-card');
    const [customer] = await desk.look<{ id: string }>(
      `select razorpay_customer_id as id from private.customers where account_id = '${ada.accountId}'`,
    );
    await expect(
      desk.call('note_customer', {
        account_id: eve.accountId,
        razorpay_customer_id: customer!.id,
      }),
    ).rejects.toMatchObject({ code: 'conflict' });
    // What an invoice says finds nobody's cards.
    await desk.call(
      'set_billing_details',
      { account_id: eve.accountId, email: 'p1@example.com' },
      eve.userId,
    );
    const [price] = await desk.look<{ id: string }>(
      `select id::text from private.prices where package_id = 'starter' and currency = 'GBP'`,
    );
    const { body } = await desk.ask(eve.userId, 'POST', '/top-ups', {
      account_id: eve.accountId,
      price_id: Number(price!.id),
      request_key: 'not-yours',
      keeps_card: true,
    });
    expect(body['razorpay_customer_id']).not.toBe(customer!.id);
    expect(sandbox.world.customers.size).toBe(2);
  });
});

test('rupees beyond what a card may be charged by itself are told before anything is made', async () => {
  await withDesk(async (desk, sandbox) => {
    const { status, body } = await order(desk, 'too-much-inr', 'enterprise', 'INR');
    expect(status).toBe(409);
    expect(body['error']).toMatchObject({ code: 'conflict' });
    expect(sandbox.world.orders.size).toBe(0);
  });
});
