import { makeRefund, type RefundToMake } from '../_shared/razorpay-acts.ts';
import { asService } from '../_shared/razorpay-call.ts';
import type { BillingDeps } from './handler.ts';

/** Asked by our own server only. The row is there first, so the sweep does what is cut off here. */
export async function refundPayment(
  deps: BillingDeps & { requestId: string },
  body: Record<string, unknown>,
) {
  const {
    payment_id = null,
    amount_minor = null,
    reason = null,
    author = null,
    reference = null,
  } = body;
  const asked = await asService<RefundToMake & { status: string }>(deps, 'ask_refund', {
    payment_id,
    amount_minor,
    reason,
    author,
    reference,
  });
  if (asked.status !== 'asked') return asked;
  const made = await makeRefund(deps, asked);
  return { ...asked, status: made['status'] };
}
