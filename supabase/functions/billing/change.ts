import { RazorpayError } from '../_shared/razorpay.ts';
import { cancelSubscription } from '../_shared/razorpay-acts.ts';
import { asService, call, note } from '../_shared/razorpay-call.ts';
import { asCaller, openSubscription, type Subscription } from './checkout.ts';
import type { Act } from './handler.ts';

interface Change {
  mode: 'in_place_now' | 'in_place_at_cycle_end' | 'new_subscription';
  razorpay_subscription_id: string;
  explanation: string;
  effective_at: string;
  asked_at?: string;
  change_id?: number;
  request?: Record<string, unknown>;
  checkout?: Subscription;
}

/** Moves a subscription to another price: in place where the way to pay allows it, else by a new one. */
export async function changePlan(act: Act) {
  const { account_id = null, price_id = null, request_key = null } = act.body;
  const change = await asCaller<Change>(act, 'start_plan_change', {
    account_id,
    price_id,
    request_key,
  });
  const { mode, effective_at, explanation } = change;
  if (change.checkout) {
    return {
      mode,
      effective_at,
      explanation,
      checkout: await openSubscription(act, change.checkout),
    };
  }
  const id = change.razorpay_subscription_id;
  const changeId = change.change_id as number;
  const request = change.request as Record<string, unknown>;
  const noteState = (state: string) =>
    asService(act, 'note_plan_change', { change_id: changeId, state });
  try {
    const changed = await call(
      act,
      { act: 'change_plan', fact: `${id}:${changeId}`, ...whoOf(act) },
      () =>
        act.razorpay.ask('patch', `/subscriptions/${id}`, request, async () => {
          const there = await act.razorpay.send('get', `/subscriptions/${id}`);
          const isDone = there['plan_id'] === request['plan_id'] || there['has_scheduled_changes'];
          return isDone ? there : undefined;
        }),
    );
    await note(act, 'subscription', changed, {}, change.asked_at);
  } catch (error) {
    if (error instanceof RazorpayError && !error.isPassing) await noteState('refused');
    throw error;
  }
  if (mode === 'in_place_now') await learnInvoices(act, id);
  return { mode, effective_at, explanation };
}

/** The change was charged a moment ago; its credits need not wait for the webhook. */
async function learnInvoices(act: Act, subscriptionId: string): Promise<void> {
  try {
    const invoices = await act.razorpay.list('/invoices', { subscription_id: subscriptionId });
    for (const invoice of invoices.slice(0, 3)) {
      const paymentId = invoice['payment_id'];
      if (typeof paymentId !== 'string') continue;
      // deno-lint-ignore no-await-in-loop -- three at most, newest first
      const { answer: payment } = await act.razorpay.ask('get', `/payments/${paymentId}`);
      // deno-lint-ignore no-await-in-loop
      await note(act, 'invoice', invoice, { payment });
    }
  } catch (error) {
    if (!(error instanceof RazorpayError)) throw error;
  }
}

interface Target {
  subscription_id: string;
  razorpay_subscription_id: string;
  cancel_wish: 'now' | 'cycle_end' | null;
  short_url: string | null;
  asked_at: string;
}

/** Cancels, pauses, resumes, or says where a failed renewal can be paid. */
export async function actOnSubscription(act: Act) {
  const { account_id = null, act: wanted = null } = act.body;
  const target = await asCaller<Target>(act, 'start_subscription_act', { account_id, act: wanted });
  try {
    if (wanted === 'retry') return await payLink(act, target);
    const { cancel_wish: wish } = target;
    if (wish && String(wanted).startsWith('cancel')) return await cancel(act, target, wish);
    return await turn(act, target, wanted === 'pause' ? 'pause' : 'resume');
  } catch (error) {
    // What Razorpay refuses is not as we thought it was: whoever asked shall see how it is.
    if (error instanceof RazorpayError && !error.isPassing) await learn(act, target);
    throw error;
  }
}

async function cancel(act: Act, target: Target, wish: 'now' | 'cycle_end') {
  const { razorpay_subscription_id: id, subscription_id: fact } = target;
  const cancelled = await cancelSubscription(act, { id, fact, wish });
  await note(act, 'subscription', cancelled, {}, target.asked_at);
  return { status: cancelled['status'], cancels: wish };
}

async function turn(act: Act, target: Target, verb: 'pause' | 'resume') {
  const path = `/subscriptions/${target.razorpay_subscription_id}`;
  const reached = verb === 'pause' ? 'paused' : 'active';
  const what = { act: `${verb}_subscription`, fact: target.subscription_id, ...whoOf(act) };
  const changed = await call(act, what, () =>
    act.razorpay.ask('post', `${path}/${verb}`, { [`${verb}_at`]: 'now' }, async () => {
      const there = await act.razorpay.send('get', path);
      return there['status'] === reached ? there : undefined;
    }),
  );
  await note(act, 'subscription', changed, {}, target.asked_at);
  return { status: changed['status'] };
}

async function payLink(act: Act, target: Target) {
  const there = await learn(act, target);
  return { status: there['status'], pay_link: there['short_url'] ?? null };
}

async function learn(act: Act, { razorpay_subscription_id: id, asked_at }: Target) {
  const { answer } = await act.razorpay.ask('get', `/subscriptions/${id}`);
  await note(act, 'subscription', answer, {}, asked_at);
  return answer;
}

function whoOf({ body, userId }: Act) {
  return { accountId: String(body['account_id']), userId };
}
