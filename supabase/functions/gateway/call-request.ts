import { storableText } from '../_shared/storable-text.ts';
import { unsupported } from './api-error.ts';
import { type Fields, isFields } from './fields.ts';

/** A wish to call a model, in the words of the database and of the upstream. */
export interface CallRequest {
  /** The wanted model first, then what to fall back to. */
  models: string[];
  shape: Shape;
  features: Features;
  /** What goes upstream; models, lengths and prices are added once the database has decided. */
  body: Fields;
  isStream: boolean;
  /** Whether a stream ends with a frame of its usage. */
  includeUsage: boolean;
  /** What calls of one conversation have in common: they go to a provider that knows the prompt. */
  session: string;
  /** Parameters that were left out because they do not belong to the caller. */
  ignored: string[];
}

/** What is known of a call before it is made, as far as its price goes. */
export interface Shape {
  prompt_bytes: number;
  messages: number;
  images: number;
  choices: number;
  max_tokens?: number;
}

/** What only the gateway knows of a call; what its text is about, the database tells. */
export interface Features {
  text?: string;
  has_images: boolean;
  has_tools: boolean;
  prompt_tokens: number;
  context_tokens: number;
}

/** What a prompt is made of, as far as its price goes. */
export interface PromptMeasure {
  messages: number;
  images: number;
  /** Bytes of pictures that are in the request itself; they count as pictures, not as text. */
  imageBytes: number;
  /** What the user said last. */
  lastText: string;
}

/**
 * The whole body counts as prompt, byte for byte, but for its pictures: JSON never has fewer bytes
 * than its texts, so tools, schemas and arguments are in it. Providers describe tools to the model
 * in words of their own, which is what the extra is for.
 */
export function shapeOf(
  bodyBytes: number,
  prompt: PromptMeasure,
  wish: { choices: number; maxTokens: number | undefined; tools: number },
): Shape {
  const toolWords = wish.tools === 0 ? 0 : 1024 + 128 * wish.tools;
  return {
    prompt_bytes: Math.max(1, bodyBytes - prompt.imageBytes) + toolWords,
    messages: prompt.messages,
    images: prompt.images,
    choices: wish.choices,
    ...(wish.maxTokens === undefined ? {} : { max_tokens: wish.maxTokens }),
  };
}

/** An answer is rarely longer; a model that can give no more is not left out for it. */
const roomForAnswer = 16_384;

/** What the router may know of the request. Only a preset is chosen by its text. */
export function featuresOf(
  [wanted]: string[],
  shape: Shape,
  prompt: PromptMeasure,
  tools: number,
): Features {
  // As the database counts a chat: rather too many than too few.
  const prompt_tokens = Math.ceil((shape.prompt_bytes + 26 * shape.messages) / 3);
  return {
    ...(wanted?.startsWith('oneai/') ? { text: storableText(prompt.lastText.slice(0, 8000)) } : {}),
    has_images: prompt.images > 0,
    has_tools: tools > 0,
    prompt_tokens,
    context_tokens: prompt_tokens + Math.min(shape.max_tokens ?? 4096, roomForAnswer),
  };
}

const routingAllowed = [
  'order',
  'only',
  'ignore',
  'sort',
  'quantizations',
  'allow_fallbacks',
  'require_parameters',
  'data_collection',
  'zdr',
];

/** Parameters that would cost money outside what was set aside: refused, because they matter. */
const refused = ['plugins', 'web_search_options', 'search_parameters', 'audio'];

/** Parameters that are ours to set, or that would make the call dearer than its price: left out. */
const ownOrDear = [
  'api_key',
  'best_of',
  'byok',
  'container',
  'extra_body',
  'extra_headers',
  'image_config',
  'mcp_servers',
  'prediction',
  'preset',
  'prompt',
  'route',
  'service_tier',
  'speed',
  'store',
  'transforms',
  'user',
];

/** The parameters that go on as they are, and the names of those that do not. */
export function passOn(
  fields: Fields,
  handled: readonly string[],
): { body: Fields; ignored: string[] } {
  for (const name of refused) {
    const value = fields[name];
    const isSet = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
    if (isSet) {
      throw unsupported(name, `${name} costs money that cannot be bounded before the call.`);
    }
  }
  const body: Fields = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (handled.includes(name) || refused.includes(name)) continue;
    if (ownOrDear.includes(name)) ignored.push(name);
    else body[name] = value;
  }
  if (isFields(fields['provider'])) {
    const entries = Object.entries(fields['provider']);
    body['provider'] = Object.fromEntries(
      entries.filter(([name]) => routingAllowed.includes(name)),
    );
    for (const [name] of entries) {
      if (!routingAllowed.includes(name)) ignored.push(`provider.${name}`);
    }
  } else delete body['provider'];
  return { body, ignored };
}

/** A prompt kept for longer than usual is dearer to write than its price says. */
export function withUsualCache(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withUsualCache);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      name === 'cache_control' && isFields(one) ? { type: one['type'] } : withUsualCache(one),
    ]),
  );
}
