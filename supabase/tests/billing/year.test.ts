// A year of subscribing on a clock that is moved, through the functions and the webhooks, beside a
// model that knows nothing of them: what was paid, for when, and what that buys.
import { beforeAll, expect } from 'vitest';
import type { RazorpaySandbox } from '../../../scripts/sandbox/razorpay.ts';
import type { Method, Subscription } from '../../../scripts/sandbox/razorpay/entities.ts';
import {
  disputePayment,
  endDispute,
  signCheckout,
} from '../../../scripts/sandbox/razorpay/payments.ts';
import {
  advanceTo,
  agreeTo,
  hiddenOf,
  payOpen,
} from '../../../scripts/sandbox/razorpay/subscriptions.ts';
import { openDatabase, test } from '../database.ts';
import { breakFunction } from '../money/break-function.ts';
import { type Desk, hushLogs, openDesk, openPeople, openSandbox, personOf } from './stage.ts';

beforeAll(hushLogs);

const day = 86_400;
const micros = 1_000_000;
/** What the year is reckoned with: minor units, credits and days, written down here and nowhere read. */
const catalogue = {
  'pro month': { minor: 1500, credits: 20_000 },
  'pro year': { minor: 15000, credits: 240_000 },
  'team month': { minor: 6000, credits: 100_000 },
};
type Sold = keyof typeof catalogue;

interface Year {
  desk: Desk;
  sandbox: RazorpaySandbox;
  act(path: string, body: Record<string, unknown>): Promise<Record<string, unknown>>;
  subscribe(sold: Sold, method?: Method, currency?: string): Promise<Subscription>;
  change(sold: Sold): Promise<Record<string, unknown>>;
  /** Moves on, hears all that was sent meanwhile, and lets scheduled work happen. */
  pass(days: number): Promise<void>;
  plan(): Promise<string>;
  /** Grants by payments and what was taken back of them, in credits, and the paid invoices in minor units. */
  books(): Promise<{ granted: number[]; reversed: number; invoices: number[] }>;
}

function beginYear(person: number, desk: Desk, sandbox: RazorpaySandbox): Year {
  const { userId, accountId } = personOf(person);
  const { world } = sandbox;
  let heard = sandbox.events().length;
  const hear = async () => {
    for (const event of sandbox.events().slice(heard)) expect(await desk.hear(event)).toBe(200);
    heard = sandbox.events().length;
    await desk.look(
      `select private.end_lapsed_plans(), private.expire_due_lots(), private.number_invoices()`,
    );
  };
  const priceOf = async (sold: Sold, currency: string) => {
    const [plan, period] = sold.split(' ');
    const [price] = await desk.look<{ id: string }>(
      `select id::text from private.prices where plan_id = '${plan}' and period = '${period}' and currency = '${currency}' and retired_at is null`,
    );
    return Number(price!.id);
  };
  let requests = 0;
  const key = () => `year-${person}-${(requests += 1)}`;
  const act: Year['act'] = async (path, body) => {
    const answer = await desk.ask(userId, 'POST', path, { account_id: accountId, ...body });
    expect([path, answer.status, answer.body]).toEqual([path, 200, expect.anything()]);
    await hear();
    return answer.body;
  };
  const agree = async (checkout: Record<string, unknown>, method: Method) => {
    const subscription = world.subscriptions.get(String(checkout['razorpay_subscription_id']))!;
    const payment = agreeTo(world, subscription, { method });
    const answer = await act('/checkouts/verify', {
      id: checkout['id'],
      razorpay_payment_id: payment.id,
      razorpay_signature: signCheckout(world, payment, subscription.id),
    });
    expect(answer['status']).toBe('paid');
    return subscription;
  };

  return {
    desk,
    sandbox,
    act,
    async subscribe(sold, method = 'card', currency = 'USD') {
      const price_id = await priceOf(sold, currency);
      return agree(await act('/subscriptions', { price_id, request_key: key() }), method);
    },
    async change(sold) {
      const body = { price_id: await priceOf(sold, 'USD'), request_key: key() };
      const changed = await act('/plan-changes', body);
      const checkout = changed['checkout'] as Record<string, unknown> | undefined;
      if (checkout) await agree(checkout, 'upi');
      return changed;
    },
    async pass(days) {
      const until = world.clock.now() + days * day;
      while (world.clock.now() < until) {
        advanceTo(world, Math.min(until, world.clock.now() + day));
        await hear();
      }
      // The sweep would do what a lost call left; in a year without losses it finds nothing to do.
      expect(await desk.sweep()).toMatchObject({ whole: true });
      await hear();
    },
    async plan() {
      const [row] = await desk.look<{ plan_id: string }>(
        `select plan_id from private.account_plans where account_id = '${accountId}'`,
      );
      return row!.plan_id;
    },
    async books() {
      const granted = await desk.look<{ credits: number }>(`
        select (amount_micros / 1000000.0)::float8 as credits from private.transactions
        where account_id = '${accountId}' and kind = 'grant' and fact like 'razorpay:payment:%' order by id`);
      const [reversed] = await desk.look<{ credits: number }>(`
        select coalesce(-sum(amount_micros) / 1000000.0, 0)::float8 as credits from private.transactions
        where account_id = '${accountId}' and kind = 'reversal'`);
      const invoices = await desk.look<{ minor: number }>(`
        select amount_minor::float8 as minor from private.invoices
        where account_id = '${accountId}' and status = 'paid' order by paid_at, number`);
      return {
        granted: granted.map(({ credits }) => credits),
        reversed: reversed!.credits,
        invoices: invoices.map(({ minor }) => minor),
      };
    },
  };
}

/** The independent model: a list of what was charged, in order, and what went back of it. */
function createModel() {
  const charges: { minor: number; credits: number }[] = [];
  let back = 0;
  return {
    pays(sold: Sold, share = 1) {
      const { minor, credits } = catalogue[sold];
      charges.push({ minor: Math.round(minor * share), credits: credits * share });
    },
    /** A change in the middle of a period costs the difference for what is left, and buys in proportion. */
    upgrades(from: Sold, to: Sold, share: number) {
      const minor = Math.round((catalogue[to].minor - catalogue[from].minor) * share);
      const credits =
        Math.floor((catalogue[to].credits * micros * minor) / catalogue[to].minor) / micros;
      charges.push({ minor, credits });
    },
    goesBack(credits: number) {
      back += credits;
    },
    books: () => ({
      granted: charges.map(({ credits }) => credits),
      reversed: back,
      invoices: charges.map(({ minor }) => minor),
    }),
  };
}

async function cardYear(desk: Desk, sandbox: RazorpaySandbox) {
  const { world } = sandbox;
  const year = beginYear(1, desk, sandbox);
  const model = createModel();

  // 1 January: Pro by the month. Two renewals.
  const subscription = await year.subscribe('pro month');
  model.pays('pro month');
  await year.pass(60);
  model.pays('pro month');
  model.pays('pro month');
  expect(await year.plan()).toBe('pro');

  // The April renewal fails on its first day and is paid on the next.
  hiddenOf(world, subscription).pays = false;
  await year.pass(30.5);
  expect(subscription.status).toBe('pending');
  expect(await year.plan()).toBe('pro');
  hiddenOf(world, subscription).pays = true;
  await year.pass(1);
  model.pays('pro month');
  expect(subscription.status).toBe('active');

  // Team in the middle of the month: the rest of it is paid for at once, and no quota begins anew.
  const left =
    (subscription.current_end! - world.clock.now()) /
    (subscription.current_end! - subscription.current_start!);
  expect(await year.change('team month')).toMatchObject({ mode: 'in_place_now' });
  model.upgrades('pro month', 'team month', left);
  expect(await year.plan()).toBe('team');

  // Back to Pro at the end of the period.
  expect(await year.change('pro month')).toMatchObject({ mode: 'in_place_at_cycle_end' });
  expect(await year.plan()).toBe('team');
  await year.pass(31);
  model.pays('pro month');
  expect(await year.plan()).toBe('pro');

  // Paused for six weeks: what was paid for stays, nothing is charged, and then it goes on.
  await year.act('/subscription-acts', { act: 'pause' });
  await year.pass(42);
  expect(await year.plan()).toBe('free');
  await year.act('/subscription-acts', { act: 'resume' });
  model.pays('pro month');
  expect(await year.plan()).toBe('pro');

  // A renewal that nobody pays: halted, a grace, Free. Then it is paid after all.
  hiddenOf(world, subscription).pays = false;
  await year.pass(36);
  expect(subscription.status).toBe('halted');
  expect(await year.plan()).toBe('pro');
  await year.pass(5);
  expect(await year.plan()).toBe('free');
  const late = payOpen(world, subscription, {});
  await year.pass(1);
  model.pays('pro month');
  expect(await year.plan()).toBe('pro');

  // That payment goes back in part, by an admin's hand.
  const answer = await desk.ask(
    undefined,
    'POST',
    '/refunds',
    { payment_id: late.id, amount_minor: 500, reason: 'Sorry', author: 'Me', reference: 'year-1' },
    { apikey: 'secret' },
  );
  expect(answer).toMatchObject({ status: 200, body: { status: 'processed' } });
  model.goesBack(Math.floor((20_000 * micros * 500) / 1500) / micros);

  // By the year from the next period on; cancelled at its end before it ends.
  await year.pass(1);
  expect(await year.change('pro year')).toMatchObject({ mode: 'in_place_at_cycle_end' });
  await year.pass(25);
  model.pays('pro year');
  expect(await year.plan()).toBe('pro');
  await year.act('/subscription-acts', { act: 'cancel_at_cycle_end' });
  await year.pass(60);
  expect(await year.plan()).toBe('pro');

  // The year is disputed and lost: its credits go back, and what was paid for is no more.
  const yearly = [...world.payments.values()].find(({ amount }) => amount === 15000)!;
  endDispute(world, disputePayment(world, yearly, 15000), 'lost');
  await year.pass(1);
  model.goesBack(240_000);
  expect(await year.plan()).toBe('free');
  await year.pass(320);
  expect(subscription.status).toBe('cancelled');
  return { year, model };
}

async function yearlyYear(desk: Desk, sandbox: RazorpaySandbox) {
  const year = beginYear(2, desk, sandbox);
  const model = createModel();
  // By the year with UPI, which cannot be moved: by the month from the next year on, by a new mandate.
  const first = await year.subscribe('pro year', 'upi');
  model.pays('pro year');
  await year.pass(100);
  expect(await year.change('pro month')).toMatchObject({ mode: 'new_subscription' });
  expect(await year.plan()).toBe('pro');
  await year.pass(264);
  expect(await year.plan()).toBe('pro');
  await year.pass(2);
  model.pays('pro month');
  expect(first.status).toBe('cancelled');
  expect(await year.plan()).toBe('pro');
  await year.pass(31);
  model.pays('pro month');
  await year.act('/subscription-acts', { act: 'cancel_now' });
  expect(await year.plan()).toBe('free');
  return { year, model };
}

function close(books: { granted: number[]; reversed: number; invoices: number[] }) {
  const round = (credits: number) => Math.round(credits * 1000) / 1000;
  return { ...books, granted: books.granted.map(round), reversed: round(books.reversed) };
}

async function live(
  story: typeof cardYear,
  harm: (sql: import('postgres').Sql) => Promise<void> = async () => {},
) {
  await using database = await openDatabase();
  const sandbox = await openSandbox('2027-01-01T00:00:00Z');
  try {
    await openPeople(database.owner, 2);
    await harm(database.owner);
    const desk = openDesk(database, sandbox);
    await desk.syncPrices();
    const { year, model } = await story(desk, sandbox);
    expect(close(await year.books())).toEqual(close(model.books()));
    expect(await desk.look('select kind, detail from admin.alerts')).toEqual([]);
    const [audit] = await desk.look<{ problems: string }>(
      'select problems from admin.audit_ledger()',
    );
    expect(Number(audit!.problems)).toBe(0);
  } finally {
    await sandbox.stop();
  }
}

test(
  'a year with a card: renewals, failures, changes, a pause, a refund and a dispute',
  { timeout: 600_000 },
  async () => {
    await live(cardYear);
  },
);

test(
  'from the year to the month with a way to pay that cannot be moved',
  { timeout: 600_000 },
  async () => {
    await live(yearlyYear);
  },
);

test('the model notices a rule that gives too much', { timeout: 600_000 }, async () => {
  const harm = (sql: import('postgres').Sql) =>
    breakFunction(sql, 'private.settle_payment', [
      [/least\(1, payment\.amount_minor::numeric \/ price\.amount_minor\)/, '1'],
    ]);
  await expect(live(cardYear, harm)).rejects.toThrow(/to deeply equal/);
});
