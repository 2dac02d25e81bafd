import type { Session } from '@supabase/auth-js';
import { createContext } from 'svelte';
import type { Client } from './supabase.ts';

const markKey = 'signed-in';

/**
 * Whether somebody was signed in here and did not sign out themselves. Auth forgets a session it
 * cannot renew without a word; this mark is what lets us say that it has ended.
 */
export function sessionWasLost(): boolean {
  return isSignedInHere();
}

/** What a page goes by that asks nothing of the database: it may be wrong, and then one signs in. */
export function isSignedInHere(): boolean {
  return localStorage.getItem(markKey) !== null;
}

/** Who is signed in, kept in step with the stored session and with the other tabs. */
export class Auth {
  session = $state.raw<Session | null>(null);
  readonly email = $derived(this.session?.user.email ?? '');
  #client: Client;
  #leaving = false;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Calls back when the session ends without us having asked for it. Returns how to stop. */
  watch(onended: () => void): () => void {
    const { data } = this.#client.auth.onAuthStateChange((event, session) => {
      const wasSignedIn = this.session !== null;
      this.session = session;
      if (session) localStorage.setItem(markKey, 'true');
      if (event === 'SIGNED_OUT' && wasSignedIn && !this.#leaving) onended();
    });
    const check = () => void this.#confirm();
    check();
    document.addEventListener('visibilitychange', check);
    return () => {
      data.subscription.unsubscribe();
      document.removeEventListener('visibilitychange', check);
    };
  }

  async signOut(scope: 'local' | 'global' | 'others'): Promise<void> {
    this.#leaving = scope !== 'others';
    const { error } = await this.#client.auth.signOut({ scope });
    this.#leaving = false;
    if (error) throw error;
    if (scope !== 'others') localStorage.removeItem(markKey);
  }

  /**
   * An access token outlives a sign-out elsewhere, so Auth is asked whether the session still
   * exists: when the page opens and whenever the person comes back to it.
   */
  async #confirm(): Promise<void> {
    if (document.visibilityState !== 'visible') return;
    const { data } = await this.#client.auth.getSession();
    if (!data.session) return;
    this.session = data.session;
    const { data: fresh } = await this.#client.auth.getUser();
    // A confirmed change of address reaches the stored session with its next token only.
    const outdated = fresh.user && fresh.user.email !== data.session.user.email;
    if (outdated) await this.#client.auth.refreshSession();
  }
}

export const [getAuth, setAuth] = createContext<Auth>();
