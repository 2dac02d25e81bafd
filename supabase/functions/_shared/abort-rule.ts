/**
 * What to do with a call that nobody wants any more. `cancel`: hang up, the provider stops billing.
 * `drain`: the provider bills the whole answer anyway, so read on to learn what it cost.
 */
export type AbortRule = 'cancel' | 'drain';

/** As OpenRouter names them in its frames. A provider that is not here is drained. */
const stopBilling = new Set([
  'Anthropic',
  'AnyScale',
  'Avian.io',
  'Azure',
  'Chutes',
  'Cloudflare',
  'Cohere',
  'DeepInfra',
  'DeepSeek',
  'Fireworks',
  'Friendli',
  'Hyperbolic',
  'Inception',
  'Infermatic',
  'Lepton',
  'Mancer',
  'Nineteen',
  'Novita',
  'OctoAI',
  'OpenAI',
  'Parasail',
  'Recursal',
  'Sandbox',
  'SF Compute',
  'Together',
  'xAI',
]);

/** Who serves an author's models, as long as no frame has said who answers. */
const usualProviders: Record<string, string> = {
  openai: 'OpenAI',
  anthropic: 'Anthropic',
  'x-ai': 'xAI',
  deepseek: 'DeepSeek',
  cohere: 'Cohere',
  inception: 'Inception',
  sandbox: 'Sandbox',
};

export function abortRule(provider: string | undefined, modelId: string): AbortRule {
  const name = provider ?? usualProviders[modelId.split('/')[0] ?? ''];
  return name !== undefined && stopBilling.has(name) ? 'cancel' : 'drain';
}
