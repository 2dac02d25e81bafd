/**
 * `/embeddings`: unit vectors that depend on the text alone. A text's vector is the sum of its
 * words' vectors, so texts that share words are near each other, as search demos expect.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Run } from './accounting.ts';
import { parseBehaviour } from './behaviour.ts';
import { answeringName, findModel } from './catalogue.ts';
import { billFor } from './completion.ts';
import { behaviourFor, breakInstead, raiseStatusFault } from './faults.ts';
import { hash } from './hash.ts';
import { newGenerationId, sendJson } from './http.ts';
import { nanoToUsd } from './money.ts';
import { Refusal } from './refusal.ts';
import { chooseEndpoint } from './route.ts';
import type { Sandbox } from './sandbox.ts';
import { countTokens } from './tokens.ts';

const SIZES: Record<string, number> = {
  'openai/text-embedding-3-small': 1536,
  'openai/text-embedding-3-large': 3072,
  'google/gemini-embedding-001': 3072,
  'mistralai/mistral-embed-2312': 1024,
  'qwen/qwen3-embedding-8b': 4096,
};
const MOST_INPUTS = 2048;
const ANY_PROVIDER = { order: [], only: [], ignore: [], allowFallbacks: true, maxPrice: {} };

export async function answerEmbeddings(
  sandbox: Sandbox,
  run: Run,
  body: Record<string, unknown>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = typeof body.model === 'string' ? body.model : '';
  run.requested = id;
  run.user = typeof body.user === 'string' ? body.user : null;
  const model = findModel(id);
  const full = SIZES[id];
  if (!model || full === undefined) throw new Refusal(400, `${id} is not a valid model ID`);

  const inputs = parseInputs(body.input);
  const size = body.dimensions === undefined ? full : Number(body.dimensions);
  if (!Number.isInteger(size) || size < 1 || size > full) {
    throw new Refusal(400, `Invalid input at dimensions: expected integer from 1 to ${full}`);
  }
  if (![undefined, 'float', 'base64'].includes(body.encoding_format as string | undefined)) {
    throw new Refusal(400, 'Invalid input at encoding_format: expected float | base64');
  }

  const { provider, pricing } = chooseEndpoint(model, ANY_PROVIDER);
  const wish = parseBehaviour(body.sandbox);
  const attempt = String(hash(JSON.stringify(inputs)));
  const behaviour = behaviourFor(id, wish, sandbox.defaults, attempt, sandbox.accounting);
  run.model = id;
  run.provider = provider.name;
  run.fault = behaviour.fault;
  raiseStatusFault(behaviour, id, provider.name);
  run.status = 200;
  if (await breakInstead(behaviour, request, response, false)) {
    sandbox.accounting.close(run, 'broken', 0n);
    return;
  }

  const counts = inputs.map((input) => (Array.isArray(input) ? input.length : countTokens(input)));
  const tooLong = counts.find((count) => count > model.context_length);
  if (tooLong !== undefined) {
    throw new Refusal(
      400,
      `This endpoint's maximum context length is ${model.context_length} tokens. ` +
        `However, you requested about ${tooLong} tokens.`,
    );
  }
  const prompt = counts.reduce((sum, count) => sum + count, 0);
  const usage = { prompt, cached: 0, cacheWrite: 0, images: 0, completion: 0, reasoning: 0 };
  const { total } = billFor(pricing, usage);
  const data = inputs.map((input, index) => {
    const vector = embed(Array.isArray(input) ? input.join(' ') : input, full, size);
    const embedding =
      body.encoding_format === 'base64'
        ? Buffer.from(vector.buffer).toString('base64')
        : Array.from(vector);
    return { object: 'embedding', embedding, index };
  });

  const generationId = newGenerationId('gen-emb');
  run.generation_id = generationId;
  run.prompt_tokens = prompt;
  sandbox.accounting.close(run, 'completed', total);
  const answer = {
    object: 'list',
    data,
    model: answeringName(model),
    provider: provider.name,
    id: generationId,
    usage: { prompt_tokens: prompt, total_tokens: prompt, cost: nanoToUsd(total) },
  };
  sendJson(response, 200, answer, { 'x-generation-id': generationId });
}

function parseInputs(input: unknown): (string | number[])[] {
  const isTokens = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token));
  const inputs: unknown[] = Array.isArray(input) && !isTokens(input) ? input : [input];
  const isValid = inputs.every(
    (value) => (typeof value === 'string' && value !== '') || isTokens(value),
  );
  if (!isValid || inputs.length === 0 || inputs.length > MOST_INPUTS) {
    throw new Refusal(400, `Invalid input at input: expected 1 to ${MOST_INPUTS} non-empty texts`);
  }
  return inputs as (string | number[])[];
}

/** Shortening keeps the first dimensions and makes the length 1 again, as Matryoshka models do. */
function embed(text: string, full: number, size: number): Float32Array {
  const sum = new Float64Array(full);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s]/gu) ?? [' ']) {
    let state = hash(word) || 1;
    for (let at = 0; at < full; at += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      sum[at]! += state / 0x80000000;
    }
  }
  const kept = sum.subarray(0, size);
  const length = Math.hypot(...kept) || 1;
  return Float32Array.from(kept, (value) => value / length);
}
