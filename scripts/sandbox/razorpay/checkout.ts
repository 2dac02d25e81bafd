/** The checkout: a script that pages load, and the window it opens, where a sandbox customer decides. */

/** The look-alike of Razorpay's checkout.js: `new Razorpay(options).open()`. */
export function checkoutScript(url: string): string {
  return `(() => {
  'use strict';
  class Razorpay {
    constructor(options) {
      if (!options || !options.key) throw new Error('No key passed');
      if (!options.order_id && !options.subscription_id) throw new Error('No order_id or subscription_id passed');
      this.options = options;
      this.listeners = {};
    }
    on(name, listener) {
      (this.listeners[name] ||= []).push(listener);
    }
    open() {
      const { options } = this;
      const query = new URLSearchParams({
        parent: location.origin,
        name: options.name || '',
        description: options.description || '',
        email: (options.prefill && options.prefill.email) || '',
      });
      if (options.order_id) query.set('order_id', options.order_id);
      if (options.subscription_id) query.set('subscription_id', options.subscription_id);
      if (options.customer_id) query.set('customer_id', options.customer_id);
      if (options.recurring) query.set('recurring', '1');
      const frame = document.createElement('iframe');
      frame.className = 'razorpay-checkout-frame';
      frame.title = 'Payment';
      frame.src = '${url}/v1/checkout/embedded?' + query;
      frame.width = '100%';
      frame.height = '100%';
      const dialog = document.createElement('dialog');
      dialog.className = 'razorpay-container';
      const size = { width: 'min(26rem, 96vw)', height: 'min(34rem, 92vh)', margin: 'auto', padding: '0', border: '0', borderRadius: '12px', overflow: 'hidden' };
      Object.assign(dialog.style, size);
      frame.style.border = '0';
      dialog.append(frame);
      document.body.append(dialog);
      dialog.showModal();
      const close = () => {
        removeEventListener('message', hear);
        dialog.remove();
      };
      const dismiss = () => {
        close();
        if (options.modal && options.modal.ondismiss) options.modal.ondismiss();
      };
      const hear = (event) => {
        if (event.origin !== '${url}' || event.source !== frame.contentWindow) return;
        if (event.data.kind === 'dismiss') return dismiss();
        if (event.data.kind === 'failed') {
          for (const listener of this.listeners['payment.failed'] || []) listener(event.data.response);
          return;
        }
        close();
        if (options.handler) options.handler(event.data.response);
      };
      addEventListener('message', hear);
      dialog.addEventListener('cancel', (event) => { event.preventDefault(); dismiss(); });
      this.close = dismiss;
    }
  }
  window.Razorpay = Razorpay;
})();
`;
}

export interface CheckoutView {
  title: string;
  description: string;
  amount: string;
  email: string;
  /** Where the page posts what the customer chose. */
  action: string;
  fields: Record<string, string>;
  /** The origin that hears of it; a page of its own where there is none. */
  parent: string;
  /** What paying agrees to besides. */
  agreement: string;
}

const others = `<label><input type="radio" name="method" value="upi"> UPI</label>
<label><input type="radio" name="method" value="netbanking"> Netbanking</label>`;

export function checkoutPage(view: CheckoutView): string {
  const fields = Object.entries(view.fields)
    .map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox payment</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; padding: 1.25rem; background: light-dark(#fff, #18181b); color: light-dark(#18181b, #fafafa); }
header { display: flex; justify-content: space-between; align-items: start; gap: 1rem; }
h1 { font-size: 1rem; margin: 0; }
.note { background: light-dark(#fef3c7, #422006); border-radius: 8px; padding: 0.5rem 0.75rem; font-size: 0.85rem; }
.sum { font-size: 1.6rem; font-weight: 650; margin: 0.75rem 0 0; }
fieldset { border: 1px solid light-dark(#d4d4d8, #3f3f46); border-radius: 8px; margin: 1rem 0; }
label { display: block; padding: 0.15rem 0; }
button { width: 100%; padding: 0.65rem; margin-top: 0.5rem; border-radius: 8px; border: 1px solid light-dark(#d4d4d8, #3f3f46); background: none; color: inherit; font: inherit; cursor: pointer; }
button[value='success'] { background: #1d4ed8; border-color: #1d4ed8; color: #fff; font-weight: 600; }
#close { width: auto; margin: 0; padding: 0.1rem 0.6rem; }
[role='alert'] { color: light-dark(#b91c1c, #fca5a5); min-height: 1.5em; }
</style>
</head>
<body>
<header><div><h1>${escape(view.title)}</h1><div>${escape(view.description)}</div></div><button id="close" aria-label="Close">✕</button></header>
<p class="sum">${escape(view.amount)}</p>
<p class="note">Sandbox: no money moves. Choose what the bank shall do.</p>
<form>
${fields}
<fieldset><legend>Pay with</legend>
<label><input type="radio" name="method" value="card" checked> Card ···· 4242</label>
${view.agreement ? '' : others}
</fieldset>
${view.agreement ? `<p>${escape(view.agreement)}</p>` : ''}
<button name="outcome" value="success">Pay</button>
<button name="outcome" value="failure">Let the bank decline it</button>
<button name="outcome" value="slow-bank">A slow bank: declined now, agreed later</button>
</form>
<p role="alert" id="said"></p>
<script>
const parent = ${JSON.stringify(view.parent)};
const say = (message) => { if (parent) window.parent.postMessage(message, parent); };
document.querySelector('#close').addEventListener('click', () => say({ kind: 'dismiss' }));
document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  form.set('outcome', event.submitter.value);
  const response = await fetch(${JSON.stringify(view.action)}, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(Object.fromEntries(form)) });
  const answer = await response.json();
  if (answer.error) {
    document.querySelector('#said').textContent = answer.error.description;
    say({ kind: 'failed', response: answer });
  } else if (parent) {
    say({ kind: 'paid', response: answer });
  } else {
    document.querySelector('form').remove();
    document.querySelector('#said').textContent = 'Paid. You can close this page.';
  }
});
</script>
</body>
</html>
`;
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
