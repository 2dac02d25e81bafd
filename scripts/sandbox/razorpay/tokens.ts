/** Tokens: cards that may be charged again, by what their owner agreed to when an order was paid. */
import type { Payment, TokenStatus } from './entities.ts';
import { attemptPayment, authorizePayment, capturePayment, failPayment, tell } from './payments.ts';
import { notFound, Refusal } from './refusal.ts';
import { type Agreement, type Kept, newId, textOf, type World } from './world.ts';

/** What an order asks for besides its payment, if it asks for anything. */
export function agreementOf(world: World, body: Record<string, unknown>): Agreement | undefined {
  const wanted = body['token'] as { max_amount?: number; expire_at?: number } | undefined;
  if (!wanted) return undefined;
  const customerId = textOf(body['customer_id']);
  if (!world.customers.has(customerId)) throw notFound();
  const { max_amount: maxAmount, expire_at: expireAt } = wanted;
  if (!Number.isInteger(maxAmount) || (maxAmount as number) < (body['amount'] as number)) {
    throw new Refusal(400, 'The max amount must be at least the order amount');
  }
  if (!Number.isInteger(expireAt) || (expireAt as number) <= world.clock.now()) {
    throw new Refusal(400, 'expire_at must be a future timestamp');
  }
  return { customerId, maxAmount: maxAmount as number, expireAt: expireAt as number };
}

export function keepCard(world: World, { customerId, maxAmount, expireAt }: Agreement): Kept {
  const now = world.clock.now();
  const token = {
    id: newId('token'),
    entity: 'token' as const,
    token: newId('vault').slice(6),
    bank: null,
    wallet: null,
    method: 'card' as const,
    card: { entity: 'card', last4: '4242', network: 'Visa', type: 'credit', international: false },
    recurring: false,
    recurring_details: { status: 'initiated' as TokenStatus, failure_reason: null },
    auth_type: null,
    mrn: null,
    used_at: now,
    created_at: now,
    max_amount: maxAmount,
    expired_at: expireAt,
    dcc_enabled: false,
  };
  const kept: Kept = { token, customerId, pays: true };
  world.tokens.set(token.id, kept);
  return kept;
}

/** What the bank or the card's owner makes of it, at their bank. */
export function setTokenStatus(
  world: World,
  kept: Kept,
  status: Exclude<TokenStatus, 'initiated'>,
): void {
  const { token } = kept;
  token.recurring = status === 'confirmed' || status === 'paused';
  token.recurring_details = {
    status,
    failure_reason: status === 'rejected' ? 'Rejected by bank' : null,
  };
  const { recurring_details, max_amount, ...bare } = token;
  // Of a card that was simply agreed to, the event says no more than that it recurs.
  const told = status === 'confirmed' ? bare : { ...bare, recurring_details, max_amount };
  tell(world, `token.${status}`, { token: { ...told, recurring: token.recurring } });
}

export function findToken(world: World, customerId: string, id: string): Kept {
  const kept = world.tokens.get(id);
  if (kept?.customerId !== customerId) throw notFound();
  return kept;
}

export function deleteToken(world: World, kept: Kept): object {
  setTokenStatus(world, kept, 'cancelled');
  world.tokens.delete(kept.token.id);
  return { deleted: true };
}

/** A charge of a kept card: what it comes to is known at once here, and told by webhooks as well. */
export function chargeToken(world: World, body: Record<string, unknown>): object {
  const order = world.orders.get(textOf(body['order_id']));
  if (!order) throw notFound();
  const { token, pays } = findToken(world, textOf(body['customer_id']), textOf(body['token']));
  for (const name of ['email', 'contact']) {
    if (!textOf(body[name])) throw new Refusal(400, `The ${name} field is required.`);
  }
  if (textOf(body['recurring']) !== '1') throw new Refusal(400, 'The recurring field is required.');
  if (body['amount'] !== order.amount || body['currency'] !== order.currency) {
    throw new Refusal(400, 'Your payment amount is different from your order amount.');
  }
  if (token.recurring_details.status !== 'confirmed' || token.expired_at <= world.clock.now()) {
    throw new Refusal(400, 'The token is not enabled for recurring payments');
  }
  if (order.amount > token.max_amount) {
    throw new Refusal(400, 'Amount exceeds maximum amount allowed');
  }
  if (order.status === 'paid') throw new Refusal(400, 'Order is already paid');
  const payment: Payment = attemptPayment(world, {
    amount: order.amount,
    currency: order.currency,
    orderId: order.id,
    customerId: textOf(body['customer_id']),
    tokenId: token.id,
    description: textOf(body['description']),
  });
  if (pays) {
    authorizePayment(world, payment);
    capturePayment(world, payment);
  } else {
    failPayment(world, payment);
  }
  return {
    razorpay_payment_id: payment.id,
    razorpay_order_id: order.id,
    razorpay_signature: '',
  };
}
