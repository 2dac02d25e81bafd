/** How many tokens a prompt has, by the rule in tokens.ts, and which of them a cache would hold. */
import type { ChatRequest, Message } from './chat-request.ts';
import type { Pricing } from './model.ts';
import { countTokens, MEDIA_TOKENS, MESSAGE_OVERHEAD, REPLY_OVERHEAD } from './tokens.ts';

export interface PromptSize {
  tokens: number;
  images: number;
  media: number;
  /** Tokens up to and including the last message that ends a part worth caching. */
  prefix: number;
  /** The conversation went on after that part, so an earlier request has filled the cache. */
  seenBefore: boolean;
  /** The caller marked the part itself, as Anthropic's models want it. */
  marked: boolean;
}

const CACHE_MINIMUM = 1024;
const CACHE_BLOCK = 128;

export function measurePrompt(request: ChatRequest): PromptSize {
  const { messages } = request;
  const mark = messages.findLastIndex((message) => message.cacheMark);
  const answered = messages.findLastIndex((message) => message.role === 'assistant');
  const last = mark >= 0 ? mark : answered;

  let tokens = 0;
  if (request.tools.length > 0) tokens += countTokens(JSON.stringify(request.tools));
  if (request.json && request.json !== true) tokens += countTokens(JSON.stringify(request.json));
  let images = 0;
  let media = 0;
  let prefix = 0;
  messages.forEach((message, at) => {
    for (const { kind } of message.media) {
      tokens += MEDIA_TOKENS[kind];
      media += 1;
      if (kind === 'image' || kind === 'image_low') images += MEDIA_TOKENS[kind];
    }
    tokens += textTokens(message) + MESSAGE_OVERHEAD;
    if (at === last) prefix = tokens;
  });
  return {
    tokens: tokens + REPLY_OVERHEAD,
    images,
    media,
    prefix,
    seenBefore: answered >= 0,
    marked: mark >= 0,
  };
}

/**
 * OpenRouter's caches depend on what was sent before; the sandbox keeps no such memory, so that the
 * same request always has the same bill. Whole blocks of a long enough beginning count as cached
 * when the conversation shows that it was sent before, and as written when the caller marked it.
 */
export function cacheUse(
  size: PromptSize,
  pricing: Pricing,
  wanted: number | null,
): { cached: number; cacheWrite: number } {
  const room = size.tokens - size.images;
  if (wanted !== null) return { cached: Math.min(wanted, room), cacheWrite: 0 };
  const prefix = Math.min(size.prefix, room);
  const blocks = prefix < CACHE_MINIMUM ? 0 : prefix - (prefix % CACHE_BLOCK);
  if (size.seenBefore) {
    return { cached: pricing.input_cache_read === undefined ? 0 : blocks, cacheWrite: 0 };
  }
  const writes = size.marked && pricing.input_cache_write !== undefined;
  return { cached: 0, cacheWrite: writes ? blocks : 0 };
}

function textTokens(message: Message): number {
  let tokens = countTokens(message.text);
  for (const call of message.toolCalls) tokens += countTokens(call.name + call.arguments);
  return tokens;
}
