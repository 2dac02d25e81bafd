// One try follows the other.
// deno-lint-ignore-file no-await-in-loop
import { type ErrorCode, failure, type RequestError } from './errors.ts';

export interface UpstreamCall {
  url: string;
  key: string;
  /** What the caller asks: messages, tools, temperature… The rest is added here. */
  body: Record<string, unknown>;
  /** As the database authorised them: the wanted one first, then what to fall back to. */
  models: readonly string[];
  maxTokens: number;
  /** Dollars a token. Nobody dearer may answer, so that the hold bounds the cost there too. */
  maxPromptUsd: number | string | null;
  maxCompletionUsd: number | string | null;
  /** Calls of one session go to the same provider, whose cache then knows the prompt. */
  sessionId: string;
  fetch: typeof fetch;
  firstByteMs?: number;
  backoffMs?: number;
  patienceMs?: number;
}

/** One try, for the receipt. Only an `error` counts against the model. */
export interface Attempt {
  model: string;
  ms: number;
  status?: number;
  error?: string;
  reason?: string;
}

export interface UpstreamAnswer {
  /** What came next, good until the next is asked for; nothing at the end. */
  read: () => Promise<Uint8Array | undefined>;
  /** It has been waited for: until it is there, another try costs nobody anything. */
  firstChunk: Uint8Array;
  generationId: string | undefined;
}

export type OpenUpstream = (
  signal: AbortSignal,
  failed: Attempt[],
  mayRetry: () => boolean,
) => Promise<UpstreamAnswer>;

const maxTries = 3;
const usualFirstByteMs = 45_000;
const usualBackoffMs = 250;
const longestWaitMs = 5_000;
const usualPatienceMs = 5_000;

/**
 * Calls OpenRouter until it streams, trying again what may pass and falling back in turn. What
 * failed on the way is added to `failed`.
 */
export async function callUpstream(
  call: UpstreamCall,
  signal: AbortSignal,
  failed: Attempt[],
  mayRetry: () => boolean = () => true,
): Promise<UpstreamAnswer> {
  let models = [...call.models];
  for (let tried = 1; ; tried += 1) {
    const startedAt = performance.now();
    const result = await tryOnce(call, models, signal);
    if ('read' in result) return result;
    const ms = Math.round(performance.now() - startedAt);
    for (const model of result.concerns) failed.push({ model, ms, ...result.note });
    const wait = result.waitMs ?? (call.backoffMs ?? usualBackoffMs) * 2 ** (tried - 1);
    const canWait = wait <= longestWaitMs;
    if (!result.mayPass || tried === maxTries || !canWait || !mayRetry()) throw result.failure;
    if (result.failure.code === 'upstream_timeout' && models.length === 1) throw result.failure;
    // A broken connection does not say which of the models it was: the next one goes first.
    if (result.note.status === undefined) models = [...models.slice(1), models[0] as string];
    await pause(wait * (0.75 + Math.random() / 2), signal);
  }
}

interface Fault {
  failure: RequestError;
  note: { status?: number; error?: string; reason?: string };
  /** The models the fault is about. */
  concerns: readonly string[];
  mayPass: boolean;
  waitMs?: number;
}

async function tryOnce(
  call: UpstreamCall,
  models: readonly string[],
  signal: AbortSignal,
): Promise<UpstreamAnswer | Fault> {
  signal.throwIfAborted();
  const attempt = new AbortController();
  let isAnswered = false;
  let patience: ReturnType<typeof setTimeout> | undefined;
  // A provider that has begun bills what it said, by an id that comes with its headers. They come at
  // once unless something is wrong, so they are waited for, even by somebody who leaves.
  const leave = () => {
    if (isAnswered) attempt.abort();
    else patience = setTimeout(() => attempt.abort(), call.patienceMs ?? usualPatienceMs);
  };
  signal.addEventListener('abort', leave, { once: true });
  const late = setTimeout(() => attempt.abort(), call.firstByteMs ?? usualFirstByteMs);
  try {
    const response = await call.fetch(`${call.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${call.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(requestBody(call, models)),
      signal: attempt.signal,
    });
    isAnswered = true;
    if (!response.ok) return await refused(response, models);
    if (!response.body || !isEventStream(response)) {
      await response.body?.cancel().catch(() => {});
      return broken('upstream_unavailable', 'not_a_stream', models, response.status);
    }
    const generationId = response.headers.get('x-generation-id') ?? undefined;
    const { read, cancel } = chunksOf(response.body);
    // Not left to fetch: once the response is collected, it does not hear its signal any more.
    attempt.signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) attempt.abort();
    const firstChunk = await read().catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (signal.aborted) return { read, firstChunk: firstChunk ?? new Uint8Array(), generationId };
    attempt.signal.throwIfAborted();
    if (!firstChunk) return broken('upstream_unavailable', 'no_bytes', models);
    return { read, firstChunk, generationId };
  } catch (error) {
    if (signal.aborted) throw error;
    if (attempt.signal.aborted) return broken('upstream_timeout', 'timeout', models);
    return broken('upstream_unavailable', 'connection', models);
  } finally {
    clearTimeout(patience);
    clearTimeout(late);
  }
}

/** Read into one buffer, again and again: a new one for every frame would be most of what it costs. */
function chunksOf(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader({ mode: 'byob' });
  let buffer = new Uint8Array(16_384);
  return {
    async read(): Promise<Uint8Array | undefined> {
      const { done, value } = await reader.read(buffer);
      if (done) return undefined;
      buffer = new Uint8Array(value.buffer);
      return value;
    },
    cancel: () => void reader.cancel().catch(() => {}),
  };
}

function requestBody(call: UpstreamCall, models: readonly string[]): Record<string, unknown> {
  const [model, ...rest] = models;
  return {
    ...call.body,
    model,
    ...(rest.length > 0 ? { models: rest } : {}),
    stream: true,
    usage: { include: true },
    max_tokens: call.maxTokens,
    max_completion_tokens: undefined,
    session_id: call.sessionId,
    provider: {
      ...(call.body['provider'] as object | undefined),
      max_price: {
        prompt: perMillion(call.maxPromptUsd),
        completion: perMillion(call.maxCompletionUsd),
      },
    },
  };
}

/** To twelve digits, which no price needs, or a rounding error could shut out the model itself. */
function perMillion(usd: number | string | null): number | undefined {
  return usd === null ? undefined : Number((Number(usd) * 1e6).toPrecision(12));
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

function broken(code: ErrorCode, error: string, models: readonly string[], status?: number): Fault {
  return {
    failure: failure(code),
    note: { error, ...(status === undefined ? {} : { status }) },
    concerns: models.slice(0, 1),
    mayPass: true,
  };
}

/** Statuses that are about the request or about us, not about the model. */
const lasting: Record<number, [code: ErrorCode, reason: string]> = {
  400: ['upstream_rejected', 'rejected'],
  // Our key or our account: for the customer that is our outage, never their own 401 or 402.
  401: ['upstream_unavailable', 'our_key'],
  402: ['upstream_unavailable', 'our_account'],
  403: ['moderated', 'moderated'],
  404: ['upstream_unavailable', 'no_endpoint'],
  413: ['too_large', 'too_large'],
  422: ['upstream_rejected', 'rejected'],
};

async function refused(response: Response, models: readonly string[]): Promise<Fault> {
  const { status, headers } = response;
  await response.body?.cancel().catch(() => {});
  const known = lasting[status];
  if (known) {
    const [code, reason] = known;
    return {
      failure: failure(code),
      note: { status, reason },
      concerns: models.slice(0, 1),
      mayPass: false,
    };
  }
  const asked = Number(headers.get('retry-after') ?? Number.NaN);
  return {
    failure: failure('upstream_unavailable', 'The model is busy or out of order.'),
    note: { status, error: `status_${status}` },
    // OpenRouter has tried the whole list before it says so.
    concerns: models,
    mayPass: status >= 500 || status === 429 || status === 408,
    ...(Number.isFinite(asked) && asked >= 0 ? { waitMs: asked * 1000 } : {}),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', fail, { once: true });
    if (signal.aborted) fail();
    function end() {
      signal.removeEventListener('abort', fail);
      resolve();
    }
    function fail() {
      clearTimeout(timer);
      reject(signal.reason);
    }
  });
}
