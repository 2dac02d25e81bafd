// The one address of the backend, laid out as the platform's gateway lays it out. It gives every
// request an id, answers preflights for the parts that cannot, and writes the access log.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FunctionProxy } from './function-proxy.ts';
import { answerError } from './http-errors.ts';
import type { Log } from './log.ts';
import { type PlainHandler, serveWeb, type WebHandler } from './web-handler.ts';

export interface Origin {
  stop(): Promise<void>;
}

interface Options {
  port: number;
  apiUrl: string;
  rest: WebHandler;
  plainRest: PlainHandler;
  auth: WebHandler;
  storage: WebHandler;
  functions: FunctionProxy;
  log: Log;
}

const saneId = /^[\w.:-]{8,100}$/;

export async function startOrigin(options: Options): Promise<Origin> {
  const { apiUrl, log } = options;
  const parts: [prefix: string, handler: WebHandler, plain?: PlainHandler][] = [
    ['/rest/v1', options.rest, options.plainRest],
    ['/auth/v1', options.auth],
    ['/storage/v1', options.storage],
  ];

  const route = async (request: IncomingMessage, response: ServerResponse, requestId: string) => {
    const url = request.url ?? '/';
    if (url.startsWith('/functions/v1/')) return options.functions(request, response, requestId);
    const part = parts.find(([prefix]) => url.startsWith(`${prefix}/`));
    if (part) {
      response.setHeader('x-request-id', requestId);
      allowBrowsers(request, response);
      if (request.method === 'OPTIONS') return void response.writeHead(204).end();
      const [prefix, handler, plain] = part;
      const streams = prefix === '/storage/v1';
      return serveWeb(handler, request, response, { apiUrl, requestId, plain, streams });
    }
    if (url.startsWith('/realtime/v1')) return answerError(response, noRealtime, requestId);
    answerError(response, noRoute, requestId);
  };

  const server = createServer((request, response) => {
    const startedAt = performance.now();
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && saneId.test(given) ? given : randomUUID();
    response.once('close', () => {
      log.info('request', {
        id: requestId,
        method: request.method,
        // Never the query: it may hold a key or a one-time code.
        path: request.url?.split('?')[0],
        status: response.statusCode,
        ms: Math.round(performance.now() - startedAt),
        ...(response.writableFinished ? {} : { cut: true }),
      });
    });
    route(request, response, requestId).catch((error: unknown) => {
      log.error('request', { id: requestId, message: String(error) });
      if (!response.destroyed) answerError(response, unexpected, requestId);
    });
  });
  server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  // Streams last as long as they last; the parts have limits of their own.
  server.requestTimeout = 0;
  // Longer than clients keep idle connections, or on a busy machine they would meet closed ones.
  server.keepAliveTimeout = 75_000;

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, '127.0.0.1', resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function allowBrowsers(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader(
    'access-control-expose-headers',
    'content-range, content-location, preference-applied, x-request-id, x-sb-error-code, retry-after',
  );
  if (request.method !== 'OPTIONS') return;
  response.setHeader(
    'access-control-allow-methods',
    'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
  );
  response.setHeader(
    'access-control-allow-headers',
    request.headers['access-control-request-headers'] ?? 'authorization, apikey, content-type',
  );
  response.setHeader('access-control-max-age', '86400');
}

const noRoute = {
  status: 404,
  code: 'NOT_FOUND',
  message:
    'No part of the backend answers here; paths start with /rest/v1, /auth/v1, /storage/v1 or /functions/v1',
};
const noRealtime = {
  status: 501,
  code: 'NOT_IMPLEMENTED',
  message: 'Realtime is not part of the local stack yet',
};
const unexpected = {
  status: 500,
  code: 'INTERNAL_ERROR',
  message: 'The request could not be served; the log of the origin says why',
};
