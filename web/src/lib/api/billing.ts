import { PUBLIC_SUPABASE_URL } from '$app/env/public';
import { type Client, fetchAsUser } from '#lib/supabase.ts';
import type { Database, Json } from './database.gen.ts';
import type { Filled } from './filled.ts';

type Views = Database['api']['Views'];

export type Plan = Filled<
  Views['plans']['Row'],
  | 'requests_per_minute'
  | 'requests_per_hour'
  | 'requests_per_day'
  | 'requests_per_month'
  | 'max_cost_micros'
>;
export type Package = Filled<Views['packages']['Row']>;
export type Price = Filled<Views['prices']['Row'], 'plan_id' | 'package_id'>;
export type Lot = Filled<Views['lots']['Row'], 'expires_at'>;
export type Transaction = Filled<Views['transactions']['Row'], 'refers_to'>;
export type AutoTopUp = Filled<Views['auto_top_ups']['Row'], 'last_order_at'>;
export type Invoice = Views['invoices']['Row'] & { id: string };
export type Payment = Views['payments']['Row'] & { id: string; currency: string };

export interface BillingDetails {
  name: string;
  email: string;
  address: string;
  tax_number: string;
}

export interface LiveSubscription {
  id: string;
  status: 'authenticated' | 'active' | 'pending' | 'halted' | 'paused';
  plan_id: string;
  price_id: number;
  period: 'month' | 'year';
  currency: string;
  amount_minor: number;
  current_start: string | null;
  current_end: string | null;
  next_charge_at: string | null;
  trial_until: string | null;
  method: string | null;
  cancels_at: string | null;
  pay_link: string | null;
  grace_until: string | null;
  changes_to: { plan_id: string; price_id: number; period: string; at: string } | null;
}

/** A card that may be charged by itself, once its bank has confirmed that. */
export interface KeptCard {
  label: string | null;
  status: 'initiated' | 'confirmed' | 'paused';
  currency: string;
  max_minor: number;
  expires_at: string;
  can_top_up: boolean;
}

/** All that a billing page begins with. */
export interface Overview {
  account_id: string;
  /** Whoever may not sees the plan and the wallet, and nothing else of it. */
  can_pay: boolean;
  plan: { id: string; name: string; until: string | null };
  wallet: { balance_micros: number; available_micros: number; debt_micros: number };
  subscription: LiveSubscription | null;
  next_subscription: {
    id: string;
    plan_id: string;
    price_id: number;
    period: string;
    starts_at: string;
  } | null;
  payment_method: KeptCard | null;
  details: BillingDetails;
  waiting_bonus: { code: string; bonus_percent: number } | null;
  unread_notices: number;
}

export interface PlanChange {
  mode: 'in_place_now' | 'in_place_at_cycle_end' | 'new_subscription';
  effective_at: string;
  currency: string;
  charge_now_minor: number;
  credits_now_micros: number;
  next_charge_minor: number;
  next_charge_at: string;
  explanation: string;
}

export interface CancelPreview {
  status: string;
  at_cycle_end: { plan_until: string };
  now: { plan_until: string };
  credits: { source: Lot['source']; remaining_micros: number; expires_at: string | null }[];
  explanation: string;
}

/** What a checkout is opened with. */
export interface Purchase {
  id: string;
  key_id: string;
  status: string;
  description: string;
  currency: string;
  amount_minor: number;
  prefill: { name?: string | null; email?: string | null };
  /** Set where paying also agrees to later charges of the card. */
  razorpay_customer_id?: string;
  razorpay_order_id?: string;
  razorpay_subscription_id?: string;
}

export interface Paid {
  razorpay_payment_id: string;
  razorpay_signature: string;
}

export type SubscriptionAct = 'cancel_now' | 'cancel_at_cycle_end' | 'pause' | 'resume' | 'retry';

/** What was answered as a refusal, in the form the database raises its own in. */
class BillingRefusal extends Error {
  override name = 'BillingRefusal';
  readonly code: string;
  readonly details: string | undefined;
  readonly hint: string | undefined;

  constructor(status: number, { code, message, hint }: Record<string, string | undefined>) {
    super(code ?? 'unexpected');
    this.code = `PT${status}`;
    this.details = message;
    this.hint = hint;
  }
}

async function callBilling(path: string, body?: object): Promise<Response> {
  const response = await fetchAsUser(`${PUBLIC_SUPABASE_URL}/functions/v1/billing/${path}`, {
    method: body ? 'POST' : 'GET',
    ...(body
      ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      : {}),
  });
  if (response.ok) return response;
  const answer = (await response.json().catch(() => ({}))) as { error?: Record<string, string> };
  throw new BillingRefusal(response.status, answer.error ?? {});
}

async function ask<Answer>(path: string, body: object): Promise<Answer> {
  return (await (await callBilling(path, body)).json()) as Answer;
}

export interface PurchaseRequest {
  account_id: string;
  price_id: number;
  request_key: string;
}

export const startTopUp = (request: PurchaseRequest & { keeps_card: boolean }) =>
  ask<Purchase>('top-ups', request);
export const removeCard = (account_id: string) =>
  ask<{ status: 'removed' | 'removing' }>('card-removals', { account_id });
export const startSubscription = (request: PurchaseRequest) =>
  ask<Purchase>('subscriptions', request);
export const startPlanChange = (request: PurchaseRequest) =>
  ask<PlanChange & { checkout?: Purchase }>('plan-changes', request);
export const verifyCheckout = (id: string, paid: Paid) =>
  ask<{ status: 'paid' | 'processing' | 'failed' }>('checkouts/verify', { id, ...paid });
export const actOnSubscription = (account_id: string, act: SubscriptionAct) =>
  ask<{ status: string; pay_link?: string | null }>('subscription-acts', { account_id, act });

/** The invoice as a page that prints. */
export async function fetchInvoice(id: string): Promise<string> {
  return (await callBilling(`invoices/${id}`)).text();
}

export async function listPlans(client: Client): Promise<Plan[]> {
  const { data } = await client.from('plans').select().order('position').throwOnError();
  return data as Plan[];
}

export async function listPackages(client: Client): Promise<Package[]> {
  const { data } = await client.from('packages').select().order('position').throwOnError();
  return data as Package[];
}

export async function listPrices(client: Client): Promise<Price[]> {
  const { data } = await client.from('prices').select().order('amount_minor').throwOnError();
  return data as Price[];
}

export async function getOverview(client: Client, accountId: string): Promise<Overview> {
  const { data } = await client.rpc('billing_overview', { account_id: accountId }).throwOnError();
  return data as unknown as Overview;
}

/**
 * Whether what was bought has reached the account: its credits, or, where it begins later, the
 * agreement to it.
 */
export async function hasArrived(client: Client, purchase: Purchase): Promise<boolean> {
  const isOrder = purchase.razorpay_order_id !== undefined;
  const { data: payments } = await client
    .from('payments')
    .select('id')
    .eq(isOrder ? 'order_id' : 'subscription_id', purchase.id)
    .not('grant_id', 'is', null)
    .limit(1)
    .throwOnError();
  if (isOrder || payments.length > 0) return payments.length > 0;
  const { data: subscriptions } = await client
    .from('subscriptions')
    .select('status')
    .eq('id', purchase.id)
    .not('start_at', 'is', null)
    .in('status', ['authenticated', 'active'])
    .throwOnError();
  return subscriptions.length > 0;
}

export async function previewPlanChange(
  client: Client,
  accountId: string,
  priceId: number,
): Promise<PlanChange> {
  const { data } = await client
    .rpc('preview_plan_change', { account_id: accountId, price_id: priceId })
    .throwOnError();
  return data as unknown as PlanChange;
}

export async function previewCancel(client: Client, accountId: string): Promise<CancelPreview> {
  const { data } = await client.rpc('preview_cancel', { account_id: accountId }).throwOnError();
  return data as unknown as CancelPreview;
}

/** What is left, in the order it will be spent. */
export async function listLots(client: Client, accountId: string): Promise<Lot[]> {
  const { data } = await client
    .from('lots')
    .select()
    .eq('account_id', accountId)
    .gt('remaining_micros', 0)
    .order('priority')
    .order('expires_at', { nullsFirst: false })
    .order('id')
    .throwOnError();
  return data as Lot[];
}

export async function listInvoices(client: Client, accountId: string): Promise<Invoice[]> {
  const { data } = await client
    .from('invoices')
    .select()
    .eq('account_id', accountId)
    .order('issued_at', { ascending: false })
    .throwOnError();
  return data as Invoice[];
}

export async function listPayments(client: Client, accountId: string): Promise<Payment[]> {
  const { data } = await client
    .from('payments')
    .select()
    .eq('account_id', accountId)
    .order('paid_at', { ascending: false })
    .throwOnError();
  return data as Payment[];
}

/** A page of the statement, newest first; `before` is the sequence the page before it ended with. */
export async function listTransactions(
  client: Client,
  accountId: string,
  before: number | null,
  most: number,
): Promise<Transaction[]> {
  let query = client.from('transactions').select().eq('account_id', accountId);
  if (before !== null) query = query.lt('sequence', before);
  const { data } = await query.order('sequence', { ascending: false }).limit(most).throwOnError();
  return data as Transaction[];
}

export type LedgerLine = { type: string; through_sequence?: number } & { [name: string]: Json };

export async function readLedgerPage(
  client: Client,
  accountId: string,
  afterSequence: number,
): Promise<LedgerLine[]> {
  const { data } = await client
    .rpc('export_ledger', { account_id: accountId, after_sequence: afterSequence })
    .throwOnError();
  return data as unknown as LedgerLine[];
}

/** A wrong code is answered and not raised, so that the database remembers the guess. */
type RedemptionVerdict =
  | { allowed: true; transaction_id: number | null }
  | { allowed: false; status: number; reason: string; detail: string; hint: string };

export async function redeemCode(client: Client, accountId: string, code: string) {
  const { data } = await client.rpc('redeem_code', { account_id: accountId, code }).throwOnError();
  const said = data as unknown as RedemptionVerdict;
  if (said.allowed) return said;
  throw new BillingRefusal(said.status, {
    code: said.reason,
    message: said.detail,
    hint: said.hint,
  });
}

export async function getAutoTopUp(client: Client, accountId: string): Promise<AutoTopUp | null> {
  const { data } = await client
    .from('auto_top_ups')
    .select()
    .eq('account_id', accountId)
    .maybeSingle()
    .throwOnError();
  return data as AutoTopUp | null;
}

export async function saveAutoTopUp(
  client: Client,
  setting: Database['api']['Functions']['set_auto_top_up']['Args'],
): Promise<AutoTopUp> {
  const { data } = await client.rpc('set_auto_top_up', setting).single().throwOnError();
  return data as AutoTopUp;
}

export async function listThresholds(client: Client, accountId: string): Promise<number[]> {
  const { data } = await client
    .from('alert_thresholds')
    .select('threshold_micros')
    .eq('account_id', accountId)
    .order('threshold_micros', { ascending: false })
    .throwOnError();
  return data.map(({ threshold_micros }) => threshold_micros as number);
}

export async function saveThresholds(
  client: Client,
  accountId: string,
  thresholds: number[],
): Promise<void> {
  await client.rpc('set_alert_thresholds', { account_id: accountId, thresholds }).throwOnError();
}

export async function saveDetails(
  client: Client,
  accountId: string,
  details: BillingDetails,
): Promise<void> {
  await client.rpc('set_billing_details', { account_id: accountId, ...details }).throwOnError();
}
