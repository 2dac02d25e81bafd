import { failure, RequestError } from '../_shared/errors.ts';
import { ApiError } from './api-error.ts';

/** The database's answer to the wish to make a call; see private.verdict. */
export interface Verdict {
  allowed: boolean;
  run_id: string;
  is_replay: boolean;
  status: number | null;
  reason: string | null;
  rule: string | null;
  detail: string | null;
  hint: string | null;
  shortfall_micros: number | null;
  resets_at: string | null;
  model_ids: string[];
  route_reason: string | null;
  max_tokens: number;
  is_clamped: boolean;
  hold_micros: number;
  available_micros: number;
  max_prompt_usd: number | null;
  max_completion_usd: number | null;
  rate_limit: number | null;
  rate_remaining: number | null;
  rate_resets_at: string | null;
  quota_limit: number | null;
  quota_remaining: number | null;
  quota_resets_at: string | null;
}

/** Which parameter of a request a rule is about. */
const paramOf: Record<string, string> = {
  model: 'model',
  key_models: 'model',
  plan_models: 'model',
  price_cap: 'max_tokens',
  idempotency: 'Idempotency-Key',
};

export function refusalOf(verdict: Verdict): ApiError {
  const { status, reason, rule, detail, hint, shortfall_micros, resets_at } = verdict;
  const missing = shortfall_micros
    ? ` It lacks ${(shortfall_micros / 1e6).toLocaleString('en-GB', { maximumFractionDigits: 3 })} credits.`
    : '';
  const error = new RequestError({
    ...failure('internal_error'),
    status: status ?? 500,
    code: reason ?? 'internal_error',
    detail: (detail ?? failure('internal_error').detail) + missing,
    hint: hint ?? '',
  });
  const param = rule ? paramOf[rule] : undefined;
  return new ApiError(error, { rule, retryAt: resets_at, ...(param ? { param } : {}) });
}

/** What the caller may know before the first byte, in the headers the SDKs look at and our own. */
export function headersOf(verdict: Verdict, now = Date.now()): Record<string, string> {
  const headers: Record<string, string> = {
    'x-oneai-run-id': verdict.run_id,
    'x-oneai-models': verdict.model_ids.join(','),
    'x-oneai-hold-credits': String(verdict.hold_micros / 1e6),
    'x-oneai-max-tokens': String(verdict.max_tokens),
    'x-oneai-clamped': String(verdict.is_clamped),
  };
  if (verdict.route_reason) headers['x-oneai-route-reason'] = plain(verdict.route_reason);
  const policies: string[] = [];
  const states: string[] = [];
  if (verdict.rate_limit !== null) {
    const seconds = secondsUntil(verdict.rate_resets_at, now);
    policies.push(`"minute";q=${verdict.rate_limit};w=60`);
    states.push(`"minute";r=${verdict.rate_remaining};t=${seconds}`);
    headers['x-ratelimit-limit-requests'] = String(verdict.rate_limit);
    headers['x-ratelimit-remaining-requests'] = String(verdict.rate_remaining);
    headers['x-ratelimit-reset-requests'] = `${seconds}s`;
  }
  if (verdict.quota_limit !== null) {
    policies.push(`"month";q=${verdict.quota_limit};w=2592000`);
    states.push(
      `"month";r=${verdict.quota_remaining};t=${secondsUntil(verdict.quota_resets_at, now)}`,
    );
  }
  if (policies.length > 0) {
    headers['ratelimit-policy'] = policies.join(', ');
    headers['ratelimit'] = states.join(', ');
  }
  return headers;
}

/** A header carries no more than ASCII. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function secondsUntil(moment: string | null, now: number): number {
  return moment === null ? 0 : Math.max(0, Math.ceil((Date.parse(moment) - now) / 1000));
}
