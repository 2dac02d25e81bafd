import { supabase } from '#lib/supabase.ts';

export async function knowIfSignedIn() {
  const { data } = await supabase.auth.getSession();
  return { signedIn: data.session !== null };
}
