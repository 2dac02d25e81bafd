import { type Entity, RazorpayError } from '../_shared/razorpay.ts';
import {
  cancelSubscription,
  findOrder,
  followMandate,
  makeRefund,
  type Mandate,
  type RefundToMake,
} from '../_shared/razorpay-acts.ts';
import { asService, type CallDeps, note } from '../_shared/razorpay-call.ts';
import { requireRazorpay, type TaskDeps } from './tasks.ts';

interface Claim {
  asked_at: string;
  mandates: Mandate[];
  orders: {
    id: string;
    razorpay_order_id: string | null;
    amount_minor: number;
    currency: string;
    is_stranded: boolean;
  }[];
  subscriptions: {
    id: string;
    razorpay_subscription_id: string;
    status: string;
    cancel_wish: 'now' | 'cycle_end' | null;
  }[];
  refunds: { id: string }[];
  asked_refunds: RefundToMake[];
  disputes: { id: string }[];
  since: number;
  until: number;
}

const atOnce = 6;

/** Asks Razorpay for all that webhooks may have failed to tell, and does what was cut off before. */
export async function sweepPayments(deps: TaskDeps): Promise<unknown> {
  const work: CallDeps = { ...deps, razorpay: requireRazorpay(deps) };
  const claim = await asService<Claim>(work, 'claim_sweep', {});
  const counts: Record<string, number> = {};
  let isWhole = true;
  const each = async <Item>(name: string, items: Item[], act: (item: Item) => Promise<unknown>) => {
    counts[name] = items.length;
    const done = await inTurn(items, async (item) => {
      try {
        await act(item);
        return true;
      } catch (error) {
        // One that cannot be asked for now comes up again; so does the time since the last whole sweep.
        if (error instanceof RazorpayError && !error.isPassing) return true;
        return false;
      }
    });
    if (!done.every(Boolean)) isWhole = false;
  };

  await each('asked_refunds', claim.asked_refunds, (refund) => makeRefund(work, refund));
  await each('subscriptions', claim.subscriptions, (one) =>
    sweepSubscription(work, one, claim.asked_at),
  );
  await each('orders', claim.orders, (order) => sweepOrder(work, order));
  await each('open_refunds', claim.refunds, async ({ id }) => {
    await note(work, 'refund', (await work.razorpay.ask('get', `/refunds/${id}`)).answer);
  });
  await each('open_disputes', claim.disputes, async ({ id }) => {
    await note(work, 'dispute', (await work.razorpay.ask('get', `/disputes/${id}`)).answer);
  });
  const recent = async (kind: string) => {
    const query = { from: claim.since, to: claim.until + 60 };
    return await work.razorpay.list(`/${kind}s`, query).catch((error: unknown) => {
      if (!(error instanceof RazorpayError)) throw error;
      isWhole = false;
      return [];
    });
  };
  const payments = await recent('payment');
  const byId = new Map(payments.map((payment) => [payment.id, payment]));
  await each('payments', payments, (payment) => note(work, 'payment', payment));
  await each('mandates', claim.mandates, (one) => followMandate(work, one, claim.asked_at));
  await each('invoices', await recent('invoice'), (one) => noteInvoice(work, one, byId));
  await each('refunds_listed', await recent('refund'), (one) => note(work, 'refund', one));
  await each('disputes_listed', await recent('dispute'), (one) => note(work, 'dispute', one));
  if (isWhole) await asService(work, 'end_sweep', { until: claim.until });
  return { ...counts, whole: isWhole };
}

async function sweepSubscription(
  deps: CallDeps,
  one: Claim['subscriptions'][number],
  askedAt: string,
) {
  const { razorpay } = deps;
  const id = one.razorpay_subscription_id;
  let { answer: there } = await razorpay.ask('get', `/subscriptions/${id}`);
  const isFinal = ['cancelled', 'completed', 'expired'].includes(String(there['status']));
  // One that was withdrawn before anybody agreed to it, and that somebody has agreed to since, stays.
  const isTaken = one.status === 'created' && there['status'] !== 'created';
  if (one.cancel_wish && !isFinal && !isTaken) {
    there = await cancelSubscription(deps, { id, fact: one.id, wish: one.cancel_wish });
  }
  // Its invoices first, the oldest before the others: once it is known to have ended, nobody asks again.
  const invoices = await razorpay.list('/invoices', { subscription_id: id });
  for (const invoice of invoices.reverse()) {
    // deno-lint-ignore no-await-in-loop -- one after the other, as they came about
    await noteInvoice(deps, invoice);
  }
  await note(deps, 'subscription', there, {}, askedAt);
}

async function noteInvoice(deps: CallDeps, invoice: Entity, known?: Map<string, Entity>) {
  const paymentId = invoice['payment_id'];
  if (typeof paymentId !== 'string') return await note(deps, 'invoice', invoice);
  const payment =
    known?.get(paymentId) ?? (await deps.razorpay.ask('get', `/payments/${paymentId}`)).answer;
  return await note(deps, 'invoice', invoice, { payment });
}

async function sweepOrder(deps: CallDeps, order: Claim['orders'][number]) {
  const { razorpay } = deps;
  const there = order.razorpay_order_id
    ? (await razorpay.ask('get', `/orders/${order.razorpay_order_id}`)).answer
    : await findOrder(deps, order.id);
  if (there) await note(deps, 'order', there);
  const items = there ? await paymentsOf(deps, there.id) : [];
  if (items.length === 0 && order.is_stranded) {
    const reason = 'the payment service was out of reach';
    await asService(deps, 'fail_auto_top_up', { order_id: order.id, reason });
  }
  for (const payment of items) {
    let latest = payment;
    // A bank that agreed late: the money is taken now, or it goes back by itself.
    if (payment['status'] === 'authorized' && there?.['status'] !== 'paid') {
      const body = { amount: order.amount_minor, currency: order.currency };
      const find = async () => {
        const known = await razorpay.send('get', `/payments/${payment.id}`);
        return known['status'] === 'captured' ? known : undefined;
      };
      // deno-lint-ignore no-await-in-loop -- an order has one payment that counts
      const captured = await razorpay.ask('post', `/payments/${payment.id}/capture`, body, find);
      latest = captured.answer;
    }
    // deno-lint-ignore no-await-in-loop
    await note(deps, 'payment', latest);
  }
}

async function paymentsOf({ razorpay }: CallDeps, orderId: string): Promise<Entity[]> {
  const { answer } = await razorpay.ask('get', `/orders/${orderId}/payments`);
  return (answer as unknown as { items: Entity[] }).items;
}

async function inTurn<Item, Result>(
  items: Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = [...items.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      // deno-lint-ignore no-await-in-loop -- each worker does one thing at a time
      results[next[0]] = await work(next[1]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
