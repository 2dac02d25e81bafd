import { expect, test } from 'vitest';
import type { Model } from '#lib/api/models.ts';
import { findOptions, modelOptions } from './model-options.ts';

const model = (id: string, name: string, change: Partial<Model> = {}) =>
  ({
    id,
    name,
    provider: id.split('/')[0],
    description: '',
    context_tokens: 128_000,
    input_modalities: ['text'],
    output_modalities: ['text'],
    parameters: [],
    prompt_micros: 180,
    completion_micros: 720,
    ...change,
  }) as Model;

const options = modelOptions(
  [
    model('openai/gpt-4o-mini', 'OpenAI: GPT-4o-mini', {
      input_modalities: ['text', 'image'],
      parameters: ['tools'],
    }),
    model('deepseek/deepseek-r1', 'DeepSeek: R1', { parameters: ['reasoning'] }),
    model('anthropic/claude-opus-4.5', 'Anthropic: Claude Opus 4.5'),
  ],
  [{ id: 'oneai/auto', name: 'Auto', description: 'Chooses a good model.' }],
  {
    whyExcluded: (id) => (id.includes('opus') ? 'Included in the Pro plan' : null),
    planWith: (id) => (id.includes('opus') ? 'Pro' : null),
    usedLately: [],
  },
);
const found = (query: string) => findOptions(options, query).map(({ id }) => id);

test('presets come first, and a price is in credits for a thousand tokens', () => {
  expect(options.map(({ group }) => group)).toEqual([
    'Chosen for you',
    'OpenAI',
    'DeepSeek',
    'Anthropic',
  ]);
  expect(options[1]).toMatchObject({ name: 'GPT-4o-mini', price: { input: 0.18, output: 0.72 } });
});

test('what the plan leaves out is there with its reason', () => {
  expect(options.find(({ id }) => id.includes('opus'))?.disabledBecause).toBe(
    'Included in the Pro plan',
  );
});

test('a search looks at names, providers and capabilities, word by word', () => {
  expect(found('')).toHaveLength(4);
  expect(found('  GPT mini ')).toEqual(['openai/gpt-4o-mini']);
  expect(found('reasons')).toEqual(['deepseek/deepseek-r1']);
  expect(found('images tools')).toEqual(['openai/gpt-4o-mini']);
  expect(found('ANTHROPIC')).toEqual(['anthropic/claude-opus-4.5']);
  expect(found('no such thing')).toEqual([]);
});

test('what was used lately comes before the makers, once, and what is gone does not', () => {
  const listed = modelOptions([model('a/one', 'A: One'), model('b/two', 'B: Two')], [], {
    whyExcluded: () => null,
    planWith: () => null,
    usedLately: ['b/two', 'c/gone'],
  });
  expect(listed.map(({ id, group }) => `${group}: ${id}`)).toEqual([
    'Used lately: b/two',
    'A: a/one',
  ]);
});
