import type { Paid, Purchase } from '#lib/api/billing.ts';
import { type Explained, explain, isUnreachable } from '#lib/errors.ts';
import { Turns } from '#lib/turns.ts';
import type { Left } from './razorpay.ts';

/**
 * Where a purchase stands. `waiting` becomes `slow` when the bank takes long; `failed` and `closed`
 * are still watched for a while, because a bank may agree after the window was closed.
 */
export type Phase =
  | 'idle'
  | 'starting'
  | 'open'
  | 'confirming'
  | 'waiting'
  | 'slow'
  | 'arrived'
  | 'already'
  | 'failed'
  | 'closed'
  | 'refused';

export interface CheckoutDeps {
  open: (purchase: Purchase) => Promise<Left>;
  verify: (id: string, paid: Paid) => Promise<{ status: 'paid' | 'processing' | 'failed' }>;
  hasArrived: (purchase: Purchase) => Promise<boolean>;
  sleep: (ms: number) => Promise<void>;
  keys: { of(what: string): string; forget(what: string): void };
}

export interface Wanted {
  /** What is bought, for whom: the same thing twice is one purchase until it is paid. */
  what: string;
  begin: (requestKey: string) => Promise<Purchase | null>;
  onarrived: () => void | Promise<void>;
}

const firstPauseMs = 1_000;
const longestPauseMs = 15_000;
const patienceMs = 25_000;
const watchMs = 15 * 60_000;
const spent = new Set(['cancelled', 'completed', 'expired', 'failed']);
const settled = new Set(['paid', 'authenticated', 'active']);

/** One purchase from the click to the credits, whatever happens on the way. */
export class Checkout {
  phase = $state<Phase>('idle');
  problem = $state.raw<Explained | null>(null);
  /** What the bank said. */
  refusal = $state<string | null>(null);
  purchase = $state.raw<Purchase | null>(null);
  what = $state<string | null>(null);
  #deps: CheckoutDeps;
  #turns = new Turns();
  #last: Wanted | null = null;

  readonly isBusy = $derived(
    this.phase === 'starting' || this.phase === 'open' || this.phase === 'confirming',
  );

  constructor(deps: CheckoutDeps) {
    this.#deps = deps;
  }

  async buy(wanted: Wanted): Promise<void> {
    if (this.isBusy) return;
    const isLatest = this.#turns.begin();
    this.#last = wanted;
    this.phase = 'starting';
    this.problem = this.refusal = this.purchase = null;
    this.what = wanted.what;
    try {
      const purchase = await this.#begin(wanted);
      // Whoever has gone on to another page is not asked for a card there.
      if (!isLatest()) return;
      if (!purchase) {
        this.#deps.keys.forget(wanted.what);
        this.phase = 'arrived';
        await wanted.onarrived();
        return;
      }
      this.purchase = purchase;
      if (settled.has(purchase.status)) {
        this.#deps.keys.forget(wanted.what);
        this.phase = 'already';
        await wanted.onarrived();
        return;
      }
      this.phase = 'open';
      const left = await this.#deps.open(purchase);
      if (left.paid) {
        this.phase = 'confirming';
        await this.#confirm(purchase, left.paid);
      } else {
        this.refusal = left.refusal;
        this.phase = left.refusal === null ? 'closed' : 'failed';
      }
    } catch (error) {
      this.problem = explain(error);
      this.phase = 'refused';
      return;
    }
    await this.#watch(wanted, isLatest);
  }

  /** The same once more. */
  async again(): Promise<void> {
    if (this.#last) await this.buy(this.#last);
  }

  /** Forgets what happened; a purchase that is still watched is no longer. */
  clear(): void {
    this.#turns.begin();
    this.phase = 'idle';
  }

  async #begin(wanted: Wanted): Promise<Purchase | null> {
    const { keys } = this.#deps;
    const purchase = await wanted.begin(keys.of(wanted.what));
    if (!purchase || !spent.has(purchase.status)) return purchase;
    // The one begun earlier has come to nothing: this is a new one.
    keys.forget(wanted.what);
    return wanted.begin(keys.of(wanted.what));
  }

  async #confirm(purchase: Purchase, paid: Paid): Promise<void> {
    try {
      const { status } = await this.#deps.verify(purchase.id, paid);
      this.phase = status === 'failed' ? 'failed' : 'waiting';
    } catch (error) {
      // It is paid all the same; what we could not be told now, Razorpay tells the server.
      if (!isUnreachable(error)) throw error;
      this.phase = 'waiting';
    }
  }

  async #watch({ what, onarrived }: Wanted, isLatest: () => boolean): Promise<void> {
    const purchase = this.purchase;
    if (!purchase) return;
    let pause = firstPauseMs;
    for (let waited = 0; waited < watchMs; waited += pause) {
      if (await this.#looks(purchase)) {
        if (!isLatest()) return;
        this.#deps.keys.forget(what);
        this.phase = 'arrived';
        await onarrived();
        return;
      }
      if (!isLatest()) return;
      if (this.phase === 'waiting' && waited >= patienceMs) this.phase = 'slow';
      await this.#deps.sleep(pause);
      if (!isLatest()) return;
      pause = Math.min(longestPauseMs, pause * 1.5);
    }
  }

  async #looks(purchase: Purchase): Promise<boolean> {
    try {
      return await this.#deps.hasArrived(purchase);
    } catch {
      // Out of reach for a moment; the next look may be luckier.
      return false;
    }
  }
}
