import type { KeptCard, LiveSubscription, Lot, Transaction } from '#lib/api/billing.ts';

/** Members who may not pay see those with `forAll`. */
export const billingPages = [
  { href: '/app/billing', label: 'Overview', forAll: true },
  { href: '/app/billing/plans', label: 'Plans', forAll: true },
  { href: '/app/billing/top-up', label: 'Top up', forAll: true },
  { href: '/app/billing/automatic', label: 'Automatic', forAll: false },
  { href: '/app/billing/invoices', label: 'Invoices', forAll: false },
  { href: '/app/billing/statement', label: 'Statement', forAll: false },
] as const;

export const cardWords: Record<
  KeptCard['status'],
  { label: string; tone: 'positive' | 'caution' | 'info' }
> = {
  initiated: { label: 'Waiting for the bank', tone: 'info' },
  confirmed: { label: 'Ready', tone: 'positive' },
  paused: { label: 'Paused at the bank', tone: 'caution' },
};

export const sourceWords: Record<Lot['source'], string> = {
  subscription: 'Plan',
  top_up: 'Package',
  welcome: 'Welcome',
  bonus: 'Bonus',
  refund: 'Refund',
  adjustment: 'Adjustment',
};

export const kindWords: Record<Transaction['kind'], string> = {
  grant: 'Credited',
  charge: 'Spent',
  expiry: 'Lapsed',
  refund: 'Given back',
  reversal: 'Taken back',
  adjustment: 'Adjusted',
};

export const statusWords: Record<
  LiveSubscription['status'],
  { label: string; tone: 'positive' | 'caution' | 'danger' | 'info' }
> = {
  authenticated: { label: 'Begins later', tone: 'info' },
  active: { label: 'Active', tone: 'positive' },
  pending: { label: 'Renewal failed', tone: 'caution' },
  halted: { label: 'Unpaid', tone: 'danger' },
  paused: { label: 'Paused', tone: 'caution' },
};
