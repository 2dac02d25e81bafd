// A stream is read, and a failure tried again, one step after the other.
// deno-lint-ignore-file no-await-in-loop
import { abortRule } from './abort-rule.ts';
import { createAnswerPieces, type Piece } from './answer-pieces.ts';
import { failure, RequestError } from './errors.ts';
import { type FrameFacts, readFrame, type Usage } from './frame-facts.ts';
import { type Patience, settle } from './settle.ts';
import { concatBytes, createFrameCutter } from './sse-frames.ts';
import type { Attempt, OpenUpstream, UpstreamAnswer } from './upstream-call.ts';
import { createViewerStream, type Part } from './viewer-stream.ts';

export interface MeteredRun<Settlement> {
  /** As the database authorised them, the wanted one first. */
  models: readonly string[];
  /** Which of them an answer names. */
  answering: (named?: string) => string;
  open: OpenUpstream;
  /** Its caller chose among providers: what fails then says nothing of a model to others. */
  isSteered?: boolean;
  /** Keeps what is new, and the run's lease. Returns whether to stop; null: the run has ended. */
  flush(batch: Batch): Promise<boolean | null>;
  /** Settles. Called again until it has succeeded once. */
  finish(report: Report, batch: Batch): Promise<Settled<Settlement>>;
  framing: Framing<Settlement>;
  /** The viewer has gone before the end, or was let go. */
  left?(): void;
  /** Where what came by `wholeMs` is still of use: it is to be ended as it is, and does not fail. */
  cut?(): void;
  limits?: Partial<Limits>;
}

/** Pieces that the database may not have yet, and the number of the first. */
export interface Batch {
  first: number;
  pieces: Piece[];
  generationId: string | null;
}

export interface Settled<Settlement> {
  settlement: Settlement;
  /** False while the cost has still to be asked upstream. */
  isFinal: boolean;
}

/** What became of a run, as `api.finish_run` reads it. */
export interface Report {
  outcome: 'completed' | 'stopped' | 'failed';
  model_id: string | null;
  generation_id: string | null;
  finish_reason: string | null;
  error_code: string | null;
  used: Record<string, number> | null;
  produced_bytes: number;
  upstream_usd: string | null;
  attempts: Attempt[];
  first_token_ms: number | null;
}

/** What is put around the frames at this edge. */
export interface Framing<Settlement> {
  open?(): Part;
  /** What to send for a frame. It has a number when it carries text. */
  frame(bytes: Uint8Array, facts: FrameFacts, number: number | undefined): readonly Part[];
  close(ending: Ending<Settlement>): Part | undefined;
}

export interface Ending<Settlement> {
  status: 'complete' | 'stopped' | 'failed' | 'reconciling' | 'lost';
  report: Report;
  error: RequestError | null;
  /** Null while it is not known: a stopped answer is still being billed, or the database is away. */
  settled: Settled<Settlement> | null;
}

export interface Limits extends Patience {
  flushMs: number;
  /** Without any byte. */
  idleMs: number;
  /** With nothing but comments, which a model that thinks in silence may send for minutes. */
  stallMs: number;
  /** Under the platform's wall limit of 400 s, with time left to settle. */
  wholeMs: number;
  maxFrameBytes: number;
  maxAnswerBytes: number;
  maxViewerBytes: number;
}

export const usualLimits: Limits = {
  flushMs: 500,
  idleMs: 60_000,
  stallMs: 180_000,
  wholeMs: 370_000,
  maxFrameBytes: 8_000_000,
  maxAnswerBytes: 16_000_000,
  maxViewerBytes: 1_000_000,
  finishTries: 6,
  finishBackoffMs: 250,
};

export interface StreamingRun<Settlement> {
  viewer: ReadableStream<Uint8Array>;
  /** Settles once the first byte is there, or with the reason why none will come. */
  answered: Promise<RequestError | null>;
  /** Settles once the run is over and the database knows. */
  ended: Promise<Ending<Settlement>>;
  stop(): void;
}

/**
 * Carries one answer from the upstream to its viewer and to the database. The viewer may leave or
 * fall behind and changes nothing; whatever happens, the run is reported and the viewer hears of
 * the end, each once.
 */
export function streamRun<Settlement>(run: MeteredRun<Settlement>): StreamingRun<Settlement> {
  const limits = { ...usualLimits, ...run.limits };
  const startedAt = performance.now();
  const upstream = new AbortController();
  const viewer = createViewerStream(limits.maxViewerBytes, () => run.left?.());
  const answer = createAnswerPieces();
  const answered = Promise.withResolvers<RequestError | null>();
  const failed: Attempt[] = [];

  let isOpen = false;
  let isOver = false;
  let isStopped = false;
  let fault: RequestError | null = null;
  let lastByteAt = startedAt;
  let lastDataAt = startedAt;

  let generationId: string | null = null;
  let model: string | undefined;
  let provider: string | undefined;
  let finishReason: string | null = null;
  let usage: Usage | undefined;
  let sawEnd = false;
  let firstTokenMs: number | null = null;

  const elapsed = () => Math.round(performance.now() - startedAt);

  function stop(): void {
    if (isOver || isStopped || fault) return;
    isStopped = true;
    if (abortRule(provider, run.answering(model)) === 'cancel') {
      upstream.abort();
    } else {
      // It is billed to its end, but nobody wants to see it: only its cost is waited for.
      viewer.close(run.framing.close(endingOf(report(), null)));
    }
  }

  function fail(error: RequestError): void {
    fault ??= error;
    upstream.abort();
  }

  function watch(): void {
    const now = performance.now();
    // All was said; a connection that stays open after it is nothing to wait for.
    if (sawEnd) upstream.abort();
    else if (now - startedAt > limits.wholeMs) endLate();
    else if (isOpen && now - lastByteAt > limits.idleMs) fail(failure('upstream_silent'));
    else if (isOpen && now - lastDataAt > limits.stallMs) {
      fail(failure('upstream_silent', 'The model kept the line open but said nothing.'));
    }
  }

  /** Hangs up whatever that does to the bill: there is no time to read on for it. */
  function endLate(): void {
    if (!run.cut || fault || firstTokenMs === null) return fail(failure('run_too_long'));
    run.cut();
    isStopped = true;
    upstream.abort();
  }

  // reading -----------------------------------------------------------------------------------

  async function readAll({ read, firstChunk }: UpstreamAnswer): Promise<void> {
    const cutter = createFrameCutter(limits.maxFrameBytes);
    for (let chunk: Uint8Array | undefined = firstChunk; chunk; chunk = await read()) {
      take(cutter.push(chunk));
    }
    // A last frame may lack its blank line. Half a frame cannot be read and is left out.
    const rest = cutter.rest();
    if (rest.length > 0) take([concatBytes([rest, blankLine])]);
  }

  function take(frames: Uint8Array[]): void {
    lastByteAt = performance.now();
    const isBeginning = firstTokenMs === null;
    const out: Part[] = [];
    for (const frame of frames) {
      const facts = readFrame(frame);
      // Its reader could not use it either, and might break.
      if (facts.kind === 'broken') continue;
      learn(facts);
      if (isStopped) continue;
      const number = answer.add(facts);
      out.push(...run.framing.frame(frame, facts, number));
    }
    viewer.send(out, isBeginning);
    if (answer.bytes() > limits.maxAnswerBytes) {
      fail(failure('upstream_failed', 'The answer is larger than can be kept.'));
    }
  }

  function learn(facts: FrameFacts): void {
    if (facts.kind === 'end') sawEnd = true;
    if (facts.kind !== 'chunk') return;
    lastDataAt = lastByteAt;
    generationId ??= facts.generationId ?? null;
    model ??= facts.model;
    provider ??= facts.provider;
    finishReason = facts.finishReason ?? finishReason;
    usage = facts.usage ?? usage;
    if (facts.hasOutput) firstTokenMs ??= Math.round(lastByteAt - startedAt);
    if (facts.error || facts.finishReason === 'error') fault ??= failure('upstream_failed');
  }

  // keeping -----------------------------------------------------------------------------------

  let flushing: Promise<void> | undefined;
  const ticker = setInterval(() => {
    watch();
    flushing ??= flush().finally(() => (flushing = undefined));
  }, limits.flushMs);

  async function flush(): Promise<void> {
    const batch = { ...answer.pending(), generationId };
    try {
      const wantsStop = await run.flush(batch);
      answer.keep(batch.pieces.length);
      if (wantsStop) stop();
      if (wantsStop === null) fail(failure('run_lost'));
    } catch (error) {
      // The database is away: what is pending stays so, and goes with the next flush. If it has
      // come back from a crash, what it had kept may be gone, and all is sent again.
      if (error instanceof RequestError && error.code === 'conflict') answer.forgetKept();
    }
  }

  // ending ------------------------------------------------------------------------------------

  async function carry(): Promise<Ending<Settlement>> {
    if (run.framing.open) viewer.send([run.framing.open()], true);
    try {
      const opened = await run.open(upstream.signal, failed, () => !isStopped);
      isOpen = true;
      lastByteAt = lastDataAt = performance.now();
      generationId = opened.generationId ?? null;
      answered.resolve(null);
      await readAll(opened);
    } catch (error) {
      upstream.abort();
      if (!isStopped && !sawEnd) fault ??= faultOf(error);
    }
    if (!isStopped) fault ??= whatIsMissing();
    isOver = true;
    clearInterval(ticker);
    answered.resolve(fault);
    await flushing;
    answer.end();
    const said = report();
    const ending = endingOf(said, await settleRun(said));
    viewer.close(run.framing.close(ending));
    return ending;
  }

  function faultOf(error: unknown): RequestError {
    if (isOpen) return failure('upstream_broken');
    return error instanceof RequestError ? error : failure('upstream_unavailable');
  }

  /** A stream that ended by itself may still not have been an answer, or not all of one. */
  function whatIsMissing(): RequestError | null {
    if (finishReason !== null) return null;
    if (firstTokenMs === null) return failure(usage || sawEnd ? 'empty_answer' : 'upstream_broken');
    return usage || sawEnd ? null : failure('upstream_broken');
  }

  function report(): Report {
    return {
      outcome: outcome(),
      model_id: model === undefined ? null : run.answering(model),
      generation_id: generationId,
      finish_reason: finishReason,
      error_code: fault?.code ?? null,
      used: usage?.used ?? null,
      produced_bytes: answer.bytes(),
      upstream_usd: usage?.upstreamUsd ?? null,
      attempts: attempts(),
      first_token_ms: firstTokenMs,
    };
  }

  /** A broken answer is paid as far as it came, like a stopped one; one that failed is not. */
  function outcome(): Report['outcome'] {
    if (!fault) return isStopped ? 'stopped' : 'completed';
    return firstTokenMs !== null && fault.code !== 'upstream_failed' ? 'stopped' : 'failed';
  }

  /** An `error` makes a model rest for everybody; what a caller may have brought about is a `reason`. */
  function attempts(): Attempt[] {
    if (!run.isSteered) return tries();
    return tries().map(({ error, ...tried }) =>
      error === undefined ? tried : { ...tried, reason: error },
    );
  }

  /** Told only if there is something to tell: one try that answered is the rule. */
  function tries(): Attempt[] {
    const answering = run.answering(model);
    const passedOver = run.models
      .slice(0, run.models.indexOf(answering))
      .filter((id) => !failed.some((attempt) => attempt.model === id))
      .map((id) => ({ model: id, ms: 0, reason: 'fell_back' }));
    const before = [...failed, ...passedOver];
    if (!isOpen || (before.length === 0 && !fault)) return before;
    const isItsFault = fault && fault.code !== 'run_lost' && fault.code !== 'run_too_long';
    const last = { model: answering, ms: elapsed() };
    return [...before, isItsFault ? { ...last, error: fault?.code ?? '' } : last];
  }

  function settleRun(said: Report): Promise<Settled<Settlement> | null> {
    return settle(async () => {
      try {
        return await run.finish(said, { ...answer.pending(), generationId });
      } catch (error) {
        answer.forgetKept();
        throw error;
      }
    }, limits);
  }

  function endingOf(said: Report, settled: Settled<Settlement> | null): Ending<Settlement> {
    let status: Ending<Settlement>['status'] = settled?.isFinal ? 'complete' : 'reconciling';
    if (fault) status = fault.code === 'run_lost' ? 'lost' : 'failed';
    else if (isStopped) status = 'stopped';
    return { status, report: said, error: fault, settled };
  }

  return { viewer: viewer.stream, answered: answered.promise, ended: carry(), stop };
}

const blankLine = new TextEncoder().encode('\n\n');
