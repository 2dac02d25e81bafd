// Buying as people do it: twice at once, with somebody else's ids, too late, with a code, by itself
// when the balance is low; and with a Razorpay that fails in every way it can.
import { beforeAll, expect } from 'vitest';
import { FAULTS, type Fault } from '../../../scripts/sandbox/razorpay.ts';
import { payOrder, signCheckout } from '../../../scripts/sandbox/razorpay/payments.ts';
import { agreeTo } from '../../../scripts/sandbox/razorpay/subscriptions.ts';
import { openDatabase, test } from '../database.ts';
import { type Desk, hushLogs, openDesk, openPeople, openSandbox, personOf } from './stage.ts';

beforeAll(hushLogs);

const ada = personOf(1);
const eve = personOf(2);

async function withDesk(
  work: (desk: Desk, sandbox: Awaited<ReturnType<typeof openSandbox>>) => Promise<void>,
) {
  await using database = await openDatabase();
  const sandbox = await openSandbox('2027-05-01T00:00:00Z');
  try {
    await openPeople(database.owner, 2);
    const desk = openDesk(database, sandbox);
    await desk.syncPrices();
    await work(desk, sandbox);
  } finally {
    await sandbox.stop();
  }
}

const price = async (desk: Desk, what: string, currency = 'GBP', period = 'once') => {
  const [row] = await desk.look<{ id: string }>(
    `select id::text from private.prices where coalesce(package_id, plan_id) = '${what}' and currency = '${currency}' and period = '${period}' and retired_at is null`,
  );
  return Number(row!.id);
};
const granted = async (desk: Desk) =>
  (await desk.look(`select from private.transactions where fact ~ '^razorpay:payment:[^:]+$'`))
    .length;
const keepCard = async (
  desk: Desk,
  sandbox: Awaited<ReturnType<typeof openSandbox>>,
  request_key: string,
) => {
  const { body } = await desk.ask(ada.userId, 'POST', '/top-ups', {
    account_id: ada.accountId,
    price_id: await price(desk, 'starter'),
    request_key,
    keeps_card: true,
  });
  const { world } = sandbox;
  const payment = payOrder(world, world.orders.get(String(body['razorpay_order_id']))!, {});
  for (const event of sandbox.events()) await desk.hear(event);
  return { body, payment };
};
const topUp = async (desk: Desk, request_key: string, user = ada, what = 'starter') =>
  desk.ask(user.userId, 'POST', '/top-ups', {
    account_id: user.accountId,
    price_id: await price(desk, what),
    request_key,
  });

test('two tabs that buy at once make one order, and pay it once', async () => {
  await withDesk(async (desk, { world, asked }) => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => topUp(desk, 'both-tabs')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const ids = new Set(answers.map(({ body }) => body['id']));
    expect(ids.size).toBe(1);
    // Two of them may reach Razorpay; the one noted first is the order, and only it is offered.
    const again = await topUp(desk, 'both-tabs');
    const offered = new Set(answers.map(({ body }) => body['razorpay_order_id']));
    expect([...offered]).toEqual([again.body['razorpay_order_id']]);
    const order = world.orders.get(String(again.body['razorpay_order_id']))!;
    const payment = payOrder(world, order, {});
    const verify = () =>
      desk.ask(ada.userId, 'POST', '/checkouts/verify', {
        id: again.body['id'],
        razorpay_payment_id: payment.id,
        razorpay_signature: signCheckout(world, payment),
      });
    const verified = await Promise.all([verify(), verify(), verify()]);
    expect(verified.map(({ body }) => body)).toEqual([1, 2, 3].map(() => ({ status: 'paid' })));
    expect(await granted(desk)).toBe(1);
    expect(asked().filter((one) => one === 'POST /orders').length).toBeLessThanOrEqual(4);
    expect(() => payOrder(world, order, {})).toThrow('already paid');
  });
});

test('who sets out to buy many times at once gets as far as twenty orders, and no further at Razorpay', async () => {
  await withDesk(async (desk, { asked }) => {
    const many = (from: number, count: number) =>
      Promise.all(Array.from({ length: count }, (_, nth) => topUp(desk, `many-no-${from + nth}`)));
    const [first, rest] = [await many(1, 18), await many(19, 8)];
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = rest.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(6);
    for (const one of refused) {
      expect(one).toMatchObject({ status: 429, body: { error: { code: 'rate_limited' } } });
    }
    expect(asked().filter((one) => one === 'POST /orders')).toHaveLength(20);
  });
});

test('two tabs that subscribe at once are offered one subscription', async () => {
  await withDesk(async (desk) => {
    const request = {
      account_id: ada.accountId,
      price_id: await price(desk, 'pro', 'GBP', 'month'),
    };
    const answers = await Promise.all(
      [1, 2, 3, 4].map((tab) =>
        desk.ask(ada.userId, 'POST', '/subscriptions', {
          ...request,
          request_key: `tab-no-${tab}`,
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const [known] = await desk.look<{ id: string }>(
      `select razorpay_subscription_id as id from private.subscriptions`,
    );
    const offered = new Set(answers.map(({ body }) => body['razorpay_subscription_id']));
    expect([...offered]).toEqual([known!.id]);
  });
});

test('what is paid in one tab stays paid, though another tab chose another plan meanwhile', async () => {
  await withDesk(async (desk, sandbox) => {
    const { world } = sandbox;
    const begin = async (plan: string) => {
      const { body } = await desk.ask(ada.userId, 'POST', '/subscriptions', {
        account_id: ada.accountId,
        price_id: await price(desk, plan, 'GBP', 'month'),
        request_key: `tab-of-${plan}`,
      });
      return world.subscriptions.get(String(body['razorpay_subscription_id']))!;
    };
    const pro = await begin('pro');
    await begin('team');
    agreeTo(world, pro, {});
    for (const event of sandbox.events()) await desk.hear(event);
    await desk.sweep();
    await desk.sweep();
    expect(pro.status).toBe('active');
    expect(await granted(desk)).toBe(1);
    const [plan] = await desk.look(
      `select plan_id from private.account_plans where account_id = '${ada.accountId}'`,
    );
    expect(plan).toEqual({ plan_id: 'pro' });
  });
});

test('a checkout is worth nothing with ids or signatures of somebody else', async () => {
  await withDesk(async (desk, { world }) => {
    const mine = (await topUp(desk, 'ada-order')).body;
    const hers = (await topUp(desk, 'eve-order', eve)).body;
    const payment = payOrder(world, world.orders.get(String(mine['razorpay_order_id']))!, {});
    const signature = signCheckout(world, payment);
    const verify = (user: string | undefined, body: Record<string, unknown>) =>
      desk.ask(user, 'POST', '/checkouts/verify', {
        id: mine['id'],
        razorpay_payment_id: payment.id,
        razorpay_signature: signature,
        ...body,
      });
    expect((await verify(eve.userId, {})).status).toBe(404);
    expect((await verify(eve.userId, { id: hers['id'] })).status).toBe(403);
    expect((await verify(ada.userId, { razorpay_signature: '' })).status).toBe(403);
    expect((await verify(ada.userId, { razorpay_payment_id: 'pay_Other000000000' })).status).toBe(
      403,
    );
    expect((await verify(ada.userId, { razorpay_payment_id: '../orders' })).status).toBe(422);
    expect((await verify(ada.userId, { id: 'no uuid' })).status).toBeGreaterThanOrEqual(400);
    expect((await verify(undefined, {})).status).toBe(401);
    expect(await granted(desk)).toBe(0);
    expect((await verify(ada.userId, {})).body).toEqual({ status: 'paid' });
    expect(await granted(desk)).toBe(1);
    // Whoever works for the account but may not pay for it is told no more than a stranger.
    await desk.look(
      `insert into private.members (account_id, user_id, role) values ('${ada.accountId}', '${eve.userId}', 'member')`,
    );
    const account_id = ada.accountId;
    const price_id = await price(desk, 'starter');
    const plan = await price(desk, 'pro', 'GBP', 'month');
    const request_key = 'not-for-you';
    for (const [path, body] of [
      ['/top-ups', { account_id, price_id, request_key }],
      ['/subscriptions', { account_id, price_id: plan, request_key }],
      ['/plan-changes', { account_id, price_id: plan, request_key }],
      ['/subscription-acts', { account_id, act: 'cancel_now' }],
      ['/card-removals', { account_id }],
      ['/checkouts/verify', { id: mine['id'], razorpay_payment_id: payment.id }],
    ] as const) {
      expect([path, (await desk.ask(eve.userId, 'POST', path, body)).status]).toEqual([path, 404]);
    }
  });
});

test('a price that was retired between page and click is refused, and the new one is bought', async () => {
  await withDesk(async (desk) => {
    const price_id = await price(desk, 'starter');
    await desk.look(
      `select admin.set_price('Me', 'Spring', 'GBP', 'once', 6, 10000, package => 'starter')`,
    );
    const body = { account_id: ada.accountId, price_id, request_key: 'too-late' };
    const refused = await desk.ask(ada.userId, 'POST', '/top-ups', body);
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
    expect((await topUp(desk, 'just-in-time')).body).toMatchObject({ amount_minor: 600 });
  });
});

test('a code that many redeem at once is used as often as it may be', async () => {
  await withDesk(async (desk) => {
    await desk.look(
      `insert into private.coupons (code, bonus_percent, max_redemptions) values ('HALF-MORE', 50, 1) returning id`,
    );
    const redeem = ({ userId, accountId }: typeof ada) =>
      desk
        .call('redeem_code', { account_id: accountId, code: 'HALF-MORE' }, userId)
        .then((said) => said as { allowed: boolean; reason: string | null });
    const outcomes = await Promise.all([ada, eve, ada, eve, ada, eve].map(redeem));
    expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(1);
    expect(outcomes.filter(({ reason }) => reason === 'conflict')).toHaveLength(5);
  });
});

const passing = Object.keys(FAULTS) as Fault[];

test.for(passing)('with %s once, a purchase goes through and is granted once', async (fault) => {
  await withDesk(async (desk, sandbox) => {
    sandbox.fail(fault, 1, /POST \/orders/);
    const { status, body } = await topUp(desk, 'faulty-one');
    expect([fault, status]).toEqual([fault, 200]);
    // What is slow may still come about after it was given up; nobody is ever offered it.
    expect(sandbox.world.orders.size).toBeLessThanOrEqual(fault === 'slow' ? 2 : 1);
    const [call] = await desk.look(
      `select state, attempts from private.razorpay_calls where act = 'create_order'`,
    );
    expect(call).toEqual({ state: 'done', attempts: 2 });

    const payment = payOrder(
      sandbox.world,
      sandbox.world.orders.get(String(body['razorpay_order_id']))!,
      {},
    );
    sandbox.fail(fault, 1, /GET \/payments/);
    const verified = await desk.ask(ada.userId, 'POST', '/checkouts/verify', {
      id: body['id'],
      razorpay_payment_id: payment.id,
      razorpay_signature: signCheckout(sandbox.world, payment),
    });
    expect(verified.body).toEqual({ status: 'paid' });
    expect(await granted(desk)).toBe(1);
  });
});

test('while Razorpay is away nothing is lost: clear words, and a sweep that makes up for it', async () => {
  await withDesk(async (desk, sandbox) => {
    sandbox.fail('unavailable', 3, /POST \/orders/);
    const refused = await topUp(desk, 'away-now');
    expect(refused).toMatchObject({
      status: 503,
      body: { error: { code: 'upstream_unavailable' } },
    });
    const [call] = await desk.look(
      `select state from private.razorpay_calls where act = 'create_order'`,
    );
    expect(call).toEqual({ state: 'unknown' });

    const { body } = await topUp(desk, 'away-now');
    const payment = payOrder(
      sandbox.world,
      sandbox.world.orders.get(String(body['razorpay_order_id']))!,
      {},
    );
    sandbox.fail('unavailable', 3, /GET \/payments/);
    const verified = await desk.ask(ada.userId, 'POST', '/checkouts/verify', {
      id: body['id'],
      razorpay_payment_id: payment.id,
      razorpay_signature: signCheckout(sandbox.world, payment),
    });
    expect(verified).toEqual({ status: 200, body: { status: 'processing' } });
    expect(await granted(desk)).toBe(0);
    expect(await desk.sweep()).toMatchObject({ whole: true });
    expect(await granted(desk)).toBe(1);
  });
});

test('a subscription whose answer was lost is found again, and a refund is made once', async () => {
  await withDesk(async (desk, sandbox) => {
    const price_id = await price(desk, 'pro', 'GBP', 'month');
    sandbox.fail('lose-answer', 1, /POST \/subscriptions/);
    const { status, body } = await desk.ask(ada.userId, 'POST', '/subscriptions', {
      account_id: ada.accountId,
      price_id,
      request_key: 'lost-answer',
    });
    expect(status).toBe(200);
    expect(sandbox.world.subscriptions.size).toBe(1);
    const subscription = sandbox.world.subscriptions.get(String(body['razorpay_subscription_id']))!;
    const payment = agreeTo(sandbox.world, subscription, {});
    for (const event of sandbox.events()) await desk.hear(event);
    expect(await granted(desk)).toBe(1);

    sandbox.fail('lose-answer', 1, /refund/);
    const refund = () =>
      desk.ask(
        undefined,
        'POST',
        '/refunds',
        {
          payment_id: payment.id,
          amount_minor: null,
          reason: 'Sorry',
          author: 'Me',
          reference: 't-1',
        },
        { apikey: 'secret' },
      );
    expect((await refund()).status).toBe(200);
    expect((await refund()).status).toBe(200);
    expect(sandbox.world.refunds.size).toBe(1);
    expect((await desk.ask(undefined, 'POST', '/refunds', {}, { apikey: 'guess' })).status).toBe(
      401,
    );
    const again = { account_id: ada.accountId, price_id, request_key: 'second-one' };
    expect((await desk.ask(ada.userId, 'POST', '/subscriptions', again)).status).toBe(409);
  });
});

test('a bank that agrees late is taken at its word by the sweep', async () => {
  await withDesk(async (desk, sandbox) => {
    const { body } = await topUp(desk, 'slow-bank');
    const order = sandbox.world.orders.get(String(body['razorpay_order_id']))!;
    const payment = payOrder(sandbox.world, order, { outcome: 'slow-bank' });
    await desk.sweep();
    expect(await granted(desk)).toBe(0);
    Object.assign(payment, { status: 'authorized', error_code: null });
    await desk.sweep();
    expect(payment.status).toBe('captured');
    expect(await granted(desk)).toBe(1);
  });
});

test('an account tops up by itself: once at a time, not too often, never past its ceiling', async () => {
  await withDesk(async (desk, sandbox) => {
    const { world } = sandbox;
    await keepCard(desk, sandbox, 'with-card');
    const settings = {
      account_id: ada.accountId,
      enabled: true,
      threshold_micros: 20_000_000_000,
      package_id: 'starter',
      currency: 'GBP',
    };
    await expect(
      desk.call('set_auto_top_up', { ...settings, ceiling_minor: 100 }, ada.userId),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(
      desk.call('set_auto_top_up', { ...settings, ceiling_minor: 1000 }, eve.userId),
    ).rejects.toMatchObject({ code: 'not_found' });
    await desk.call('set_auto_top_up', { ...settings, ceiling_minor: 1000 }, ada.userId);

    // Two workers at once: one order.
    await Promise.all([desk.topUp(), desk.topUp(), desk.topUp()]);
    expect(await granted(desk)).toBe(2);
    const spend = async () => {
      world.clock.moveTo(world.clock.now() + 7200);
      await desk.look(
        `select private.adjust_credits('${ada.accountId}', -9000000000, 'spend:${world.clock.now()}', 'Spent', 'tests')`,
      );
    };
    await desk.look(
      `select private.adjust_credits('${ada.accountId}', -9000000000, 'spend:first', 'Spent', 'tests')`,
    );
    expect(await desk.topUp()).toMatchObject({ due: 0 });
    await spend();
    expect(await desk.topUp()).toMatchObject({ due: 1, paid: 1 });
    expect(await granted(desk)).toBe(3);
    await spend();
    expect(await desk.topUp()).toMatchObject({ due: 0 });
    expect(
      await desk.look(`select kind from private.notices where kind = 'auto_top_up_ceiling'`),
    ).toHaveLength(1);

    // The card stops paying: a notice each time, and after three failures it stops.
    await desk.call('set_auto_top_up', { ...settings, ceiling_minor: 100_000 }, ada.userId);
    for (const token of world.tokens.values()) token.pays = false;
    for (let nth = 0; nth < 5; nth += 1) {
      await desk.topUp();
      world.clock.moveTo(world.clock.now() + 7200);
    }
    expect(await granted(desk)).toBe(3);
    const [stopped] = await desk.look(`select failures from private.auto_top_ups`);
    expect(stopped).toEqual({ failures: 3 });

    // A charge whose answer is lost is looked up, not made again.
    await desk.call('set_auto_top_up', { ...settings, ceiling_minor: 100_000 }, ada.userId);
    for (const token of world.tokens.values()) token.pays = true;
    sandbox.fail('lose-answer', 1, /recurring/);
    expect(await desk.topUp()).toMatchObject({ due: 1, paid: 1 });
    expect(await granted(desk)).toBe(4);
  });
});
