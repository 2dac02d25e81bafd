import { expect, test } from 'vitest';
import { openApi } from '../../../../../supabase/functions/gateway/openapi.ts';
import { findOperations, findSchemas } from './find-in-reference.ts';
import { readReference } from './read-reference.ts';

const { operations, schemas } = readReference(openApi);

test('without a word everything is there', () => {
  expect(findOperations(operations, ' ')).toEqual(operations);
  expect(findSchemas(schemas, '')).toEqual(schemas);
});

test('every word must be found, in whatever order and case', () => {
  expect(findOperations(operations, 'Conversation ANSWER').map(({ path }) => path)).toEqual([
    '/chat/completions',
  ]);
  expect(findSchemas(schemas, 'finish_reason').map(({ name }) => name)).toContain('ChatCompletion');
  expect(findOperations(operations, 'nothing-like-it')).toEqual([]);
});
