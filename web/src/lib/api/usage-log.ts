import type { Client } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';
import type { Receipt } from './usage.ts';

type Views = Database['api']['Views'];

/** What one member did with one model and one key on one day; no key means the chat. */
export type UsageDay = Filled<Views['usage_days']['Row'], 'key_id'>;
export type Member = Views['members']['Row'];

/** Days as in 2026-11-21, in UTC, both included. `key` may be the word chat. */
export interface UsageFilter {
  from: string;
  to: string;
  model: string | null;
  key: string | null;
  member: string | null;
}

const pageSize = 1000;
const mostRows = 20_000;

/** Everything of the days, or as much as a page can hold. */
export async function listUsageDays(
  client: Client,
  accountId: string,
  { from, to, model, key, member }: UsageFilter,
): Promise<{ rows: UsageDay[]; isCut: boolean }> {
  const rows: UsageDay[] = [];
  while (rows.length < mostRows) {
    let query = client
      .from('usage_days')
      .select()
      .eq('account_id', accountId)
      .gte('day', from)
      .lte('day', to);
    if (model) query = query.eq('model_id', model);
    if (member) query = query.eq('user_id', member);
    if (key) query = key === 'chat' ? query.is('key_id', null) : query.eq('key_id', key);
    const { data } = await query
      .order('day')
      .order('model_id')
      .order('user_id')
      .order('key_id')
      .range(rows.length, rows.length + pageSize - 1)
      .throwOnError();
    rows.push(...(data as UsageDay[]));
    if (data.length < pageSize) return { rows, isCut: false };
  }
  return { rows, isCut: true };
}

export type ReceiptCursor = Pick<Receipt, 'finished_at' | 'run_id'>;

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString();
}

/** The newest first, from before the given one on. */
export async function listReceipts(
  client: Client,
  accountId: string,
  { from, to, model, key, member }: UsageFilter,
  count: number,
  before: ReceiptCursor | null,
): Promise<Receipt[]> {
  let query = client
    .from('receipts')
    .select()
    .eq('account_id', accountId)
    .gte('finished_at', `${from}T00:00:00Z`)
    .lt('finished_at', dayAfter(to));
  if (model) query = query.eq('model_id', model);
  if (member) query = query.eq('user_id', member);
  if (key) query = key === 'chat' ? query.is('key_id', null) : query.eq('key_id', key);
  if (before) {
    const { finished_at: at, run_id: id } = before;
    query = query.or(`finished_at.lt."${at}",and(finished_at.eq."${at}",run_id.lt.${id})`);
  }
  const { data } = await query
    .order('finished_at', { ascending: false })
    .order('run_id', { ascending: false })
    .limit(count)
    .throwOnError();
  return data as unknown as Receipt[];
}

export async function listMembers(client: Client, accountId: string): Promise<Member[]> {
  const { data } = await client
    .from('members')
    .select()
    .eq('account_id', accountId)
    .order('name')
    .throwOnError();
  return data;
}
