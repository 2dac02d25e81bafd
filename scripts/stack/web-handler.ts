import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerError } from './http-errors.ts';

export type WebHandler = (request: Request) => Promise<Response>;

export interface PlainRequest {
  method: string;
  /** With its query. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface PlainAnswer {
  status: number;
  headers: Record<string, string | string[]>;
  body: string | null;
}

/**
 * Answers what it can without the web's objects, which cost more than all the rest of a small
 * request; nothing for what is the handler's.
 */
export type PlainHandler = (request: PlainRequest) => Promise<PlainAnswer | undefined>;

interface Options {
  apiUrl: string;
  requestId: string;
  plain?: PlainHandler | undefined;
  /** Bodies may be files: passed on as they come. Others are small, and cheaper held as a whole. */
  streams: boolean;
}

const maxHeldBytes = 10 * 1024 * 1024;

/** Serves a `Request => Response` function with node's own server. */
export async function serveWeb(
  handle: WebHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { apiUrl, requestId, plain, streams }: Options,
): Promise<void> {
  const { method = 'GET', url = '/' } = incoming;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const held = hasBody && !streams ? await readWhole(incoming) : Buffer.alloc(0);
  if (held === undefined) return answerError(outgoing, tooLarge, requestId);
  const given = { ...incoming.headers, 'x-request-id': requestId };
  const answer = await plain?.({ method, url, headers: given, body: held });
  if (answer) return sendPlain(outgoing, answer);

  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    for (const one of [value].flat()) if (one !== undefined) headers.append(name, one);
  }
  const init: RequestInit & { duplex?: 'half' } = { method, headers };
  if (hasBody)
    Object.assign(init, { body: streams ? Readable.toWeb(incoming) : held, duplex: 'half' });
  const response = await handle(new Request(new URL(url, apiUrl), init));

  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== 'set-cookie') outgoing.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader('set-cookie', cookies);
  if (!response.body || method === 'HEAD') {
    outgoing.end();
  } else if (streams) {
    await pipeline(Readable.fromWeb(response.body), outgoing);
  } else {
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  }
}

export function jsonAnswer(status: number, body: unknown): PlainAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function sendPlain(outgoing: ServerResponse, { status, headers, body }: PlainAnswer): void {
  outgoing.statusCode = status;
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  // With the head still to be written, the length is known and there is nothing to chunk.
  outgoing.end(body ?? undefined);
}

async function readWhole(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxHeldBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = {
  status: 413,
  code: 'PAYLOAD_TOO_LARGE',
  message: 'The request body is larger than 10 MB',
};
