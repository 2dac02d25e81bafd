import {
  type Budget,
  createKey,
  type Key,
  listKeyBudgets,
  listKeys,
  revokeKey,
  rotateKey,
  setKeyBudget,
  updateKey,
} from '#lib/api/keys.ts';
import { sumUsage } from '#lib/api/usage-log.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import { Turns } from '#lib/turns.ts';
import { dayOf } from '../../usage/usage-view.ts';
import type { KeyChanges } from './key-draft.ts';

export interface KeyUsage {
  requests: number;
  chargedMicros: number;
}

const dayMs = 86_400_000;

/** The keys of an account, with their budgets and what they did in the last thirty days. */
export class KeyList {
  keys = $state.raw<readonly Key[] | null>(null);
  budgets = $state.raw<readonly Budget[]>([]);
  usage = $state.raw<Readonly<Record<string, KeyUsage>>>({});
  problem = $state.raw<Explained | null>(null);
  #client: Client;
  #accountId = '';
  #turns = new Turns();

  constructor(client: Client) {
    this.#client = client;
  }

  async load(accountId: string): Promise<void> {
    if (accountId !== this.#accountId) this.keys = null;
    this.#accountId = accountId;
    this.problem = null;
    const isLatest = this.#turns.begin();
    try {
      const [keys, budgets, usage] = await Promise.all([
        listKeys(this.#client, accountId),
        listKeyBudgets(this.#client, accountId),
        this.#readUsage(accountId),
      ]);
      if (!isLatest()) return;
      this.keys = keys;
      this.budgets = budgets;
      this.usage = usage;
    } catch (error) {
      if (isLatest()) this.problem = explain(error);
    }
  }

  async #readUsage(accountId: string): Promise<Record<string, KeyUsage>> {
    const days = { from: dayOf(Date.now() - 29 * dayMs), to: dayOf(Date.now()) };
    const filter = { ...days, model: null, key: null, member: null };
    const { groups } = await sumUsage(this.#client, accountId, filter, 'key', 'requests');
    return Object.fromEntries(
      groups.map(({ id, requests, charged_micros }) => [
        id,
        { requests, chargedMicros: charged_micros },
      ]),
    );
  }

  budgetsOf(key: Key): Budget[] {
    return this.budgets.filter(({ subject_id }) => subject_id === key.id);
  }

  /** The clear text, and what of the budgets could not be set: the key is there all the same. */
  async create(
    name: string,
    { settings, budgets }: KeyChanges,
  ): Promise<{ secret: string; key: Key; problem: Explained | null }> {
    const made = await createKey(this.#client, this.#accountId, { ...settings, name });
    let problem: Explained | null = null;
    try {
      await this.#setBudgets(made.key, budgets);
    } catch (error) {
      problem = explain(error);
    }
    await this.load(this.#accountId);
    return { ...made, problem };
  }

  async change(key: Key, { settings, budgets }: KeyChanges): Promise<void> {
    if (Object.keys(settings).length > 0) await updateKey(this.#client, key.id, settings);
    await this.#setBudgets(key, budgets);
    await this.load(this.#accountId);
  }

  async #setBudgets(key: Key, budgets: KeyChanges['budgets']): Promise<void> {
    for (const { period, limitMicros } of budgets) {
      await setKeyBudget(this.#client, this.#accountId, key.id, period, limitMicros);
    }
  }

  async rotate(key: Key, overlapSeconds: number): Promise<string> {
    const { secret } = await rotateKey(this.#client, key.id, overlapSeconds);
    await this.load(this.#accountId);
    return secret;
  }

  async revoke(key: Key): Promise<void> {
    await revokeKey(this.#client, key.id);
    await this.load(this.#accountId);
  }
}
