// One look follows the other.
// deno-lint-ignore-file no-await-in-loop
import type { Piece } from '../_shared/answer-pieces.ts';
import {
  anewEvent,
  describe,
  type Done,
  doneEvent,
  type Settlement,
  textFrame,
  waitingFrame,
} from './chat-events.ts';

/** What `api.read_answer` returns. */
export interface StoredAnswer {
  status: 'streaming' | 'complete' | 'stopped' | 'failed' | 'lost';
  run_status: string;
  chunks: { first: number; last: number; frames: Piece[] }[];
  last: number;
  error_code: string | null;
  receipt: Settlement['receipt'];
  stop_requested: boolean;
}

export interface Tail {
  read(after: number): Promise<StoredAnswer>;
  pause(ms: number): Promise<void>;
  now(): number;
}

const shortestPauseMs = 200;
const longestPauseMs = 2_000;
const limitMs = 370_000;

/**
 * What is stored of an answer after a number, then what comes, until it has ended. Where the pieces
 * before that number are forgotten it comes from its start, and the viewer is told to begin anew.
 */
export async function* tailAnswer(
  opening: Uint8Array,
  first: StoredAnswer,
  after: number,
  { read, pause, now }: Tail,
): AsyncGenerator<Uint8Array> {
  const endsAt = now() + limitMs;
  let answer = first;
  let seen = after;
  let wait = shortestPauseMs;
  yield opening;
  if ((first.chunks[0]?.first ?? Infinity) <= after) {
    seen = 0;
    yield anewEvent;
  }
  for (;;) {
    for (const chunk of answer.chunks) {
      for (const [at, [kind, text]] of chunk.frames.entries()) {
        const number = chunk.first + at;
        if (number <= seen) continue;
        seen = number;
        yield textFrame(number, kind, text);
      }
    }
    if (answer.status !== 'streaming') return yield doneEvent(endOf(answer));
    if (now() > endsAt) throw new Error('the answer goes on for longer than one request may');
    wait = answer.chunks.length > 0 ? shortestPauseMs : Math.min(wait * 1.5, longestPauseMs);
    // A connection that is silent for long is cut on its way.
    if (answer.chunks.length === 0) yield waitingFrame;
    await pause(wait);
    answer = await read(seen);
  }
}

function endOf({ status, receipt, error_code }: StoredAnswer): Done {
  return {
    status: statusOf(status, error_code, receipt),
    finish_reason: receipt?.finish_reason ?? null,
    receipt,
    wallet: null,
    limits: null,
    error: error_code === null ? null : describe(error_code, receipt),
  };
}

/** In the words of a stream that was watched to its end. */
function statusOf(
  status: StoredAnswer['status'],
  errorCode: string | null,
  receipt: Settlement['receipt'],
): Done['status'] {
  if (status === 'complete') return receipt === null ? 'reconciling' : 'complete';
  if (status === 'stopped' && errorCode !== null) return 'failed';
  return status === 'streaming' ? 'lost' : status;
}
