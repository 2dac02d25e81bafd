import type { Client } from '#lib/supabase.ts';
import type { Profile } from './accounts.ts';

/** Models, or patterns of them, that Auto chooses for the person no more, and those it may again. */
export async function changeExclusions(
  client: Client,
  change: { added?: string[]; removed?: string[] },
): Promise<Profile> {
  const { data } = await client.rpc('change_exclusions', change).throwOnError();
  return data as Profile;
}
