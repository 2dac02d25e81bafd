import { pendingCode } from '#lib/pending-code.ts';
import type { Client } from '#lib/supabase.ts';
import { callbackUrl, sendCode } from './send-code.ts';

interface NewAccount {
  name: string;
  email: string;
  password: string;
  next: string;
}

/**
 * An address that is taken gets the same answer as a new one: look in your mail. Its owner finds a
 * sign-in code there, so the answer is true for them, and nobody else learns anything.
 */
export async function signUp(
  client: Client,
  { name, email, password, next }: NewAccount,
): Promise<'signed-in' | 'code-sent'> {
  const { data, error } = await client.auth.signUp({
    email,
    password,
    options: { data: name ? { name } : {}, emailRedirectTo: callbackUrl(next) },
  });
  // With confirmations on, Auth hides a taken address behind a user without identities.
  const taken =
    error?.code === 'user_already_exists' ||
    error?.code === 'email_exists' ||
    data.user?.identities?.length === 0;
  if (taken) {
    await sendCode(client, { email, next, createUser: false });
    return 'code-sent';
  }
  if (error) throw error;
  if (data.session) return 'signed-in';
  pendingCode.write({ email, kind: 'email', next });
  return 'code-sent';
}
