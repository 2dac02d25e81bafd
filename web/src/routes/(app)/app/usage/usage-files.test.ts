import { expect, test } from 'vitest';
import { readCsv } from './usage-files.ts';

const names = { keyName: () => '', memberName: () => '' };
const columns = { number: (row: number) => row };

function reading(total: number, signal = new AbortController().signal) {
  const seen: number[] = [];
  return {
    seen,
    options: {
      columns,
      names,
      pageSize: 1000,
      readPage: async (behind: number | null, count: number) => {
        const from = (behind ?? 0) + 1;
        return Array.from({ length: Math.min(count, total - from + 1) }, (_, at) => from + at);
      },
      onprogress: (rows: number) => seen.push(rows),
      signal,
    },
  };
}

test('every row is in the file once, however many pages there are', async () => {
  for (const total of [0, 1, 999, 1000, 1001, 120_500]) {
    const { options, seen } = reading(total);
    const { parts, rows } = await readCsv(options);
    const lines = (await new Blob(parts).text()).trimEnd().split('\r\n');
    expect(lines).toEqual(['number', ...Array.from({ length: total }, (_, at) => String(at + 1))]);
    expect(rows).toBe(total);
    expect(seen.at(-1)).toBe(total);
  }
});

test('one that is cancelled ends at the next page, and one that fails leaves nothing', async () => {
  const cancelling = new AbortController();
  const { options, seen } = reading(5000, cancelling.signal);
  const cancelled = readCsv({
    ...options,
    onprogress: (rows) => {
      seen.push(rows);
      cancelling.abort();
    },
  });
  await expect(cancelled).rejects.toThrow(/abort/);
  expect(seen).toEqual([1000]);

  const broken = reading(5000);
  const readPage = (behind: number | null, count: number) =>
    behind === 2000 ? Promise.reject(new Error('offline')) : broken.options.readPage(behind, count);
  await expect(readCsv({ ...broken.options, readPage })).rejects.toThrow('offline');
});
