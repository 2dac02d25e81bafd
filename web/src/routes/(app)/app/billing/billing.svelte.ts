import { createContext } from 'svelte';
import {
  getOverview,
  hasArrived,
  listLots,
  type Lot,
  type Overview,
  verifyCheckout,
} from '#lib/api/billing.ts';
import { Checkout } from '#lib/billing/checkout.svelte.ts';
import { PriceList } from '#lib/billing/price-list.svelte.ts';
import { openCheckout } from '#lib/billing/razorpay.ts';
import { requestKeys } from '#lib/billing/request-keys.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import { Turns } from '#lib/turns.ts';

/** What the billing pages share: how the account stands, what is sold, and the purchase under way. */
export class Billing {
  overview = $state.raw<Overview | null>(null);
  lots = $state.raw<readonly Lot[]>([]);
  problem = $state.raw<Explained | null>(null);
  readonly prices: PriceList;
  readonly checkout: Checkout;
  #client: Client;
  #accountId: string | null = null;
  #turns = new Turns();

  constructor(client: Client) {
    this.#client = client;
    this.prices = new PriceList(client);
    this.checkout = new Checkout({
      open: openCheckout,
      verify: verifyCheckout,
      hasArrived: (purchase) => hasArrived(client, purchase),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      keys: requestKeys,
    });
  }

  async open(accountId: string): Promise<void> {
    if (this.#accountId !== accountId) {
      this.#accountId = accountId;
      this.overview = null;
      this.lots = [];
      this.checkout.clear();
    }
    await Promise.all([this.refresh(), this.prices.isLoaded || this.prices.load()]);
    const currency = this.overview?.subscription?.currency;
    if (currency) this.prices.prefer(currency);
  }

  async refresh(): Promise<void> {
    const accountId = this.#accountId;
    if (!accountId) return;
    const isLatest = this.#turns.begin();
    try {
      const [overview, lots] = await Promise.all([
        getOverview(this.#client, accountId),
        listLots(this.#client, accountId),
      ]);
      if (!isLatest()) return;
      this.overview = overview;
      this.lots = lots;
      this.problem = null;
    } catch (error) {
      if (isLatest()) this.problem = explain(error);
    }
  }
}

export const [getBilling, setBilling] = createContext<Billing>();
