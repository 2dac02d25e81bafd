/** Razorpay's entities, as its API and its webhooks spell them. Amounts in the smallest unit, times in seconds. */

/** An empty set of notes is a list on the wire. */
export type Notes = Record<string, string> | [];

export interface Plan {
  id: string;
  entity: 'plan';
  interval: number;
  period: 'monthly' | 'yearly';
  item: { id: string; active: boolean; name: string; amount: number; currency: string };
  notes: Notes;
  created_at: number;
}

export interface Customer {
  id: string;
  entity: 'customer';
  name: string | null;
  email: string | null;
  contact: string | null;
  gstin: string | null;
  notes: Notes;
  created_at: number;
}

export interface Order {
  id: string;
  entity: 'order';
  amount: number;
  amount_paid: number;
  amount_due: number;
  currency: string;
  receipt: string | null;
  offer_id: null;
  status: 'created' | 'attempted' | 'paid';
  attempts: number;
  notes: Notes;
  created_at: number;
}

export type PaymentStatus = 'created' | 'failed' | 'authorized' | 'captured' | 'refunded';
export type Method = 'card' | 'upi' | 'netbanking' | 'wallet' | 'emandate';

export interface Payment {
  id: string;
  entity: 'payment';
  amount: number;
  currency: string;
  base_amount: number;
  status: PaymentStatus;
  order_id: string | null;
  invoice_id: string | null;
  international: boolean;
  method: Method;
  amount_refunded: number;
  amount_transferred: number;
  refund_status: null | 'partial' | 'full';
  captured: boolean | '1';
  description: string | null;
  card_id: string | null;
  card?: Record<string, unknown>;
  bank: string | null;
  wallet: string | null;
  vpa: string | null;
  email: string;
  contact: string;
  customer_id?: string | null;
  token_id?: string | null;
  notes: Notes;
  fee: number | null;
  tax: number | null;
  error_code: string | null;
  error_description: string | null;
  error_source: string | null;
  error_step: string | null;
  error_reason: string | null;
  acquirer_data: Record<string, unknown>;
  created_at: number;
}

export type TokenStatus = 'initiated' | 'confirmed' | 'rejected' | 'paused' | 'cancelled';

export interface Token {
  id: string;
  entity: 'token';
  token: string;
  bank: null;
  wallet: null;
  method: 'card';
  card: Record<string, unknown>;
  recurring: boolean;
  recurring_details: { status: TokenStatus; failure_reason: string | null };
  auth_type: null;
  mrn: null;
  used_at: number;
  created_at: number;
  max_amount: number;
  expired_at: number;
  dcc_enabled: boolean;
}

export type SubscriptionStatus =
  | 'created'
  | 'authenticated'
  | 'active'
  | 'pending'
  | 'halted'
  | 'cancelled'
  | 'completed'
  | 'expired'
  | 'paused';

export interface Subscription {
  id: string;
  entity: 'subscription';
  plan_id: string;
  customer_id: string | null;
  status: SubscriptionStatus;
  current_start: number | null;
  current_end: number | null;
  ended_at: number | null;
  quantity: number;
  notes: Notes;
  charge_at: number | null;
  start_at: number | null;
  end_at: number | null;
  auth_attempts: number;
  total_count: number;
  paid_count: number;
  customer_notify: boolean;
  created_at: number;
  expire_by: number | null;
  short_url: string;
  has_scheduled_changes: boolean;
  change_scheduled_at: number | null;
  source: 'api';
  payment_method: Method | null;
  remaining_count: number;
}

export interface Invoice {
  id: string;
  entity: 'invoice';
  receipt: null;
  invoice_number: null;
  customer_id: string | null;
  order_id: string;
  subscription_id: string;
  payment_id: string | null;
  status: 'issued' | 'paid' | 'cancelled' | 'expired';
  issued_at: number;
  paid_at: number | null;
  cancelled_at: number | null;
  expired_at: number | null;
  gross_amount: number;
  tax_amount: number;
  taxable_amount: number;
  amount: number;
  amount_paid: number;
  amount_due: number;
  currency: string;
  description: null;
  notes: Notes;
  short_url: string;
  billing_start: number;
  billing_end: number;
  type: 'invoice';
  created_at: number;
}

export interface Refund {
  id: string;
  entity: 'refund';
  amount: number;
  currency: string;
  payment_id: string;
  notes: Notes;
  receipt: string | null;
  acquirer_data: { arn: null };
  created_at: number;
  batch_id: null;
  status: 'pending' | 'processed' | 'failed';
  speed_processed: 'normal';
  speed_requested: string;
}

export interface Dispute {
  id: string;
  entity: 'dispute';
  payment_id: string;
  amount: number;
  currency: string;
  amount_deducted: number;
  reason_code: string;
  respond_by: number;
  status: 'open' | 'under_review' | 'won' | 'lost' | 'closed';
  phase: 'chargeback';
  created_at: number;
}
