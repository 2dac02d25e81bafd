import { isSameSecret } from '../_shared/constant-time.ts';
import { corsHeaders, preflight } from '../_shared/cors.ts';
import type { Env } from '../_shared/env.ts';
import { errorResponse, failure } from '../_shared/errors.ts';
import { logRequest } from '../_shared/log.ts';
import { type ByteLimits, readBytes } from '../_shared/read-bytes.ts';
import { fromRazorpay, type RazorpayClient } from '../_shared/razorpay.ts';
import { requestIdOf } from '../_shared/request-id.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { changePlan, actOnSubscription } from './change.ts';
import { removeCard, startSubscription, startTopUp, verifyCheckout } from './checkout.ts';
import { fetchInvoice } from './invoice.ts';
import { refundPayment } from './refund.ts';

export interface BillingDeps {
  env: Env;
  rpc: Rpc;
  fetch: typeof fetch;
  razorpay: RazorpayClient;
}

/** One request: who asks, what with, and everything to carry it out. */
export interface Act extends BillingDeps {
  requestId: string;
  /** The caller's own token; the database reads the caller from it. */
  bearer: string;
  userId: string | undefined;
  body: Record<string, unknown>;
}

const acts: Record<string, (act: Act) => Promise<unknown>> = {
  'POST /top-ups': startTopUp,
  'POST /subscriptions': startSubscription,
  'POST /checkouts/verify': verifyCheckout,
  'POST /plan-changes': changePlan,
  'POST /subscription-acts': actOnSubscription,
  'POST /card-removals': removeCard,
};
/** What is read of anybody: whether the caller's token is good is the database's to say, later. */
const usualLimits: ByteLimits = { maxBytes: 40_000, maxMs: 10_000 };

/** Buying, subscribing and changing: the database decides, this carries it to Razorpay and back. */
export async function handleBilling(
  request: Request,
  deps: BillingDeps,
  limits = usualLimits,
): Promise<Response> {
  const answer = preflight(request);
  if (answer) return answer;
  const requestId = requestIdOf(request);
  const log = logRequest('billing', requestId);
  const path = new URL(request.url).pathname.replace(/^\/billing/, '').replace(/\/$/, '');
  let response: Response;
  try {
    log.note({ act: `${request.method} ${path.replace(/[0-9a-f-]{36}/, '…')}` });
    response = await route(request, path, { ...deps, requestId }, limits);
  } catch (error) {
    log.note({ error: error instanceof Error ? error.message : String(error) });
    response = errorResponse(fromRazorpay(error), requestId);
  }
  response.headers.set('x-request-id', requestId);
  log.end(response.status);
  return response;
}

async function route(
  request: Request,
  path: string,
  deps: BillingDeps & { requestId: string },
  limits: ByteLimits,
): Promise<Response> {
  const name = `${request.method} ${path}`;
  const invoice = /^GET \/invoices\/([0-9a-f-]{36})$/.exec(name)?.[1];
  if (name === 'POST /refunds') {
    const key = request.headers.get('apikey') ?? '';
    if (!(await isSameSecret(key, deps.env.secretKey))) throw failure('unauthorized');
    return json(await refundPayment(deps, await readBody(request, limits)));
  }
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (!bearer) throw failure('unauthorized');
  if (invoice) return await fetchInvoice({ ...deps, bearer }, invoice);
  const act = acts[name];
  if (!act) throw failure('not_found');
  const body = await readBody(request, limits);
  return json(await act({ ...deps, bearer, userId: subjectOf(bearer), body }));
}

function json(value: unknown): Response {
  return Response.json(value, { headers: { ...corsHeaders, 'cache-control': 'no-store' } });
}

async function readBody(request: Request, limits: ByteLimits): Promise<Record<string, unknown>> {
  const bytes = await readBytes(request, limits);
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
      return body as Record<string, unknown>;
    }
  } catch {
    // Said below.
  }
  throw failure('invalid_input', 'The body must be a JSON object.');
}

/** Only for the record: the database has verified the token by the time this is used. */
function subjectOf(bearer: string): string | undefined {
  try {
    const part = (bearer.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const { sub } = JSON.parse(atob(part)) as { sub?: unknown };
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    return undefined;
  }
}
