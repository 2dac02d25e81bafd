import type { Sql } from 'postgres';
import { quote, type Row } from './session.ts';

export interface Wallet {
  account_id: string;
  balance_micros: string;
  held_micros: string;
  debt_micros: string;
  transaction_count: string;
  last_hash: string;
  next_expiry_at: number | null;
  next_lot_id: string | null;
  month_start: number;
  month_requests: string;
}

export interface Transaction {
  id: string;
  account_id: string;
  sequence: string;
  kind: 'grant' | 'charge' | 'expiry' | 'refund' | 'reversal' | 'adjustment';
  book: string;
  amount_micros: string;
  balance_micros: string;
  fact: string;
  refers_to: string | null;
  previous_hash: string;
  hash: string;
}

export interface Lot {
  id: string;
  account_id: string;
  transaction_id: string;
  source: string;
  priority: number;
  amount_micros: string;
  remaining_micros: string;
  expires_at: number | null;
}

export interface Allocation {
  transaction_id: string;
  lot_id: string;
  amount_micros: string;
}

/** A call while it runs, or what its receipt says of it. */
export interface Run {
  id: string;
  account_id: string;
  user_id: string;
  key_id: string | null;
  task: string;
  status: 'open' | 'reconciling' | 'ended';
  requested_model: string;
  /** Nothing once it has ended, like all that only its row said. */
  model_ids: string[] | null;
  price_version_ids: string[] | null;
  shape: {
    prompt_bytes: number;
    messages: number;
    images: number;
    choices: number;
    searches: number;
  };
  max_tokens: number;
  held_micros: string;
  month_start: number | null;
  token_quota_id: string | null;
  held_tokens: string | null;
  started_at: number;
}

export interface Hold {
  id: string;
  account_id: string;
  amount_micros: string;
  outcome: 'settled' | 'released' | 'expired' | null;
  charged_micros: string | null;
  transaction_id: string | null;
}

export interface Receipt {
  run_id: string;
  account_id: string;
  user_id: string;
  key_id: string | null;
  task: string;
  outcome: 'completed' | 'stopped' | 'failed' | 'expired';
  model_id: string;
  price_version_id: string;
  used: Record<string, number | null>;
  held_micros: string;
  charged_micros: string;
  upstream_micros: string | null;
  cost_label: 'reported' | 'reconciled' | 'estimated' | 'none';
  transaction_id: string | null;
  finished_at: number;
}

export interface BudgetRow {
  account_id: string;
  subject_id: string;
  period: 'day' | 'month' | 'total';
  limit_micros: string;
  window_start: number;
  spent_micros: string;
  held_micros: string;
}

/** The raw rows of some accounts at one moment, as they lie in the tables. */
export interface Snapshot {
  wallets: Wallet[];
  transactions: Transaction[];
  lots: Lot[];
  allocations: Allocation[];
  holds: Hold[];
  runs: Run[];
  receipts: Receipt[];
  budgets: BudgetRow[];
  tokenQuotas: {
    account_id: string;
    model_quota_id: string;
    period_start: number;
    used_tokens: string;
    held_tokens: string;
  }[];
  days: {
    account_id: string;
    requests: string;
    errors: string;
    charged_micros: string;
    prompt_tokens: string;
    completion_tokens: string;
  }[];
  redemptions: { account_id: string; coupon_id: string; transaction_id: string | null }[];
  coupons: {
    id: string;
    code: string;
    credits_micros: string | null;
    bonus_percent: string | null;
    max_redemptions: number | null;
    redemption_count: number;
    redeemed: string;
  }[];
  entries: { transaction_id: string; total: string; sides: string }[];
  prices: Record<string, string>[];
  limits: {
    account_id: string;
    plan_id: string;
    cycle_anchor: number | null;
    per_minute: number | null;
    per_hour: number | null;
    per_day: number | null;
    per_month: string | null;
    max_cost: string | null;
  }[];
  keyLimits: { key_id: string; per_minute: number | null; max_cost: string | null }[];
  modelQuotas: { id: string; plan_id: string; pattern: string; tokens_per_month: string }[];
}

const queries: { [table in keyof Snapshot]: string } = {
  wallets: `select *, set_aside_micros - room_micros as held_micros, encode(last_hash, 'hex') as last_hash
    from private.wallets join private.allowances using (account_id) where account_id = any ($)`,
  transactions: `select *, encode(previous_hash, 'hex') as previous_hash, encode(hash, 'hex') as hash
    from private.transactions where account_id = any ($) order by account_id, sequence`,
  lots: `select * from private.lots where account_id = any ($) order by id`,
  allocations: `select allocations.* from private.allocations join private.lots on lots.id = lot_id where account_id = any ($)`,
  holds: `select holds.*, outcome, charged_micros, transaction_id
    from private.holds left join private.resolutions on hold_id = holds.id where account_id = any ($)`,
  runs: `select id, account_id, user_id, key_id, task, status::text, requested_model, model_ids, price_version_ids, to_jsonb(shape) as shape,
      max_tokens, held_micros::bigint, month_start, token_quota_id, held_tokens, started_at
    from private.runs where account_id = any ($)
    union all
    select run_id, account_id, user_id, key_id, task, 'ended', requested_model, null, null, to_jsonb(shape),
      max_tokens, held_micros::bigint, null, null, null, started_at
    from private.usage_events where account_id = any ($)`,
  receipts: `select *, to_json(used) as used from private.usage_events where account_id = any ($)`,
  budgets: `select * from private.budgets where account_id = any ($)`,
  tokenQuotas: `select * from private.token_quotas where account_id = any ($)`,
  days: `select account_id, sum(requests)::text as requests, sum(errors)::text as errors, sum(charged_micros)::text as charged_micros,
    sum(prompt_tokens)::text as prompt_tokens, sum(completion_tokens)::text as completion_tokens
    from private.usage_by_day where account_id = any ($) group by account_id`,
  redemptions: `select * from private.redemptions where account_id = any ($)`,
  coupons: `select coupons.*, (select count(*)::text from private.redemptions where coupon_id = coupons.id) as redeemed from private.coupons`,
  entries: `select transaction_id, sum(amount_micros)::text as total, count(*)::text as sides
    from private.entries where account_id = any ($) group by transaction_id`,
  prices: `select * from private.price_versions where id in (
    select unnest(price_version_ids) from private.runs where account_id = any ($)
    union all select price_version_id from private.usage_events where account_id = any ($))`,
  limits: `select account_id, plan_id, cycle_anchor, requests_per_minute as per_minute, requests_per_hour as per_hour, requests_per_day as per_day,
    requests_per_month as per_month, max_cost_micros as max_cost
    from private.account_plans join private.plans on plans.id = plan_id where account_id = any ($)`,
  keyLimits: `select subject_id as key_id, requests_per_minute as per_minute, max_cost_micros as max_cost
    from private.limit_overrides where account_id = any ($)`,
  modelQuotas: `select * from private.model_quotas`,
};

export async function readSnapshot(sql: Sql, accountIds: string[]): Promise<Snapshot> {
  const accounts = `${quote(accountIds)}::uuid[]`;
  const tables = Object.entries(queries);
  const text = tables.map(([, query]) => query.replaceAll('$', accounts)).join(';\n');
  const answers = (await sql.begin('isolation level repeatable read read only', (tx) =>
    tx.unsafe(text),
  )) as unknown as Row[][];
  const found = tables.map(([table], index) => [table, [...answers[index]!]]);
  return Object.fromEntries(found) as Snapshot;
}
