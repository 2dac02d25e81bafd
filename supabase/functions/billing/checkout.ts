import { failure } from '../_shared/errors.ts';
import { type Entity, RazorpayError } from '../_shared/razorpay.ts';
import {
  type CustomerToMake,
  followMandate,
  makeCustomer,
  makeOrder,
  makeSubscription,
  type Mandate,
} from '../_shared/razorpay-acts.ts';
import { note } from '../_shared/razorpay-call.ts';
import { isSigned } from '../_shared/signature.ts';
import type { Act } from './handler.ts';

interface Customer extends CustomerToMake {
  email: string | null;
}
interface Purchase {
  account_id: string;
  status: string;
  description: string;
  currency: string;
  amount_minor: number;
  customer: Customer;
  request: Record<string, unknown>;
}
interface Order extends Purchase {
  order_id: string;
  razorpay_order_id: string | null;
  keeps_card: boolean;
}
export interface Subscription extends Purchase {
  subscription_id: string;
  asked_at: string;
  razorpay_subscription_id: string | null;
}

/** Sets out to buy a package; the answer is what Razorpay's checkout is opened with. */
export async function startTopUp(act: Act) {
  const order = await asCaller<Order>(act, 'start_top_up', {
    ...purchaseOf(act.body),
    keeps_card: act.body['keeps_card'] === true,
  });
  const { order_id: id, account_id, customer } = order;
  // An order without its customer cannot keep a card: the customer comes first.
  const customer_id = order.keeps_card ? await makeCustomer(act, account_id, customer) : undefined;
  await makeOrder(act, { ...order, customer_id });
  return {
    id,
    ...checkoutOf(act, order),
    razorpay_order_id: (await notedOf(act, order, id)).razorpay_order_id,
    ...(customer_id ? { razorpay_customer_id: customer_id } : {}),
  };
}

export async function startSubscription(act: Act) {
  const taken = await asCaller<Subscription>(act, 'start_subscription', purchaseOf(act.body));
  return await openSubscription(act, taken);
}

export async function openSubscription(act: Act, taken: Subscription) {
  const id = taken.subscription_id;
  await makeSubscription(act, taken);
  return {
    id,
    ...checkoutOf(act, taken),
    razorpay_subscription_id: (await notedOf(act, taken, id)).razorpay_subscription_id,
  };
}

/**
 * Two tabs may both have made one at Razorpay. The one that was noted first is ours, and only that
 * is offered: what is paid for the other would reach nobody.
 */
async function notedOf<Bought extends Partial<Order & Subscription>>(
  act: Act,
  bought: Bought,
  id: string,
): Promise<Bought> {
  if (bought.razorpay_order_id || bought.razorpay_subscription_id) return bought;
  return await asCaller<Bought>(act, 'find_checkout', { id });
}

function purchaseOf(body: Record<string, unknown>) {
  const { account_id = null, price_id = null, request_key = null } = body;
  return { account_id, price_id, request_key };
}

function checkoutOf({ razorpay }: Act, bought: Purchase) {
  const { status, description, currency, amount_minor, customer } = bought;
  const prefill = { name: customer.name, email: customer.email };
  return { key_id: razorpay.keyId, status, description, currency, amount_minor, prefill };
}

/**
 * What the browser brings back from a checkout. The ids that are signed are those of our own row,
 * and what was paid is asked of Razorpay: the browser's word only tells us where to look.
 */
export async function verifyCheckout(act: Act) {
  const { id = null, razorpay_payment_id: paymentId, razorpay_signature: signature } = act.body;
  if (typeof paymentId !== 'string' || !/^pay_\w{1,50}$/.test(paymentId)) {
    throw failure('invalid_input', 'There is no payment id.', 'Pass on what the checkout gave.');
  }
  const bought = await asCaller<Partial<Order & Subscription> & Purchase>(act, 'find_checkout', {
    id,
  });
  const message = bought.razorpay_order_id
    ? `${bought.razorpay_order_id}|${paymentId}`
    : `${paymentId}|${bought.razorpay_subscription_id}`;
  const secrets = [act.razorpay.keySecret];
  if (!(await isSigned(message, typeof signature === 'string' ? signature : '', secrets))) {
    throw failure(
      'forbidden',
      'This payment does not belong to this purchase.',
      'If you were charged, the credits arrive by themselves within minutes.',
    );
  }
  try {
    return { status: await learn(act, bought, paymentId) };
  } catch (error) {
    // It is paid, and signed for: the webhook or the sweep will bring it.
    if (error instanceof RazorpayError && error.isPassing) return { status: 'processing' };
    throw error;
  }
}

async function learn(
  act: Act,
  bought: Partial<Order & Subscription> & Purchase,
  paymentId: string,
): Promise<'paid' | 'processing' | 'failed'> {
  const { razorpay } = act;
  const { answer: payment } = await razorpay.ask('get', `/payments/${paymentId}`);
  const subscriptionId = bought.razorpay_subscription_id;
  if (!subscriptionId) {
    await note(act, 'payment', payment);
    if (bought.keeps_card) await learnMandate(act, payment);
  } else {
    const { answer: subscription } = await razorpay.ask('get', `/subscriptions/${subscriptionId}`);
    await note(act, 'subscription', subscription, {}, bought.asked_at);
    const invoiceId = payment['invoice_id'];
    if (typeof invoiceId === 'string') {
      const { answer: invoice } = await razorpay.ask('get', `/invoices/${invoiceId}`);
      await note(act, 'invoice', invoice, { payment });
    }
    if (isAgreed(subscription) && payment['invoice_id'] === null) return 'paid';
  }
  if (payment['status'] === 'failed') return 'failed';
  return payment['status'] === 'captured' ? 'paid' : 'processing';
}

/** The card was kept a moment ago; that it may be charged need not wait for the webhook. */
async function learnMandate(act: Act, payment: Entity): Promise<void> {
  const { token_id: id, customer_id: customer } = payment;
  if (typeof id !== 'string' || typeof customer !== 'string') return;
  const path = `/customers/${customer}/tokens/${id}`;
  try {
    await note(act, 'token', (await act.razorpay.ask('get', path)).answer);
  } catch (error) {
    if (!(error instanceof RazorpayError)) throw error;
  }
}

interface Removal {
  asked_at: string;
  mandates: Mandate[];
}

/** Ends the agreement to charge a card: here at once, at Razorpay now or with the next sweep. */
export async function removeCard(act: Act) {
  const { account_id = null } = act.body;
  const { asked_at, mandates } = await asCaller<Removal>(act, 'start_card_removal', { account_id });
  let isDeleted = true;
  for (const mandate of mandates) {
    try {
      // deno-lint-ignore no-await-in-loop -- an account has one, and rarely what is left of another
      await followMandate(act, mandate, asked_at);
    } catch (error) {
      if (!(error instanceof RazorpayError)) throw error;
      isDeleted = false;
    }
  }
  return { status: isDeleted ? 'removed' : 'removing' };
}

function isAgreed(subscription: Entity): boolean {
  return subscription['status'] === 'authenticated' || subscription['status'] === 'active';
}

export function asCaller<Result>(
  { env, rpc, requestId, bearer }: Pick<Act, 'env' | 'rpc' | 'requestId' | 'bearer'>,
  name: string,
  parameters: Record<string, unknown>,
): Promise<Result> {
  return rpc<Result>(name, parameters, { env, requestId, bearer });
}
