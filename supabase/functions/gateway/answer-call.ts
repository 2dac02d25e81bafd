import { corsHeaders } from '../_shared/cors.ts';
import { digest } from '../_shared/digest.ts';
import type { Env } from '../_shared/env.ts';
import { type ErrorCode, failure, type RequestError } from '../_shared/errors.ts';
import type { RequestLog } from '../_shared/log.ts';
import { answeringModel } from '../_shared/answering-model.ts';
import { type Framing, type Limits, type Report, streamRun } from '../_shared/metered-stream.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { callUpstream } from '../_shared/upstream-call.ts';
import type { Permit } from '../_shared/verdict.ts';
import { invalid, knownError } from './api-error.ts';
import type { CallRequest } from './call-request.ts';
import { type Collecting, createCompletion } from './completion.ts';
import type { AnswerHead, Dialect, Receipt, Writer } from './dialect.ts';
import { createKeptAnswer } from './kept-answer.ts';
import type { MemoryRoom, MemoryShare } from '../_shared/memory-room.ts';
import { type Body, readBody } from './read-body.ts';
import { replayAnswer } from './replay-answer.ts';
import { headersOf, ignoredHeader, rateHeaders, refusalOf } from './verdict.ts';

export interface GatewayDeps {
  env: Env;
  openRouterUrl: string;
  openRouterKey: string;
  fetch: typeof fetch;
  rpc: Rpc;
  room: MemoryRoom;
  /** Keeps the process alive until the work is done. */
  keepAlive(work: Promise<unknown>): void;
  limits?: Partial<Limits>;
  firstByteMs?: number;
  aliveMs?: number;
  maxKeptChars?: number;
  maxWholeChars?: number;
}

/** One request whose caller has shown a key. */
export interface Context {
  request: Request;
  deps: GatewayDeps;
  /** What it holds of the worker's memory. */
  share: MemoryShare;
  keyHash: string;
  requestId: string;
  log: RequestLog;
  /** What is left of the limits, for the headers of the answer whatever becomes of the request. */
  limits: Record<string, string>;
  /** The request is over, and told in the log, once this work is, which outlives its answer. */
  logAfter(work: Promise<unknown>): void;
}

export interface Started {
  verdict: Permit;
  account_id: string;
}

/** What an answer kept for an Idempotency-Key is ended with again. */
export interface Closing {
  /** As JSON text, in which signs that Postgres does not hold, such as U+0000, are plain escapes. */
  state: string | null;
  error_code: string | null;
}

/** The worker of a call says that it lives about this often; its lease is three times as long. */
export const usualAliveMs = 10_000;
/** The platform gives up on an answer whose first byte takes 150 seconds: one in one piece is cut before. */
export const wholeMs = 140_000;
/** A caller may read at leisure, up to an answer of this size. */
const maxViewerBytes = 8_000_000;
/** What is kept of an answer goes to the database with its bill, and may not stand in its way. */
const usualMaxKeptChars = 4_000_000;
/** An answer in one piece that grows beyond this is cut, as by its length. */
const usualMaxWholeChars = 16_000_000;
/** As values, and once more as the text that goes out. */
const bytesOfChar = 4;

export async function answerCall(context: Context, dialect: Dialect): Promise<Response> {
  const idempotencyKey = readIdempotencyKey(context.request);
  const body = await bodyOf(context, idempotencyKey !== null);
  const wish = dialect.read(body.fields, body.size);
  const { verdict, account_id } = await startCall(context, wish, {
    task: 'completion',
    idempotencyKey,
    body,
  });
  if (verdict.is_replay) {
    return replayAnswer(context, dialect, { runId: verdict.run_id, isStream: wish.isStream });
  }
  const head: AnswerHead = {
    runId: verdict.run_id,
    created: Math.floor(Date.now() / 1000),
    answering: answeringModel(verdict),
    request: { includeUsage: wish.includeUsage, fields: body.fields },
    maxTokens: verdict.max_tokens,
    isClamped: verdict.is_clamped ?? false,
  };
  const completion = wish.isStream ? null : createCompletion();
  const writer = completion ? dialect.collect(head, completion) : dialect.stream(head);
  const kept = idempotencyKey === null ? null : createKeptAnswer();
  const sessionId = await digest(account_id + wish.session);
  // Whoever sent an Idempotency-Key comes back for the answer; nobody else does.
  const leave = () => (kept ? undefined : run.stop());
  const call = { wish, verdict, account_id, sessionId, writer, completion, kept, leave };
  const run = startRun(context, dialect, call);
  context.deps.keepAlive(run.ended);
  context.logAfter(run.ended);

  const headers = {
    ...corsHeaders,
    ...headersOf(verdict),
    'x-request-id': context.requestId,
    ...ignoredHeader(wish.ignored),
  };
  context.request.signal.addEventListener('abort', leave, { once: true });
  // It may have left while the database was asked.
  if (context.request.signal.aborted) leave();
  if (wish.isStream) {
    const error = await run.answered;
    if (error) throw error;
    return new Response(run.viewer, {
      headers: { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
    });
  }
  const { error, settled } = await run.ended;
  if (error) throw error;
  const receipt = settled?.settlement ?? null;
  const whole = dialect.whole(writer.state(), {
    error: null,
    receipt,
    requestId: context.requestId,
  });
  return Response.json(whole, { headers });
}

interface Call {
  wish: CallRequest;
  verdict: Permit;
  account_id: string;
  sessionId: string;
  writer: Writer<unknown>;
  /** What it puts together, where the answer goes out in one piece. */
  completion: Collecting | null;
  kept: ReturnType<typeof createKeptAnswer> | null;
  leave(): void;
}

function startRun(
  { deps, share, requestId, log }: Context,
  dialect: Dialect,
  { wish, verdict, account_id, sessionId, writer, completion, kept, leave }: Call,
) {
  const { env, rpc } = deps;
  const { run_id } = verdict;
  let saidAt = performance.now();
  let toldOf: string | null = null;
  let taken = 0;
  /** There was no room for the answer. */
  let lack: RequestError | null = null;

  async function flush(generationId: string | null): Promise<boolean | null> {
    const pieces = kept?.pending() ?? [];
    const isDue = performance.now() - saidAt >= (deps.aliveMs ?? usualAliveMs);
    // Said at once: by its generation the call can be settled, should this worker die.
    if (pieces.length === 0 && !isDue && generationId === toldOf) return false;
    const wantsStop = await rpc<boolean | null>(
      'keep_call',
      { run_id, generation_id: generationId, pieces },
      { env, requestId },
    );
    kept?.kept(pieces);
    saidAt = performance.now();
    toldOf = generationId;
    return wantsStop;
  }

  async function finish(report: Report): Promise<{ settlement: Receipt | null; isFinal: boolean }> {
    // An answer in one piece that broke off reaches nobody, so nobody pays for it.
    const error_code = report.error_code ?? lack?.code ?? null;
    const isLost = completion !== null && error_code !== null;
    const receipt = await rpc<Receipt | null>(
      'finish_call',
      {
        run_id,
        report: isLost ? { ...report, outcome: 'failed', error_code } : report,
        ...(kept ? { pieces: kept.pending(), closing: closingOf(report) } : {}),
      },
      { env, requestId },
    );
    log.note({ model: report.model_id, outcome: report.outcome, charged: receipt?.charged_micros });
    return { settlement: receipt, isFinal: receipt !== null };
  }

  function closingOf({ error_code }: Report): Closing {
    const state = JSON.stringify(writer.state());
    const isKept = state.length <= (deps.maxKeptChars ?? usualMaxKeptChars);
    return isKept ? { state, error_code } : { state: null, error_code: 'too_large' };
  }

  /** What is too large to be put together is cut and paid as far as it came; what finds no room, not. */
  function takeRoom(whole: Collecting): void {
    const before = taken;
    taken = whole.size();
    if (taken > (deps.maxWholeChars ?? usualMaxWholeChars)) {
      whole.cut();
      return run.stop();
    }
    try {
      share.take((taken - before) * bytesOfChar);
    } catch (error) {
      lack = knownError(error);
      // At once, so that not all fail that grow side by side.
      whole.drop();
      share.give(before * bytesOfChar);
      run.stop();
    }
  }

  const framing: Framing<Receipt | null> = {
    open() {
      const opening = writer.open();
      kept?.add(opening);
      return opening;
    },
    frame(bytes, facts) {
      const out = writer.frame(bytes, facts);
      if (completion) takeRoom(completion);
      if (out === undefined) return [];
      // Comments only keep a connection open, which a kept answer has none of.
      if (facts.kind !== 'blank') kept?.add(out);
      return [out];
    },
    close(ending) {
      const receipt = ending.settled?.settlement ?? null;
      const end = { error: ending.error, receipt, requestId };
      return wish.isStream ? dialect.endStream(writer.state(), end) : undefined;
    },
  };
  const upstream = {
    url: deps.openRouterUrl,
    key: deps.openRouterKey,
    body: { ...wish.body, user: account_id },
    models: verdict.model_ids,
    maxTokens: verdict.max_tokens,
    maxPromptUsd: verdict.max_prompt_usd,
    maxCompletionUsd: verdict.max_completion_usd,
    sessionId,
    fetch: deps.fetch,
    ...(deps.firstByteMs === undefined ? {} : { firstByteMs: deps.firstByteMs }),
  };
  const run = streamRun<Receipt | null>({
    models: verdict.model_ids,
    answering: answeringModel(verdict),
    open: (signal, failed, mayRetry) => callUpstream(upstream, signal, failed, mayRetry),
    isSteered: 'provider' in wish.body,
    flush: ({ generationId }) => flush(generationId),
    finish,
    framing,
    left: leave,
    ...(completion ? { cut: () => completion.cut() } : {}),
    limits: { maxViewerBytes, ...(wish.isStream ? {} : { wholeMs }), ...deps.limits },
  });
  return { ...run, ended: run.ended.then((end) => ({ ...end, error: end.error ?? lack })) };
}

interface Wanted {
  task: 'completion' | 'embedding';
  idempotencyKey: string | null;
  body: Body;
}

/** What the caller asks. More than a little of it is read only for a key that is in force. */
export function bodyOf(
  { request, deps, share, keyHash, requestId }: Context,
  wantsHash: boolean,
): Promise<Body> {
  const requireCaller = async () => {
    const isKey = await deps.rpc<boolean>(
      'is_key',
      { key_hash: keyHash },
      { env: deps.env, requestId },
    );
    if (!isKey) throw failure('unauthorized', 'This key is not valid.', 'Create a new one.');
  };
  return readBody(request, { share, requireCaller, wantsHash });
}

/** The one question before a call. A refusal is thrown. */
export async function startCall(
  { deps, keyHash, requestId, request, log, limits }: Context,
  { models, shape, features }: Pick<CallRequest, 'models' | 'shape' | 'features'>,
  { task, idempotencyKey, body }: Wanted,
): Promise<Started> {
  const started = await deps.rpc<Started>(
    'start_call',
    {
      key_hash: keyHash,
      models,
      shape,
      features,
      task,
      ...(idempotencyKey === null
        ? {}
        : { idempotency_key: idempotencyKey, request_hash: await hashOf(request, body) }),
    },
    { env: deps.env, requestId },
  );
  const { verdict } = started;
  log.note({ run: verdict.run_id, rule: verdict.rule ?? undefined });
  Object.assign(limits, rateHeaders(verdict));
  if (!verdict.allowed) throw refusalOf(verdict);
  return started;
}

/** The same body to another address is another request. */
function hashOf(request: Request, { hash }: Body): Promise<string> {
  return digest(`${new URL(request.url).pathname} ${hash}`);
}

export function readIdempotencyKey(request: Request): string | null {
  const key = request.headers.get('idempotency-key');
  if (key === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const detail = 'An Idempotency-Key has 1 to 255 printable ASCII characters without spaces.';
    throw invalid('Idempotency-Key', detail);
  }
  return key;
}

export function failureOf(code: string | null): RequestError | null {
  return code === null ? null : failure(code as ErrorCode);
}
