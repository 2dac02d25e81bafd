import { corsHeaders } from '../_shared/cors.ts';
import { type ErrorCode, failure, RequestError } from '../_shared/errors.ts';
import { readUsage } from '../_shared/frame-facts.ts';
import { usualLimits } from '../_shared/metered-stream.ts';
import { readBounded } from '../_shared/read-bounded.ts';
import { settle } from '../_shared/settle.ts';
import { bodyOf, type Context, startCall, usualAliveMs } from './answer-call.ts';
import { invalid } from './api-error.ts';
import { featuresOf, passOn, shapeOf } from './call-request.ts';
import { readModels } from './chat-request.ts';
import { costOf, type Receipt } from './dialect.ts';
import { type Fields, isFields, readText, readWhole, required } from './fields.ts';
import { headersOf, ignoredHeader } from './verdict.ts';

const timeoutMs = 60_000;
const maxAnswerBytes = 20_000_000;
/** It is held as text, as values, and as the text that goes out. */
const bytesOfByte = 3;
const handled = ['model', 'models', 'input'];

/** Vectors cost what their texts are long, and come in one piece. */
export async function answerEmbeddings(context: Context): Promise<Response> {
  const { deps, requestId, log } = context;
  const { env, rpc } = deps;
  const body = await bodyOf(context, false);
  const isRepeatable = context.request.headers.has('idempotency-key');
  const { fields } = body;
  const input = readInput(fields['input']);
  readWhole(fields['dimensions'], 'dimensions', 1, 100_000);
  readText(fields['encoding_format'], 'encoding_format', 20);
  const prompt = { messages: input.length, images: 0, imageBytes: 0, lastText: '' };
  const shape = shapeOf(body.size, prompt, { choices: 1, maxTokens: 1, tools: 0 });
  const { body: rest, ignored } = passOn(fields, handled);
  const [model, ...fallbacks] = readModels(fields);
  const { verdict, account_id } = await startCall(
    context,
    { models: [model!], shape, features: featuresOf([model!], shape, prompt, 0) },
    { task: 'embedding', idempotencyKey: null, body },
  );

  const upstream = call({ ...rest, model: verdict.model_ids[0], input, user: account_id }, context);
  const alive = setInterval(() => {
    // Whether it was heard shows at the end.
    void rpc('touch_run', { run_id: verdict.run_id }, { env, requestId }).catch(() => {});
  }, deps.aliveMs ?? usualAliveMs);
  const work = upstream.then(async ({ answer, error, generationId }) => {
    clearInterval(alive);
    const usage = isFields(answer?.['usage']) ? readUsage(answer['usage']) : null;
    const report = {
      outcome: error ? 'failed' : 'completed',
      model_id: verdict.model_ids[0],
      generation_id: generationId,
      error_code: error?.code ?? null,
      used: usage?.used ?? null,
      upstream_usd: usage?.upstreamUsd ?? null,
    };
    const finish = () =>
      rpc<Receipt | null>('finish_call', { run_id: verdict.run_id, report }, { env, requestId });
    const receipt = await settle(finish, { ...usualLimits, ...deps.limits });
    log.note({ charged: receipt?.charged_micros });
    return { answer, error, receipt };
  });
  deps.keepAlive(work);
  const { answer, error, receipt } = await work;
  if (error) throw error;
  const { cost: _cost, ...counts } = isFields(answer?.['usage']) ? answer['usage'] : {};
  const whole: Fields = {
    object: 'list',
    ...answer,
    id: `emb-${verdict.run_id}`,
    model: verdict.model_ids[0],
    usage: { ...counts, ...costOf(receipt) },
  };
  const headers = {
    ...corsHeaders,
    ...headersOf(verdict),
    'x-request-id': requestId,
    ...ignoredHeader([
      ...ignored,
      ...(fallbacks.length > 0 ? ['models'] : []),
      ...(isRepeatable ? ['Idempotency-Key'] : []),
    ]),
  };
  return Response.json(whole, { headers });
}

function readInput(value: unknown): (string | number[])[] {
  const isTokens = (one: unknown): one is number[] =>
    Array.isArray(one) && one.length > 0 && one.every(Number.isInteger);
  const list = Array.isArray(value) && !isTokens(value) ? value : [required(value, 'input')];
  if (list.length === 0 || list.length > 2048) {
    throw invalid('input', 'input must be a text, or a list of 1 to 2048 texts.');
  }
  for (const [at, one] of list.entries()) {
    if ((typeof one !== 'string' || one === '') && !isTokens(one)) {
      throw invalid(`input[${at}]`, 'A text must be a string that is not empty.');
    }
  }
  return list as (string | number[])[];
}

interface Called {
  answer: Fields | null;
  error: RequestError | null;
  generationId: string | null;
}

/** The upstream's word on what was asked; every other failure is its own, or ours. */
const rejected: Record<number, ErrorCode> = {
  400: 'upstream_rejected',
  403: 'moderated',
  413: 'too_large',
  422: 'upstream_rejected',
};

async function call(body: Fields, { deps, share }: Context): Promise<Called> {
  const failed = (code: ErrorCode): Called => ({
    answer: null,
    error: failure(code),
    generationId: null,
  });
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await deps.fetch(`${deps.openRouterUrl}/embeddings`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${deps.openRouterKey}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
      signal: timeout,
    });
    const text = await readBounded(response, maxAnswerBytes, (more) =>
      share.take(more * bytesOfByte),
    );
    if (!response.ok) return failed(rejected[response.status] ?? 'upstream_unavailable');
    const answer: unknown = JSON.parse(text);
    if (!isFields(answer) || !Array.isArray(answer['data'])) return failed('upstream_failed');
    return { answer, error: null, generationId: response.headers.get('x-generation-id') };
  } catch (error) {
    if (error instanceof RequestError) return { answer: null, error, generationId: null };
    return failed(timeout.aborted ? 'upstream_timeout' : 'upstream_unavailable');
  }
}
