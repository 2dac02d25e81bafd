import type { Client } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';
import type { Budget } from './keys.ts';

export type TokenQuota = Filled<Database['api']['Views']['token_quotas']['Row']>;

/** What is wider comes after what is narrower, and all other models last. */
export async function listTokenQuotas(client: Client, accountId: string): Promise<TokenQuota[]> {
  const { data } = await client
    .from('token_quotas')
    .select()
    .eq('account_id', accountId)
    .throwOnError();
  return (data as TokenQuota[]).toSorted((one, other) => (one.pattern < other.pattern ? 1 : -1));
}

/** What one member may spend. People see their own. */
export async function listMemberBudgets(
  client: Client,
  accountId: string,
  userId: string,
): Promise<Budget[]> {
  const { data } = await client
    .from('budgets')
    .select()
    .eq('account_id', accountId)
    .eq('subject', 'member')
    .eq('subject_id', userId)
    .order('period')
    .throwOnError();
  return data as Budget[];
}
