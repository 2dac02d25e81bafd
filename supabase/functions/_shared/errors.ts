import { corsHeaders } from './cors.ts';
import { secondsUntil } from './seconds-until.ts';

/** A failure with a stable code; `detail` is a sentence for people, `hint` the next step. */
export interface Failure {
  status: number;
  code: string;
  detail: string;
  hint: string;
  /** From when the same may be asked again. */
  retryAt?: string | null;
}

export class RequestError extends Error implements Failure {
  override name = 'RequestError';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
  readonly retryAt: string | null;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.detail}`);
    this.status = failure.status;
    this.code = failure.code;
    this.detail = failure.detail;
    this.hint = failure.hint;
    this.retryAt = failure.retryAt ?? null;
  }
}

/** Every code a function may answer with. The database raises the same words as `PTnnn`. */
const failures = {
  unauthorized: [401, 'The caller is not known.', 'Sign in, or send a valid key.'],
  insufficient_credits: [402, 'There are not enough credits for this.', 'Top up, or ask for less.'],
  forbidden: [403, 'The caller may not do this.', 'Ask an owner of the account.'],
  not_found: [404, 'There is no such thing here.', 'Check the address.'],
  method_not_allowed: [405, 'This address does not take that method.', 'Use the documented one.'],
  moderated: [403, 'The provider does not take this prompt.', 'Change the prompt or the model.'],
  request_timeout: [408, 'The body did not come in time.', 'Send it faster.'],
  conflict: [409, 'It does not fit what is there now.', 'Load it again and retry.'],
  too_large: [413, 'The request is too large.', 'Send less.'],
  invalid_input: [422, 'The request is not valid.', 'Correct it and send it again.'],
  upstream_rejected: [422, 'The model does not take this request.', 'Change it or the model.'],
  rate_limited: [429, 'Too many requests.', 'Wait as long as Retry-After says.'],
  quota_exceeded: [429, 'The quota of this period is used up.', 'Wait for the next, or upgrade.'],
  busy: [503, 'Too much is being worked on here at once.', 'Try again in a few seconds.'],
  internal_error: [500, 'Something failed on our side.', 'Try again; tell us the request id.'],
  upstream_failed: [
    502,
    'The model failed while answering.',
    'Try again, or choose another model.',
  ],
  upstream_broken: [502, 'The connection to the model broke off.', 'Try again.'],
  empty_answer: [502, 'The model gave no answer.', 'Try again, or choose another model.'],
  upstream_unavailable: [503, 'The service behind this is not available.', 'Try again shortly.'],
  upstream_timeout: [504, 'The model did not begin to answer in time.', 'Try another model.'],
  upstream_silent: [504, 'The model fell silent.', 'Try again, or choose another model.'],
  run_too_long: [504, 'The answer took longer than a run may.', 'Ask for less at a time.'],
  run_lost: [500, 'The run was ended elsewhere.', 'Load the conversation again.'],
  text_incomplete: [500, 'A part of the answer was lost on our side.', 'Try again.'],
} as const satisfies Record<string, readonly [status: number, detail: string, hint: string]>;

export type ErrorCode = keyof typeof failures;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(failures, code);
}

export function failure(code: ErrorCode, detail?: string, hint?: string): RequestError {
  const [status, usual, next] = failures[code];
  return new RequestError({ status, code, detail: detail ?? usual, hint: hint ?? next });
}

/** What PostgREST answers when the database raises or refuses. */
export interface DatabaseError {
  code?: string;
  message?: string;
  details?: string | null;
  hint?: string | null;
}

/** `PTnnn` is ours and speaks for itself; of anything else the caller learns only what kind it is. */
export function fromDatabase(status: number, error: DatabaseError): RequestError {
  if (/^PT\d{3}$/.test(error.code ?? '') && /^[a-z][a-z_]*$/.test(error.message ?? '')) {
    const known = failures[error.message as ErrorCode] ?? failures.internal_error;
    return new RequestError({
      status: Number(error.code?.slice(2)),
      code: error.message as string,
      detail: error.details || known[1],
      hint: error.hint || known[2],
    });
  }
  // Text that Postgres does not hold: U+0000, or half a character.
  if (error.code === '22P05' || error.code === '22P02') return failure('invalid_input');
  if (status === 401) return failure('unauthorized');
  if (status === 403 || error.code === '42501') return failure('forbidden');
  if (error.code === '57014' || status >= 502) return failure('upstream_unavailable');
  return failure('internal_error');
}

/** The site's shape of an error. */
export function errorResponse(error: unknown, requestId: string): Response {
  const known = error instanceof RequestError ? error : failure('internal_error');
  const { code, detail, hint, retryAt } = known;
  const wait = secondsUntil(retryAt);
  return Response.json(
    { error: { code, message: detail, hint, request_id: requestId } },
    {
      status: known.status,
      headers: {
        ...corsHeaders,
        'x-request-id': requestId,
        ...(wait === null ? {} : { 'retry-after': String(wait) }),
      },
    },
  );
}
