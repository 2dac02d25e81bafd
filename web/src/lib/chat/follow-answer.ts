import { answerEvents, type AnswerEvent } from './answer-events.ts';

/** A call that was refused before anything was streamed: which rule, what is missing, until when. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly rule: string | null;
  /** Whether the message is kept all the same. */
  readonly isStored: boolean;
  readonly shortfallMicros: number | null;
  readonly resetsAt: Date | null;
  readonly requestId: string | null;

  /** The wait is told in seconds too, because clocks of browsers are wrong. */
  constructor(status: number, body: Record<string, unknown>, waitSeconds: number | null = null) {
    const field = (name: string) => (typeof body[name] === 'string' ? body[name] : null);
    super(field('message') ?? 'The call was refused.');
    this.status = status;
    this.code = field('code') ?? 'unexpected';
    this.hint = field('hint') ?? 'Try again in a moment.';
    this.rule = field('rule');
    this.isStored = body['stored'] === true;
    this.requestId = field('request_id');
    const shortfall = Number(body['shortfall_micros'] ?? NaN);
    this.shortfallMicros = Number.isFinite(shortfall) ? shortfall : null;
    const resetsAt = field('resets_at');
    const at = waitSeconds === null ? resetsAt : Date.now() + waitSeconds * 1000;
    this.resetsAt = at === null ? null : new Date(at);
  }
}

/** The connection could not be had again, or would bring nothing. */
export class ConnectionLost extends Error {
  override name = 'ConnectionLost';
}

export interface AnswerCalls {
  /** Asks for the answer. The same call again joins the same run. */
  open: (signal: AbortSignal) => Promise<Response>;
  /** Takes up the stream of a run after the given frame; null where nothing of it is kept. */
  resume: ((runId: string, after: number, signal: AbortSignal) => Promise<Response>) | null;
  /** Waits before the given attempt, less long if the network comes back. */
  wait: (attempt: number, signal: AbortSignal) => Promise<void>;
}

export type FollowedEvent = AnswerEvent | { kind: 'waiting'; attempt: number };

const maxAttempts = 8;

function fields(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

async function refusalOf(response: Response): Promise<Refusal | null> {
  const body = fields(await response.json().catch(() => null));
  const error = fields(body?.['error']);
  const wait = response.headers.get('retry-after');
  if (error)
    return new Refusal(response.status, { ...body, ...error }, wait === null ? null : Number(wait));
  // Without an error of ours it comes from something in between, which may be over in a moment.
  return response.status >= 500 ? null : new Refusal(response.status, {});
}

/**
 * An answer from its first event to its last, over as many connections as it takes. A frame is
 * given once and in order, unless all begins anew, and the generator never ends without `done`: it
 * throws a Refusal, or ConnectionLost after too many attempts in a row that brought nothing.
 */
export async function* followAnswer(
  calls: AnswerCalls,
  signal: AbortSignal,
  from: { runId: string | null; after: number } = { runId: null, after: 0 },
): AsyncGenerator<FollowedEvent> {
  let { runId, after } = from;
  let attempt = 0;
  while (true) {
    if (runId && !calls.resume) throw new ConnectionLost('Nothing of the answer is kept.');
    try {
      const response =
        runId && calls.resume ? await calls.resume(runId, after, signal) : await calls.open(signal);
      if (!response.ok) {
        const refusal = await refusalOf(response);
        if (refusal) throw refusal;
      } else if (response.body) {
        for await (const event of answerEvents(response.body)) {
          if (event.kind === 'delta') {
            if (event.number <= after) continue;
            // Frames are missing in between: they are asked for again rather than skipped.
            if (event.number > after + 1) break;
            after = event.number;
          }
          if (event.kind === 'run') runId = event.run.run_id;
          if (event.kind === 'anew') after = 0;
          attempt = 0;
          yield event;
          if (event.kind === 'done') return;
        }
      }
    } catch (error) {
      if (signal.aborted || error instanceof Refusal) throw error;
    }
    attempt += 1;
    if (attempt > maxAttempts) throw new ConnectionLost('The answer could not be reached.');
    yield { kind: 'waiting', attempt };
    await calls.wait(attempt, signal);
    signal.throwIfAborted();
  }
}

/** Twice as long each time, with some chance in it, and at once when the network is back. */
export function backoff(attempt: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const longest = Math.min(15_000, 400 * 2 ** (attempt - 1));
    const finish = () => {
      clearTimeout(timer);
      removeEventListener('online', finish);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, longest * (0.5 + Math.random() / 2));
    addEventListener('online', finish);
    signal.addEventListener('abort', finish);
  });
}
