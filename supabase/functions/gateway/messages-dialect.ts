import { describeError } from './api-error.ts';
import { parse } from './chat-dialect.ts';
import type { Collecting, Completion } from './completion.ts';
import { type AnswerEnd, type AnswerHead, costOf, type Dialect, type Writer } from './dialect.ts';
import { type Fields, isFields } from './fields.ts';
import { readMessagesRequest } from './messages-request.ts';

interface MessagesState {
  id: string;
  model: string;
  finish: string | null;
  usage: Fields | null;
  /** The block that is open at the end of a stream. */
  openBlock: number | null;
  limits: Fields;
  completion: Completion | null;
}

/** Anthropic's messages, over any model. */
export const messagesDialect: Dialect<MessagesState> = {
  errors: 'anthropic',
  read: readMessagesRequest,
  stream: (head) => createWriter(head, null),
  endStream,
  collect: createWriter,
  whole,
};

const stopReasons: Record<string, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
};

function createWriter(
  { runId, answering, maxTokens, isClamped }: AnswerHead,
  completion: Collecting | null,
): Writer<MessagesState> {
  const id = `msg_${runId}`;
  let model = answering();
  let usage: Fields | null = null;
  let finish: string | null = null;
  let hasStarted = false;
  let blocks = 0;
  /** What the open block is: of a call of a tool, which one. */
  let open: string | null = null;

  const start = () => {
    hasStarted = true;
    return event('message_start', {
      message: {
        ...messageHead(id, model),
        content: [],
        usage: { input_tokens: 0, output_tokens: 0 },
      },
    });
  };
  const stop = () => {
    if (open === null) return '';
    open = null;
    return event('content_block_stop', { index: blocks - 1 });
  };
  /** Goes on in the open block if it is of that kind, or in a new one. */
  function block(kind: string, beginning: Fields): string {
    if (open === kind) return '';
    const before = stop();
    open = kind;
    blocks += 1;
    return before + event('content_block_start', { index: blocks - 1, content_block: beginning });
  }
  const delta = (fields: Fields) =>
    event('content_block_delta', { index: blocks - 1, delta: fields });

  function deltaOf(change: Fields): string {
    let out = '';
    for (const [signature, thinking] of thoughtsOf(change)) {
      out += block('thinking', { type: 'thinking', thinking: '', signature: '' });
      if (thinking) out += delta({ type: 'thinking_delta', thinking });
      if (signature) out += delta({ type: 'signature_delta', signature });
    }
    const text = saidIn(change);
    if (text !== '') {
      out += block('text', { type: 'text', text: '' });
      out += delta({ type: 'text_delta', text });
    }
    for (const call of callsOf(change)) {
      const called = isFields(call['function']) ? call['function'] : {};
      const input = {};
      out += block(`tool ${String(call['index'])}`, {
        type: 'tool_use',
        id: call['id'] ?? `toolu_${runId}_${blocks}`,
        name: called['name'] ?? '',
        input,
      });
      if (typeof called['arguments'] === 'string' && called['arguments'] !== '') {
        out += delta({ type: 'input_json_delta', partial_json: called['arguments'] });
      }
    }
    return out;
  }

  return {
    open: () => '',
    frame(bytes, facts) {
      if (facts.kind === 'blank') return completion || !hasStarted ? undefined : event('ping', {});
      if (facts.kind !== 'chunk' || facts.error || facts.finishReason === 'error') return undefined;
      const chunk = parse(bytes);
      if (facts.model !== undefined) model = answering(facts.model);
      if (isFields(chunk['usage'])) usage = chunk['usage'];
      finish = facts.finishReason ?? finish;
      if (completion) {
        completion.add(chunk);
        return undefined;
      }
      const [choice] = Array.isArray(chunk['choices']) ? (chunk['choices'] as unknown[]) : [];
      const change = isFields(choice) && isFields(choice['delta']) ? choice['delta'] : {};
      return (hasStarted ? '' : start()) + deltaOf(change);
    },
    state: () => ({
      id,
      model,
      finish,
      usage,
      openBlock: open === null ? null : blocks - 1,
      limits: { max_tokens: maxTokens, is_clamped: isClamped },
      completion: completion?.whole() ?? null,
    }),
  };
}

function endStream(state: MessagesState, end: AnswerEnd): string {
  if (end.error) {
    const { body } = describeError(end.error, 'anthropic', end.requestId);
    return `event: error\ndata: ${JSON.stringify(body)}\n\n`;
  }
  const stopped =
    state.openBlock === null ? '' : event('content_block_stop', { index: state.openBlock });
  const delta = { stop_reason: stopReasonOf(state.finish), stop_sequence: null };
  return `${stopped}${event('message_delta', { delta, usage: usageOf(state, end) })}${event('message_stop', {})}`;
}

function whole(state: MessagesState, end: AnswerEnd): Fields {
  const message = state.completion?.choices[0]?.message ?? {};
  const content: Fields[] = [];
  for (const [signature, thinking] of thoughtsOf(message)) {
    content.push({ type: 'thinking', thinking, signature });
  }
  const text = saidIn(message);
  if (text !== '') content.push({ type: 'text', text });
  for (const call of callsOf(message)) {
    const called = isFields(call['function']) ? call['function'] : {};
    content.push({
      type: 'tool_use',
      id: call['id'],
      name: called['name'],
      input: inputOf(called['arguments']),
    });
  }
  return {
    ...messageHead(state.id, state.model),
    content,
    stop_reason: stopReasonOf(state.completion?.choices[0]?.finish_reason ?? null),
    usage: usageOf(state, end),
  };
}

function messageHead(id: string, model: string): Fields {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    stop_reason: null,
    stop_sequence: null,
  };
}

function event(type: string, fields: Fields): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

function stopReasonOf(finish: string | null): string {
  return stopReasons[finish ?? 'stop'] ?? 'end_turn';
}

/** Thoughts with their signatures where the model signs them, else as plain text. */
function thoughtsOf(from: Fields): [signature: string, thinking: string][] {
  const details = Array.isArray(from['reasoning_details']) ? from['reasoning_details'] : [];
  const signed = details.filter(
    (one): one is Fields => isFields(one) && one['type'] === 'reasoning.text',
  );
  if (signed.length > 0) {
    return signed.map((one) => [textOf(one['signature']), textOf(one['text'])]);
  }
  const plain = textOf(from['reasoning']);
  return plain === '' ? [] : [['', plain]];
}

/** A refusal is text there, too. */
function saidIn(from: Fields): string {
  return textOf(from['content']) + textOf(from['refusal']);
}

function callsOf(from: Fields): Fields[] {
  return Array.isArray(from['tool_calls']) ? from['tool_calls'].filter(isFields) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Cut off at its length, the input of a tool may not be JSON any more. */
function inputOf(text: unknown): Fields {
  try {
    const value: unknown = JSON.parse(textOf(text) || '{}');
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

function usageOf({ usage, limits }: MessagesState, { receipt }: AnswerEnd): Fields {
  const details = isFields(usage?.['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {};
  const cached = numberOf(details['cached_tokens'] ?? receipt?.cache_read_tokens);
  const written = numberOf(details['cache_write_tokens'] ?? receipt?.cache_write_tokens);
  const prompt = numberOf(usage?.['prompt_tokens'] ?? receipt?.prompt_tokens);
  return {
    input_tokens: Math.max(0, prompt - cached - written),
    output_tokens: numberOf(usage?.['completion_tokens'] ?? receipt?.completion_tokens),
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: written,
    ...costOf(receipt),
    ...limits,
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
