import { expect, test } from 'vitest';
import type { UsageDay } from '#lib/api/usage-log.ts';
import { axisEnd, chat, measureOf, others, seriesOf, sumGroups, sumOf } from './usage-sums.ts';

function row(given: Partial<UsageDay>): UsageDay {
  return {
    account_id: 'a',
    day: '2026-11-20',
    model_id: 'x/one',
    user_id: 'u',
    key_id: null,
    requests: 1,
    errors: 0,
    prompt_tokens: 10,
    completion_tokens: 5,
    charged_micros: 1_000_000,
    latency_ms: 500,
    first_token_ms: 200,
    first_tokens: 1,
    ...given,
  };
}

const rows = [
  row({}),
  row({ day: '2026-11-21', key_id: 'k', charged_micros: 3_000_000, requests: 3, errors: 2 }),
  row({ model_id: 'x/two', charged_micros: 2_000_000 }),
];
const days = ['2026-11-19', '2026-11-20', '2026-11-21'];

test('sums are the sums of the rows, whatever they are grouped by', () => {
  const total = sumOf(rows);
  expect(total).toMatchObject({ requests: 5, errors: 2, chargedMicros: 6_000_000 });
  for (const group of ['model', 'key', 'member'] as const) {
    const groups = sumGroups(rows, group);
    expect(groups.reduce((sum, one) => sum + one.chargedMicros, 0)).toBe(6_000_000);
  }
  expect(sumGroups(rows, 'model').map(({ id }) => id)).toEqual(['x/one', 'x/two']);
  expect(sumGroups(rows, 'key').map(({ id }) => id)).toEqual(['k', chat]);
});

test('every day has a value in every series, and what is small is put together', () => {
  expect(seriesOf(rows, days, 'model', 'credits')).toEqual([
    { id: 'x/one', values: [0, 1, 3] },
    { id: 'x/two', values: [0, 2, 0] },
  ]);
  expect(seriesOf(rows, days, 'model', 'credits', 1)).toEqual([
    { id: 'x/one', values: [0, 1, 3] },
    { id: others, values: [0, 2, 0] },
  ]);
  expect(seriesOf([], days, 'model', 'credits')).toEqual([]);
});

test('a mean is of the day, not a sum of means', () => {
  const slow = [
    row({ requests: 3, latency_ms: 300 }),
    row({ model_id: 'x/two', latency_ms: 1700 }),
  ];
  expect(seriesOf(slow, days, 'model', 'latency')).toEqual([{ id: others, values: [0, 0.5, 0] }]);
  expect(measureOf(sumOf([]), 'latency')).toBe(0);
});

test('an axis ends at a round figure that reaches the value', () => {
  expect([0, 0.03, 1, 7, 21, 260, 1001].map(axisEnd)).toEqual([1, 0.05, 1, 10, 25, 500, 2000]);
});
