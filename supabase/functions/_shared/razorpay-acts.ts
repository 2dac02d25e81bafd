// The acts on Razorpay that both a person's click and the sweep carry out, each safe to repeat.
import { type Entity, RazorpayError } from './razorpay.ts';
import { asService, call, type CallDeps, note } from './razorpay-call.ts';

export interface OrderToMake {
  order_id: string;
  account_id: string;
  razorpay_order_id: string | null;
  /** Set where the card is to be kept: Razorpay keeps it with this customer. */
  customer_id?: string | undefined;
  request: Record<string, unknown>;
}

/** Makes an order at Razorpay unless it is there: its receipt is our id. */
export async function makeOrder(deps: CallDeps, order: OrderToMake): Promise<string> {
  if (order.razorpay_order_id) return order.razorpay_order_id;
  const { order_id: fact, account_id: accountId, customer_id } = order;
  const find = () => findOrder(deps, fact);
  const body = { ...order.request, ...(customer_id ? { customer_id } : {}) };
  const made = await call(deps, { act: 'create_order', fact, accountId }, () =>
    deps.razorpay.ask('post', '/orders', body, find),
  );
  await note(deps, 'order', made);
  return made.id;
}

export async function findOrder(deps: CallDeps, receipt: string): Promise<Entity | undefined> {
  const { items } = (await deps.razorpay.send('get', '/orders', { receipt })) as unknown as {
    items: Entity[];
  };
  return items.find((item) => item['receipt'] === receipt);
}

export interface CustomerToMake {
  razorpay_customer_id: string | null;
  name: string | null;
  /** Confirmed when they signed up: an address that anybody can type would find somebody else's cards. */
  owner_email: string | null;
}

/** Makes the customer that a card is kept with. Razorpay knows people by their address and gives back the one it has. */
export async function makeCustomer(
  deps: CallDeps,
  accountId: string,
  { razorpay_customer_id, name, owner_email }: CustomerToMake,
): Promise<string> {
  if (razorpay_customer_id) return razorpay_customer_id;
  const body = {
    name,
    email: owner_email,
    fail_existing: '0',
    notes: { oneai_account: accountId },
  };
  const again = () => Promise.resolve(undefined);
  const made = await call(deps, { act: 'create_customer', fact: accountId, accountId }, () =>
    deps.razorpay.ask('post', '/customers', body, again),
  );
  await asService(deps, 'note_customer', { account_id: accountId, razorpay_customer_id: made.id });
  return made.id;
}

export interface Mandate {
  id: string;
  payment_id: string;
  razorpay_customer_id: string;
  is_removed: boolean;
}

const isGone = (error: unknown) =>
  error instanceof RazorpayError && (error.status === 400 || error.status === 404);

/** Learns how an agreement to charge a card stands, and has one deleted that its owner ended. */
export async function followMandate(deps: CallDeps, mandate: Mandate, askedAt: string) {
  const { id, razorpay_customer_id: customer, is_removed: isRemoved } = mandate;
  const path = `/customers/${customer}/tokens/${id}`;
  // What Razorpay no longer has was ended, here or there.
  const ended = { id, recurring_details: { status: 'cancelled' } };
  const ask = async () => {
    if (!isRemoved) return (await deps.razorpay.ask('get', path)).answer;
    const again = () => Promise.resolve(undefined);
    await call(deps, { act: 'delete_token', fact: id }, async () => {
      const { attempts } = await deps.razorpay.ask('delete', path, undefined, again);
      return { answer: ended, attempts };
    });
    return ended;
  };
  const there = await ask().catch((error: unknown) => {
    if (!isGone(error)) throw error;
    return ended;
  });
  await note(deps, 'token', there, {}, askedAt);
}

export interface SubscriptionToMake {
  subscription_id: string;
  account_id: string;
  razorpay_subscription_id: string | null;
  request: Record<string, unknown>;
}

/** Makes a subscription at Razorpay unless it is there: our id is in its notes. */
export async function makeSubscription(
  deps: CallDeps,
  subscription: SubscriptionToMake,
): Promise<string> {
  if (subscription.razorpay_subscription_id) return subscription.razorpay_subscription_id;
  const { subscription_id: id, account_id: accountId, request } = subscription;
  const startedAt = Math.floor(Date.now() / 1000);
  const find = async () => {
    const { items } = (await deps.razorpay.send('get', '/subscriptions', {
      plan_id: request['plan_id'],
      from: startedAt - 3600,
      count: 100,
    })) as unknown as { items: Entity[] };
    return items.find(
      (item) => (item['notes'] as Record<string, unknown> | null)?.['oneai_subscription'] === id,
    );
  };
  const fact = { act: 'create_subscription', fact: id, accountId };
  const made = await call(deps, fact, () =>
    deps.razorpay.ask('post', '/subscriptions', request, find),
  );
  await note(deps, 'subscription', made);
  return made.id;
}

/** Cancels, which is the same however often it is asked. */
export async function cancelSubscription(
  deps: CallDeps,
  { id, fact, wish }: { id: string; fact: string; wish: 'now' | 'cycle_end' },
): Promise<Entity> {
  const find = async () => {
    const there = await deps.razorpay.send('get', `/subscriptions/${id}`);
    return there['status'] === 'cancelled' ? there : undefined;
  };
  const body = { cancel_at_cycle_end: wish === 'cycle_end' ? 1 : 0 };
  const act = { act: `cancel_subscription_${wish}`, fact };
  return await call(deps, act, () =>
    deps.razorpay.ask('post', `/subscriptions/${id}/cancel`, body, find),
  );
}

export interface RefundToMake {
  id: string;
  payment_id: string;
  amount_minor: number;
}

/** Sends money back. Razorpay keeps the idempotency key, which is our id, so a repeat is the same refund. */
export async function makeRefund(deps: CallDeps, refund: RefundToMake): Promise<Entity> {
  const body = { amount: refund.amount_minor, receipt: refund.id, speed: 'normal' };
  const path = `/payments/${refund.payment_id}/refund`;
  const made = await call(deps, { act: 'refund', fact: refund.id }, () =>
    deps.razorpay.ask('post', path, body, () => Promise.resolve(undefined)),
  );
  await note(deps, 'refund', made);
  return made;
}
