import { redirect } from '@sveltejs/kit';
import { sessionWasLost } from '#lib/auth.svelte.ts';
import { isUnreachable } from '#lib/errors.ts';
import { supabase } from '#lib/supabase.ts';

export async function load({ url }) {
  const { data, error } = await supabase.auth.getSession();
  // An expired token that cannot be renewed for want of a network is no reason to sign anybody out.
  if (data.session || (error && isUnreachable(error))) return;
  const next = encodeURIComponent(url.pathname + url.search);
  redirect(307, `/signin?${sessionWasLost() ? 'ended&' : ''}next=${next}`);
}
