/** The few things every endpoint does with a request and a response. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from './refusal.ts';

const MOST_BODY_BYTES = 32 * 1024 * 1024;

export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    // The rest is read and thrown away, so that the caller gets to see the refusal.
    if (size <= MOST_BODY_BYTES) parts.push(part);
  }
  if (size > MOST_BODY_BYTES) throw new Refusal(413, 'Request Entity Too Large');
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new Refusal(400, 'Invalid JSON in the request body');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'Invalid input: expected an object');
  }
  return body as Record<string, unknown>;
}

/** The caller's key. Any will do: the sandbox has no accounts. */
export function requireKey(request: IncomingMessage): string {
  const key = /^Bearer\s+(\S+)/i.exec(request.headers.authorization ?? '')?.[1];
  if (key === undefined) throw new Refusal(401, 'No auth credentials found');
  return key;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  });
  response.end(body);
}

export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  sendJson(response, refusal.status, refusal, refusal.headers);
}

/** Resolves when the reader has gone. */
export function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) resolve();
    else response.once('close', () => resolve());
  });
}

export function newGenerationId(prefix = 'gen'): string {
  const unique = randomBytes(15).toString('base64').replaceAll('+', 'x').replaceAll('/', 'y');
  return `${prefix}-${Math.floor(Date.now() / 1000)}-${unique}`;
}
