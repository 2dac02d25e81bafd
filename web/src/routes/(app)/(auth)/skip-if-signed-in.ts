import { redirect } from '@sveltejs/kit';
import { nextPath } from '#lib/next-path.ts';
import { supabase } from '#lib/supabase.ts';

/** Whoever is signed in already has no use for a page to sign in on. */
export async function skipIfSignedIn({ url }: { url: URL }): Promise<void> {
  const { data } = await supabase.auth.getSession();
  if (data.session) redirect(307, nextPath(url.searchParams.get('next'), url.origin));
}
