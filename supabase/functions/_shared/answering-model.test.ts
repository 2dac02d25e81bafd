import { answeringModel } from './answering-model.ts';
import { assertEquals } from './testing.ts';

const answering = answeringModel({
  model_ids: [
    'openai/gpt-4o',
    'openai/gpt-4o-mini',
    'anthropic/claude-opus-4.6',
    'meta/llama-3:free',
  ],
  upstream_names: [
    'openai/gpt-4o-2024-08-06',
    'openai/gpt-4o-mini-2024-07-18',
    'anthropic/claude-4.6-opus-20260205',
    'meta/llama-3-20250101:free',
  ],
});

for (const [named, wanted] of [
  [undefined, 'openai/gpt-4o'],
  ['openai/gpt-4o', 'openai/gpt-4o'],
  ['openai/gpt-4o-2024-08-06', 'openai/gpt-4o'],
  ['openai/gpt-4o-mini', 'openai/gpt-4o-mini'],
  ['openai/gpt-4o-mini-2024-07-18', 'openai/gpt-4o-mini'],
  ['anthropic/claude-4.6-opus-20260205', 'anthropic/claude-opus-4.6'],
  ['meta/llama-3:free', 'meta/llama-3:free'],
  ['meta/llama-3', 'meta/llama-3:free'],
  ['meta/llama-3-20250101', 'meta/llama-3:free'],
  ['somebody/else', 'openai/gpt-4o'],
] as const) {
  Deno.test(`${named} is ${wanted}`, () => assertEquals(answering(named), wanted));
}
