import { createContext } from 'svelte';
import { getLimits, getWallet, type Limits, type Wallet } from '#lib/api/usage.ts';
import type { Client } from '#lib/supabase.ts';
import { Turns } from '#lib/turns.ts';
import type { AnswerEnd, OpenedRun } from './answer-events.ts';

/** What the account has left: credits, and requests of this month. Kept in step with every answer. */
export class Standing {
  availableMicros = $state<number | null>(null);
  requestsLeft = $state<number | null>(null);
  wallet = $state.raw<Wallet | null>(null);
  limits = $state.raw<Limits | null>(null);
  #client: Client;
  #accountId: string | null = null;
  #turns = new Turns();
  #isLoading = false;

  constructor(client: Client) {
    this.#client = client;
  }

  async load(accountId: string): Promise<void> {
    if (this.#accountId !== accountId) {
      this.availableMicros = this.requestsLeft = this.wallet = this.limits = null;
      this.#accountId = accountId;
    }
    const isLatest = this.#turns.begin();
    this.#isLoading = true;
    // A balance that cannot be read is left out; what cannot be paid is refused all the same.
    const [wallet, limits] = await Promise.allSettled([
      getWallet(this.#client, accountId),
      getLimits(this.#client, accountId),
    ]);
    if (!isLatest()) return;
    this.#isLoading = false;
    if (wallet.status === 'fulfilled') {
      this.wallet = wallet.value;
      this.availableMicros = wallet.value.available_micros;
    }
    if (limits.status === 'fulfilled') {
      this.limits = limits.value;
      const { requests_per_month: most, requests_this_month: used } = limits.value;
      this.requestsLeft = most === null ? null : Math.max(0, most - (used ?? 0));
    }
  }

  opened(run: OpenedRun): void {
    if (run.available_micros !== null) this.availableMicros = run.available_micros;
    if (run.quota_remaining !== null) this.requestsLeft = run.quota_remaining;
    this.#readAnew();
  }

  ended({ wallet, limits }: AnswerEnd): void {
    this.#readAnew();
    if (wallet) {
      this.availableMicros = wallet.available_micros;
      if (this.wallet) this.wallet = { ...this.wallet, ...wallet };
    }
    if (!limits) return;
    const { requests_per_month: most, requests_this_month: used } = limits;
    this.requestsLeft = most === null ? null : Math.max(0, most - used);
    if (this.limits) this.limits = { ...this.limits, ...limits };
  }

  /** What is on its way was read before this was known, and would take it back. */
  #readAnew(): void {
    if (this.#isLoading && this.#accountId) void this.load(this.#accountId);
  }
}

export const [getStanding, setStanding] = createContext<Standing>();
