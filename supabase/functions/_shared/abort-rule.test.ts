import { abortRule } from './abort-rule.ts';
import { assertEquals } from './testing.ts';

for (const [provider, model, rule] of [
  ['OpenAI', 'openai/gpt-4o', 'cancel'],
  ['Amazon Bedrock', 'anthropic/claude-sonnet-4.5', 'drain'],
  ['Google', 'google/gemini-2.5-pro', 'drain'],
  ['Groq', 'meta-llama/llama-3.3-70b-instruct', 'drain'],
  ['Mistral', 'mistralai/mistral-large', 'drain'],
  ['Minimax', 'minimax/minimax-m2', 'drain'],
  ['Perplexity', 'perplexity/sonar', 'drain'],
  ['DeepInfra', 'mistralai/mistral-large', 'cancel'],
  ['Nobody knows', 'openai/gpt-4o', 'drain'],
  [undefined, 'openai/gpt-4o', 'cancel'],
  [undefined, 'google/gemini-2.5-pro', 'drain'],
  [undefined, 'some/model', 'drain'],
] as const) {
  Deno.test(`${provider ?? 'not yet known'} with ${model}: ${rule}`, () => {
    assertEquals(abortRule(provider, model), rule);
  });
}
