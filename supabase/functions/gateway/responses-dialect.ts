import { describeError } from './api-error.ts';
import { parse } from './chat-dialect.ts';
import type { Collecting } from './completion.ts';
import { type AnswerEnd, type AnswerHead, costOf, type Dialect, type Writer } from './dialect.ts';
import { type Fields, isFields } from './fields.ts';
import { readResponsesRequest } from './responses-request.ts';

interface ResponsesState {
  response: Fields;
  output: Fields[];
  finish: string | null;
  usage: Fields | null;
  limits: Fields;
  /** The number of the next event of a stream. */
  sequence: number;
}

/** OpenAI's responses, over any model. Nothing is kept: each request brings its whole input. */
export const responsesDialect: Dialect<ResponsesState> = {
  errors: 'openai',
  read: readResponsesRequest,
  stream: createStreamWriter,
  endStream,
  collect: createWholeWriter,
  whole: (state, end) => finished(state, end),
};

/** The parameters that an answer repeats, with what they are when nobody gave them. */
function responseHead({ runId, created, answering, request: { fields } }: AnswerHead): Fields {
  const given = (name: string, usual: unknown) => fields[name] ?? usual;
  return {
    id: `resp_${runId}`,
    object: 'response',
    created_at: created,
    status: 'in_progress',
    model: answering(),
    output: [],
    error: null,
    incomplete_details: null,
    instructions: given('instructions', null),
    max_output_tokens: given('max_output_tokens', null),
    metadata: given('metadata', {}),
    parallel_tool_calls: given('parallel_tool_calls', true),
    previous_response_id: null,
    reasoning: given('reasoning', { effort: null, summary: null }),
    store: false,
    temperature: given('temperature', 1),
    text: given('text', { format: { type: 'text' } }),
    tool_choice: given('tool_choice', 'auto'),
    tools: given('tools', []),
    top_p: given('top_p', 1),
    truncation: 'disabled',
    usage: null,
  };
}

function createWholeWriter(head: AnswerHead, completion: Collecting): Writer<ResponsesState> {
  const response = responseHead(head);
  let usage: Fields | null = null;
  return {
    open: () => '',
    frame(bytes, facts) {
      if (facts.kind !== 'chunk') return undefined;
      const chunk = parse(bytes);
      if (facts.model !== undefined) response['model'] = head.answering(facts.model);
      if (isFields(chunk['usage'])) usage = chunk['usage'];
      completion.add(chunk);
      return undefined;
    },
    state() {
      const [choice] = completion.whole().choices;
      const message = choice?.message ?? {};
      const output: Fields[] = [];
      const id = (kind: string) => `${kind}_${head.runId}_${output.length}`;
      if (textOf(message['reasoning']) !== '') {
        output.push(reasoningItem(id('rs'), textOf(message['reasoning'])));
      }
      if (textOf(message['content']) !== '') {
        const logprobs = choice?.logprobs?.['content'];
        const part = textPart(textOf(message['content']), logprobs ?? []);
        output.push(messageItem(id('msg'), 'completed', [part]));
      }
      if (textOf(message['refusal']) !== '') {
        const part = refusalPart(textOf(message['refusal']));
        output.push(messageItem(id('msg'), 'completed', [part]));
      }
      for (const call of callsOf(message)) output.push(callItem(id('fc'), call, 'completed'));
      return {
        response,
        output,
        finish: choice?.finish_reason ?? null,
        usage,
        limits: limitsOf(head),
        sequence: 0,
      };
    },
  };
}

interface OpenItem {
  kind: string;
  item: Fields;
  text: string;
  logprobs: unknown[];
}

function createStreamWriter(head: AnswerHead): Writer<ResponsesState> {
  const response = responseHead(head);
  const output: Fields[] = [];
  let sequence = 0;
  let usage: Fields | null = null;
  let finish: string | null = null;
  let open: OpenItem | null = null;

  const event = (type: string, fields: Fields) =>
    told(type, { sequence_number: sequence++, ...fields });
  const place = () => ({ output_index: output.length, item_id: open?.item['id'] });

  function start(): string {
    if (sequence > 0) return '';
    return event('response.created', { response }) + event('response.in_progress', { response });
  }

  function begin(kind: string, make: () => Fields): string {
    if (open?.kind === kind) return '';
    const before = close();
    const item = make();
    open = { kind, item, text: '', logprobs: [] };
    const added = event('response.output_item.added', { output_index: output.length, item });
    if (kind === 'reasoning') {
      const part = { type: 'summary_text', text: '' };
      const fields = { ...place(), summary_index: 0, part };
      return before + added + event('response.reasoning_summary_part.added', fields);
    }
    if (kind !== 'message' && kind !== 'refusal') return before + added;
    const part = kind === 'message' ? textPart('') : refusalPart('');
    const fields = { ...place(), content_index: 0, part };
    return before + added + event('response.content_part.added', fields);
  }

  function close(): string {
    if (!open) return '';
    const { kind, item, text, logprobs } = open;
    let out = '';
    let done = item;
    if (kind === 'reasoning') {
      done = reasoningItem(String(item['id']), text);
      const at = { ...place(), summary_index: 0 };
      out += event('response.reasoning_summary_text.done', { ...at, text });
      const part = { type: 'summary_text', text };
      out += event('response.reasoning_summary_part.done', { ...at, part });
    } else if (kind === 'message' || kind === 'refusal') {
      const part = kind === 'message' ? textPart(text, logprobs) : refusalPart(text);
      done = messageItem(String(item['id']), 'completed', [part]);
      const at = { ...place(), content_index: 0 };
      out +=
        kind === 'message'
          ? event('response.output_text.done', { ...at, text, logprobs })
          : event('response.refusal.done', { ...at, refusal: text });
      out += event('response.content_part.done', { ...at, part });
    } else {
      done = { ...item, arguments: text, status: 'completed' };
      out += event('response.function_call_arguments.done', {
        ...place(),
        name: item['name'],
        arguments: text,
      });
    }
    out += event('response.output_item.done', { output_index: output.length, item: done });
    output.push(done);
    open = null;
    return out;
  }

  function grow(type: string, delta: string, more: Fields): string {
    if (open) open.text += delta;
    return event(type, { ...place(), ...more, delta });
  }

  function deltaOf(change: Fields, probabilities: unknown): string {
    const id = (kind: string) => `${kind}_${head.runId}_${output.length}`;
    let out = '';
    const thought = textOf(change['reasoning']);
    if (thought !== '') {
      out += begin('reasoning', () => ({ id: id('rs'), type: 'reasoning', summary: [] }));
      out += grow('response.reasoning_summary_text.delta', thought, { summary_index: 0 });
    }
    const text = textOf(change['content']);
    if (text !== '') {
      out += begin('message', () => messageItem(id('msg'), 'in_progress', []));
      const logprobs: unknown[] = Array.isArray(probabilities) ? probabilities : [];
      for (const one of logprobs) open?.logprobs.push(one);
      out += grow('response.output_text.delta', text, { content_index: 0, logprobs });
    }
    const refusal = textOf(change['refusal']);
    if (refusal !== '') {
      out += begin('refusal', () => messageItem(id('msg'), 'in_progress', []));
      out += grow('response.refusal.delta', refusal, { content_index: 0 });
    }
    for (const call of callsOf(change)) {
      const begun = () => ({ ...callItem(id('fc'), call, 'in_progress'), arguments: '' });
      out += begin(`call ${String(call['index'])}`, begun);
      const given = isFields(call['function']) ? textOf(call['function']['arguments']) : '';
      if (given !== '') out += grow('response.function_call_arguments.delta', given, {});
    }
    return out;
  }

  return {
    open: () => '',
    frame(bytes, facts) {
      if (facts.kind === 'blank') return bytes;
      if (facts.kind !== 'chunk' || facts.error || facts.finishReason === 'error') return undefined;
      const chunk = parse(bytes);
      if (facts.model !== undefined) response['model'] = head.answering(facts.model);
      if (isFields(chunk['usage'])) usage = chunk['usage'];
      const [choice] = Array.isArray(chunk['choices']) ? (chunk['choices'] as unknown[]) : [];
      const change = isFields(choice) && isFields(choice['delta']) ? choice['delta'] : {};
      const probable = isFields(choice) && isFields(choice['logprobs']) ? choice['logprobs'] : {};
      // The last item is whole as soon as the model has said why it stops.
      const isOver = facts.finishReason !== undefined;
      finish = facts.finishReason ?? finish;
      return start() + deltaOf(change, probable['content']) + (isOver ? close() : '');
    },
    state: () => ({ response, output, finish, usage, limits: limitsOf(head), sequence }),
  };
}

function endStream(state: ResponsesState, end: AnswerEnd): string {
  if (end.error) {
    const { body } = describeError(end.error, 'openai', end.requestId);
    const error = body['error'] as Fields;
    const { message, code, param } = error;
    const sequence_number = state?.sequence ?? 0;
    // As it is documented, and as it comes: of the SDKs some know the one, some the other.
    return told('error', { sequence_number, code, message, param, error });
  }
  const response = finished(state, end);
  const type = response['status'] === 'incomplete' ? 'response.incomplete' : 'response.completed';
  return told(type, { sequence_number: state.sequence, response });
}

function finished(state: ResponsesState, { receipt }: AnswerEnd): Fields {
  const { response, output, finish, usage, limits } = state;
  const reasons: Record<string, string> = {
    length: 'max_output_tokens',
    content_filter: 'content_filter',
  };
  const reason = reasons[finish ?? ''];
  const input = isFields(usage?.['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {};
  const thought = isFields(usage?.['completion_tokens_details'])
    ? usage['completion_tokens_details']
    : {};
  const prompt = numberOf(usage?.['prompt_tokens'] ?? receipt?.prompt_tokens);
  const completion = numberOf(usage?.['completion_tokens'] ?? receipt?.completion_tokens);
  return {
    ...response,
    status: reason ? 'incomplete' : 'completed',
    incomplete_details: reason ? { reason } : null,
    output,
    usage: {
      input_tokens: prompt,
      input_tokens_details: { cached_tokens: numberOf(input['cached_tokens']) },
      output_tokens: completion,
      output_tokens_details: { reasoning_tokens: numberOf(thought['reasoning_tokens']) },
      total_tokens: prompt + completion,
      ...costOf(receipt),
      ...limits,
    },
  };
}

function told(type: string, fields: Fields): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

function limitsOf({ maxTokens, isClamped }: AnswerHead): Fields {
  return { max_tokens: maxTokens, is_clamped: isClamped };
}

function textPart(text: string, logprobs: unknown = []): Fields {
  return { type: 'output_text', text, annotations: [], logprobs };
}

function refusalPart(refusal: string): Fields {
  return { type: 'refusal', refusal };
}

function messageItem(id: string, status: string, content: Fields[]): Fields {
  return { id, type: 'message', role: 'assistant', status, content };
}

function reasoningItem(id: string, text: string): Fields {
  return { id, type: 'reasoning', summary: [{ type: 'summary_text', text }] };
}

function callItem(id: string, call: Fields, status: string): Fields {
  const called = isFields(call['function']) ? call['function'] : {};
  return {
    id,
    type: 'function_call',
    call_id: call['id'] ?? id,
    name: called['name'] ?? '',
    arguments: called['arguments'] ?? '',
    status,
  };
}

function callsOf(from: Fields): Fields[] {
  return Array.isArray(from['tool_calls']) ? from['tool_calls'].filter(isFields) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
