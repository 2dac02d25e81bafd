/**
 * What a caller may ask of the sandbox beyond an ordinary answer: speed, length and faults. A model
 * named `sandbox/…` brings its own behaviour; the request field `sandbox` adds to it or overrides
 * it, so a test needs no special model.
 */
import { Refusal } from './refusal.ts';

/** Answered with a status instead of a completion. OpenRouter tries the next model of `models`. */
export const STATUS_FAULTS = {
  'bad-request': 400,
  unauthorized: 401,
  'out-of-credits': 402,
  moderated: 403,
  timeout: 408,
  'too-large': 413,
  'rate-limited': 429,
  'server-error': 500,
  'bad-gateway': 502,
  unavailable: 503,
} as const;

/** Something is wrong with the connection or with the bytes. No fallback can help the caller. */
export const WIRE_FAULTS = {
  refuse: 'The connection is reset before any header.',
  drop: 'Headers, then the connection closes before the first byte of the body.',
  hang: 'Nothing is ever answered, not even headers.',
  'hang-after-headers': 'Headers, then silence.',
  'hang-mid-stream': 'Silence after `after_frames` frames.',
  'comments-forever': 'Keep-alive comments after `after_frames` frames, never anything else.',
  'die-mid-stream': 'The connection breaks after `after_frames` frames.',
  'end-early': 'The body ends cleanly after `after_frames` frames: no finish, no usage, no [DONE].',
  'error-chunk': 'An error chunk after `after_frames` frames; not charged.',
  'no-usage': 'Finishes without the usage chunk; charged all the same.',
  'usage-twice': 'The usage chunk comes twice; charged once.',
  'no-done': 'The stream ends without [DONE].',
  'duplicate-finish': 'The finish reason comes twice.',
  empty: 'No content and a blank finish; not charged.',
  'billed-more': 'The final bill is half as much again as the stream said.',
  'no-generation': 'The generation record never appears.',
  html: 'Status 200 with a page of HTML.',
  'broken-json': 'The frame after `after_frames` frames is cut-off JSON, then the stream goes on.',
  'split-utf8': 'Frames are cut in the middle of characters.',
  crlf: 'Lines end with CR LF.',
  cr: 'Lines end with CR.',
  'no-space': 'No space after `data:`.',
  'multi-line-data': 'Each frame is pretty-printed over several `data:` lines.',
  'huge-frame': 'One frame carries a megabyte of text.',
} as const;

export type StatusFault = keyof typeof STATUS_FAULTS;
export type WireFault = keyof typeof WIRE_FAULTS;
export type Fault = StatusFault | WireFault;

export interface Behaviour {
  fault: Fault | null;
  /** Content frames before a fault in the middle of a stream. */
  afterFrames: number;
  /** The fault hits only this many attempts of one session or prompt; null: every one. */
  failFirst: number | null;
  /** Until the first content. */
  delayMs: number;
  /** Between frames; 0 is as fast as the reader reads. */
  frameMs: number;
  tokensPerFrame: number;
  /** Exactly this many bytes of Markdown. */
  length: number | null;
  /** Exactly this text. */
  answer: string | null;
  /** Seconds in `Retry-After`; null: no such header. */
  retryAfter: number | null;
  /** Prompt tokens read from the cache, instead of the sandbox's own rule. */
  cachedTokens: number | null;
  /** Look-ups of `/generation` that are too early before the record is there. */
  generationMisses: number;
}

const NUMBERS = {
  after_frames: ['afterFrames', 1_000_000],
  fail_first: ['failFirst', 1_000_000],
  delay_ms: ['delayMs', 600_000],
  frame_ms: ['frameMs', 600_000],
  tokens_per_frame: ['tokensPerFrame', 1_000_000],
  length: ['length', 10_000_000],
  retry_after: ['retryAfter', 86_400],
  cached_tokens: ['cachedTokens', 100_000_000],
  generation_misses: ['generationMisses', 1_000_000],
} as const satisfies Record<string, readonly [keyof Behaviour, number]>;

/** What the request field `sandbox` may contain. */
export const WISHES: readonly string[] = ['fault', 'answer', ...Object.keys(NUMBERS)];

export function isStatusFault(fault: Fault): fault is StatusFault {
  return fault in STATUS_FAULTS;
}

/** Reads the request field `sandbox`. A misspelt wish is refused: a test must not pass by accident. */
export function parseBehaviour(field: unknown): Partial<Behaviour> {
  if (field === undefined || field === null) return {};
  if (typeof field !== 'object' || Array.isArray(field)) {
    throw new Refusal(400, 'sandbox: expected an object');
  }
  const wish: Partial<Behaviour> = {};
  for (const [key, value] of Object.entries(field)) {
    if (key === 'fault') {
      if (value !== null && !(String(value) in STATUS_FAULTS) && !(String(value) in WIRE_FAULTS)) {
        const known = [...Object.keys(STATUS_FAULTS), ...Object.keys(WIRE_FAULTS)].join(', ');
        throw new Refusal(400, `sandbox.fault: expected one of ${known}`);
      }
      wish.fault = value as Fault | null;
    } else if (key === 'answer') {
      if (typeof value !== 'string') throw new Refusal(400, 'sandbox.answer: expected a string');
      wish.answer = value;
    } else if (key in NUMBERS) {
      const [name, most] = NUMBERS[key as keyof typeof NUMBERS];
      if (typeof value !== 'number' || !(value >= 0 && value <= most)) {
        throw new Refusal(400, `sandbox.${key}: expected a number from 0 to ${most}`);
      }
      wish[name] = name === 'frameMs' || name === 'delayMs' ? value : Math.floor(value);
    } else {
      throw new Refusal(400, `sandbox.${key}: unknown; expected one of ${WISHES.join(', ')}`);
    }
  }
  return wish;
}
