import { expect, test } from 'vitest';
import { matching } from './model-pattern.ts';

const ids = ['openai/gpt-4o', 'openai/gpt-4o-mini', 'anthropic/claude-3.5-haiku', 'x/claude-325'];

test('a star is any text, everything else stands for itself', () => {
  expect(matching('*', ids)).toEqual(ids);
  expect(matching('openai/*', ids)).toEqual(ids.slice(0, 2));
  expect(matching('*/claude-3.5*', ids)).toEqual(['anthropic/claude-3.5-haiku']);
  expect(matching('openai/gpt-4o', ids)).toEqual(['openai/gpt-4o']);
  expect(matching('', ids)).toEqual([]);
});
