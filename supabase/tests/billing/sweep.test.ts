// Whatever the webhooks fail to tell, one sweep brings: every type of event is lost once, then all of
// them. And what Razorpay does wrong while it is asked costs nobody anything.
import type { Sql } from 'postgres';
import { beforeAll, describe, expect } from 'vitest';
import type { RazorpaySandbox } from '../../../scripts/sandbox/razorpay.ts';
import type { Order, Plan, Subscription } from '../../../scripts/sandbox/razorpay/entities.ts';
import {
  createOrder,
  disputePayment,
  endDispute,
  payOrder,
  refundPayment,
} from '../../../scripts/sandbox/razorpay/payments.ts';
import {
  advanceTo,
  agreeTo,
  cancelSubscription,
  createSubscription,
  hiddenOf,
  pauseSubscription,
  resumeSubscription,
  updateSubscription,
} from '../../../scripts/sandbox/razorpay/subscriptions.ts';
import { newId } from '../../../scripts/sandbox/razorpay/world.ts';
import { openDatabase, test } from '../database.ts';
import { breakFunction } from '../money/break-function.ts';
import { hushLogs, openDesk, openPeople, openSandbox, personOf, stateOf } from './stage.ts';

beforeAll(hushLogs);

const day = 86_400;
const orderId = (nth: number) => `00000000-0000-4000-8003-${String(nth).padStart(12, '0')}`;
const subscriptionId = (nth: number) => `00000000-0000-4000-8004-${String(nth).padStart(12, '0')}`;

interface Story {
  sandbox: RazorpaySandbox;
  types: string[];
  setUp: (sql: Sql) => Promise<void>;
}

/** Some weeks at Razorpay in which every kind of thing happens, to people who are set up the same each time. */
async function weeks(): Promise<Story> {
  const sandbox = await openSandbox('2027-03-01T00:00:00Z');
  const { world } = sandbox;
  const plans: Record<string, Plan> = {};
  for (const [name, amount] of [
    ['pro', 1500],
    ['team', 6000],
  ] as const) {
    plans[name] = {
      id: newId('plan'),
      entity: 'plan',
      interval: 1,
      period: 'monthly',
      item: { id: newId('item'), active: true, name, amount, currency: 'USD' },
      notes: [],
      created_at: world.clock.now(),
    };
    world.plans.set(plans[name].id, plans[name]);
  }
  const orders: Order[] = [1, 2, 3, 4].map((nth) =>
    createOrder(world, { amount: 650, currency: 'USD', receipt: orderId(nth) }),
  );
  const subscriptions: Subscription[] = [1, 2, 3, 4, 5].map((nth) =>
    createSubscription(world, {
      plan_id: plans['pro']!.id,
      total_count: nth === 5 ? 1 : 120,
      notes: { oneai_subscription: subscriptionId(nth) },
    }),
  );
  const [paid, failed, refunded, disputed] = orders as [Order, Order, Order, Order];
  const [steady, failing, changing, pausing, short] = subscriptions as [
    Subscription,
    Subscription,
    Subscription,
    Subscription,
    Subscription,
  ];
  payOrder(world, paid, { outcome: 'failure' });
  payOrder(world, paid, {});
  payOrder(world, failed, { outcome: 'failure' });
  const back = payOrder(world, refunded, { method: 'upi' });
  const doubted = payOrder(world, disputed, {});
  for (const subscription of subscriptions) agreeTo(world, subscription, {});
  refundPayment(world, back, { amount: 200 }, undefined);
  const dispute = disputePayment(world, doubted, 300);
  endDispute(world, dispute, 'under_review');
  endDispute(world, dispute, 'lost');
  const start = world.clock.now();
  advanceTo(world, start + 10 * day);
  updateSubscription(world, changing, { plan_id: plans['team']!.id, schedule_change_at: 'now' });
  pauseSubscription(world, pausing);
  hiddenOf(world, failing).pays = false;
  advanceTo(world, start + 20 * day);
  resumeSubscription(world, pausing);
  cancelSubscription(world, steady, true);
  advanceTo(world, start + 40 * day);
  expect(short.status).toBe('completed');
  expect(failing.status).toBe('halted');
  const rows = subscriptions.map(({ id }, at) => ({
    id: subscriptionId(at + 1),
    account: personOf(at + 1).accountId,
    razorpay: id,
  }));
  return {
    sandbox,
    types: [...new Set(sandbox.events().map(({ event }) => event))].sort(),
    async setUp(sql) {
      await openPeople(sql, 5);
      for (const [name, plan] of Object.entries(plans)) {
        await sql`update private.prices set razorpay_plan_id = ${plan.id} where plan_id = ${name} and currency = 'USD' and period = 'month'`;
      }
      await sql`
        insert into private.orders (id, account_id, price_id, request_key, currency, amount_minor, credits_micros, razorpay_order_id, created_at)
        select one.id::uuid, ${personOf(1).accountId}, prices.id, one.id, 'USD', prices.amount_minor, prices.credits_micros, one.razorpay, '2027-03-01'
        from jsonb_to_recordset(${sql.json(orders.map(({ id }, at) => ({ id: orderId(at + 1), razorpay: id })))}) as one (id text, razorpay text)
        join private.prices on prices.package_id = 'starter' and prices.currency = 'USD'`;
      await sql`
        insert into private.subscriptions (id, account_id, price_id, request_key, razorpay_subscription_id, created_at)
        select one.id, one.account, prices.id, one.id::text, one.razorpay, '2027-03-01'
        from jsonb_to_recordset(${sql.json(rows)}) as one (id uuid, account uuid, razorpay text)
        join private.prices on prices.plan_id = 'pro' and prices.currency = 'USD' and prices.period = 'month'`;
      await sql`
        insert into private.subscription_prices (subscription_id, price_id, valid_from, state)
        select subscriptions.id, subscriptions.price_id, '2027-02-28', 'agreed' from private.subscriptions`;
      // As functions/billing wrote it when the change was asked for.
      await sql`
        insert into private.subscription_prices (subscription_id, price_id, valid_from, state)
        select ${subscriptionId(3)}, prices.id, '2027-03-10 23:55:00+00', 'asked'
        from private.prices where plan_id = 'team' and currency = 'USD' and period = 'month'`;
      await sql`update private.subscriptions set cancel_wish = 'cycle_end' where id = ${subscriptionId(1)}`;
    },
  };
}

async function hearAllBut(
  story: Story,
  lost: (event: string) => boolean,
  harm?: (sql: Sql) => Promise<void>,
) {
  await using database = await openDatabase();
  await story.setUp(database.owner);
  await harm?.(database.owner);
  const desk = openDesk(database, story.sandbox);
  for (const event of story.sandbox.events()) {
    if (!lost(event.event)) expect(await desk.hear(event)).toBe(200);
  }
  const before = await stateOf(desk.sql);
  // A first sweep of an installation goes back a week; this one was last swept when the story began.
  await database.owner`update private.billing_settings set swept_until = '2027-03-01'`;
  const swept = await desk.sweep();
  const after = await stateOf(desk.sql);
  const dead = await desk.look(
    `select id, event, outcome from private.webhook_events where state <> 'applied'`,
  );
  expect(dead).toEqual([]);
  return { before, after, swept };
}

describe('a sweep', { timeout: 600_000 }, () => {
  test('changes nothing where everything was heard, and repairs every type of event that was lost', async () => {
    const story = await weeks();
    const whole = await hearAllBut(story, () => false);
    expect(whole.swept).toMatchObject({ whole: true });
    // It may learn of an attempt or an unpaid invoice that no event tells of; money is as it was.
    const money = (lines: string[]) =>
      lines.filter((line) => /^(granted|rev|wallet|plan)/.test(line));
    expect(money(whole.after.lines)).toEqual(money(whole.before.lines));
    for (const type of story.types) {
      const { after } = await hearAllBut(story, (event) => event === type);
      expect([type, ...after.lines]).toEqual([type, ...whole.after.lines]);
    }
    const deaf = await hearAllBut(story, () => true);
    expect(deaf.after.lines).toEqual(whole.after.lines);
    expect(deaf.before.lines).not.toEqual(whole.after.lines);

    // A sweep that does not ask for what was lost is found out.
    const blind = await hearAllBut(
      story,
      () => true,
      (sql) =>
        breakFunction(sql, 'private.claim_sweep', [
          [/open\.razorpay_subscription_id is not null/, 'false'],
        ]),
    );
    expect(blind.after.hash).not.toBe(whole.after.hash);
    await story.sandbox.stop();
  });

  test('goes on where Razorpay failed, and remembers that it is not done', async () => {
    const story = await weeks();
    await using database = await openDatabase();
    await story.setUp(database.owner);
    await database.owner`update private.billing_settings set swept_until = '2027-03-01'`;
    const desk = openDesk(database, story.sandbox);
    story.sandbox.fail('unavailable', 1000, /payments/);
    expect(await desk.sweep()).toMatchObject({ whole: false });
    expect(
      await desk.look(`select from private.billing_settings where swept_until > '2027-03-02'`),
    ).toEqual([]);
    story.sandbox.fail('drop', 1, /subscriptions/);
    expect(await desk.sweep()).toMatchObject({ whole: true });
    const whole = await hearAllBut(story, () => false);
    expect((await stateOf(desk.sql)).lines).toEqual(whole.after.lines);
    await story.sandbox.stop();
  });
});
