import { expect, test } from 'vitest';
import type { Purchase } from '#lib/api/billing.ts';
import { Checkout, type CheckoutDeps, type Phase } from './checkout.svelte.ts';

const purchase: Purchase = {
  id: 'c7d0a9a0-0000-4000-8000-000000000001',
  key_id: 'rzp_test_1',
  status: 'created',
  description: 'Starter package',
  currency: 'GBP',
  amount_minor: 500,
  prefill: {},
  razorpay_order_id: 'order_1',
};
const paid = { razorpay_payment_id: 'pay_1', razorpay_signature: 'ab' };

function play(changes: Partial<CheckoutDeps> = {}) {
  const kept = new Map<string, string>();
  const pauses: number[] = [];
  const phases: Phase[] = [];
  let arrivals = 0;
  const checkout: Checkout = new Checkout({
    open: async () => ({ paid }),
    verify: async () => ({ status: 'paid' }),
    hasArrived: async () => true,
    sleep: async (ms) => {
      pauses.push(ms);
      phases.push(checkout.phase);
    },
    keys: {
      of: (what) => {
        if (!kept.has(what)) kept.set(what, `key-${kept.size}-${Math.random()}`);
        return kept.get(what)!;
      },
      forget: (what) => kept.delete(what),
    },
    ...changes,
  });
  const buy = (begin: (key: string) => Promise<Purchase | null> = async () => purchase) =>
    checkout.buy({ what: 'starter', begin, onarrived: () => void (arrivals += 1) });
  return { checkout, buy, kept, pauses, phases, arrivals: () => arrivals };
}

function after(count: number) {
  let looks = 0;
  return async () => ++looks > count;
}

test('a payment that went through ends with the credits, and its key is forgotten', async () => {
  const { checkout, buy, kept, arrivals } = play();
  await buy();
  expect(checkout.phase).toBe('arrived');
  expect(arrivals()).toBe(1);
  expect(kept.size).toBe(0);
});

test('the pauses between looks grow, and a long wait is told', async () => {
  const { checkout, buy, pauses, phases } = play({ hasArrived: after(12) });
  await buy();
  expect(checkout.phase).toBe('arrived');
  expect(pauses.slice(0, 3)).toEqual([1000, 1500, 2250]);
  expect(Math.max(...pauses)).toBe(15_000);
  expect(phases[0]).toBe('waiting');
  expect(phases.at(-1)).toBe('slow');
});

test('a closed window keeps the key, so that the same purchase goes on', async () => {
  const keys: string[] = [];
  const { checkout, buy } = play({
    open: async () => ({ paid: null, refusal: null }),
    hasArrived: async () => false,
  });
  const begin = async (key: string) => (keys.push(key), purchase);
  await buy(begin);
  expect(checkout.phase).toBe('closed');
  await buy(begin);
  expect(keys[1]).toBe(keys[0]);
});

test('a bank that declines and agrees later brings the credits after all', async () => {
  const { checkout, buy, phases } = play({
    open: async () => ({ paid: null, refusal: 'Declined by the bank' }),
    hasArrived: after(3),
  });
  await buy();
  expect(phases).toContain('failed');
  expect(checkout.phase).toBe('arrived');
});

test('what is paid already is not opened again', async () => {
  const { checkout, buy, arrivals } = play({
    open: async () => {
      throw new Error('opened');
    },
  });
  await buy(async () => ({ ...purchase, status: 'paid' }));
  expect(checkout.phase).toBe('already');
  expect(arrivals()).toBe(1);
});

test('one that was withdrawn meanwhile begins anew under another key', async () => {
  const keys: string[] = [];
  const { checkout, buy } = play();
  await buy(async (key) => {
    keys.push(key);
    return { ...purchase, status: keys.length === 1 ? 'cancelled' : 'created' };
  });
  expect(new Set(keys).size).toBe(2);
  expect(checkout.phase).toBe('arrived');
});

test('a price retired between page and click is told as the database says it', async () => {
  const refusal = {
    code: 'PT409',
    message: 'conflict',
    details: 'This price has changed since the page was loaded.',
    hint: 'Load the page again to see the new one.',
  };
  const { checkout, buy } = play();
  await buy(() => Promise.reject(refusal));
  expect(checkout.phase).toBe('refused');
  expect(checkout.problem?.message).toBe('This price has changed since the page was loaded.');
});

test('a verification that cannot be reached is waited out: it is paid all the same', async () => {
  const { checkout, buy } = play({
    verify: () => Promise.reject(new TypeError('Failed to fetch')),
    hasArrived: after(2),
  });
  await buy();
  expect(checkout.phase).toBe('arrived');
});

test('a signature that is refused is told, and never called a success', async () => {
  const { checkout, buy, arrivals } = play({
    verify: () => Promise.reject({ code: 'PT403', message: 'forbidden', details: 'Not yours.' }),
  });
  await buy();
  expect(checkout.phase).toBe('refused');
  expect(arrivals()).toBe(0);
});

test('a look that fails is repeated', async () => {
  let looks = 0;
  const { checkout, buy } = play({
    hasArrived: async () => {
      if (++looks < 3) throw new TypeError('Failed to fetch');
      return true;
    },
  });
  await buy();
  expect(checkout.phase).toBe('arrived');
});

test('whoever went on to another page before the window came is not asked for a card', async () => {
  let opened = 0;
  const { checkout, buy } = play({
    open: async () => {
      opened += 1;
      return { paid };
    },
  });
  await buy(async () => {
    checkout.clear();
    return purchase;
  });
  expect([opened, checkout.phase]).toEqual([0, 'idle']);
});

test('once cleared, nothing is told of it any more', async () => {
  const { checkout, buy, arrivals } = play({
    hasArrived: async () => false,
    sleep: async () => checkout.clear(),
  });
  await buy();
  expect(checkout.phase).toBe('idle');
  expect(arrivals()).toBe(0);
});
