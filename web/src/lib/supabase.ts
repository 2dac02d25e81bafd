import { createClient } from '@supabase/supabase-js';
import { PUBLIC_SUPABASE_PUBLISHABLE_KEY, PUBLIC_SUPABASE_URL } from '$app/env/public';
import type { Database } from './api/database.gen.ts';

/**
 * Names each call to the Data API and the functions, so that it can be followed from here to the
 * ledger. Auth is left out: the platform's refuses headers it does not know.
 */
function fetchWithRequestId(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const url = input instanceof Request ? input.url : String(input);
  if (!/\/(rest|functions)\/v1\//.test(url)) return fetch(input, init);
  const headers = new Headers(init.headers);
  headers.set('x-request-id', crypto.randomUUID());
  return fetch(input, { ...init, headers });
}

/** One client for the whole page: two would refresh the same session against each other. */
export const supabase = createClient<Database, 'api'>(
  PUBLIC_SUPABASE_URL,
  PUBLIC_SUPABASE_PUBLISHABLE_KEY,
  {
    // A failed read is told at once, with a button, rather than tried silently for seven seconds.
    db: { schema: 'api', retry: false },
    // /auth/callback reads the address itself, so a link that failed can be explained.
    auth: { flowType: 'pkce', detectSessionInUrl: false },
    global: { fetch: fetchWithRequestId },
  },
);

export type Client = typeof supabase;
