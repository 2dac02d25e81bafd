import type { Context } from './answer-call.ts';
import { askForKey } from './ask-for-key.ts';
import { creditsOf, usdOf } from './dialect.ts';

interface Described {
  key: {
    id: string;
    account_id: string;
    name: string;
    prefix: string;
    scopes: string[];
    allowed_models: string[];
    requests_per_minute: number | null;
    requests_per_hour: number | null;
    requests_per_day: number | null;
    max_cost_micros: number | null;
    expires_at: string | null;
    previous_until: string | null;
    last_used_at: string | null;
    created_at: string;
  };
  wallet: { balance_micros: number; held_micros: number; available_micros: number };
  account_used_micros: number;
  used: { day: number; month: number; total: number; requests: number };
  budgets: Budget[];
  limits: {
    plan_id: string;
    requests_per_minute: number | null;
    requests_per_hour: number | null;
    requests_per_day: number | null;
    requests_per_month: number | null;
    requests_this_month: number;
    max_cost_micros: number | null;
    month_ends_at: string;
  };
}

interface Budget {
  subject: 'key' | 'member';
  period: 'day' | 'month' | 'total';
  limit_micros: number;
  spent_micros: number;
  held_micros: number;
  resets_at: string | null;
}

export async function describeKey(context: Context): Promise<Response> {
  const { key, used, budgets, limits } = await read(context);
  const own = budgets.filter(({ subject }) => subject === 'key');
  const tightest = own.toSorted((one, other) => leftOf(one) - leftOf(other))[0];
  return Response.json({
    data: {
      id: key.id,
      label: key.name,
      prefix: key.prefix,
      scopes: key.scopes,
      allowed_models: key.allowed_models,
      plan: limits.plan_id,
      limit: tightest ? usdOf(tightest.limit_micros) : null,
      limit_remaining: tightest ? usdOf(leftOf(tightest)) : null,
      limit_reset: tightest?.resets_at ?? null,
      usage: usdOf(used.total),
      usage_daily: usdOf(used.day),
      usage_monthly: usdOf(used.month),
      requests: used.requests,
      budgets: budgets.map((budget) => ({
        subject: budget.subject,
        period: budget.period,
        limit_credits: creditsOf(budget.limit_micros),
        spent_credits: creditsOf(budget.spent_micros),
        held_credits: creditsOf(budget.held_micros),
        resets_at: budget.resets_at,
      })),
      rate_limits: {
        requests_per_minute: least(key.requests_per_minute, limits.requests_per_minute),
        requests_per_hour: least(key.requests_per_hour, limits.requests_per_hour),
        requests_per_day: least(key.requests_per_day, limits.requests_per_day),
        requests_per_month: limits.requests_per_month,
        requests_this_month: limits.requests_this_month,
        month_ends_at: limits.month_ends_at,
      },
      expires_at: key.expires_at,
      previous_key_until: key.previous_until,
      last_used_at: key.last_used_at,
      created_at: key.created_at,
    },
  });
}

/** What the account has, and what was used of it as far as the key's maker may know: the difference is what it has. */
export async function describeCredits(context: Context): Promise<Response> {
  const { wallet, account_used_micros } = await read(context);
  return Response.json({
    data: {
      total_credits: usdOf(wallet.balance_micros + account_used_micros),
      total_usage: usdOf(account_used_micros),
      balance_credits: creditsOf(wallet.balance_micros),
      held_credits: creditsOf(wallet.held_micros),
      available_credits: creditsOf(wallet.available_micros),
      usd_per_credit: 0.001,
    },
  });
}

function read(context: Context): Promise<Described> {
  return askForKey<Described>(context, 'describe_key');
}

function leftOf({ limit_micros, spent_micros, held_micros }: Budget): number {
  return Math.max(0, limit_micros - spent_micros - held_micros);
}

function least(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}
