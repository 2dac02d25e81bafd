import { expect, test } from 'vitest';
import { decimalsOf, exactCredits } from './credits.ts';

test('an exact amount has every digit that is there, and no other', () => {
  for (const [micros, text, decimals] of [
    [0, '0', 0],
    [500_000_000, '500', 0],
    [-16_325, '-0.016325', 6],
    [1, '0.000001', 6],
    [10_488_796_320, '10,488.79632', 5],
    [999_999_999_999_999, '999,999,999.999999', 6],
  ] as const) {
    expect(exactCredits(micros, 'en')).toBe(text);
    expect(decimalsOf(micros), text).toBe(decimals);
  }
});

test('a column is as wide after the point as the longest of it', () => {
  expect(decimalsOf()).toBe(0);
  expect(decimalsOf(500_000_000, -16_320, 2_500_000)).toBe(5);
});

test('in a statement what comes has its sign, and the point is that of the language', () => {
  expect(exactCredits(2_500_000, 'de', 'exceptZero')).toBe('+2,5');
  expect(exactCredits(-2_500_000, 'en', 'exceptZero')).toBe('-2.5');
  expect(exactCredits(0, 'en', 'exceptZero')).toBe('0');
});
