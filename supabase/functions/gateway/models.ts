import { failure } from '../_shared/errors.ts';
import type { Context } from './answer-call.ts';
import { ApiError } from './api-error.ts';
import { askForKey } from './ask-for-key.ts';
import { usdOf } from './dialect.ts';

interface Listed {
  id: string;
  name: string;
  description: string;
  provider?: string;
  context_tokens?: number;
  max_output_tokens?: number;
  input_modalities?: string[];
  output_modalities?: string[];
  parameters?: string[];
  listed_at?: string | null;
  prompt_micros?: number;
  completion_micros?: number;
  cache_read_micros?: number;
  image_micros?: number;
  request_micros?: number;
}

export async function listModels(context: Context): Promise<Response> {
  const models = await readModels(context);
  return Response.json({ object: 'list', data: models.map(describe) });
}

export async function findModel(context: Context, id: string): Promise<Response> {
  const model = (await readModels(context)).find((one) => one.id === id);
  if (model) return Response.json(describe(model));
  const detail = `There is no model ${id.slice(0, 100)} that this key can call.`;
  const error = failure('not_found', detail, 'Choose one from /v1/models.');
  throw new ApiError(error, { param: 'model', rule: 'model' });
}

function readModels(context: Context): Promise<Listed[]> {
  return askForKey<Listed[]>(context, 'list_key_models');
}

function describe(model: Listed) {
  const created = Date.parse(model.listed_at ?? '') / 1000;
  return {
    id: model.id,
    object: 'model',
    created: Number.isFinite(created) ? Math.floor(created) : 0,
    owned_by: model.provider ?? 'oneai',
    name: model.name,
    description: model.description,
    // A preset has neither: it stands for another model in each request.
    context_length: model.context_tokens ?? null,
    max_output_tokens: model.max_output_tokens ?? null,
    input_modalities: model.input_modalities ?? null,
    output_modalities: model.output_modalities ?? null,
    supported_parameters: model.parameters ?? null,
    pricing: pricingOf(model),
  };
}

/** Dollars for one token, picture or request, as texts that lose nothing. */
function pricingOf(model: Listed) {
  if (model.prompt_micros === undefined) return null;
  return {
    prompt: decimal(model.prompt_micros),
    completion: decimal(model.completion_micros),
    input_cache_read: decimal(model.cache_read_micros),
    image: decimal(model.image_micros),
    request: decimal(model.request_micros),
  };
}

function decimal(micros = 0): string {
  return usdOf(micros)
    .toFixed(18)
    .replace(/\.?0+$/, '');
}
