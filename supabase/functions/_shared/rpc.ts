import type { Env } from './env.ts';
import { type DatabaseError, failure, fromDatabase } from './errors.ts';

export interface RpcOptions {
  env: Pick<Env, 'supabaseUrl' | 'publishableKey' | 'secretKey'>;
  requestId: string;
  /** The caller's own token: the database then sees the caller. Without it, the service calls. */
  bearer?: string;
  signal?: AbortSignal;
  /** What the database says beside its answer. */
  onheaders?: (headers: Headers) => void;
  timeoutMs?: number;
}

export type Rpc = typeof rpc;

/** Calls a function of the `api` schema through the Data API. */
export async function rpc<Result>(
  name: string,
  parameters: Record<string, unknown>,
  options: RpcOptions,
): Promise<Result> {
  const { env, requestId, bearer, signal, onheaders, timeoutMs = 10_000 } = options;
  // Not AbortSignal.timeout, which goes off long after the answer, with an error made for nobody.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const response = await fetch(`${env.supabaseUrl}/rest/v1/rpc/${name}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-profile': 'api',
        'x-request-id': requestId,
        apikey: bearer ? env.publishableKey : env.secretKey,
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      },
      body: JSON.stringify(parameters),
      signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw failure('upstream_unavailable', 'The database did not answer.');
    });
    const text = await response.text();
    onheaders?.(response.headers);
    if (response.ok) return (text ? JSON.parse(text) : undefined) as Result;
    throw fromDatabase(response.status, parseError(text));
  } finally {
    clearTimeout(timer);
  }
}

function parseError(text: string): DatabaseError {
  try {
    return JSON.parse(text) as DatabaseError;
  } catch {
    return {};
  }
}
