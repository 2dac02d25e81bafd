import { failure } from '../_shared/errors.ts';
import { type Entity, RazorpayError } from '../_shared/razorpay.ts';
import { makeOrder, makeSubscription } from '../_shared/razorpay-acts.ts';
import { note } from '../_shared/razorpay-call.ts';
import { isSigned } from '../_shared/signature.ts';
import type { Act } from './handler.ts';

interface Customer {
  name: string | null;
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
}
export interface Subscription extends Purchase {
  subscription_id: string;
  razorpay_subscription_id: string | null;
}

/** Sets out to buy a package; the answer is what Razorpay's checkout is opened with. */
export async function startTopUp(act: Act) {
  const order = await asCaller<Order>(act, 'start_top_up', purchaseOf(act.body));
  const razorpayId = await makeOrder(act, order);
  return { id: order.order_id, ...checkoutOf(act, order), razorpay_order_id: razorpayId };
}

export async function startSubscription(act: Act) {
  const taken = await asCaller<Subscription>(act, 'start_subscription', purchaseOf(act.body));
  return await openSubscription(act, taken);
}

export async function openSubscription(act: Act, taken: Subscription) {
  const razorpayId = await makeSubscription(act, taken);
  return {
    id: taken.subscription_id,
    ...checkoutOf(act, taken),
    razorpay_subscription_id: razorpayId,
  };
}

function purchaseOf(body: Record<string, unknown>) {
  const { account_id = null, price_id = null, request_key = null } = body;
  return { account_id, price_id, request_key };
}

function checkoutOf({ razorpay }: Act, bought: Purchase) {
  const { status, description, currency, amount_minor, customer } = bought;
  return { key_id: razorpay.keyId, status, description, currency, amount_minor, prefill: customer };
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
  bought: Partial<Subscription> & Purchase,
  paymentId: string,
): Promise<'paid' | 'processing' | 'failed'> {
  const { razorpay } = act;
  const { answer: payment } = await razorpay.ask('get', `/payments/${paymentId}`);
  const subscriptionId = bought.razorpay_subscription_id;
  if (!subscriptionId) {
    await note(act, 'payment', payment);
  } else {
    const { answer: subscription } = await razorpay.ask('get', `/subscriptions/${subscriptionId}`);
    await note(act, 'subscription', subscription);
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
