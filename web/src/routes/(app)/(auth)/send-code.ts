import { pendingCode } from '#lib/pending-code.ts';
import type { Client } from '#lib/supabase.ts';

interface CodeRequest {
  email: string;
  next: string;
  createUser: boolean;
}

/** Where links in our mails lead: to the page that reads them, which then goes on to `next`. */
export function callbackUrl(next: string): string {
  return `${location.origin}/auth/callback?next=${encodeURIComponent(next)}`;
}

/**
 * Mails a link and a code. For an address without an account the answer is the same and no mail is
 * sent, so that nobody can find out who has one.
 */
export async function sendCode(client: Client, { email, next, createUser }: CodeRequest) {
  const { error } = await client.auth.signInWithOtp({
    email,
    options: { shouldCreateUser: createUser, emailRedirectTo: callbackUrl(next) },
  });
  if (error && error.code !== 'otp_disabled' && error.code !== 'user_not_found') throw error;
  pendingCode.write({ email, kind: 'email', next });
}
