import { answeringModel } from './answering-model.ts';
import { assertEquals } from './testing.ts';

const models = ['openai/gpt-4o', 'openai/gpt-4o-mini', 'meta/llama-3:free'];

for (const [named, wanted] of [
  [undefined, 'openai/gpt-4o'],
  ['openai/gpt-4o', 'openai/gpt-4o'],
  ['openai/gpt-4o-2024-08-06', 'openai/gpt-4o'],
  ['openai/gpt-4o-mini', 'openai/gpt-4o-mini'],
  ['openai/gpt-4o-mini-2024-07-18', 'openai/gpt-4o-mini'],
  ['meta/llama-3:free', 'meta/llama-3:free'],
  ['meta/llama-3', 'meta/llama-3:free'],
  ['meta/llama-3-20250101:free', 'meta/llama-3:free'],
  ['somebody/else', 'openai/gpt-4o'],
] as const) {
  Deno.test(`${named} is ${wanted}`, () => assertEquals(answeringModel(models, named), wanted));
}
