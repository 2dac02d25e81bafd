import type { Env } from '../_shared/env.ts';
import { digest } from '../_shared/digest.ts';
import { errorResponse, failure } from '../_shared/errors.ts';
import { logRequest } from '../_shared/log.ts';
import { type ByteLimits, readBytes } from '../_shared/read-bytes.ts';
import { requestIdOf } from '../_shared/request-id.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { isSigned } from '../_shared/signature.ts';

export interface WebhookDeps {
  env: Env;
  /** The one in use and, while it is rotated, the one before. Never empty. */
  secrets: string[];
  rpc: Rpc;
}

// Razorpay gives up after five seconds, and then sends the event again.
const usualLimits: ByteLimits = { maxBytes: 1_000_000, maxMs: 5_000 };
const timeoutMs = 4_000;

/** Keeps what Razorpay sends, if Razorpay sent it. Everything else is the database's business. */
export async function handleWebhook(
  request: Request,
  deps: WebhookDeps,
  limits = usualLimits,
): Promise<Response> {
  const requestId = requestIdOf(request);
  const log = logRequest('razorpay-webhook', requestId);
  let response: Response;
  try {
    const { id, body } = await readEvent(request, deps.secrets, limits);
    log.note({ event: id });
    const kept = await deps.rpc<{ state: string }>(
      'receive_webhook',
      { event_id: id, event_body: body },
      { env: deps.env, requestId, timeoutMs },
    );
    log.note({ state: kept.state });
    response = Response.json({ state: kept.state }, { headers: { 'x-request-id': requestId } });
  } catch (error) {
    log.note({ error: error instanceof Error ? error.message : String(error) });
    response = errorResponse(error, requestId);
  }
  log.end(response.status);
  return response;
}

async function readEvent(request: Request, secrets: string[], limits: ByteLimits) {
  if (request.method !== 'POST') throw failure('method_not_allowed');
  // As it came: what is signed is the bytes of the body, not what they mean.
  const bytes = await readBytes(request, limits);
  const signature = request.headers.get('x-razorpay-signature') ?? '';
  if (!(await isSigned(bytes, signature, secrets))) {
    throw failure('unauthorized', 'The signature does not fit the body.', 'Sign the raw body.');
  }
  const body = decode(bytes);
  const id = request.headers.get('x-razorpay-event-id') || `sha256:${await digest(bytes)}`;
  return { id: id.slice(0, 200), body };
}

function decode(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Said below.
  }
  throw failure('invalid_input', 'The body is not text.');
}
