import type { FrameFacts } from '../_shared/frame-facts.ts';
import type { RequestError } from '../_shared/errors.ts';
import type { ErrorShape } from './api-error.ts';
import type { CallRequest } from './call-request.ts';
import type { Collecting } from './completion.ts';
import type { Fields } from './fields.ts';

/**
 * One of the wire formats that the gateway speaks. What it must know to end an answer is plain
 * JSON, so that an answer kept for an Idempotency-Key is ended again with the same words.
 */
export interface Dialect<State = unknown> {
  errors: ErrorShape;
  read(fields: Fields, bodyBytes: number): CallRequest;
  /** How a stream is told, frame by frame. */
  stream(head: AnswerHead): Writer<State>;
  endStream(state: State, end: AnswerEnd): string;
  /** How an answer in one piece is put together, and told. */
  collect(head: AnswerHead, completion: Collecting): Writer<State>;
  whole(state: State, end: AnswerEnd): Fields;
}

export interface Writer<State> {
  open(): string;
  /** What goes out for a frame, if anything. */
  frame(bytes: Uint8Array, facts: FrameFacts): Uint8Array | string | undefined;
  state(): State;
}

export interface AnswerHead {
  runId: string;
  /** Seconds. */
  created: number;
  /** Which of its models an answer names; of no name, the wanted one. */
  answering: (named?: string) => string;
  request: Pick<CallRequest, 'includeUsage'> & { fields: Fields };
  maxTokens: number;
  isClamped: boolean;
}

export interface AnswerEnd {
  error: RequestError | null;
  receipt: Receipt | null;
  requestId: string;
}

/** What the gateway tells of a receipt. */
export interface Receipt {
  run_id: string;
  model_id: string;
  charged_micros: number;
  held_micros: number;
  cost_label: string;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
}

/** One micro is one thousand-millionth of a dollar; a credit is a thousandth of one. */
export function usdOf(micros: number): number {
  return micros / 1e9;
}

export function creditsOf(micros: number): number {
  return micros / 1e6;
}

/** What every answer says of its cost, in whichever dialect. */
export function costOf(receipt: Receipt | null): Fields {
  if (!receipt) return { cost: null, cost_credits: null, cost_label: 'reconciling' };
  return {
    cost: usdOf(receipt.charged_micros),
    cost_credits: creditsOf(receipt.charged_micros),
    cost_label: receipt.cost_label,
  };
}
