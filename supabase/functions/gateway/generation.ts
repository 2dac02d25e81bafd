import { failure } from '../_shared/errors.ts';
import type { Context } from './answer-call.ts';
import { invalid } from './api-error.ts';
import { askForKey } from './ask-for-key.ts';
import { creditsOf, type Receipt, usdOf } from './dialect.ts';

interface FullReceipt extends Receipt {
  outcome: string;
  finish_reason: string | null;
  error_code: string | null;
  requested_model: string;
  route_reason: string | null;
  attempts: unknown;
  audio_tokens: number | null;
  images: number | null;
  searches: number | null;
  price_version_id: number;
  transaction_id: number | null;
  first_token_ms: number | null;
  latency_ms: number;
  request_id: string | null;
  key_id: string | null;
  started_at: string;
  finished_at: string;
}

/** The receipt of a call, by the id of its answer, of the call or of the request. */
export async function describeGeneration(context: Context) {
  const asked = new URL(context.request.url).searchParams.get('id') ?? '';
  if (asked === '' || asked.length > 200) throw invalid('id', 'id is required.');
  const id = asked.replace(/^(?:chatcmpl|resp|msg|emb)[-_]/, '');
  const receipt = await askForKey<FullReceipt | null>(context, 'find_key_receipt', { id });
  if (!receipt) {
    throw failure('not_found', 'There is no receipt of that id.', 'A running call has none yet.');
  }
  return Response.json({
    data: {
      id: receipt.run_id,
      request_id: receipt.request_id,
      key_id: receipt.key_id,
      model: receipt.model_id,
      requested_model: receipt.requested_model,
      route_reason: receipt.route_reason,
      attempts: receipt.attempts,
      outcome: receipt.outcome,
      finish_reason: receipt.finish_reason,
      error_code: receipt.error_code,
      total_cost: usdOf(receipt.charged_micros),
      total_cost_credits: creditsOf(receipt.charged_micros),
      hold_credits: creditsOf(receipt.held_micros),
      cost_label: receipt.cost_label,
      price_version_id: receipt.price_version_id,
      transaction_id: receipt.transaction_id,
      tokens_prompt: receipt.prompt_tokens,
      tokens_completion: receipt.completion_tokens,
      tokens_cached: receipt.cache_read_tokens,
      tokens_cache_write: receipt.cache_write_tokens,
      tokens_reasoning: receipt.reasoning_tokens,
      tokens_audio: receipt.audio_tokens,
      images: receipt.images,
      searches: receipt.searches,
      latency: receipt.first_token_ms,
      generation_time: receipt.latency_ms,
      created_at: receipt.started_at,
      finished_at: receipt.finished_at,
    },
  });
}
