import { createContext } from 'svelte';
import {
  type Account,
  type Profile,
  type ProfileChange,
  getProfile,
  listAccounts,
  updateProfile,
} from './api/accounts.ts';
import { type Explained, explain } from './errors.ts';
import type { Client } from './supabase.ts';

const key = 'account';

/** The account that was chosen last in this browser. */
export function storedAccountId(): string | null {
  return localStorage.getItem(key);
}

/** What every page of the app needs: the person, their accounts, and which one they act for. */
export class Workspace {
  profile = $state.raw<Profile | null>(null);
  accounts = $state.raw<readonly Account[]>([]);
  problem = $state.raw<Explained | null>(null);
  #chosenId = $state(storedAccountId());
  #client: Client;

  readonly account = $derived(
    this.accounts.find((account) => account.id === this.#chosenId) ?? this.accounts[0] ?? null,
  );

  /** Whoever looks after the bills, or looks on, asks nothing in the account's name. */
  readonly mayAsk = $derived(!/billing|viewer/.test(this.account?.role ?? ''));

  constructor(client: Client) {
    this.#client = client;
  }

  async load(): Promise<void> {
    this.problem = null;
    try {
      const [profile, accounts] = await Promise.all([
        getProfile(this.#client),
        listAccounts(this.#client),
      ]);
      this.accounts = accounts;
      this.profile = profile;
    } catch (error) {
      this.problem = explain(error);
    }
  }

  choose(account: Account): void {
    this.#chosenId = account.id;
    localStorage.setItem(key, account.id);
  }

  async update(change: ProfileChange): Promise<void> {
    const profile = await updateProfile(this.#client, change);
    // Until the accounts are there too, it is left to what loads them both.
    if (this.profile) this.profile = profile;
  }
}

export const [getWorkspace, setWorkspace] = createContext<Workspace>();
