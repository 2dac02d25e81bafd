import type { LiveSubscription, Lot, Transaction } from '#lib/api/billing.ts';

export const billingPages = [
  { href: '/app/billing', label: 'Overview' },
  { href: '/app/billing/plans', label: 'Plans' },
  { href: '/app/billing/top-up', label: 'Top up' },
  { href: '/app/billing/automatic', label: 'Automatic' },
  { href: '/app/billing/invoices', label: 'Invoices' },
  { href: '/app/billing/statement', label: 'Statement' },
] as const;

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
