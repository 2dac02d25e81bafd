import { expect, test } from 'vitest';
import { creditsField, readAmount, readCredits } from './amount.ts';

test('credits become micros exactly, or a sentence', () => {
  for (const [text, micros] of [
    ['250', 250_000_000],
    ['0.1', 100_000],
    ['2,5', 2_500_000],
    [' 1,00 ', 1_000_000],
    ['0,125', 125_000],
    ['12.3450', 12_345_000],
    ['999999999.999999', 999_999_999_999_999],
  ] as const) {
    expect(readCredits(text), text).toEqual({ value: micros, problem: null });
  }
  for (const text of [
    '',
    '-1',
    '1e3',
    '1.0000001',
    'many',
    '10000000000',
    '.5',
    '1 000',
    '1,0,0',
  ]) {
    expect(readCredits(text), text).toEqual({
      value: null,
      problem: 'Write a number, such as 250 or 2.5.',
    });
  }
});

test('what is a thousand to one reader and one to another is refused', () => {
  for (const [text, problem] of [
    ['1,000', 'That can be read in two ways. Write 1000 or 1.0000.'],
    ['10.000', 'That can be read in two ways. Write 10000 or 10.0000.'],
  ] as const) {
    expect(readCredits(text)).toEqual({ value: null, problem });
  }
  expect(readAmount('1,000', 2).problem).toBe('That can be read in two ways. Write 1000 or 1.00.');
});

test('money has two decimals and no more', () => {
  expect(readAmount('12,5', 2).value).toBe(1250);
  expect(readAmount('12', 2).value).toBe(1200);
  expect(readAmount('12.3456', 2).value).toBeNull();
});

test('what a field is filled with can be read from it', () => {
  for (const micros of [1, 125_000, 12_345_000, 1_000_000_000, 2_500_000]) {
    expect(readCredits(creditsField(micros)).value).toBe(micros);
  }
});
