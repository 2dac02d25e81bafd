/** Subscriptions: agreed to at the checkout, charged by the clock, failing, retried, halted, changed. */
import type { Invoice, Method, Payment, Plan, Subscription } from './entities.ts';
import {
  attemptPayment,
  authorizePayment,
  capturePayment,
  type Choice,
  failPayment,
  notesOf,
  payInvoice,
  tell,
} from './payments.ts';
import { notFound, Refusal } from './refusal.ts';
import { addPeriod, type Hidden, newId, type World } from './world.ts';

const day = 86_400;
/** Tried when it is due and on the three days after, then no more. */
const attempts = 4;
const proofMinor = 500;

export function createSubscription(world: World, body: Record<string, unknown>): Subscription {
  const plan = planOf(world, String(body['plan_id']));
  const total = Number(body['total_count']);
  if (!Number.isInteger(total) || total < 1) {
    throw new Refusal(400, 'The total count field is required.');
  }
  const startAt = typeof body['start_at'] === 'number' ? body['start_at'] : null;
  if (startAt !== null && startAt <= world.clock.now()) {
    throw new Refusal(400, 'start_at must be a future timestamp');
  }
  const id = newId('sub');
  const subscription: Subscription = {
    id,
    entity: 'subscription',
    plan_id: plan.id,
    customer_id: typeof body['customer_id'] === 'string' ? body['customer_id'] : null,
    status: 'created',
    current_start: null,
    current_end: null,
    ended_at: null,
    quantity: 1,
    notes: notesOf(body['notes']),
    charge_at: startAt,
    start_at: startAt,
    end_at: null,
    auth_attempts: 0,
    total_count: total,
    paid_count: 0,
    customer_notify: Boolean(body['customer_notify']),
    created_at: world.clock.now(),
    expire_by: null,
    short_url: `${world.url}/i/${id}`,
    has_scheduled_changes: false,
    change_scheduled_at: null,
    source: 'api',
    payment_method: null,
    remaining_count: total,
  };
  world.subscriptions.set(id, subscription);
  world.hidden.set(id, {
    pays: true,
    international: false,
    cancelAtEnd: false,
    nextPlan: null,
    retryAt: null,
    openInvoice: null,
  });
  return subscription;
}

/** What a customer does with a subscription at the checkout. */
export function agreeTo(
  world: World,
  subscription: Subscription,
  { outcome = 'success', method = 'card' }: Choice,
): Payment {
  if (subscription.status !== 'created') {
    throw new Refusal(400, 'Subscription is not in a state to be authenticated');
  }
  const hidden = hiddenOf(world, subscription);
  const plan = planOf(world, subscription.plan_id);
  const { amount, currency } = plan.item;
  const isLater = subscription.start_at !== null;
  const invoice = isLater ? undefined : issueInvoice(world, subscription, world.clock.now());
  const payment = attemptPayment(world, {
    amount: isLater ? proofMinor : amount,
    currency,
    orderId: invoice?.order_id ?? null,
    invoiceId: invoice?.id ?? null,
    method,
  });
  if (outcome !== 'success') {
    if (invoice) forgetInvoice(world, invoice);
    failPayment(world, payment);
    return payment;
  }
  hidden.international = payment.international;
  subscription.payment_method = method;
  subscription.status = 'authenticated';
  authorizePayment(world, payment);
  tell(world, 'subscription.authenticated', { subscription });
  if (!invoice) {
    // It only proved the card, and goes back without ever having been captured.
    Object.assign(payment, { status: 'refunded', amount_refunded: payment.amount });
    return payment;
  }
  subscription.start_at = world.clock.now();
  subscription.end_at = addPeriod(subscription.start_at, plan, subscription.total_count);
  beginPeriod(world, subscription, subscription.start_at);
  charged(world, subscription, invoice, payment);
  return payment;
}

/** Does all that is due until the clock's new moment, in the order in which it is due. */
export function advanceTo(world: World, moment: number): void {
  for (;;) {
    const due = [...world.subscriptions.values()]
      .map((subscription) => ({ subscription, at: dueAt(world, subscription) }))
      .filter((one): one is { subscription: Subscription; at: number } => one.at !== null)
      .filter(({ at }) => at <= moment)
      .sort((a, b) => a.at - b.at || a.subscription.id.localeCompare(b.subscription.id))[0];
    if (!due) break;
    world.clock.moveTo(Math.max(due.at, world.clock.now()));
    act(world, due.subscription);
  }
  world.clock.moveTo(moment);
}

function dueAt(world: World, subscription: Subscription): number | null {
  const hidden = hiddenOf(world, subscription);
  switch (subscription.status) {
    case 'authenticated':
      return subscription.start_at;
    case 'active':
      return subscription.current_end;
    case 'pending':
      return hidden.retryAt;
    case 'halted':
      return hidden.cancelAtEnd ? subscription.current_end : null;
    default:
      return null;
  }
}

function act(world: World, subscription: Subscription): void {
  const hidden = hiddenOf(world, subscription);
  if (subscription.status === 'pending') return charge(world, subscription);
  if (hidden.cancelAtEnd && subscription.status !== 'authenticated') {
    return end(world, subscription, 'cancelled');
  }
  if (hidden.nextPlan) {
    changeTo(world, subscription, hidden.nextPlan);
    tell(world, 'subscription.updated', { subscription });
  }
  const start = subscription.current_end ?? subscription.start_at ?? world.clock.now();
  if (subscription.paid_count >= subscription.total_count) {
    return end(world, subscription, 'completed');
  }
  beginPeriod(world, subscription, start);
  hidden.openInvoice = issueInvoice(world, subscription, start).id;
  charge(world, subscription);
}

function charge(world: World, subscription: Subscription): void {
  const hidden = hiddenOf(world, subscription);
  const invoice = world.invoices.get(hidden.openInvoice ?? '') as Invoice;
  const payment = attemptPayment(world, {
    amount: invoice.amount,
    currency: invoice.currency,
    orderId: invoice.order_id,
    invoiceId: invoice.id,
    method: subscription.payment_method as Method,
    description: 'Recurring Payment via Subscription',
  });
  if (hidden.pays) {
    authorizePayment(world, payment);
    charged(world, subscription, invoice, payment);
    return;
  }
  failPayment(world, payment);
  subscription.auth_attempts += 1;
  const isLast = subscription.auth_attempts >= attempts;
  hidden.retryAt = isLast ? null : world.clock.now() + day;
  subscription.status = isLast ? 'halted' : 'pending';
  subscription.charge_at = hidden.retryAt;
  if (isLast) tell(world, 'subscription.halted', { subscription });
  else if (subscription.auth_attempts === 1) tell(world, 'subscription.pending', { subscription });
}

function charged(
  world: World,
  subscription: Subscription,
  invoice: Invoice,
  payment: Payment,
): void {
  const hidden = hiddenOf(world, subscription);
  const wasNew = subscription.paid_count === 0;
  subscription.paid_count += 1;
  subscription.remaining_count = subscription.total_count - subscription.paid_count;
  subscription.status = 'active';
  subscription.auth_attempts = 0;
  subscription.charge_at = subscription.current_end;
  hidden.retryAt = null;
  hidden.openInvoice = null;
  capturePayment(world, payment);
  if (wasNew) tell(world, 'subscription.activated', { subscription });
  payInvoice(world, invoice, payment);
  // The one event that spells the flag as text.
  tell(world, 'subscription.charged', { subscription, payment: { ...payment, captured: '1' } });
}

/** The customer pays what is open through the link of the subscription, perhaps with another card. */
export function payOpen(world: World, subscription: Subscription, choice: Choice): Payment {
  const hidden = hiddenOf(world, subscription);
  const invoice = world.invoices.get(hidden.openInvoice ?? '');
  if (!invoice) throw new Refusal(400, 'There is nothing to pay');
  const payment = attemptPayment(world, {
    amount: invoice.amount,
    currency: invoice.currency,
    orderId: invoice.order_id,
    invoiceId: invoice.id,
    method: choice.method ?? 'card',
  });
  if (choice.outcome && choice.outcome !== 'success') {
    failPayment(world, payment);
    return payment;
  }
  hidden.pays = true;
  authorizePayment(world, payment);
  charged(world, subscription, invoice, payment);
  return payment;
}

export function updateSubscription(
  world: World,
  subscription: Subscription,
  body: Record<string, unknown>,
): Subscription {
  const hidden = hiddenOf(world, subscription);
  if (subscription.status !== 'active') {
    throw new Refusal(400, 'Subscription is not in an updatable state');
  }
  if (subscription.payment_method !== 'card' || !hidden.international) {
    throw new Refusal(400, 'Subscription cannot be updated for this payment method');
  }
  const plan = planOf(world, String(body['plan_id']));
  const before = planOf(world, subscription.plan_id);
  if (plan.id === before.id) throw new Refusal(400, 'The plan is the one there is');
  if (body['schedule_change_at'] === 'cycle_end') {
    hidden.nextPlan = plan.id;
    subscription.has_scheduled_changes = true;
    subscription.change_scheduled_at = subscription.current_end;
    return subscription;
  }
  const now = world.clock.now();
  const [start, finish] = [
    subscription.current_start as number,
    subscription.current_end as number,
  ];
  const share = (finish - now) / (finish - start);
  const amount = Math.round((plan.item.amount - before.item.amount) * share);
  if (amount > 0) {
    if (!hidden.pays) throw new Refusal(400, 'The payment for the update failed');
    const invoice = issueInvoice(world, subscription, now, amount);
    const payment = attemptPayment(world, {
      amount,
      currency: plan.item.currency,
      orderId: invoice.order_id,
      invoiceId: invoice.id,
      method: 'card',
    });
    authorizePayment(world, payment);
    capturePayment(world, payment);
    changeTo(world, subscription, plan.id);
    payInvoice(world, invoice, payment);
  } else {
    changeTo(world, subscription, plan.id);
  }
  tell(world, 'subscription.updated', { subscription });
  return subscription;
}

export function cancelSubscription(
  world: World,
  subscription: Subscription,
  atEnd: boolean,
): Subscription {
  const hidden = hiddenOf(world, subscription);
  if (['cancelled', 'completed', 'expired'].includes(subscription.status)) {
    throw new Refusal(400, `Subscription is not cancellable in ${subscription.status} status.`);
  }
  if (atEnd && subscription.status === 'active') hidden.cancelAtEnd = true;
  else if (atEnd) throw new Refusal(400, 'Subscription has no cycle to wait for.');
  else end(world, subscription, 'cancelled');
  return subscription;
}

export function pauseSubscription(world: World, subscription: Subscription): Subscription {
  if (subscription.status !== 'active') throw new Refusal(400, 'Subscription is not active');
  subscription.status = 'paused';
  subscription.charge_at = null;
  tell(world, 'subscription.paused', { subscription });
  return subscription;
}

export function resumeSubscription(world: World, subscription: Subscription): Subscription {
  if (subscription.status !== 'paused') throw new Refusal(400, 'Subscription is not paused');
  subscription.status = 'active';
  const now = world.clock.now();
  // What lies behind was not paid for; the next period begins now.
  if ((subscription.current_end as number) < now) subscription.current_end = now;
  subscription.charge_at = subscription.current_end;
  tell(world, 'subscription.resumed', { subscription });
  advanceTo(world, now);
  return subscription;
}

function end(world: World, subscription: Subscription, status: 'cancelled' | 'completed'): void {
  const hidden = hiddenOf(world, subscription);
  const open = world.invoices.get(hidden.openInvoice ?? '');
  if (open) Object.assign(open, { status: 'cancelled', cancelled_at: world.clock.now() });
  Object.assign(hidden, { openInvoice: null, retryAt: null });
  Object.assign(subscription, { status, ended_at: world.clock.now(), charge_at: null });
  tell(world, `subscription.${status}`, { subscription });
}

function beginPeriod(world: World, subscription: Subscription, start: number): void {
  const plan = planOf(world, subscription.plan_id);
  subscription.current_start = start;
  subscription.current_end = addPeriod(start, plan);
}

function changeTo(world: World, subscription: Subscription, planId: string): void {
  hiddenOf(world, subscription).nextPlan = null;
  subscription.plan_id = planId;
  subscription.has_scheduled_changes = false;
  subscription.change_scheduled_at = null;
}

function issueInvoice(
  world: World,
  subscription: Subscription,
  start: number,
  amount?: number,
): Invoice {
  const plan = planOf(world, subscription.plan_id);
  const due = amount ?? plan.item.amount;
  const orderId = newId('order');
  const now = world.clock.now();
  world.orders.set(orderId, {
    id: orderId,
    entity: 'order',
    amount: due,
    amount_paid: 0,
    amount_due: due,
    currency: plan.item.currency,
    receipt: null,
    offer_id: null,
    status: 'created',
    attempts: 0,
    notes: [],
    created_at: now,
  });
  const invoice: Invoice = {
    id: newId('inv'),
    entity: 'invoice',
    receipt: null,
    invoice_number: null,
    customer_id: subscription.customer_id,
    order_id: orderId,
    subscription_id: subscription.id,
    payment_id: null,
    status: 'issued',
    issued_at: now,
    paid_at: null,
    cancelled_at: null,
    expired_at: null,
    gross_amount: due,
    tax_amount: 0,
    taxable_amount: 0,
    amount: due,
    amount_paid: 0,
    amount_due: due,
    currency: plan.item.currency,
    description: null,
    notes: [],
    short_url: subscription.short_url,
    billing_start: start,
    billing_end:
      amount === undefined ? addPeriod(start, plan) : (subscription.current_end as number),
    type: 'invoice',
    created_at: now,
  };
  world.invoices.set(invoice.id, invoice);
  return invoice;
}

function forgetInvoice(world: World, invoice: Invoice): void {
  world.invoices.delete(invoice.id);
}

export function planOf(world: World, id: string): Plan {
  const plan = world.plans.get(id);
  if (!plan) throw notFound();
  return plan;
}

export function hiddenOf(world: World, subscription: Subscription): Hidden {
  return world.hidden.get(subscription.id) as Hidden;
}
