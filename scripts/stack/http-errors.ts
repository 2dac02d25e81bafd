import type { ServerResponse } from 'node:http';

export interface HttpError {
  status: number;
  code: string;
  message: string;
}

/** An answer of the origin itself, in the platform gateway's shape. */
export function answerError(response: ServerResponse, error: HttpError, requestId: string): void {
  if (response.headersSent) {
    // Half an answer must not look like a whole one.
    response.destroy();
    return;
  }
  const body = JSON.stringify({ code: error.code, message: error.message, request_id: requestId });
  response.writeHead(error.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'access-control-allow-origin': '*',
    'x-sb-error-code': error.code,
    'x-request-id': requestId,
    // The rest of a request that nobody reads must not be taken for the next one.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(body);
}
