import ChartColumn from '@lucide/svelte/icons/chart-column';
import CreditCard from '@lucide/svelte/icons/credit-card';
import KeyRound from '@lucide/svelte/icons/key-round';
import Settings from '@lucide/svelte/icons/settings';
import SquarePen from '@lucide/svelte/icons/square-pen';
import type { Component } from 'svelte';

interface Destination {
  href: string;
  label: string;
  icon: Component<{ class?: string }>;
}

/** Above the conversations, in order. A feature adds its line here. */
export const destinations: readonly Destination[] = [
  { href: '/app/chat', label: 'New chat', icon: SquarePen },
  { href: '/app/api', label: 'API', icon: KeyRound },
  { href: '/app/usage', label: 'Usage', icon: ChartColumn },
  { href: '/app/billing', label: 'Billing', icon: CreditCard },
  { href: '/app/settings', label: 'Settings', icon: Settings },
];

/** An open conversation is not a new one, so that is current only when it is the page itself. */
export function isCurrent(href: string, pathname: string): boolean {
  return href === '/app/chat' ? pathname === href : `${pathname}/`.startsWith(`${href}/`);
}
