import { storable } from '#lib/storable.ts';
import type { Client } from '#lib/supabase.ts';
import type { Filled } from './filled.ts';
import type { Database } from './database.gen.ts';

type Receipts = Database['api']['Views']['receipts']['Row'];

export interface Attempt {
  model: string;
  ms: number;
  status?: number;
  /** What the model failed with, or why else it did not answer. */
  error?: string;
  reason?: string;
}

export type Receipt = Omit<Receipts, 'attempts'> & { attempts: Attempt[] };

/** A lot that paid for a charge, and how much of it. */
export interface PaidBy {
  lotId: number;
  source: Lot['source'];
  amountMicros: number;
  expiresAt: string | null;
}

type Lot = Database['api']['Views']['lots']['Row'];

export interface Preview {
  model_id: string;
  route_reason: string | null;
  likely_low_micros: number;
  likely_high_micros: number;
  cap_micros: number;
  max_tokens: number;
  available_micros: number;
  is_affordable: boolean;
}

export type Wallet = Filled<
  Database['api']['Views']['wallets']['Row'],
  'last_hash' | 'next_expiry_at'
>;
export type Limits = Database['api']['Views']['limits']['Row'];

/** A receipt is kept by the month it was written in: knowing since when narrows the search. */
export async function getReceipts(
  client: Client,
  accountId: string,
  runIds: readonly string[],
  since: string,
): Promise<Receipt[]> {
  const { data } = await client
    .from('receipts')
    .select()
    .eq('account_id', accountId)
    .gte('finished_at', since)
    .in('run_id', runIds)
    .throwOnError();
  return data as unknown as Receipt[];
}

export type PriceVersion = Database['api']['Views']['price_versions']['Row'];

export async function getPriceVersion(client: Client, id: number): Promise<PriceVersion> {
  const { data } = await client
    .from('price_versions')
    .select()
    .eq('id', id)
    .single()
    .throwOnError();
  return data;
}

/** Which lots paid for a receipt, in the order they were burnt. */
export async function getPayment(client: Client, transactionId: number): Promise<PaidBy[]> {
  const { data: allocations } = await client
    .from('allocations')
    .select('lot_id, amount_micros')
    .eq('transaction_id', transactionId)
    .throwOnError();
  const { data: lots } = await client
    .from('lots')
    .select('id, source, expires_at')
    .in(
      'id',
      allocations.map(({ lot_id }) => lot_id),
    )
    .throwOnError();
  return allocations.flatMap(({ lot_id, amount_micros }) => {
    const lot = lots.find(({ id }) => id === lot_id);
    if (!lot) return [];
    return [
      { lotId: lot_id, source: lot.source, amountMicros: amount_micros, expiresAt: lot.expires_at },
    ];
  });
}

export async function previewCost(
  client: Client,
  accountId: string,
  model: string,
  shape: { prompt_bytes: number; messages: number },
  text: string,
  signal: AbortSignal,
): Promise<Preview> {
  // What a preset will choose depends on how the text begins.
  const features = model.startsWith('oneai/') ? { text: storable(text.slice(0, 8000)) } : {};
  const { data } = await client
    .rpc('preview_cost', { account_id: accountId, model, shape, features })
    .abortSignal(signal)
    .throwOnError();
  return data as Preview;
}

export async function getWallet(client: Client, accountId: string): Promise<Wallet> {
  const { data } = await client
    .from('wallets')
    .select()
    .eq('account_id', accountId)
    .single()
    .throwOnError();
  return data as Wallet;
}

export async function getLimits(client: Client, accountId: string): Promise<Limits> {
  const { data } = await client
    .from('limits')
    .select()
    .eq('account_id', accountId)
    .single()
    .throwOnError();
  return data;
}
