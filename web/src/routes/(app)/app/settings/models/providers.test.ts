import { expect, test } from 'vitest';
import type { Model } from '#lib/api/models.ts';
import { describePattern, findProviders } from './providers.ts';

const models = ['zeta/one: Zeta: One', 'acme/a: Acme: Anvil', 'acme/b: Acme: Bellows'].map(
  (text) => {
    const [id = '', ...name] = text.split(': ');
    return {
      id,
      name: name.join(': '),
      provider: id.split('/')[0],
      input_modalities: [] as string[],
      parameters: [] as string[],
    } as Model;
  },
);
const found = (query: string) =>
  findProviders(models, query).map(({ name, models }) => [name, models.map(({ id }) => id)]);

test('models are found by whoever makes them, in the order of their names', () => {
  expect(found('')).toEqual([
    ['Acme', ['acme/a', 'acme/b']],
    ['Zeta', ['zeta/one']],
  ]);
  expect(found('acme bell')).toEqual([['Acme', ['acme/b']]]);
  expect(found('nothing like it')).toEqual([]);
});

test('what is excluded is called as people call it', () => {
  expect(describePattern('acme/a', models)).toEqual({ name: 'Acme: Anvil', detail: 'acme/a' });
  expect(describePattern('acme/*', models)).toEqual({
    name: 'All of Acme',
    detail: 'acme/* · 2 models now',
  });
  expect(describePattern('*/one', models)).toEqual({ name: '*/one', detail: '1 model now' });
  expect(describePattern('gone/x', models)).toEqual({
    name: 'gone/x',
    detail: 'No model has such a name now',
  });
});
