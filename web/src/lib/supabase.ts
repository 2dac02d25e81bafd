import { AuthClient } from '@supabase/auth-js';
import { PostgrestClient } from '@supabase/postgrest-js';
import { PUBLIC_SUPABASE_PUBLISHABLE_KEY, PUBLIC_SUPABASE_URL } from '$app/env/public';
import type { Database } from './api/database.gen.ts';

const headers = { apikey: PUBLIC_SUPABASE_PUBLISHABLE_KEY };

const auth = new AuthClient({
  url: `${PUBLIC_SUPABASE_URL}/auth/v1`,
  headers,
  storageKey: 'oneai-auth-token',
  flowType: 'pkce',
  // /auth/callback reads the address itself, so a link that failed can be explained.
  detectSessionInUrl: false,
});

/**
 * Calls as whoever is signed in, under an id by which the call can be followed from here to the
 * ledger. Auth itself is left without one: the platform's refuses headers it does not know.
 */
export async function fetchAsUser(
  input: RequestInfo | URL,
  init: RequestInit = {},
): Promise<Response> {
  const { data } = await auth.getSession();
  const sent = new Headers(init.headers);
  sent.set('apikey', PUBLIC_SUPABASE_PUBLISHABLE_KEY);
  sent.set('x-request-id', crypto.randomUUID());
  if (data.session) sent.set('authorization', `Bearer ${data.session.access_token}`);
  return fetch(input, { ...init, headers: sent });
}

const rest = new PostgrestClient<Database, object, 'api'>(`${PUBLIC_SUPABASE_URL}/rest/v1`, {
  schema: 'api',
  fetch: fetchAsUser,
  // A failed read is told at once, with a button, rather than tried silently for seven seconds.
  retry: false,
});

/**
 * The two parts of supabase-js that every page needs. The whole of it would be half of the app's
 * first load; storage and realtime are loaded where they are used.
 */
export const supabase = Object.assign(rest, { auth });

export type Client = typeof supabase;
