import type { Client } from '#lib/supabase.ts';
import type { Database, Json } from './database.gen.ts';
import type { Filled } from './filled.ts';

type Views = Database['api']['Views'];

export type Key = Views['keys']['Row'];
export type Budget = Filled<Views['budgets']['Row'], 'resets_at'>;
export type Period = Budget['period'];

/** What is set with a key; an empty expiry or limit means that there is none. */
export interface KeySettings {
  name: string;
  scopes: string[];
  allowed_models: string[];
  expires_at: string | null;
  requests_per_minute: number | null;
  requests_per_hour: number | null;
  requests_per_day: number | null;
  max_cost_micros: number | null;
}

/** A key with its clear text, which is in this answer and nowhere else. */
export interface ShownKey {
  secret: string;
  key: Key;
}

/** Those in force first, then the newest. */
export async function listKeys(client: Client, accountId: string): Promise<Key[]> {
  const { data } = await client
    .from('keys')
    .select()
    .eq('account_id', accountId)
    .order('revoked_at', { nullsFirst: true })
    .order('created_at', { ascending: false })
    .throwOnError();
  return data;
}

export async function createKey(
  client: Client,
  accountId: string,
  { name, ...settings }: Partial<KeySettings> & { name: string },
): Promise<ShownKey> {
  const args = { account_id: accountId, name, settings };
  const { data } = await client.rpc('create_key', args).throwOnError();
  return data as unknown as ShownKey;
}

/** Changes what is given and leaves the rest. */
export async function updateKey(
  client: Client,
  keyId: string,
  changes: Partial<KeySettings>,
): Promise<Key> {
  const { data } = await client
    .rpc('update_key', { key_id: keyId, changes: changes as Json })
    .single()
    .throwOnError();
  return data;
}

/** The clear text of before stays good for the seconds given. */
export async function rotateKey(
  client: Client,
  keyId: string,
  overlapSeconds: number,
): Promise<ShownKey> {
  const { data } = await client
    .rpc('rotate_key', { key_id: keyId, overlap_seconds: overlapSeconds })
    .throwOnError();
  return data as unknown as ShownKey;
}

export async function revokeKey(client: Client, keyId: string): Promise<Key> {
  const { data } = await client.rpc('revoke_key', { key_id: keyId }).single().throwOnError();
  return data;
}

/** Only those who manage the account see these. */
export async function listKeyBudgets(client: Client, accountId: string): Promise<Budget[]> {
  const { data } = await client
    .from('budgets')
    .select()
    .eq('account_id', accountId)
    .eq('subject', 'key')
    .throwOnError();
  return data as Budget[];
}

/** Without a limit the budget is removed. */
export async function setKeyBudget(
  client: Client,
  accountId: string,
  keyId: string,
  period: Period,
  limitMicros: number | null,
): Promise<void> {
  await client
    .rpc('set_budget', {
      account_id: accountId,
      subject: 'key',
      subject_id: keyId,
      period,
      // The generator does not know that an argument may be null.
      limit_micros: limitMicros as number,
    })
    .throwOnError();
}
