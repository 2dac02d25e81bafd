import { expect, test } from 'vitest';
import { isoTimestamp, jsonTypes } from './json-types.ts';

const written = (type: string, text: string) => JSON.stringify(jsonTypes[type]?.parse(text));

test.each([
  ['2026-11-20 23:33:54.45+00', '2026-11-20T23:33:54.45+00:00'],
  ['2026-11-20 23:33:54+05:30', '2026-11-20T23:33:54+05:30'],
  ['2026-11-20 23:33:54', '2026-11-20T23:33:54'],
  ['infinity', 'infinity'],
])('%s is written as %s', (text, iso) => {
  expect(isoTimestamp(text)).toBe(iso);
});

test.each([
  ['bigint', '42'],
  ['bigint', '9007199254740993'],
  ['numeric', '12.5000'],
  ['numeric', '0.000000000000000001'],
  ['jsonb', '{"a":9007199254740993,"b":1.50,"c":"1.50"}'],
])('a %s of %s loses nothing', (type, text) => {
  expect(written(type, text)).toBe(text);
});

test('what is no number in JSON is a word', () => {
  expect(written('numeric', 'NaN')).toBe('"NaN"');
  expect(written('numeric', 'Infinity')).toBe('"Infinity"');
});
