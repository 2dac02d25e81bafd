import { createClient } from '@supabase/supabase-js';

export const demoAccount = { email: 'demo@oneai.test', password: 'try-one-account' };

/** An account to look around with, on a stack whose models are a sandbox. Kept once made. */
export async function ensureDemoAccount(url: string, publishableKey: string): Promise<void> {
  const { auth } = createClient(url, publishableKey, { auth: { persistSession: false } });
  const { error: unknown } = await auth.signInWithPassword(demoAccount);
  if (!unknown) return;
  const { error } = await auth.signUp({
    ...demoAccount,
    options: { data: { full_name: 'Demo' } },
  });
  if (error) throw error;
}
