import type { Client } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';

type Api = Database['api'];

export type Profile = Filled<Api['Views']['profile']['Row'], 'avatar_url'>;
export type Account = Filled<Api['Views']['accounts']['Row'], 'suspended_at'>;
export type ProfileChange = Api['Functions']['update_profile']['Args'];

export async function getProfile(client: Client): Promise<Profile> {
  const { data } = await client.from('profile').select().single().throwOnError();
  return data as Profile;
}

/** The personal account first, then teams by name. */
export async function listAccounts(client: Client): Promise<Account[]> {
  const { data } = await client
    .from('accounts')
    .select()
    .order('kind')
    .order('name')
    .throwOnError();
  return data as Account[];
}

export async function updateProfile(client: Client, change: ProfileChange): Promise<Profile> {
  const { data } = await client.rpc('update_profile', change).throwOnError();
  return data as Profile;
}
