import { pendingCode } from '#lib/pending-code.ts';
import type { Client } from '#lib/supabase.ts';
import { callbackUrl } from './send-code.ts';

/**
 * Auth answers the same whether or not the address has an account, and so do we. `next` is the page
 * for the new password.
 */
export async function sendReset(client: Client, email: string, next: string): Promise<void> {
  const redirectTo = callbackUrl(next);
  const { error } = await client.auth.resetPasswordForEmail(email, { redirectTo });
  if (error && error.code !== 'user_not_found') throw error;
  pendingCode.write({ email, kind: 'recovery', next });
}
