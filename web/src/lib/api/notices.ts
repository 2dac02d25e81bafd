import type { Client } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';

export type Notice = Filled<Database['api']['Views']['notices']['Row'], 'link' | 'read_at'>;

export async function listUnreadNotices(client: Client, accountId: string): Promise<Notice[]> {
  const { data } = await client
    .from('notices')
    .select()
    .eq('account_id', accountId)
    .is('read_at', null)
    .order('created_at', { ascending: false })
    .limit(20)
    .throwOnError();
  return data as Notice[];
}

export async function readNotices(client: Client, ids: string[]): Promise<void> {
  await client.rpc('read_notices', { notice_ids: ids }).throwOnError();
}

export async function readAllNotices(client: Client, accountId: string): Promise<void> {
  await client.rpc('read_notices', { account_id: accountId }).throwOnError();
}
