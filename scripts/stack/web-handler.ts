import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerError } from './http-errors.ts';

export type WebHandler = (request: Request) => Promise<Response>;

interface Options {
  apiUrl: string;
  requestId: string;
  /** Bodies may be files: passed on as they come. Others are small, and cheaper held as a whole. */
  streams: boolean;
}

const maxHeldBytes = 10 * 1024 * 1024;

/** Serves a `Request => Response` function with node's own server. */
export async function serveWeb(
  handle: WebHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { apiUrl, requestId, streams }: Options,
): Promise<void> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of [value].flat()) if (one !== undefined) headers.append(name, one);
  }
  headers.set('x-request-id', requestId);
  const method = incoming.method ?? 'GET';
  const init: RequestInit & { duplex?: 'half' } = { method, headers };
  if (method !== 'GET' && method !== 'HEAD') {
    const body = streams ? Readable.toWeb(incoming) : await readWhole(incoming);
    if (body === undefined) return answerError(outgoing, tooLarge, requestId);
    Object.assign(init, { body, duplex: 'half' });
  }
  const response = await handle(new Request(new URL(incoming.url ?? '/', apiUrl), init));

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
