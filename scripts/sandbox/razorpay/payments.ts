/** Orders and payments: what a customer does at the checkout, and what comes of it. */
import { createHmac } from 'node:crypto';
import type { Dispute, Invoice, Method, Order, Payment, Refund } from './entities.ts';
import { agreementOf, keepCard, setTokenStatus } from './tokens.ts';
import { notFound, Refusal } from './refusal.ts';
import { newId, type World } from './world.ts';

export interface Attempt {
  amount: number;
  currency: string;
  orderId: string | null;
  invoiceId?: string | null;
  method?: Method;
  description?: string | null;
  customerId?: string | null;
  tokenId?: string | null;
}

export function attemptPayment(world: World, attempt: Attempt): Payment {
  const method = attempt.method ?? 'card';
  const payment: Payment = {
    id: newId('pay'),
    entity: 'payment',
    amount: attempt.amount,
    currency: attempt.currency,
    base_amount: attempt.amount,
    status: 'created',
    order_id: attempt.orderId,
    invoice_id: attempt.invoiceId ?? null,
    international: method === 'card' && attempt.currency !== 'INR',
    method,
    amount_refunded: 0,
    amount_transferred: 0,
    refund_status: null,
    captured: false,
    description: attempt.description ?? null,
    card_id: method === 'card' ? newId('card') : null,
    ...(method === 'card' ? { card: { last4: '4242', network: 'Visa', type: 'credit' } } : {}),
    bank: method === 'netbanking' ? 'HDFC' : null,
    wallet: method === 'wallet' ? 'payzapp' : null,
    vpa: method === 'upi' ? 'customer@upi' : null,
    email: 'customer@example.com',
    contact: '+919000090000',
    customer_id: attempt.customerId ?? null,
    token_id: attempt.tokenId ?? null,
    notes: [],
    fee: null,
    tax: null,
    error_code: null,
    error_description: null,
    error_source: null,
    error_step: null,
    error_reason: null,
    acquirer_data: {},
    created_at: world.clock.now(),
  };
  world.payments.set(payment.id, payment);
  const order = attempt.orderId ? world.orders.get(attempt.orderId) : undefined;
  if (order) {
    order.attempts += 1;
    if (order.status === 'created') order.status = 'attempted';
  }
  return payment;
}

export function failPayment(
  world: World,
  payment: Payment,
  why = 'Your payment was declined by the bank',
): void {
  Object.assign(payment, {
    status: 'failed',
    error_code: 'BAD_REQUEST_ERROR',
    error_description: why,
    error_source: 'bank',
    error_step: 'payment_authorization',
    error_reason: 'payment_failed',
  });
  tell(world, 'payment.failed', { payment });
}

export function authorizePayment(world: World, payment: Payment): void {
  Object.assign(payment, {
    status: 'authorized',
    error_code: null,
    error_description: null,
    error_source: null,
    error_step: null,
    error_reason: null,
  });
  tell(world, 'payment.authorized', { payment });
}

export function capturePayment(world: World, payment: Payment): void {
  const order = payment.order_id ? world.orders.get(payment.order_id) : undefined;
  const fee = Math.round(payment.amount * 0.02);
  Object.assign(payment, { status: 'captured', captured: true, fee, tax: 0 });
  if (order) {
    order.amount_paid = payment.amount;
    order.amount_due = order.amount - payment.amount;
    order.status = 'paid';
  }
  tell(world, 'payment.captured', { payment });
  if (order && !payment.invoice_id) tell(world, 'order.paid', { payment, order });
}

export function createOrder(world: World, body: Record<string, unknown>): Order {
  const { amount, currency, receipt, notes } = body;
  if (!Number.isInteger(amount) || (amount as number) < 100) {
    throw new Refusal(400, 'Order amount less than minimum amount allowed');
  }
  const order: Order = {
    id: newId('order'),
    entity: 'order',
    amount: amount as number,
    amount_paid: 0,
    amount_due: amount as number,
    currency: String(currency),
    receipt: typeof receipt === 'string' ? receipt : null,
    offer_id: null,
    status: 'created',
    attempts: 0,
    notes: notesOf(notes),
    created_at: world.clock.now(),
  };
  const agreement = agreementOf(world, body);
  if (agreement) world.agreements.set(order.id, agreement);
  world.orders.set(order.id, order);
  return order;
}

export function notesOf(notes: unknown): Record<string, string> | [] {
  const entries = Object.entries((notes ?? {}) as Record<string, unknown>);
  if (entries.length === 0) return [];
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

export type Outcome = 'success' | 'failure' | 'slow-bank';

/** What a customer does with an order at the checkout. */
export function payOrder(
  world: World,
  order: Order,
  { outcome = 'success', method = 'card', bankWaits = false }: Choice,
): Payment {
  if (order.status === 'paid') throw new Refusal(400, 'Order is already paid');
  const { id: orderId, amount, currency } = order;
  const agreement = world.agreements.get(orderId);
  if (agreement && method !== 'card') {
    throw new Refusal(400, 'Recurring payments are not supported for this method');
  }
  const kept = agreement && keepCard(world, agreement);
  const payment = attemptPayment(world, {
    amount,
    currency,
    orderId,
    method,
    ...(kept ? { customerId: kept.customerId, tokenId: kept.token.id } : {}),
  });
  if (outcome === 'success') {
    authorizePayment(world, payment);
    if (kept && !bankWaits) setTokenStatus(world, kept, 'confirmed');
    capturePayment(world, payment);
  } else {
    // A slow bank says no at first; it may agree days later.
    failPayment(world, payment);
  }
  return payment;
}

export interface Choice {
  outcome?: Outcome;
  method?: Method;
  /** The bank takes its time to register that the card may be charged again. */
  bankWaits?: boolean;
}

export function signCheckout(world: World, payment: Payment, subscriptionId?: string): string {
  const message = subscriptionId
    ? `${payment.id}|${subscriptionId}`
    : `${payment.order_id}|${payment.id}`;
  return createHmac('sha256', world.keySecret).update(message).digest('hex');
}

export function refundPayment(
  world: World,
  payment: Payment,
  body: Record<string, unknown>,
  key: string | undefined,
): Refund {
  const earlier = key ? world.refunds.get(world.refundKeys.get(key) ?? '') : undefined;
  if (earlier) return earlier;
  if (!payment.captured) throw new Refusal(400, 'The payment has not been captured');
  const left = payment.amount - payment.amount_refunded;
  const amount = (body['amount'] as number | undefined) ?? left;
  if (!(amount > 0) || amount > left) {
    throw new Refusal(400, 'The refund amount provided is greater than amount captured');
  }
  const refund: Refund = {
    id: newId('rfnd'),
    entity: 'refund',
    amount,
    currency: payment.currency,
    payment_id: payment.id,
    notes: notesOf(body['notes']),
    receipt: typeof body['receipt'] === 'string' ? body['receipt'] : null,
    acquirer_data: { arn: null },
    created_at: world.clock.now(),
    batch_id: null,
    status: 'pending',
    speed_processed: 'normal',
    speed_requested: 'normal',
  };
  world.refunds.set(refund.id, refund);
  if (key) world.refundKeys.set(key, refund.id);
  payment.amount_refunded += amount;
  const isFull = payment.amount_refunded === payment.amount;
  payment.refund_status = isFull ? 'full' : 'partial';
  if (isFull) payment.status = 'refunded';
  tell(world, 'refund.created', { refund, payment });
  refund.status = 'processed';
  tell(world, 'refund.processed', { refund, payment });
  return refund;
}

export function disputePayment(world: World, payment: Payment, amount: number): Dispute {
  const dispute: Dispute = {
    id: newId('disp'),
    entity: 'dispute',
    payment_id: payment.id,
    amount,
    currency: payment.currency,
    amount_deducted: 0,
    reason_code: 'goods_or_services_not_received_or_partially_received',
    respond_by: world.clock.now() + 10 * 86_400,
    status: 'open',
    phase: 'chargeback',
    created_at: world.clock.now(),
  };
  world.disputes.set(dispute.id, dispute);
  tell(world, 'payment.dispute.created', { payment, dispute });
  return dispute;
}

export function endDispute(
  world: World,
  dispute: Dispute,
  status: 'under_review' | 'won' | 'lost' | 'closed',
): void {
  const payment = world.payments.get(dispute.payment_id);
  if (!payment) throw notFound();
  dispute.status = status;
  if (status === 'lost') dispute.amount_deducted = dispute.amount;
  tell(world, `payment.dispute.${status}`, { payment, dispute });
}

/** Everything said at one moment about these entities, as they are then. */
export function tell(
  world: World,
  event: string,
  payload: Partial<
    Record<
      'payment' | 'order' | 'invoice' | 'subscription' | 'refund' | 'dispute' | 'token',
      object
    >
  >,
): void {
  world.courier.emit(event, Object.keys(payload), payload, world.clock.now());
}

export function payInvoice(world: World, invoice: Invoice, payment: Payment): void {
  const order = world.orders.get(invoice.order_id) as Order;
  Object.assign(invoice, {
    status: 'paid',
    payment_id: payment.id,
    paid_at: world.clock.now(),
    amount_paid: invoice.amount,
    amount_due: 0,
  });
  tell(world, 'invoice.paid', { payment, order, invoice });
}
