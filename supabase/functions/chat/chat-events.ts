import { failure, isErrorCode } from '../_shared/errors.ts';
import type { Ending, Framing } from '../_shared/metered-stream.ts';
import type { Permit, Verdict } from '../_shared/verdict.ts';

const encoder = new TextEncoder();

/** What `api.finish_answer` returns. */
export interface Settlement {
  receipt: { charged_micros: number; finish_reason: string | null } | null;
  wallet: Record<string, number> | null;
  limits: Record<string, number> | null;
}

export interface Opened {
  conversation_id: string;
  user_message_id: string | null;
  answer_id: string;
  trimmed: { messages: number; tokens: number } | null;
}

export function event(name: string, data: unknown): Uint8Array {
  return encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

export function runEvent(verdict: Verdict, opened: Opened): Uint8Array {
  return event('run', {
    run_id: verdict.run_id,
    conversation_id: opened.conversation_id,
    user_message_id: opened.user_message_id,
    answer_id: opened.answer_id,
    model_ids: verdict.model_ids,
    route_reason: verdict.route_reason,
    max_tokens: verdict.max_tokens,
    is_clamped: verdict.is_clamped,
    hold_micros: verdict.hold_micros,
    available_micros: verdict.available_micros,
    rate_limit: verdict.rate_limit,
    rate_remaining: verdict.rate_remaining,
    quota_limit: verdict.quota_limit,
    quota_remaining: verdict.quota_remaining,
    trimmed: opened.trimmed,
    is_replay: verdict.is_replay,
  });
}

/** The frames as they came, those with text under their number, between `run` and `done`. */
export function chatFraming(permit: Permit, opened: Opened): Framing<Settlement> {
  return {
    open: () => runEvent(permit, opened),
    frame: (bytes, _facts, number) => (number === undefined ? [bytes] : [idLine(number), bytes]),
    close: ({ status, report, error, settled }: Ending<Settlement>) => {
      const { receipt = null, wallet = null, limits = null } = settled?.settlement ?? {};
      return doneEvent({
        status,
        finish_reason: report.finish_reason,
        receipt,
        wallet,
        limits,
        error: error && describe(error.code, receipt),
      });
    },
  };
}

export interface Done {
  status: Ending<Settlement>['status'];
  finish_reason: string | null;
  receipt: Settlement['receipt'];
  wallet: Settlement['wallet'];
  limits: Settlement['limits'];
  error: ReturnType<typeof describe> | null;
}

export const doneEvent = (done: Done) => event('done', done);

/** What the viewer has of the answer is to be forgotten: all of it follows, from frame 1. */
export const anewEvent = event('anew', {});

/** What an answer means by a code that elsewhere is about another service. */
const modelIsAway = failure(
  'upstream_unavailable',
  'The model is not available right now.',
  'Try again shortly, or choose another model.',
);

/** What failed, and what it cost; no cost as long as that is being asked upstream. */
export function describe(code: string, receipt: Settlement['receipt']) {
  const { detail, hint } =
    code === modelIsAway.code ? modelIsAway : failure(isErrorCode(code) ? code : 'internal_error');
  return { code, message: detail, hint, charged_micros: receipt?.charged_micros ?? null };
}

function idLine(number: number): string {
  return `id: ${number}\n`;
}

/** A frame made of stored text. */
export function textFrame(number: number, kind: 'c' | 'r', text: string): Uint8Array {
  const delta = kind === 'c' ? { content: text } : { reasoning: text };
  const data = JSON.stringify({ choices: [{ index: 0, delta }] });
  return encoder.encode(`id: ${number}\ndata: ${data}\n\n`);
}

export const waitingFrame = encoder.encode(': waiting\n\n');
