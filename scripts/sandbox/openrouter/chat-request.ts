/** Reads the body of `/chat/completions`. Unknown fields are ignored, as OpenRouter does. */
import { type Behaviour, parseBehaviour } from './behaviour.ts';
import { Refusal } from './refusal.ts';

export interface Media {
  kind: 'image' | 'image_low' | 'input_audio' | 'file' | 'video_url';
  /** Address, data URL or file name. */
  source: string;
}

export interface Message {
  role: string;
  text: string;
  media: Media[];
  toolCalls: { name: string; arguments: string }[];
  /** Carries a `cache_control` mark: the prompt up to here is worth caching. */
  cacheMark: boolean;
}

export interface Tool {
  name: string;
  description: string;
  parameters: unknown;
}

export interface ChatRequest {
  /** The models to try, in order. */
  models: string[];
  messages: Message[];
  stream: boolean;
  maxTokens: number | null;
  stop: string[];
  tools: Tool[];
  toolChoice: 'auto' | 'none' | 'required' | { name: string };
  parallelTools: boolean;
  /** `true` asks for any JSON object, otherwise a JSON schema; null for plain text. */
  json: true | { schema: unknown } | null;
  reasoning: { enabled: boolean | null; tokens: number | null; exclude: boolean };
  /** How many alternatives to name per token; null: no log probabilities. */
  topLogprobs: number | null;
  seed: number | null;
  modalities: string[];
  provider: ProviderPreferences;
  user: string | null;
  sessionId: string | null;
  behaviour: Partial<Behaviour>;
}

export interface ProviderPreferences {
  order: string[];
  only: string[];
  ignore: string[];
  allowFallbacks: boolean;
  maxPrice: Record<string, string | number>;
}

type Fields = Record<string, unknown>;

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool']);
const EFFORT_TOKENS: Record<string, number> = {
  none: 0,
  minimal: 40,
  low: 80,
  medium: 160,
  high: 320,
  xhigh: 640,
};

export function parseChatRequest(body: Fields, sessionHeader: string | null): ChatRequest {
  const models = [
    ...(body.model === undefined ? [] : [string(body.model, 'model')]),
    ...list(body.models, 'models').map((id, at) => string(id, `models.${at}`)),
  ];
  if (models.length === 0) throw new Refusal(400, 'No models provided');

  const format = object(body.response_format, 'response_format');
  return {
    models,
    messages: parseMessages(body),
    stream: body.stream === true,
    maxTokens:
      whole(body.max_completion_tokens, 'max_completion_tokens') ??
      whole(body.max_tokens, 'max_tokens'),
    stop: typeof body.stop === 'string' ? [body.stop] : strings(body.stop, 'stop'),
    tools: list(body.tools, 'tools').map(parseTool),
    toolChoice: parseToolChoice(body.tool_choice),
    parallelTools: body.parallel_tool_calls !== false,
    json: parseFormat(format),
    reasoning: parseReasoning(body),
    topLogprobs: parseLogprobs(body),
    seed: typeof body.seed === 'number' ? body.seed : null,
    modalities: strings(body.modalities, 'modalities'),
    provider: parsePreferences(object(body.provider, 'provider')),
    user: typeof body.user === 'string' ? body.user : null,
    sessionId: typeof body.session_id === 'string' ? body.session_id : sessionHeader,
    behaviour: parseBehaviour(body.sandbox),
  };
}

function parseMessages(body: Fields): Message[] {
  if (body.messages === undefined && typeof body.prompt === 'string') {
    return [{ role: 'user', text: body.prompt, media: [], toolCalls: [], cacheMark: false }];
  }
  const messages = list(body.messages, 'messages');
  if (messages.length === 0) {
    throw new Refusal(400, 'Input required: specify "prompt" or "messages"');
  }
  return messages.map((value, at) => parseMessage(value, `messages.${at}`));
}

function parseMessage(value: unknown, path: string): Message {
  const fields = object(value, path);
  const role = string(fields.role, `${path}.role`);
  if (!ROLES.has(role)) throw invalid(`${path}.role`, [...ROLES].join(' | '));
  const message: Message = {
    role,
    text: typeof fields.name === 'string' ? fields.name : '',
    media: [],
    toolCalls: list(fields.tool_calls, `${path}.tool_calls`).map((call) => {
      const called = object(object(call, path).function, `${path}.tool_calls.function`);
      return {
        name: string(called.name, path),
        arguments: typeof called.arguments === 'string' ? called.arguments : '',
      };
    }),
    cacheMark: fields.cache_control !== undefined,
  };
  if (role === 'tool') string(fields.tool_call_id, `${path}.tool_call_id`);
  const { content } = fields;
  if (typeof content === 'string') {
    message.text += content;
  } else if (Array.isArray(content)) {
    content.forEach((part, at) => addPart(message, object(part, path), `${path}.content.${at}`));
  } else if (role !== 'assistant' || message.toolCalls.length === 0) {
    throw invalid(`${path}.content`, 'string | array');
  }
  return message;
}

function addPart(message: Message, part: Fields, path: string): void {
  if (part.cache_control !== undefined) message.cacheMark = true;
  switch (part.type) {
    case 'text':
      message.text += string(part.text, `${path}.text`);
      return;
    case 'image_url': {
      const image = object(part.image_url, `${path}.image_url`);
      const source = string(image.url, `${path}.image_url.url`);
      message.media.push({ kind: image.detail === 'low' ? 'image_low' : 'image', source });
      return;
    }
    case 'file': {
      const file = object(part.file, `${path}.file`);
      message.media.push({
        kind: 'file',
        source: typeof file.filename === 'string' ? file.filename : 'document',
      });
      return;
    }
    case 'input_audio':
    case 'video_url':
      message.media.push({ kind: part.type, source: part.type });
      return;
    default:
      throw invalid(`${path}.type`, 'text | image_url | file | input_audio | video_url');
  }
}

function parseTool(value: unknown, at: number): Tool {
  const tool = object(value, `tools.${at}`);
  const called = object(tool.function, `tools.${at}.function`);
  return {
    name: string(called.name, `tools.${at}.function.name`),
    description: typeof called.description === 'string' ? called.description : '',
    parameters: called.parameters ?? { type: 'object', properties: {} },
  };
}

function parseToolChoice(value: unknown): ChatRequest['toolChoice'] {
  if (value === undefined || value === null) return 'auto';
  if (value === 'auto' || value === 'none' || value === 'required') return value;
  const called = object(object(value, 'tool_choice').function, 'tool_choice.function');
  return { name: string(called.name, 'tool_choice.function.name') };
}

function parseFormat(format: Fields): ChatRequest['json'] {
  switch (format.type) {
    case undefined:
    case 'text':
      return null;
    case 'json_object':
      return true;
    case 'json_schema': {
      const { schema } = object(format.json_schema, 'response_format.json_schema');
      return { schema: object(schema, 'response_format.json_schema.schema') };
    }
    default:
      throw invalid('response_format.type', 'text | json_object | json_schema');
  }
}

function parseReasoning(body: Fields): ChatRequest['reasoning'] {
  const wish = object(body.reasoning, 'reasoning');
  const effort = wish.effort ?? body.reasoning_effort ?? null;
  const effortTokens = typeof effort === 'string' ? (EFFORT_TOKENS[effort] ?? null) : null;
  if (effort !== null && effortTokens === null) {
    throw invalid('reasoning.effort', Object.keys(EFFORT_TOKENS).join(' | '));
  }
  const tokens = whole(wish.max_tokens, 'reasoning.max_tokens');
  const asked = tokens !== null || effortTokens !== null || body.include_reasoning === true;
  return {
    enabled:
      effortTokens === 0 || wish.enabled === false ? false : asked || wish.enabled === true || null,
    tokens: tokens ?? effortTokens,
    exclude: wish.exclude === true || body.include_reasoning === false,
  };
}

function parseLogprobs(body: Fields): number | null {
  if (body.logprobs !== true) return null;
  const most = body.top_logprobs ?? 0;
  if (!Number.isInteger(most) || Number(most) < 0 || Number(most) > 20) {
    throw invalid('top_logprobs', 'integer from 0 to 20');
  }
  return Number(most);
}

function parsePreferences(fields: Fields): ProviderPreferences {
  return {
    order: strings(fields.order, 'provider.order'),
    only: strings(fields.only, 'provider.only'),
    ignore: strings(fields.ignore, 'provider.ignore'),
    allowFallbacks: fields.allow_fallbacks !== false,
    maxPrice: object(fields.max_price, 'provider.max_price') as Record<string, string | number>,
  };
}

function invalid(path: string, expected: string): Refusal {
  return new Refusal(400, `Invalid input at ${path}: expected ${expected}`);
}

function string(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalid(path, 'string');
  return value;
}

function whole(value: unknown, path: string): number | null {
  if (value === undefined || value === null) return null;
  if (!Number.isInteger(value) || Number(value) < 1) throw invalid(path, 'integer ≥ 1');
  return Number(value);
}

function list(value: unknown, path: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, 'array');
  return value;
}

function strings(value: unknown, path: string): string[] {
  return list(value, path).map((item, at) => string(item, `${path}.${at}`));
}

function object(value: unknown, path: string): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(path, 'object');
  return value as Fields;
}
