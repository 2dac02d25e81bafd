import { PUBLIC_RAZORPAY_URL } from '$app/env/public';
import type { Paid, Purchase } from '#lib/api/billing.ts';

/** How a checkout was left: paid, or closed, after a refusal by the bank if there was one. */
export type Left = { paid: Paid } | { paid: null; refusal: string | null };

interface Options {
  key: string;
  name: string;
  description: string;
  order_id?: string;
  subscription_id?: string;
  customer_id?: string;
  recurring?: '1';
  prefill: { name?: string; email?: string };
  handler: (answer: Paid) => void;
  modal: { ondismiss: () => void };
}

interface RazorpayWindow {
  Razorpay?: new (options: Options) => {
    open(): void;
    on(
      event: 'payment.failed',
      listener: (failed: { error?: { description?: string } }) => void,
    ): void;
  };
}

let loading: Promise<void> | undefined;

/** Razorpay's script comes with the first click that pays, and never before. */
function loadScript(): Promise<void> {
  loading ??= new Promise<void>((resolve, reject) => {
    const script = document.createElement('script');
    script.src = `${PUBLIC_RAZORPAY_URL}/v1/checkout.js`;
    script.onload = () => resolve();
    script.onerror = () => {
      script.remove();
      loading = undefined;
      reject(new TypeError('Failed to fetch the checkout'));
    };
    document.head.append(script);
  });
  return loading;
}

/** Opens the checkout over the page and tells how it was left. */
export async function openCheckout(purchase: Purchase): Promise<Left> {
  await loadScript();
  const { Razorpay } = window as unknown as RazorpayWindow;
  if (!Razorpay) throw new TypeError('Failed to load the checkout');
  const { prefill, razorpay_order_id: order, razorpay_subscription_id: subscription } = purchase;
  const customer = purchase.razorpay_customer_id;
  return new Promise((resolve) => {
    let refusal: string | null = null;
    const checkout = new Razorpay({
      key: purchase.key_id,
      name: 'OneAI',
      description: purchase.description,
      ...(order ? { order_id: order } : {}),
      ...(subscription ? { subscription_id: subscription } : {}),
      ...(customer ? { customer_id: customer, recurring: '1' } : {}),
      prefill: {
        ...(prefill.name ? { name: prefill.name } : {}),
        ...(prefill.email ? { email: prefill.email } : {}),
      },
      handler: (paid) => resolve({ paid }),
      modal: { ondismiss: () => resolve({ paid: null, refusal }) },
    });
    checkout.on('payment.failed', ({ error }) => {
      refusal = error?.description ?? 'Your bank declined the payment.';
    });
    checkout.open();
  });
}
