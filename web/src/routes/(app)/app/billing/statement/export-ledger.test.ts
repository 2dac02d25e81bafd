import { expect, test } from 'vitest';
import type { LedgerLine } from '#lib/api/billing.ts';
import { exportLedger } from './export-ledger.ts';

const page = (after: number, last: LedgerLine): LedgerLine[] => [
  { type: 'header', after_sequence: after },
  { type: 'transaction', sequence: after + 1 },
  last,
];

test('pages follow one another until the wallet', async () => {
  const asked: number[] = [];
  const told: number[] = [];
  const text = await exportLedger(
    async (after) => {
      asked.push(after);
      return page(
        after,
        after < 2 ? { type: 'more', through_sequence: after + 1 } : { type: 'wallet' },
      );
    },
    (count) => told.push(count),
  );
  expect(asked).toEqual([0, 1, 2]);
  expect(told).toEqual([1, 2]);
  expect(text.trim().split('\n')).toHaveLength(9);
  expect(text.endsWith('{"type":"wallet"}\n')).toBe(true);
});

test.each([
  ['ends in the middle', [{ type: 'header' }]],
  ['is empty', []],
  ['goes on where it began', [{ type: 'more', through_sequence: 0 }]],
])('a page that %s is no export', async (_, lines) => {
  await expect(
    exportLedger(
      async () => lines,
      () => {},
    ),
  ).rejects.toThrow('broke off');
});
