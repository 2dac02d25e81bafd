/** Chooses who answers: the model, its provider and the price, or says why nobody can. */
import { type Endpoint, endpointsOf, findModel } from './catalogue.ts';
import type { ChatRequest, ProviderPreferences } from './chat-request.ts';
import type { Model, Pricing } from './model.ts';
import { parseUsd } from './money.ts';
import type { PromptSize } from './prompt-size.ts';
import { Refusal } from './refusal.ts';

export interface Route extends Endpoint {
  model: Model;
  /** The router that chose the model, when the caller named one instead of a model. */
  router: string | null;
}

const DOCS =
  'To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing';

export function chooseRoute(id: string, request: ChatRequest, size: PromptSize): Route {
  const named = findModel(id);
  if (!named || named.architecture.output_modalities.includes('embeddings')) {
    throw new Refusal(400, `${id} is not a valid model ID`);
  }
  const target = routerTarget(id, request);
  const model = target === null ? named : findModel(target)!;
  requireAbilities(model, request, size);
  return {
    model,
    router: target === null ? null : id,
    ...chooseEndpoint(model, request.provider),
  };
}

/** The provider filters shared with embeddings. */
export function chooseEndpoint(model: Model, preferences: ProviderPreferences): Endpoint {
  const all = endpointsOf(model);
  if (all.length === 0) throw new Refusal(404, `No endpoints found for ${model.id}.`);

  const { order, only, ignore, allowFallbacks, maxPrice } = preferences;
  const matches = (endpoint: Endpoint, names: string[]): boolean =>
    names.some((name) => name === endpoint.provider.slug || name === endpoint.provider.name);
  const allowed = all.filter(
    (endpoint) => (only.length === 0 || matches(endpoint, only)) && !matches(endpoint, ignore),
  );
  const usable = [
    ...order.flatMap((name) => allowed.filter((endpoint) => matches(endpoint, [name]))),
    ...(allowFallbacks || order.length === 0
      ? allowed.filter((endpoint) => !matches(endpoint, order))
      : []),
  ];
  if (usable.length === 0) {
    throw new Refusal(404, 'No allowed providers are available for the selected model.', {
      available_providers: all.map((endpoint) => endpoint.provider.slug),
      requested_providers: [...only, ...order],
    });
  }
  const affordable = usable.find((endpoint) => isWithin(endpoint.pricing, maxPrice));
  if (!affordable) {
    throw new Refusal(404, `No endpoints found that meet your max_price for ${model.id}. ${DOCS}`);
  }
  return affordable;
}

/** Fits the context, or refuses as OpenRouter does. Returns how long the answer may become. */
export function answerLimit(model: Model, request: ChatRequest, size: PromptSize): number {
  const context = model.context_length;
  const wanted = request.maxTokens ?? 0;
  if (size.tokens + wanted > context) {
    throw new Refusal(
      400,
      `This endpoint's maximum context length is ${context} tokens. However, you requested about ` +
        `${size.tokens + wanted} tokens (${size.tokens} of text input, ${wanted} in the output). ` +
        'Please reduce the length of either one.',
    );
  }
  const most = model.top_provider.max_completion_tokens ?? context;
  return Math.min(request.maxTokens ?? most, most, context - size.tokens);
}

/** `max_price` is in USD per million tokens, or per request. */
function isWithin(pricing: Pricing, maxPrice: Record<string, string | number>): boolean {
  return Object.entries(maxPrice).every(([kind, most]) => {
    const limit = parseUsd(most);
    if (limit === null) throw new Refusal(400, `Invalid input at provider.max_price.${kind}`);
    const price = parseUsd(pricing[kind as keyof Pricing] ?? '0') ?? 0n;
    return kind === 'request' ? price <= limit : price * 1_000_000n <= limit;
  });
}

function requireAbilities(model: Model, request: ChatRequest, size: PromptSize): void {
  const { input_modalities: inputs, output_modalities: outputs } = model.architecture;
  if (request.tools.length > 0 && !model.supported_parameters.includes('tools')) {
    throw new Refusal(404, `No endpoints found that support tool use. ${DOCS}`);
  }
  if (size.images > 0 && !inputs.includes('image')) {
    throw new Refusal(404, 'No endpoints found that support image input');
  }
  const kinds = new Set(request.messages.flatMap(({ media }) => media.map(({ kind }) => kind)));
  if (kinds.has('input_audio') && !inputs.includes('audio')) {
    throw new Refusal(404, 'No endpoints found that support input audio');
  }
  if (kinds.has('video_url') && !inputs.includes('video')) {
    throw new Refusal(404, 'No endpoints found that support video input');
  }
  if (!request.modalities.every((kind) => outputs.includes(kind))) {
    const asked = [...request.modalities].sort().join(', ');
    throw new Refusal(
      404,
      `No endpoints found that support the requested output modalities: ${asked}`,
    );
  }
}

/** The routers that are listed as models. They pick by what the prompt needs. */
function routerTarget(id: string, request: ChatRequest): string | null {
  if (id === 'openrouter/free') return 'meta-llama/llama-3.3-70b-instruct:free';
  if (id === 'openrouter/bodybuilder') return 'google/gemini-2.5-flash';
  if (id !== 'openrouter/auto') return null;
  if (request.modalities.includes('image')) return 'google/gemini-2.5-flash-image';
  if (request.messages.some(({ media }) => media.length > 0)) return 'google/gemini-2.5-flash';
  const last = request.messages.at(-1)!.text;
  if (/```|\b(code|function|bug|class|sql|python|typescript)\b/i.test(last)) {
    return 'anthropic/claude-sonnet-4.5';
  }
  return last.length > 2000 ? 'google/gemini-2.5-pro' : 'openai/gpt-4o-mini';
}
