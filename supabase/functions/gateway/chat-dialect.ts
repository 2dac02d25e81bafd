import { dataOf, type FrameFacts } from '../_shared/frame-facts.ts';
import { describeError } from './api-error.ts';
import { readChatRequest } from './chat-request.ts';
import type { Collecting, Completion } from './completion.ts';
import { type AnswerEnd, type AnswerHead, costOf, type Dialect, type Writer } from './dialect.ts';
import { type Fields, isFields } from './fields.ts';

interface ChatState {
  id: string;
  created: number;
  model: string;
  usage: Fields | null;
  includeUsage: boolean;
  limits: Fields;
  completion: Completion | null;
}

/** OpenAI's chat completions: the upstream's own frames, but for their ids and the last ones. */
export const chatDialect: Dialect<ChatState> = {
  errors: 'openai',
  read: readChatRequest,
  stream: (head) => createChatWriter(head, null),
  endStream,
  collect: createChatWriter,
  whole,
};

export function completionId(runId: string): string {
  return `chatcmpl-${runId}`;
}

function createChatWriter(
  { runId, answering, request, maxTokens, isClamped, ...head }: AnswerHead,
  completion: Collecting | null,
): Writer<ChatState> {
  const id = completionId(runId);
  let { created } = head;
  let model = answering();
  let usage: Fields | null = null;
  let names: { from: string; to: string }[] = [];

  /** The names are told anew with every frame; only the first has to be read for them. */
  function learnNames(bytes: Uint8Array, facts: FrameFacts): void {
    if (names.length > 0 || facts.generationId === undefined) return;
    const said = parse(bytes)['created'];
    if (typeof said === 'number') created = said;
    model = answering(facts.model);
    names = [
      { from: `"id":${JSON.stringify(facts.generationId)}`, to: `"id":${JSON.stringify(id)}` },
      { from: `"model":${JSON.stringify(facts.model)}`, to: `"model":${JSON.stringify(model)}` },
    ];
  }

  return {
    open: () => '',
    frame(bytes, facts) {
      if (facts.kind === 'blank') return completion ? undefined : bytes;
      if (facts.kind !== 'chunk' || facts.error || facts.finishReason === 'error') return undefined;
      learnNames(bytes, facts);
      if (!facts.usage && !completion) return rename(bytes, names) ?? rewrite(bytes, { id, model });
      const chunk = parse(bytes);
      if (isFields(chunk['usage'])) usage = chunk['usage'];
      completion?.add(chunk);
      const isBare = !Array.isArray(chunk['choices']) || chunk['choices'].length === 0;
      if (completion || isBare) return undefined;
      return rewrite(bytes, { id, model, usage: undefined });
    },
    state: () => ({
      id,
      created,
      model,
      usage,
      includeUsage: request.includeUsage,
      limits: { max_tokens: maxTokens, is_clamped: isClamped },
      completion: completion?.whole() ?? null,
    }),
  };
}

const decoder = new TextDecoder();

/**
 * Exact, because inside a text a quotation mark is escaped. Nothing when a name is not found in the
 * words in which upstreams usually write it.
 */
function rename(bytes: Uint8Array, names: { from: string; to: string }[]): string | undefined {
  let text = decoder.decode(bytes);
  for (const { from, to } of names) {
    const at = text.indexOf(from);
    if (at < 0) return undefined;
    text = text.slice(0, at) + to + text.slice(at + from.length);
  }
  return names.length === 0 ? undefined : text;
}

function rewrite(bytes: Uint8Array, changes: Fields): string {
  return `data: ${JSON.stringify({ ...parse(bytes), ...changes })}\n\n`;
}

export function parse(bytes: Uint8Array): Fields {
  return JSON.parse(dataOf(decoder.decode(bytes))) as Fields;
}

function endStream(state: ChatState, end: AnswerEnd): string {
  if (end.error) {
    const { body } = describeError(end.error, 'openai', end.requestId);
    return `data: ${JSON.stringify(body)}\n\n`;
  }
  const { id, created, model, includeUsage } = state;
  const last = {
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    choices: [],
    usage: usageOf(state, end),
  };
  const isTold = includeUsage && last.usage !== null;
  return `${isTold ? `data: ${JSON.stringify(last)}\n\n` : ''}data: [DONE]\n\n`;
}

function whole(state: ChatState, end: AnswerEnd): Fields {
  const { id, created, model, completion } = state;
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    ...completion?.extras,
    choices: (completion?.choices ?? []).map(({ extras, ...choice }) => ({ ...choice, ...extras })),
    usage: usageOf(state, end),
  };
}

/** The upstream's own counts, and our own cost in place of what it asks of us. */
function usageOf({ usage, limits }: ChatState, { receipt }: AnswerEnd): Fields | null {
  if (!usage && !receipt) return null;
  const told = usage ?? {
    prompt_tokens: receipt?.prompt_tokens ?? 0,
    completion_tokens: receipt?.completion_tokens ?? 0,
    total_tokens: (receipt?.prompt_tokens ?? 0) + (receipt?.completion_tokens ?? 0),
  };
  const { cost: _cost, cost_details: _details, is_byok: _byok, ...counts } = told;
  return { ...counts, ...costOf(receipt), ...limits };
}
