/** An answer as OpenRouter's chunks: reasoning, text, tool calls, pictures, finish, usage. */
import type { Completion } from './completion.ts';
import { hash } from './hash.ts';
import type { Provider, ReasoningFormat } from './providers.ts';
import { countTokens, tokenEnd } from './tokens.ts';

export interface Head {
  id: string;
  created: number;
  model: string;
  provider: Provider;
}

export interface Frame {
  kind: 'content' | 'finish' | 'usage';
  json: string;
  /** Completion tokens the reader has received with this frame, thinking included. */
  tokens: number;
  reasoningTokens: number;
}

export interface FrameOptions {
  tokensPerFrame: number;
  hideReasoning: boolean;
  topLogprobs: number | null;
}

export function* framesOf(
  head: Head,
  done: Completion,
  usage: object,
  options: FrameOptions,
): Generator<Frame, void> {
  const before = `${headJson(head)},"choices":[{"index":0,"delta":`;
  const after = ',"finish_reason":null,"native_finish_reason":null}]}';
  // Hidden thinking is still paid for: the first frame after it carries its tokens.
  let hidden = options.hideReasoning ? done.reasoningTokens : 0;
  const content = (delta: string, tokens: number, reasoning = false, extra = ''): Frame => {
    const thought = hidden;
    hidden = 0;
    return {
      kind: 'content',
      json: `${before}${delta}${extra}${after}`,
      tokens: tokens + thought,
      reasoningTokens: thought + (reasoning ? tokens : 0),
    };
  };

  if (done.reasoning !== '' && !options.hideReasoning) {
    const { reasoning: format } = head.provider;
    for (const { text, tokens } of pieces(done.reasoning, options.tokensPerFrame)) {
      const details = [reasoningDetail(format, text)];
      const delta = { content: '', role: 'assistant', reasoning: text, reasoning_details: details };
      yield content(JSON.stringify(delta), tokens, true);
    }
    const seal = reasoningSeal(format, done.reasoning);
    if (seal) {
      const delta = { content: '', role: 'assistant', reasoning: null, reasoning_details: [seal] };
      yield content(JSON.stringify(delta), 0);
    }
  }

  for (const { text, tokens } of pieces(done.text, options.tokensPerFrame)) {
    const delta = `{"content":${JSON.stringify(text)},"role":"assistant"}`;
    const extra = options.topLogprobs === null ? '' : `,"logprobs":${logprobs(text, options)}`;
    yield content(delta, tokens, false, extra);
  }

  for (const [index, call] of done.toolCalls.entries()) {
    const opening = { ...toolCall(head, index, call.name, ''), index };
    yield content(toolDelta(opening), countTokens(call.name));
    for (const { text, tokens } of pieces(call.arguments, options.tokensPerFrame)) {
      yield content(toolDelta({ index, type: 'function', function: { arguments: text } }), tokens);
    }
  }

  if (done.pictures.length > 0) {
    const delta = { content: '', role: 'assistant', images: done.pictures.map(picture) };
    yield content(JSON.stringify(delta), done.pictureTokens);
  }

  const { finish } = done;
  const reasons = { finish_reason: finish, native_finish_reason: nativeFinish(head, finish) };
  const last = { index: 0, delta: { content: '', role: 'assistant' }, ...reasons };
  const nothing = { tokens: 0, reasoningTokens: 0 };
  yield {
    kind: 'finish',
    json: `${headJson(head)},"choices":[${JSON.stringify(last)}]}`,
    ...nothing,
  };
  yield {
    kind: 'usage',
    json: `${headJson(head)},"choices":[],"usage":${JSON.stringify(usage)}}`,
    ...nothing,
  };
}

/** The same answer in one piece, for callers that do not stream. */
export function wholeAnswer(
  head: Head,
  done: Completion,
  usage: object | null,
  options: FrameOptions,
): object {
  const shown = done.reasoning !== '' && !options.hideReasoning;
  const { reasoning: format } = head.provider;
  const seal = reasoningSeal(format, done.reasoning);
  const detail = reasoningDetail(format, done.reasoning);
  const details = seal?.type === detail.type ? [{ ...detail, ...seal }] : [detail, seal];
  const message = {
    role: 'assistant',
    content: done.toolCalls.length > 0 && done.text === '' ? null : done.text,
    refusal: null,
    reasoning: shown ? done.reasoning : null,
    ...(shown && { reasoning_details: details.filter(Boolean) }),
    ...(done.toolCalls.length > 0 && {
      tool_calls: done.toolCalls.map((call, at) => ({
        index: at,
        ...toolCall(head, at, call.name, call.arguments),
      })),
    }),
    ...(done.pictures.length > 0 && { images: done.pictures.map(picture) }),
  };
  const choice = {
    index: 0,
    logprobs:
      options.topLogprobs === null ? null : (JSON.parse(logprobs(done.text, options)) as unknown),
    finish_reason: done.finish,
    native_finish_reason: nativeFinish(head, done.finish),
    message,
  };
  return {
    id: head.id,
    object: 'chat.completion',
    created: head.created,
    model: head.model,
    provider: head.provider.name,
    system_fingerprint: null,
    choices: [choice],
    ...(usage && { usage }),
  };
}

export function errorChunk(head: Head): string {
  const error = { code: 502, message: 'Provider disconnected unexpectedly' };
  const reasons = '"finish_reason":"error","native_finish_reason":"error"';
  const choice = `{"index":0,"delta":{"content":"","role":"assistant"},${reasons}}`;
  return `${headJson(head)},"error":${JSON.stringify(error)},"choices":[${choice}]}`;
}

export function nativeFinish(head: Head, finish: Completion['finish']): string | null {
  return finish === null ? null : head.provider.finish[finish];
}

function headJson({ id, created, model, provider }: Head): string {
  const fields = { id, object: 'chat.completion.chunk', created, model, provider: provider.name };
  return JSON.stringify(fields).slice(0, -1);
}

function* pieces(text: string, size: number): Generator<{ text: string; tokens: number }> {
  for (let at = 0; at < text.length;) {
    let end = at;
    let tokens = 0;
    for (; tokens < Math.max(1, size) && end < text.length; tokens += 1) end = tokenEnd(text, end);
    yield { text: text.slice(at, end), tokens };
    at = end;
  }
}

function toolCall(head: Head, index: number, name: string, args: string): Record<string, unknown> {
  const id = `call_${head.id.slice(-16)}${index}`;
  return { id, type: 'function', function: { name, arguments: args } };
}

function toolDelta(call: object): string {
  return JSON.stringify({ content: null, role: 'assistant', tool_calls: [call] });
}

function picture(url: string, index: number): object {
  return { type: 'image_url', image_url: { url }, index };
}

function reasoningDetail(format: ReasoningFormat, text: string): Record<string, unknown> {
  return format === 'openai-responses-v1' || format === 'xai-responses-v1'
    ? { type: 'reasoning.summary', summary: text, format, index: 0 }
    : { type: 'reasoning.text', text, format, index: 0 };
}

/** What proves to the provider, on the next turn, that the thinking is its own. */
function reasoningSeal(format: ReasoningFormat, text: string): Record<string, unknown> | null {
  if (format === 'unknown' || text === '') return null;
  const seal = Buffer.from(`sandbox ${hash(text).toString(16)}`).toString('base64');
  return format === 'anthropic-claude-v1'
    ? { type: 'reasoning.text', signature: seal, format, index: 0 }
    : { type: 'reasoning.encrypted', data: seal, format, index: 0 };
}

function logprobs(text: string, { topLogprobs }: FrameOptions): string {
  const entry = (token: string, salt: number): object => ({
    token,
    logprob: -(hash(token, salt) % 2000) / 1000 - salt,
    bytes: [...Buffer.from(token)],
  });
  const content = [...pieces(text, 1)].map(({ text: token }) => ({
    ...entry(token, 0),
    top_logprobs: Array.from({ length: topLogprobs ?? 0 }, (_, at) =>
      entry(at === 0 ? token : `${token}${at}`, at),
    ),
  }));
  return JSON.stringify({ content, refusal: null });
}
