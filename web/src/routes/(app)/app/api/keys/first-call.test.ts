import { expect, test } from 'vitest';
import { firstCall } from './first-call.ts';

test('the first call is one that the key can make', () => {
  const model = (allowed_models: string[]) =>
    firstCall({ scopes: ['completions'], allowed_models }, ['openai/gpt-4o', 'x-ai/grok-4']).body?.[
      'model'
    ];
  expect(model(['*'])).toBe('oneai/auto');
  expect(model(['openai/*', 'openai/gpt-4o'])).toBe('openai/gpt-4o');
  expect(model(['x-ai/*'])).toBe('x-ai/grok-4');
  expect(firstCall({ scopes: ['read'], allowed_models: ['*'] }, [])).toEqual({
    method: 'GET',
    path: '/models',
  });
});
