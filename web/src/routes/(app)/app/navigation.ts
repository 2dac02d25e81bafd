import House from '@lucide/svelte/icons/house';
import Settings from '@lucide/svelte/icons/settings';
import type { Component } from 'svelte';

interface Destination {
  href: string;
  label: string;
  icon: Component<{ class?: string }>;
}

/** The sidebar, in order. A feature adds its line here. */
export const destinations: readonly Destination[] = [
  { href: '/app', label: 'Home', icon: House },
  { href: '/app/settings', label: 'Settings', icon: Settings },
];

export const settingsPages = [
  { href: '/app/settings/profile', label: 'Profile' },
  { href: '/app/settings/security', label: 'Security' },
  { href: '/app/settings/account', label: 'Account' },
] as const;

/** Home is above everything, so it is current only when it is the page itself. */
export function isCurrent(href: string, pathname: string): boolean {
  return href === '/app' ? pathname === href : `${pathname}/`.startsWith(`${href}/`);
}
