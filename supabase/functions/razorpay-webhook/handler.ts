import type { Env } from '../_shared/env.ts';
import { digest } from '../_shared/digest.ts';
import { errorResponse, failure } from '../_shared/errors.ts';
import { logRequest } from '../_shared/log.ts';
import { requestIdOf } from '../_shared/request-id.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { isSigned } from '../_shared/signature.ts';

export interface WebhookDeps {
  env: Env;
  /** The one in use and, while it is rotated, the one before. Never empty. */
  secrets: string[];
  rpc: Rpc;
}

const maxBytes = 1_000_000;
// Razorpay gives up after five seconds, and then sends the event again.
const timeoutMs = 4_000;

/** Keeps what Razorpay sends, if Razorpay sent it. Everything else is the database's business. */
export async function handleWebhook(request: Request, deps: WebhookDeps): Promise<Response> {
  const requestId = requestIdOf(request);
  const log = logRequest('razorpay-webhook', requestId);
  let response: Response;
  try {
    const { id, body } = await readEvent(request, deps.secrets);
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

async function readEvent(request: Request, secrets: string[]) {
  if (request.method !== 'POST') throw failure('method_not_allowed');
  const bytes = await readBytes(request);
  const signature = request.headers.get('x-razorpay-signature') ?? '';
  if (!(await isSigned(bytes, signature, secrets))) {
    throw failure('unauthorized', 'The signature does not fit the body.', 'Sign the raw body.');
  }
  const body = decode(bytes);
  const id = request.headers.get('x-razorpay-event-id') || `sha256:${await digest(bytes)}`;
  return { id: id.slice(0, 200), body };
}

/** The body as it came: what is signed is its bytes, not what they mean. */
async function readBytes(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.length;
    if (size > maxBytes) throw failure('too_large', 'An event is at most a megabyte.');
    parts.push(part);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
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
