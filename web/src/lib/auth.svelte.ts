import type { Session } from '@supabase/supabase-js';
import { createContext } from 'svelte';
import type { Client } from './supabase.ts';

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
    await this.#client.auth.getUser();
  }
}

export const [getAuth, setAuth] = createContext<Auth>();
