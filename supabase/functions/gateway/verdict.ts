import { failure, RequestError } from '../_shared/errors.ts';
import { limitHeaders, type Permit, type Verdict, windowsOf } from '../_shared/verdict.ts';
import { ApiError } from './api-error.ts';

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
    retryAt: resets_at,
  });
  const param = rule ? paramOf[rule] : undefined;
  return new ApiError(error, { rule, ...(param ? { param } : {}) });
}

/** What is left of every limit, and of the one that ends first in the headers the SDKs look at. */
export function rateHeaders(verdict: Verdict, now = Date.now()): Record<string, string> {
  const windows = windowsOf(verdict, now);
  const [first] = windows
    .filter(({ name }) => name !== 'month')
    .toSorted((one, other) => one.left - other.left);
  return {
    ...limitHeaders(windows),
    ...(first
      ? {
          'x-ratelimit-limit-requests': String(first.limit),
          'x-ratelimit-remaining-requests': String(first.left),
          'x-ratelimit-reset-requests': `${first.wait ?? 0}s`,
        }
      : {}),
  };
}

/** What the caller may know of the call before the first byte. */
export function headersOf(verdict: Permit): Record<string, string> {
  return {
    'x-oneai-run-id': verdict.run_id,
    'x-oneai-models': verdict.model_ids.join(','),
    'x-oneai-hold-credits': String((verdict.hold_micros ?? 0) / 1e6),
    'x-oneai-max-tokens': String(verdict.max_tokens),
    'x-oneai-clamped': String(verdict.is_clamped),
    ...(verdict.route_reason ? { 'x-oneai-route-reason': plain(verdict.route_reason) } : {}),
  };
}

/** Which parameters were left out. Their names are the caller's own words, of any length. */
export function ignoredHeader(names: readonly string[]): Record<string, string> {
  return names.length === 0 ? {} : { 'x-oneai-ignored': plain(names.join(',')).slice(0, 1000) };
}

/** A header carries no more than ASCII. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
