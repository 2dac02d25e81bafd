/** The models the sandbox knows: a selection of OpenRouter's own list, and the sandbox's models. */
import { readFileSync } from 'node:fs';
import type { Model, Pricing } from './model.ts';
import { parseUsd } from './money.ts';
import { type Provider, providersOf } from './providers.ts';
import { SANDBOX_MODELS } from './sandbox-models.ts';

export interface Endpoint {
  provider: Provider;
  pricing: Pricing;
}

const LISTED: Model[] = [
  ...(JSON.parse(readFileSync(new URL('models.json', import.meta.url), 'utf8')) as Model[]),
  ...SANDBOX_MODELS,
];

const BY_ID = new Map<string, Model>();
for (const model of LISTED) {
  BY_ID.set(model.id, model);
  if (!BY_ID.has(answeringName(model))) BY_ID.set(answeringName(model), model);
}

export function findModel(id: string): Model | undefined {
  return BY_ID.get(id);
}

/** What `model` says in an answer: the dated slug, not the id that was asked for. */
export function answeringName(model: Model): string {
  const variant = /:[a-z]+$/.exec(model.id)?.[0] ?? '';
  return model.canonical_slug + variant;
}

/** `/models`: those that answer in text, unless other modalities are asked for. */
export function listModels(query: URLSearchParams): Model[] {
  const modalities = query.get('output_modalities')?.split(',') ?? ['text'];
  const parameters = query.get('supported_parameters')?.split(',') ?? [];
  return LISTED.filter(
    (model) =>
      (modalities.includes('all') ||
        modalities.some((kind) => model.architecture.output_modalities.includes(kind))) &&
      parameters.every((name) => model.supported_parameters.includes(name)),
  );
}

/** Where a model can be called, the cheapest first. A model without a price has no endpoint. */
export function endpointsOf(model: Model): Endpoint[] {
  if (!hasPrice(model)) return [];
  const providers = model.id.endsWith(':free')
    ? providersOf(model.id).slice(0, 1)
    : providersOf(model.id);
  return providers.map((provider) => ({
    provider,
    pricing: provider.dearer ? raise(model.pricing) : model.pricing,
  }));
}

export function hasPrice(model: Model): boolean {
  return !model.pricing.prompt.startsWith('-');
}

export function describeEndpoints(model: Model): Record<string, unknown> {
  const { id, name, created, description, architecture } = model;
  const endpoints = endpointsOf(model).map(({ provider, pricing }) => ({
    name: `${provider.name} | ${answeringName(model)}`,
    model_id: id,
    model_name: name,
    context_length: model.context_length,
    pricing,
    provider_name: provider.name,
    tag: provider.slug,
    quantization: null,
    max_completion_tokens: model.top_provider.max_completion_tokens,
    max_prompt_tokens: null,
    supported_parameters: model.supported_parameters,
    status: 0,
    uptime_last_30m: 100,
    supports_implicit_caching: pricing.input_cache_read !== undefined,
  }));
  return { id, name, created, description, architecture, endpoints };
}

function raise(pricing: Pricing): Pricing {
  const raised = Object.entries(pricing).map(([kind, price]: [string, string]) => {
    const exact = ((parseUsd(price) ?? 0n) * 3n) / 2n;
    const digits = exact.toString().padStart(25, '0');
    const text = `${digits.slice(0, -24)}.${digits.slice(-24)}`.replace(/\.?0+$/, '');
    return [kind, text];
  });
  return Object.fromEntries(raised) as Pricing;
}
