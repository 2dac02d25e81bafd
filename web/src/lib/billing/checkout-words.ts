import type { Phase } from './checkout.svelte.ts';

export interface Words {
  tone: 'info' | 'positive' | 'caution' | 'danger';
  title: string;
  text: string;
}

/** What a purchase's outcome means, and what happens next. */
export const checkoutWords: Partial<Record<Phase, Words>> = {
  starting: { tone: 'info', title: 'Opening the checkout', text: 'One moment.' },
  open: {
    tone: 'info',
    title: 'Waiting for you in the checkout',
    text: 'You can close it at any time; nothing is charged until you pay.',
  },
  confirming: { tone: 'info', title: 'Confirming your payment', text: 'This takes a few seconds.' },
  waiting: {
    tone: 'info',
    title: 'Payment received',
    text: 'Bringing it to your account. This takes a few seconds; the page updates by itself.',
  },
  slow: {
    tone: 'caution',
    title: 'Your bank is taking its time',
    text: 'You need not wait or pay again: as soon as the bank confirms, it reaches your account by itself and we mail you. If the bank refuses, the money goes back to you.',
  },
  arrived: {
    tone: 'positive',
    title: 'Done',
    text: 'Your account is up to date. The invoice is under Invoices in a moment.',
  },
  already: {
    tone: 'positive',
    title: 'This was paid already',
    text: 'Nothing more is charged, and it has reached your account. To buy the same again, choose it once more.',
  },
  failed: {
    tone: 'danger',
    title: 'The payment did not go through',
    text: 'Nothing was added to your account. Try again, perhaps with another card or method. Should your bank agree after all, it arrives here by itself.',
  },
  closed: {
    tone: 'info',
    title: 'You closed the checkout',
    text: 'Nothing was charged. Choose it again to go on where you left.',
  },
};
