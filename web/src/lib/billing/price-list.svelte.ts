import {
  listPackages,
  listPlans,
  listPrices,
  type Package,
  type Plan,
  type Price,
} from '#lib/api/billing.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import { type Currency, guessCurrency, isCurrency } from './money.ts';

export type Period = 'month' | 'year';
const currencyKey = 'currency';

/** Storage may be switched off; the choice then lasts as long as the page. */
function keptCurrency(): string | null {
  try {
    return localStorage.getItem(currencyKey);
  } catch {
    return null;
  }
}

/** What is sold, and in which currency and by which period it is looked at. */
export class PriceList {
  plans = $state.raw<readonly Plan[]>([]);
  packages = $state.raw<readonly Package[]>([]);
  prices = $state.raw<readonly Price[]>([]);
  problem = $state.raw<Explained | null>(null);
  isLoaded = $state(false);
  period = $state<Period>('month');
  #currency = $state<Currency>('USD');
  #chosen: string | null = null;
  #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  get currency(): Currency {
    return this.#currency;
  }

  /** Chosen by hand, so it is remembered. */
  set currency(chosen: Currency) {
    this.#currency = chosen;
    this.#chosen = chosen;
    try {
      localStorage.setItem(currencyKey, chosen);
    } catch {
      // As keptCurrency says.
    }
  }

  async load(): Promise<void> {
    this.#chosen ??= keptCurrency();
    this.#currency = isCurrency(this.#chosen) ? this.#chosen : guessCurrency(navigator.languages);
    this.problem = null;
    try {
      [this.plans, this.packages, this.prices] = await Promise.all([
        listPlans(this.#client),
        listPackages(this.#client),
        listPrices(this.#client),
      ]);
      this.isLoaded = true;
    } catch (error) {
      this.problem = explain(error);
    }
  }

  /** A currency that something is already paid in, until another is chosen by hand. */
  prefer(currency: string): void {
    if (isCurrency(currency) && !this.#chosen) this.#currency = currency;
  }

  planPrice(planId: string): Price | undefined {
    return this.prices.find(
      (price) =>
        price.plan_id === planId &&
        price.period === this.period &&
        price.currency === this.#currency,
    );
  }

  packagePrice(packageId: string): Price | undefined {
    return this.prices.find(
      (price) => price.package_id === packageId && price.currency === this.#currency,
    );
  }

  planName(planId: string): string {
    return this.plans.find(({ id }) => id === planId)?.name ?? planId;
  }
}
