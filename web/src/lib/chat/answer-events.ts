import type { Receipt } from '#lib/api/usage.ts';
import { readSse } from './read-sse.ts';

/** What was decided before the answer began; of a resumed one nothing but its id is told again. */
export interface OpenedRun {
  run_id: string;
  model_ids: string[];
  route_reason: string | null;
  available_micros: number | null;
  quota_remaining: number | null;
  trimmed: { messages: number; tokens: number } | null;
  is_replay: boolean;
}

export type AnswerStatus = 'complete' | 'stopped' | 'failed' | 'reconciling' | 'lost';

export interface AnswerError {
  code: string;
  message: string;
  hint: string | null;
  charged_micros: number | null;
}

/** How the answer ended, what it cost and what is left. */
export interface AnswerEnd {
  status: AnswerStatus;
  finish_reason: string | null;
  receipt: Receipt | null;
  wallet: { available_micros: number; balance_micros: number; held_micros: number } | null;
  limits: { requests_this_month: number; requests_per_month: number | null } | null;
  error: AnswerError | null;
}

export type AnswerEvent =
  | { kind: 'run'; run: OpenedRun }
  /** It is told from its start once more: what came of it before is to be forgotten. */
  | { kind: 'anew' }
  | { kind: 'delta'; number: number; content: string; reasoning: string; model: string | null }
  | { kind: 'done'; end: AnswerEnd };

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function parse(data: string): Json | null {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : null;
  } catch {
    // A frame cut off upstream carries nothing to show; the end event says what became of it.
    return null;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function readDelta(number: number, frame: Json): AnswerEvent | null {
  const choice: unknown = Array.isArray(frame['choices']) ? frame['choices'][0] : null;
  const delta = isObject(choice) ? choice['delta'] : null;
  if (!isObject(delta)) return null;
  const content = text(delta['content']);
  const reasoning = text(delta['reasoning']) || text(delta['reasoning_content']);
  return { kind: 'delta', number, content, reasoning, model: text(frame['model']) || null };
}

const untold: Omit<OpenedRun, 'run_id' | 'is_replay'> = {
  model_ids: [],
  route_reason: null,
  available_micros: null,
  quota_remaining: null,
  trimmed: null,
};

/** The stream of an answer as typed events. What carries no text and no news is left out. */
export async function* answerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<AnswerEvent> {
  let number = 0;
  for await (const { event, id, data } of readSse(body)) {
    const value = parse(data);
    if (!value) continue;
    if (event === 'run') {
      yield { kind: 'run', run: { ...untold, ...(value as unknown as OpenedRun) } };
    } else if (event === 'anew') {
      yield { kind: 'anew' };
    } else if (event === 'done') {
      yield { kind: 'done', end: value as unknown as AnswerEnd };
    } else if (id !== undefined && Number(id) > number) {
      // The id of an event stays for those after it: only a new one marks a frame with text.
      number = Number(id);
      const delta = readDelta(number, value);
      if (delta) yield delta;
    }
  }
}
