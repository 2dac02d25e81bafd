/**
 * The records behind `/generation`. OpenRouter's appear seconds after the answer; here the first
 * look-ups miss, by number and not by time, so a test of the wait is never a matter of luck.
 */
import type { Run } from './accounting.ts';
import type { Bill } from './completion.ts';
import { nanoToUsd } from './money.ts';

export interface Generation {
  run: Run;
  model: string;
  router: string | null;
  bill: Bill;
  finish: string | null;
  nativeFinish: string | null;
  cancelled: boolean;
  pictures: number;
  media: number;
  latencyMs: number;
  totalMs: number;
  misses: number;
}

export interface Generations {
  add(id: string, generation: Generation): void;
  /** Null while it is too early, and for ever when there is none. */
  find(id: string): object | null;
  clear(): void;
}

const MOST = 5_000;

export function createGenerations(): Generations {
  const records = new Map<string, Generation>();
  return {
    add(id, generation) {
      records.set(id, generation);
      if (records.size > MOST) records.delete(records.keys().next().value!);
    },
    find(id) {
      const generation = records.get(id);
      if (!generation) return null;
      if (generation.misses > 0) {
        generation.misses -= 1;
        return null;
      }
      return describe(id, generation);
    },
    clear: () => records.clear(),
  };
}

function describe(id: string, generation: Generation): object {
  const { run, bill } = generation;
  const { usage } = bill;
  return {
    id,
    upstream_id: `chatcmpl-${id.slice(-20)}`,
    total_cost: nanoToUsd(bill.total),
    usage: nanoToUsd(bill.total),
    upstream_inference_cost: null,
    cache_discount: null,
    created_at: run.at,
    model: generation.model,
    router: generation.router,
    provider_name: run.provider,
    api_type: 'completions',
    app_id: null,
    external_user: run.user,
    origin: '',
    http_referer: null,
    user_agent: null,
    streamed: run.stream,
    cancelled: generation.cancelled,
    is_byok: false,
    finish_reason: generation.finish,
    native_finish_reason: generation.nativeFinish,
    latency: generation.latencyMs,
    generation_time: generation.totalMs,
    moderation_latency: null,
    tokens_prompt: usage.prompt,
    tokens_completion: usage.completion,
    native_tokens_prompt: usage.prompt,
    native_tokens_completion: usage.completion,
    native_tokens_reasoning: usage.reasoning,
    native_tokens_cached: usage.cached,
    native_tokens_completion_images: null,
    num_media_prompt: generation.media || null,
    num_media_completion: generation.pictures || null,
    num_input_audio_prompt: null,
    num_search_results: null,
  };
}
