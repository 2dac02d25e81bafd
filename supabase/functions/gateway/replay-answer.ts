import { corsHeaders } from '../_shared/cors.ts';
import { failure } from '../_shared/errors.ts';
import { type Closing, type Context, failureOf, wholeMs } from './answer-call.ts';
import type { AnswerEnd, Dialect, Receipt } from './dialect.ts';

interface Stored {
  pieces: string[];
  count: number;
  is_ended: boolean;
  is_lost: boolean;
  closing: Closing | null;
  receipt: Receipt | null;
}

interface Repeated {
  runId: string;
  isStream: boolean;
}

const pollMs = 250;
/** A run never takes longer; see the limits of the stream core. */
const longestMs = 400_000;
/** So much longer than the call may whoever joined it as it began hears how it was cut. */
const joinedMs = 5_000;

/** The answer of an earlier request with the same Idempotency-Key: from its start, to its end. */
export async function replayAnswer(
  context: Context,
  dialect: Dialect,
  { runId, isStream }: Repeated,
): Promise<Response> {
  const { deps, requestId, request } = context;
  const read = (after: number) =>
    deps.rpc<Stored | null>(
      'read_stored_answer',
      { run_id: runId, after },
      { env: deps.env, requestId },
    );
  const headers = {
    ...corsHeaders,
    'x-request-id': requestId,
    'x-oneai-run-id': runId,
    'idempotent-replayed': 'true',
  };
  context.log.note({ replay: true });
  const first = await read(0);
  const left = new AbortController();
  const signal = AbortSignal.any([request.signal, left.signal]);

  if (!isStream) {
    const { stored, end } = await lastOf(tail(first, read, signal, wholeMs + joinedMs), requestId);
    if (end.error) throw end.error;
    return Response.json(dialect.whole(stateOf(stored), end), { headers });
  }
  const encoder = new TextEncoder();
  const told = tail(first, read, signal, longestMs);
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await told.next();
        if (done) return controller.close();
        const { pieces, isLast, stored } = value;
        const end = isLast ? dialect.endStream(stateOf(stored), endOf(stored, requestId)) : '';
        const text = pieces.join('') + end;
        // A stream that is pulled and given nothing is not pulled again.
        controller.enqueue(encoder.encode(text === '' ? ': waiting\n\n' : text));
      },
      cancel: () => left.abort(),
    },
    { highWaterMark: 0 },
  );
  return new Response(stream, {
    headers: { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
  });
}

interface Told {
  pieces: string[];
  isLast: boolean;
  stored: Stored;
}

const gone: Stored = {
  pieces: [],
  count: 0,
  is_ended: true,
  is_lost: false,
  closing: { state: null, error_code: 'upstream_failed' },
  receipt: null,
};

async function* tail(
  first: Stored | null,
  read: (after: number) => Promise<Stored | null>,
  signal: AbortSignal,
  mostMs: number,
): AsyncGenerator<Told, void> {
  const until = performance.now() + mostMs;
  let after = 0;
  let stored = first;
  while (!signal.aborted) {
    // The call that this one joined has failed, cost nothing, and left nothing.
    const now = stored ?? gone;
    after += now.pieces.length;
    const isAll = after >= now.count;
    const isLast = isAll && (now.is_ended || now.is_lost || performance.now() > until);
    yield { pieces: now.pieces, isLast, stored: now };
    if (isLast) return;
    // deno-lint-ignore no-await-in-loop
    if (isAll) await new Promise((resolve) => setTimeout(resolve, pollMs));
    // deno-lint-ignore no-await-in-loop
    stored = await read(after);
  }
}

async function lastOf(
  told: AsyncGenerator<Told, void>,
  requestId: string,
): Promise<{ stored: Stored; end: AnswerEnd }> {
  for await (const { isLast, stored } of told) {
    if (isLast) return { stored, end: endOf(stored, requestId) };
  }
  throw failure('run_lost');
}

function stateOf({ closing }: Stored): unknown {
  return JSON.parse(closing?.state ?? 'null');
}

function endOf(stored: Stored, requestId: string): AnswerEnd {
  const code = stored.is_ended ? (stored.closing?.error_code ?? null) : 'run_lost';
  return { error: failureOf(code), receipt: stored.receipt, requestId };
}
