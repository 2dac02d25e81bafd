import type { Client } from '#lib/supabase.ts';
import type { Message } from './chat.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';

export type Share = Filled<
  Database['api']['Views']['shares']['Row'],
  'expires_at' | 'revoked_at' | 'leaf_id'
>;

/** The links of a conversation that can still be opened, the newest first. */
export async function listShares(client: Client, conversationId: string): Promise<Share[]> {
  const { data } = await client
    .from('shares')
    .select()
    .eq('conversation_id', conversationId)
    .is('revoked_at', null)
    .order('created_at', { ascending: false })
    .throwOnError();
  const now = Date.now();
  return (data as Share[]).filter(
    ({ expires_at }) => !expires_at || new Date(expires_at).getTime() > now,
  );
}

export async function createShare(
  client: Client,
  conversationId: string,
  leafId: string | null,
  expiresAt: string | null,
): Promise<Share> {
  const { data } = await client
    .rpc('create_share', {
      conversation_id: conversationId,
      ...(leafId && { leaf_id: leafId }),
      ...(expiresAt && { expires_at: expiresAt }),
    })
    .single()
    .throwOnError();
  return data as Share;
}

export async function revokeShare(client: Client, id: string): Promise<void> {
  await client.rpc('revoke_share', { share_id: id }).throwOnError();
}

export interface Snapshot {
  id: string;
  title: string;
  messages: Pick<Message, 'role' | 'status' | 'content' | 'model_id' | 'created_at'>[];
  message_count: number;
  created_at: string;
  expires_at: string | null;
}

export async function readShare(client: Client, id: string): Promise<Snapshot> {
  const { data } = await client.rpc('read_share', { share_id: id }).throwOnError();
  return data as unknown as Snapshot;
}

export async function forkShare(client: Client, id: string, accountId: string): Promise<string> {
  const { data } = await client
    .rpc('fork_share', { share_id: id, account_id: accountId })
    .single()
    .throwOnError();
  return data.id;
}
