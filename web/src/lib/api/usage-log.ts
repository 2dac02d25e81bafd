import type { Client } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';
import type { Receipt } from './usage.ts';

type Views = Database['api']['Views'];

/** What one member did with one model and one key on one day; no key means the chat. */
export type UsageDay = Filled<Views['usage_days']['Row'], 'key_id'>;
export type Member = Views['members']['Row'];
export type Group = 'model' | 'key' | 'member';
export type Measure = 'credits' | 'requests' | 'tokens' | 'errors' | 'latency';

/** Days as in 2026-11-21, in UTC, both included. `key` may be the word chat. */
export interface UsageFilter {
  from: string;
  to: string;
  model: string | null;
  key: string | null;
  member: string | null;
}

export interface Sums {
  requests: number;
  errors: number;
  prompt_tokens: number;
  completion_tokens: number;
  charged_micros: number;
  latency_ms: number;
  first_token_ms: number;
  first_tokens: number;
}

/** The id is of a model, a member or a key, or the word chat. */
export interface GroupSums extends Sums {
  id: string;
}

/** Usage as the database sums it. */
export interface UsageSums {
  totals: Sums;
  /** The dearest of them, the dearest first. */
  groups: GroupSums[];
  group_count: number;
  /** The groups with a line of their own in the chart, the largest first. */
  lines: string[];
  /** A value a day for each of those, and one without an id for the rest. */
  chart: { day: string; id: string | null; value: number }[];
}

export async function sumUsage(
  client: Client,
  accountId: string,
  { from, to, model, key, member }: UsageFilter,
  group: Group,
  measure: Measure,
): Promise<UsageSums> {
  const { data } = await client
    .rpc('sum_usage', {
      account_id: accountId,
      since: from,
      until: to,
      grouped_by: group,
      measure,
      ...(model && { model_id: model }),
      ...(key && { key }),
      ...(member && { user_id: member }),
    })
    .throwOnError();
  return data as unknown as UsageSums;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** The oldest first, from behind the given one on. */
export async function listUsageDays(
  client: Client,
  accountId: string,
  { from, to, model, key, member }: UsageFilter,
  count: number,
  after: UsageDay | null,
): Promise<UsageDay[]> {
  let query = client
    .from('usage_days')
    .select()
    .eq('account_id', accountId)
    .gte('day', after?.day ?? from)
    .lte('day', to);
  if (model) query = query.eq('model_id', model);
  if (member) query = query.eq('user_id', member);
  if (key) query = key === 'chat' ? query.is('key_id', null) : query.eq('key_id', key);
  if (after) {
    const { day, model_id, user_id, key_id } = after;
    const at = quoted(model_id);
    const laterKey = key_id === null ? 'key_id.not.is.null' : `key_id.gt.${key_id}`;
    const laterUser = `user_id.gt.${user_id},and(user_id.eq.${user_id},${laterKey})`;
    const laterModel = `model_id.gt.${at},and(model_id.eq.${at},or(${laterUser}))`;
    query = query.or(`day.gt.${day},and(day.eq.${day},or(${laterModel}))`);
  }
  const { data } = await query
    .order('day')
    .order('model_id')
    .order('user_id')
    .order('key_id', { nullsFirst: true })
    .limit(count)
    .throwOnError();
  return data as UsageDay[];
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
