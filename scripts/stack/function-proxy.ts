import { Agent, type IncomingMessage, request as connect, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EdgeFunction } from './edge-function.ts';
import type { Functions } from './functions.ts';
import { answerError } from './http-errors.ts';
import { verifyJwt } from './jwt.ts';

interface Options {
  functions: Functions;
  jwtSecret: string;
  /** Whether the platform's gateway would check the caller's JWT before the function sees it. */
  verifiesJwt: (name: string) => boolean;
}

export type FunctionProxy = (
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
) => Promise<void>;

const prefix = '/functions/v1';
const maxBodyBytes = 20 * 1024 * 1024;
const firstByteLimitMs = 150_000;
const noticeMs = 500;

/** Hands a request to its function and the bytes of the answer back as they come. */
export function createFunctionProxy({ functions, jwtSecret, verifiesJwt }: Options): FunctionProxy {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });

  return async (request, response, requestId) => {
    const name = /^\/functions\/v1\/([\w-]+)/.exec(request.url ?? '')?.[1] ?? '';
    const edgeFunction = functions.get(name);
    if (!edgeFunction) return answerError(response, notFound, requestId);
    if (verifiesJwt(name) && !hasValidJwt(request, jwtSecret)) {
      return answerError(response, invalidJwt, requestId);
    }
    if (Number(request.headers['content-length']) > maxBodyBytes) {
      return answerError(response, tooLarge, requestId);
    }
    return pass(edgeFunction, request, response, requestId);
  };

  async function pass(
    edgeFunction: EdgeFunction,
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<void> {
    const process = await edgeFunction.process().catch(() => undefined);
    if (!process) return answerError(response, bootError, requestId);
    if (response.destroyed || response.headersSent) return;

    const upstream = connect({
      agent,
      host: '127.0.0.1',
      port: process.port,
      path: (request.url ?? '').slice(prefix.length),
      method: request.method,
      headers: { ...request.headers, 'x-request-id': requestId, ...forwarded(request) },
    });
    const late = setTimeout(() => {
      answerError(response, idleTimeout, requestId);
      upstream.destroy();
    }, firstByteLimitMs);

    const carry = () => {
      // Whoever listens to a body lets it flow: not before it has where to go.
      if (request.headers['content-length'] === undefined) {
        limitBody(request, () => answerError(response, tooLarge, requestId));
      }
      request.pipe(upstream);
    };
    upstream.on('socket', (socket) => {
      // Only once there is somebody to read it: a request that reached nobody can be tried again.
      if (socket.connecting) socket.once('connect', carry);
      else carry();
    });
    const recover = async (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      if (response.destroyed || response.writableEnded) return;
      // Its end is noticed a moment after its socket's; until then others would be sent to it too.
      await Promise.race([process.ended, sleep(noticeMs)]);
      if (error.code === 'ECONNREFUSED') return pass(edgeFunction, request, response, requestId);
      answerError(response, workerError, requestId);
    };
    upstream.on('error', (error) => void recover(error));
    upstream.on('response', (answer) => {
      clearTimeout(late);
      response.writeHead(answer.statusCode ?? 500, withId(answer.rawHeaders, requestId));
      // The head goes out with the first of the body when that has come with it, else by itself.
      const alone = setImmediate(() => response.flushHeaders());
      for (const event of ['data', 'end']) answer.once(event, () => clearImmediate(alone));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    // The caller left: the function learns of it at once, as an abort of its request.
    response.on('close', () => {
      clearTimeout(late);
      if (!upstream.closed) upstream.destroy();
      // What is still to come of a body that was answered before its end is let through unread: behind
      // it comes the connection's next request.
      request.unpipe(upstream).resume();
    });
  }
}

function limitBody(request: IncomingMessage, refuse: () => void): void {
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > maxBodyBytes) refuse();
  });
}

function forwarded(request: IncomingMessage): Record<string, string> {
  return {
    'x-forwarded-for': request.socket.remoteAddress ?? '',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': request.headers.host ?? '',
  };
}

function withId(rawHeaders: string[], requestId: string): string[] {
  const named = rawHeaders.some((header, at) => at % 2 === 0 && /^x-request-id$/i.test(header));
  return named ? rawHeaders : [...rawHeaders, 'x-request-id', requestId];
}

function hasValidJwt(request: IncomingMessage, secret: string): boolean {
  if (request.method === 'OPTIONS') return true;
  const token = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return token !== undefined && 'claims' in verifyJwt(token, secret);
}

const notFound = {
  status: 404,
  code: 'NOT_FOUND',
  message: 'Requested function was not found',
};
const invalidJwt = { status: 401, code: 'UNAUTHORIZED_INVALID_JWT', message: 'Invalid JWT' };
const tooLarge = {
  status: 413,
  code: 'PAYLOAD_TOO_LARGE',
  message: 'The request body is larger than 20 MB',
};
const bootError = {
  status: 503,
  code: 'BOOT_ERROR',
  message: 'Function failed to start (please check logs)',
};
const workerError = {
  status: 500,
  code: 'WORKER_ERROR',
  message: 'Function exited due to an error (please check logs)',
};
const idleTimeout = {
  status: 504,
  code: 'IDLE_TIMEOUT',
  message: 'The function sent nothing for 150 seconds',
};
