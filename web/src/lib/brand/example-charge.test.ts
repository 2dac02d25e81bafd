import { expect, test } from 'vitest';
import { exampleCharge, formatCredits } from './example-charge.ts';

test('the receipt we show adds up, to the last micro', () => {
  const { rows, hold, charged, released, before, after } = exampleCharge;
  expect(rows.map(({ micros }) => formatCredits(micros))).toEqual(['3.612', '5.790']);
  expect(formatCredits(charged)).toBe('9.402');
  expect(released + charged).toBe(hold);
  expect(after + charged).toBe(before);
  for (const amount of [charged, released, after]) expect(Number.isInteger(amount)).toBe(true);
});
