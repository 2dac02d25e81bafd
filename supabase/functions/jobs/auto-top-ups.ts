import { RazorpayError } from '../_shared/razorpay.ts';
import { makeOrder, type Mandate, type OrderToMake } from '../_shared/razorpay-acts.ts';
import { asService, call, type CallDeps, note } from '../_shared/razorpay-call.ts';
import { requireRazorpay, type TaskDeps } from './tasks.ts';

interface Due extends OrderToMake {
  currency: string;
  amount_minor: number;
  description: string;
  mandate: Mandate;
}

/** Pays orders that accounts below their threshold asked for, with the card they agreed to. */
export async function autoTopUps(deps: TaskDeps): Promise<unknown> {
  const work: CallDeps = { ...deps, razorpay: requireRazorpay(deps) };
  const due = await asService<Due[]>(work, 'claim_auto_top_ups', {});
  const states = await Promise.all(due.map((order) => pay(work, order)));
  return { due: due.length, paid: states.filter((state) => state === 'paid').length };
}

async function pay(deps: CallDeps, order: Due): Promise<string> {
  try {
    const razorpayOrderId = await makeOrder(deps, order);
    // Never twice: what became of a charge that got no answer is asked, not tried again.
    const find = async () => {
      const { answer } = await deps.razorpay.ask('get', `/orders/${razorpayOrderId}/payments`);
      const { items } = answer as unknown as { items: { id: string }[] };
      return items[0];
    };
    const { order_id: fact, account_id: accountId, mandate } = order;
    // Who agreed to it is told of every charge, where they said they can be reached.
    const { answer: agreed } = await deps.razorpay.ask('get', `/payments/${mandate.payment_id}`);
    const made = await call(deps, { act: 'charge_mandate', fact, accountId }, async () => {
      const charge = {
        email: agreed['email'],
        contact: agreed['contact'],
        amount: order.amount_minor,
        currency: order.currency,
        order_id: razorpayOrderId,
        customer_id: mandate.razorpay_customer_id,
        token: mandate.id,
        recurring: '1',
        description: order.description,
      };
      const { answer, attempts } = await deps.razorpay.ask(
        'post',
        '/payments/create/recurring',
        charge,
        find,
      );
      return {
        answer: { ...answer, id: String(answer['razorpay_payment_id'] ?? answer.id) },
        attempts,
      };
    });
    const { answer: payment } = await deps.razorpay.ask('get', `/payments/${made.id}`);
    await note(deps, 'payment', payment);
    return payment['status'] === 'captured' ? 'paid' : 'waits';
  } catch (error) {
    // An order whose fate is unknown stays in flight; the sweep finds out.
    if (!(error instanceof RazorpayError) || error.isPassing) return 'unknown';
    await asService(deps, 'fail_auto_top_up', {
      order_id: order.order_id,
      reason: error.description,
    });
    return 'refused';
  }
}
