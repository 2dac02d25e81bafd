/** Cuts an answer to what the caller allows, and counts and prices what is left. */
import type { Answer } from './answers/compose.ts';
import type { ToolCall } from './answers/tools.ts';
import type { ChatRequest } from './chat-request.ts';
import type { Pricing } from './model.ts';
import { costOf, nanoToUsd, type Usage } from './money.ts';
import { countTokens, firstTokens, PICTURE_TOKENS } from './tokens.ts';

export interface Completion extends Answer {
  finish: 'stop' | 'length' | 'tool_calls' | null;
  completionTokens: number;
  reasoningTokens: number;
  pictureTokens: number;
}

export function complete(answer: Answer, limit: number, request: ChatRequest): Completion {
  let left = limit;
  const take = (text: string): string => {
    const kept = firstTokens(text, left);
    left -= countTokens(kept);
    return kept;
  };
  const reasoning = take(answer.reasoning);
  const reasoningTokens = limit - left;
  const wanted = cutAtStop(answer.text, request.stop);
  const text = take(wanted);
  const toolCalls: ToolCall[] = [];
  for (const call of answer.toolCalls) {
    if (left < countTokens(call.name)) break;
    toolCalls.push({ name: take(call.name), arguments: take(call.arguments) });
  }
  const pictures = answer.pictures.slice(0, Math.floor(left / PICTURE_TOKENS));
  const pictureTokens = pictures.length * PICTURE_TOKENS;

  const isWhole =
    reasoning.length === answer.reasoning.length &&
    text.length === wanted.length &&
    JSON.stringify(toolCalls) === JSON.stringify(answer.toolCalls) &&
    pictures.length === answer.pictures.length;
  return {
    reasoning,
    text,
    toolCalls,
    pictures,
    finish: !isWhole ? 'length' : toolCalls.length > 0 ? 'tool_calls' : 'stop',
    completionTokens: limit - left + pictureTokens,
    reasoningTokens,
    pictureTokens,
  };
}

export interface Bill {
  usage: Usage;
  total: bigint;
  prompt: bigint;
}

export function billFor(pricing: Pricing, usage: Usage): Bill {
  return { usage, ...costOf(pricing, usage) };
}

/** The `usage` object of an answer. */
export function usageJson({ usage, total, prompt }: Bill, pictureTokens: number): object {
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    cost: nanoToUsd(total),
    is_byok: false,
    prompt_tokens_details: {
      cached_tokens: usage.cached,
      cache_write_tokens: usage.cacheWrite,
      audio_tokens: 0,
      video_tokens: 0,
    },
    cost_details: {
      upstream_inference_cost: nanoToUsd(total),
      upstream_inference_prompt_cost: nanoToUsd(prompt),
      upstream_inference_completions_cost: nanoToUsd(total - prompt),
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      image_tokens: pictureTokens,
      audio_tokens: 0,
    },
  };
}

function cutAtStop(text: string, stops: string[]): string {
  const found = stops.map((stop) => (stop === '' ? -1 : text.indexOf(stop)));
  const first = Math.min(...found.filter((at) => at >= 0), text.length);
  return text.slice(0, first);
}
