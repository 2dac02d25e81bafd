import { AuthApiError } from '@supabase/auth-js';
import type { Client } from '#lib/supabase.ts';

/**
 * Only a code this browser asked for is exchanged (PKCE). Tokens in the address are not accepted:
 * with those, anybody's link could sign a person in to somebody else's account unnoticed.
 */
export async function finishSignIn(
  client: Client,
  url: URL,
): Promise<'signed in' | 'half confirmed'> {
  const fragment = new URLSearchParams(url.hash.slice(1));
  const read = (name: string) => url.searchParams.get(name) ?? fragment.get(name);

  const failure = read('error_code') ?? read('error');
  if (failure) throw new AuthApiError(read('error_description') ?? failure, 400, failure);

  const code = url.searchParams.get('code');
  // A new address is confirmed from the old one too; the first of both links signs nobody in.
  if (!code && read('message')) return 'half confirmed';
  if (!code) throw new AuthApiError('Nothing to sign in with', 400, 'otp_expired');

  const { error } = await client.auth.exchangeCodeForSession(code);
  if (error) throw error;
  return 'signed in';
}
