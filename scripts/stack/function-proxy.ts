import { Agent, type IncomingMessage, request as connect, type ServerResponse } from 'node:http';
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

const maxBodyBytes = 20 * 1024 * 1024;
const firstByteLimitMs = 150_000;

/** Hands a request to its function and the bytes of the answer back as they come. */
export function createFunctionProxy({ functions, jwtSecret, verifiesJwt }: Options): FunctionProxy {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });

  return async (request, response, requestId) => {
    const path = (request.url ?? '').slice('/functions/v1'.length);
    const name = /^\/([\w-]+)/.exec(path)?.[1] ?? '';
    const edgeFunction = functions.get(name);
    if (!edgeFunction) return answerError(response, notFound, requestId);
    if (verifiesJwt(name) && !hasValidJwt(request, jwtSecret)) {
      return answerError(response, invalidJwt, requestId);
    }
    const length = request.headers['content-length'];
    if (length !== undefined && Number(length) > maxBodyBytes) {
      return answerError(response, tooLarge, requestId);
    }

    const port = await edgeFunction.port().catch(() => undefined);
    if (port === undefined) return answerError(response, bootError, requestId);
    if (response.destroyed) return;

    const upstream = connect({
      agent,
      host: '127.0.0.1',
      port,
      path,
      method: request.method,
      headers: { ...request.headers, 'x-request-id': requestId, ...forwarded(request) },
    });
    const fail = (error: typeof notFound) => {
      answerError(response, error, requestId);
      upstream.destroy();
    };
    const late = setTimeout(() => fail(idleTimeout), firstByteLimitMs);

    upstream.on('error', () => {
      clearTimeout(late);
      if (!response.destroyed) answerError(response, workerError, requestId);
    });
    upstream.on('response', (answer) => {
      clearTimeout(late);
      response.writeHead(answer.statusCode ?? 500, withId(answer.rawHeaders, requestId));
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    // The caller left: the function learns of it at once, as an abort of its request.
    response.on('close', () => {
      clearTimeout(late);
      if (!response.writableFinished) upstream.destroy();
    });

    if (length === undefined) limitBody(request, () => fail(tooLarge));
    request.pipe(upstream);
  };
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
