import { createClient } from '@supabase/supabase-js';
import { PUBLIC_SUPABASE_PUBLISHABLE_KEY, PUBLIC_SUPABASE_URL } from '$app/env/public';
import type { Database } from './api/database.gen.ts';

/** One client for the whole page: two would refresh the same session against each other. */
export const supabase = createClient<Database, 'api'>(
  PUBLIC_SUPABASE_URL,
  PUBLIC_SUPABASE_PUBLISHABLE_KEY,
  {
    db: { schema: 'api' },
    // /auth/callback reads the address itself, so a link that failed can be explained.
    auth: { flowType: 'pkce', detectSessionInUrl: false },
  },
);

export type Client = typeof supabase;
