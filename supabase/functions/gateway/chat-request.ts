import { invalid, unsupported } from './api-error.ts';
import {
  type CallRequest,
  featuresOf,
  passOn,
  type PromptMeasure,
  shapeOf,
  withUsualCache,
} from './call-request.ts';
import {
  type Fields,
  isFields,
  quoted,
  readArray,
  readFlag,
  readNumber,
  readObject,
  readText,
  readWhole,
  required,
} from './fields.ts';

const roles = ['system', 'developer', 'user', 'assistant', 'tool', 'function'];

/** Read here, and written again below or after the database has decided. */
const handled = [
  'model',
  'models',
  'messages',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'modalities',
  'tools',
  'session_id',
  'usage',
];

/** A body of `/chat/completions`, checked as far as its price and its safety go. */
export function readChatRequest(fields: Fields, bodyBytes: number): CallRequest {
  const models = readModels(fields);
  const messages = required(readArray(fields['messages'], 'messages', 10_000), 'messages');
  if (messages.length === 0) throw invalid('messages', 'messages must not be empty.');
  const prompt: PromptMeasure = {
    messages: messages.length,
    images: 0,
    imageBytes: 0,
    lastText: '',
  };
  for (const [at, message] of messages.entries()) measure(message, `messages[${at}]`, prompt);
  const tools = readTools(fields['tools']);
  const isStream = readFlag(fields['stream'], 'stream') ?? false;
  const includeUsage =
    readStreamOptions(fields['stream_options'], isStream) ||
    // The same wish in OpenRouter's words.
    readObject(fields['usage'], 'usage')?.['include'] === true;
  const maxTokens = readMaxTokens(fields);
  const choices = readWhole(fields['n'], 'n', 1, 8) ?? 1;
  readSampling(fields);
  readModalities(fields['modalities']);

  const shape = shapeOf(bodyBytes, prompt, { choices, maxTokens, tools: tools.length });
  const { body, ignored } = passOn(fields, handled);
  for (const [at, id] of (readArray(fields['models'], 'models', 10) ?? []).entries()) {
    if (id !== models[0] && String(id).startsWith('oneai/')) ignored.push(`models[${at}]`);
  }
  const { cache_control } = body;
  return {
    models,
    shape,
    features: featuresOf(models, shape, prompt, tools.length),
    body: {
      ...body,
      ...(isFields(cache_control) ? (withUsualCache({ cache_control }) as Fields) : {}),
      messages: withUsualCache(messages),
      ...(tools.length > 0 ? { tools: withUsualCache(tools) } : {}),
    },
    isStream,
    includeUsage,
    session: readText(fields['session_id'], 'session_id', 256) ?? beginningOf(messages),
    ignored,
  };
}

function beginningOf(messages: unknown[]): string {
  return JSON.stringify(messages.slice(0, 2)).slice(0, 8000);
}

/** The wanted model, then the fallbacks. With `models` alone, its first is wanted. */
export function readModels(fields: Fields): string[] {
  const listed = (readArray(fields['models'], 'models', 10) ?? []).map((id, at) =>
    required(readText(id, `models[${at}]`, 200), `models[${at}]`),
  );
  const model = readText(fields['model'], 'model', 200);
  const models = [...new Set([...(model === undefined ? [] : [model]), ...listed])].slice(0, 10);
  if (models.length === 0 || models.includes('')) {
    throw invalid('model', 'model is required.', 'Name one, such as oneai/auto.');
  }
  return models;
}

function readMaxTokens(fields: Fields): number | undefined {
  const most = 10_000_000;
  const older = readWhole(fields['max_tokens'], 'max_tokens', 1, most);
  return readWhole(fields['max_completion_tokens'], 'max_completion_tokens', 1, most) ?? older;
}

function readStreamOptions(value: unknown, isStream: boolean): boolean {
  const options = readObject(value, 'stream_options');
  if (options && !isStream) {
    throw invalid('stream_options', 'stream_options is only for streams.');
  }
  return readFlag(options?.['include_usage'], 'stream_options.include_usage') ?? false;
}

function readSampling(fields: Fields): void {
  readNumber(fields['temperature'], 'temperature', 0, 2);
  readNumber(fields['top_p'], 'top_p', 0, 1);
  readNumber(fields['presence_penalty'], 'presence_penalty', -2, 2);
  readNumber(fields['frequency_penalty'], 'frequency_penalty', -2, 2);
  readWhole(fields['seed'], 'seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  readFlag(fields['logprobs'], 'logprobs');
  readWhole(fields['top_logprobs'], 'top_logprobs', 0, 20);
  readFlag(fields['parallel_tool_calls'], 'parallel_tool_calls');
  readObject(fields['logit_bias'], 'logit_bias');
  readObject(fields['metadata'], 'metadata');
  readObject(fields['reasoning'], 'reasoning');
  readText(fields['reasoning_effort'], 'reasoning_effort', 20);
  const format = readObject(fields['response_format'], 'response_format');
  if (format)
    required(readText(format['type'], 'response_format.type', 40), 'response_format.type');
  const { stop } = fields;
  if (typeof stop === 'string') readText(stop, 'stop', 1000);
  else
    for (const [at, one] of (readArray(stop, 'stop', 16) ?? []).entries()) {
      required(readText(one, `stop[${at}]`, 1000), `stop[${at}]`);
    }
}

function readModalities(value: unknown): void {
  const wanted = readArray(value, 'modalities', 10) ?? [];
  if (wanted.some((kind) => kind !== 'text')) {
    throw unsupported('modalities', 'Only text can be answered here.');
  }
}

function readTools(value: unknown): Fields[] {
  const tools = readArray(value, 'tools', 512) ?? [];
  return tools.map((tool, at) => {
    const fields = required(readObject(tool, `tools[${at}]`), `tools[${at}]`);
    if (fields['type'] !== 'function') {
      throw unsupported(`tools[${at}].type`, 'Only tools of the type "function" can be given.');
    }
    const called = required(
      readObject(fields['function'], `tools[${at}].function`),
      `tools[${at}]`,
    );
    required(
      readText(called['name'], `tools[${at}].function.name`, 200),
      `tools[${at}].function.name`,
    );
    return fields;
  });
}

function measure(message: unknown, param: string, prompt: PromptMeasure): void {
  const fields = required(readObject(message, param), param);
  if (!roles.includes(fields['role'] as string)) {
    throw invalid(`${param}.role`, `${param}.role must be one of ${roles.join(', ')}.`);
  }
  const { content } = fields;
  const calls = readArray(fields['tool_calls'], `${param}.tool_calls`, 1000) ?? [];
  prompt.messages += calls.length;
  if (typeof content === 'string') {
    if (fields['role'] === 'user') prompt.lastText = content;
    return;
  }
  const parts = readArray(content, `${param}.content`, 10_000);
  if (!parts && fields['role'] !== 'assistant') {
    throw invalid(`${param}.content`, `${param}.content must be a string or an array of parts.`);
  }
  for (const [at, part] of (parts ?? []).entries()) {
    const text = measurePart(part, `${param}.content[${at}]`, prompt);
    if (fields['role'] === 'user') prompt.lastText = text ?? prompt.lastText;
  }
}

/** Returns the text of a part that is one. */
function measurePart(part: unknown, param: string, prompt: PromptMeasure): string | undefined {
  const fields = required(readObject(part, param), param);
  switch (fields['type']) {
    case 'text':
      return required(readText(fields['text'], `${param}.text`, 20_000_000), `${param}.text`);
    case 'refusal':
      readText(fields['refusal'], `${param}.refusal`, 20_000_000);
      return undefined;
    case 'image_url': {
      const image = required(readObject(fields['image_url'], `${param}.image_url`), param);
      measureImage(image['url'], `${param}.image_url.url`, prompt);
      return undefined;
    }
    case 'input_audio':
      // Its bytes count as text, which no sound has more tokens than.
      required(readObject(fields['input_audio'], `${param}.input_audio`), param);
      return undefined;
    default:
      throw unsupported(
        `${param}.type`,
        `${quoted(fields['type'])} cannot be sent: what it costs cannot be bounded before the call.`,
      );
  }
}

/** A picture is passed on, never fetched: what its address is, only the provider finds out. */
export function measureImage(address: unknown, param: string, prompt: PromptMeasure): void {
  const url = required(readText(address, param, 20_000_000), param);
  if (!/^(?:https?:\/\/|data:image\/)/i.test(url)) {
    throw invalid(param, 'A picture is an http address or a data URL of an image.');
  }
  prompt.images += 1;
  if (prompt.images > 100) throw invalid(param, 'A request may have at most 100 pictures.');
  // Base64 is plain ASCII: as many bytes as characters.
  if (/^data:/i.test(url)) prompt.imageBytes += url.length;
}
