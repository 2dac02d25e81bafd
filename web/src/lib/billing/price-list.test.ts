import { afterEach, expect, test, vi } from 'vitest';
import type { Client } from '#lib/supabase.ts';
import { PriceList } from './price-list.svelte.ts';

vi.mock('#lib/api/billing.ts', () => ({
  listPackages: async () => [],
  listPlans: async () => [],
  listPrices: async () => [],
}));
afterEach(() => vi.unstubAllGlobals());

test('prices come, and a currency can be chosen, where storage is blocked', async () => {
  const refuse = () => {
    throw new DOMException('', 'SecurityError');
  };
  vi.stubGlobal('localStorage', { getItem: refuse, setItem: refuse });
  const list = new PriceList({} as Client);
  await list.load();
  expect(list.isLoaded).toBe(true);
  list.currency = 'INR';
  list.prefer('EUR');
  expect(list.currency).toBe('INR');
});
