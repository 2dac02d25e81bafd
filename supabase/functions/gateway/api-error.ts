import { type ErrorCode, failure, RequestError } from '../_shared/errors.ts';
import { secondsUntil } from '../_shared/seconds-until.ts';

/** A failure as the API tells it: beside the stable code, the parameter and the rule it is about. */
export class ApiError extends RequestError {
  override name = 'ApiError';
  readonly param: string | null;
  readonly rule: string | null;

  constructor(error: RequestError, about: { param?: string; rule?: string | null } = {}) {
    super(error);
    this.param = about.param ?? null;
    this.rule = about.rule ?? null;
  }
}

/** A parameter that is not what it should be. */
export function invalid(param: string, detail: string, hint = 'Correct it and send it again.') {
  return new ApiError(failure('invalid_input', detail, hint), { param });
}

/** A parameter whose cost could not be bounded before the call, or that does not reach a model. */
export function unsupported(param: string, detail: string) {
  return new ApiError(failure('invalid_input', detail, 'Leave it out.'), {
    param,
    rule: 'unsupported_parameter',
  });
}

interface Words {
  status: number;
  /** OpenAI's `type` and `code`. */
  type: string;
  code: string;
  /** Anthropic's `type`. */
  anthropic: string;
  /** Whether sending the same request again soon may help, where the status does not say so. */
  retry?: boolean;
}

const words = (
  status: number,
  type: string,
  code: string,
  anthropic: string,
  retry?: boolean,
): Words => ({ status, type, code, anthropic, ...(retry === undefined ? {} : { retry }) });

/** The one table from our stable codes to what the SDKs of OpenAI and Anthropic expect. */
const byCode: Partial<Record<ErrorCode, Words>> = {
  unauthorized: words(401, 'invalid_request_error', 'invalid_api_key', 'authentication_error'),
  insufficient_credits: words(402, 'insufficient_quota', 'insufficient_credits', 'billing_error'),
  forbidden: words(403, 'permission_error', 'forbidden', 'permission_error'),
  moderated: words(403, 'invalid_request_error', 'content_policy_violation', 'permission_error'),
  not_found: words(404, 'invalid_request_error', 'not_found', 'not_found_error'),
  method_not_allowed: words(
    405,
    'invalid_request_error',
    'method_not_allowed',
    'invalid_request_error',
  ),
  conflict: words(409, 'invalid_request_error', 'conflict', 'invalid_request_error', false),
  too_large: words(413, 'invalid_request_error', 'request_too_large', 'request_too_large'),
  invalid_input: words(400, 'invalid_request_error', 'invalid_input', 'invalid_request_error'),
  upstream_rejected: words(
    400,
    'invalid_request_error',
    'upstream_rejected',
    'invalid_request_error',
  ),
  request_timeout: words(408, 'invalid_request_error', 'request_timeout', 'invalid_request_error'),
  rate_limited: words(429, 'rate_limit_error', 'rate_limit_exceeded', 'rate_limit_error'),
  quota_exceeded: words(429, 'insufficient_quota', 'quota_exceeded', 'rate_limit_error', false),
  busy: words(503, 'server_error', 'server_busy', 'overloaded_error'),
  internal_error: words(500, 'server_error', 'internal_error', 'api_error'),
  run_lost: words(500, 'server_error', 'run_lost', 'api_error', false),
  upstream_failed: words(502, 'server_error', 'upstream_failed', 'api_error'),
  upstream_broken: words(502, 'server_error', 'upstream_broken', 'api_error'),
  empty_answer: words(502, 'server_error', 'empty_answer', 'api_error'),
  upstream_unavailable: words(503, 'server_error', 'upstream_unavailable', 'overloaded_error'),
  upstream_timeout: words(504, 'server_error', 'upstream_timeout', 'timeout_error'),
  upstream_silent: words(504, 'server_error', 'upstream_silent', 'timeout_error'),
  run_too_long: words(504, 'server_error', 'run_too_long', 'timeout_error', false),
};

/** Where the database says which rule refused a call, the code says it too. */
const byRule: Record<string, Partial<Words>> = {
  key_in_url: { code: 'key_in_url' },
  scope: { code: 'scope_missing' },
  suspended: { code: 'account_suspended' },
  model: { code: 'model_not_found' },
  key_models: { code: 'model_not_allowed' },
  plan_models: { code: 'model_not_allowed' },
  price_cap: { code: 'price_cap_exceeded' },
  key_budget: { code: 'budget_exceeded' },
  member_budget: { code: 'budget_exceeded' },
  idempotency: { code: 'idempotency_conflict' },
  unsupported_parameter: { code: 'unsupported_parameter' },
};

export interface ErrorMeaning {
  status: number;
  code: string;
  type: string;
  detail: string;
  hint: string;
}

/** Every code of the API for the reference: the general ones, and those a rule says instead. */
export function errorCodes(): { general: ErrorMeaning[]; ofRules: string[] } {
  return {
    general: Object.entries(byCode).map(([name, { status, code, type }]) => {
      const { detail, hint } = failure(name as ErrorCode);
      return { status, code, type, detail, hint };
    }),
    ofRules: [...new Set(Object.values(byRule).flatMap(({ code }) => code ?? []))],
  };
}

function wordsFor(error: RequestError): Words {
  const found = byCode[error.code as ErrorCode] ?? {
    ...byCode.internal_error!,
    status: error.status,
  };
  const rule = error instanceof ApiError ? error.rule : null;
  return { ...found, ...(rule ? byRule[rule] : {}) };
}

/** Of requests that only read, the database says no more than that a minute has too many. */
function waitOf(error: RequestError): number | null {
  return secondsUntil(error.retryAt) ?? (error.code === 'rate_limited' ? 60 : null);
}

export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

export type ErrorShape = 'openai' | 'anthropic';

/** An error nobody foresaw tells the caller nothing of itself. */
export function knownError(error: unknown): RequestError {
  return error instanceof RequestError ? error : failure('internal_error');
}

export function describeError(
  error: RequestError,
  shape: ErrorShape,
  requestId: string,
): ErrorAnswer {
  const { status, type, code, anthropic, retry } = wordsFor(error);
  const message = error.hint ? `${error.detail} ${error.hint}` : error.detail;
  const headers: Record<string, string> = {};
  const wait = waitOf(error);
  if (wait !== null) headers['retry-after'] = String(wait);
  if (retry !== undefined) headers['x-should-retry'] = String(retry);
  const param = error instanceof ApiError ? error.param : null;
  const body =
    shape === 'anthropic'
      ? { type: 'error', error: { type: anthropic, message, code, param }, request_id: requestId }
      : { error: { message, type, param, code, request_id: requestId } };
  return { status, headers, body };
}
