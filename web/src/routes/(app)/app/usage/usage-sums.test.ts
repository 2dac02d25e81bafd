import { expect, test } from 'vitest';
import { axisEnd, others, seriesOf } from './usage-sums.ts';

const days = ['2026-11-19', '2026-11-20', '2026-11-21'];

test('every day has a value in every line, and the rest comes last', () => {
  const sums = {
    lines: ['x/two', 'x/one'],
    chart: [
      { day: '2026-11-20', id: 'x/one', value: 1_000_000 },
      { day: '2026-11-20', id: null, value: 500_000 },
      { day: '2026-11-21', id: 'x/two', value: 3_000_000 },
    ],
  };
  expect(seriesOf(sums, days, 'credits')).toEqual([
    { id: 'x/two', values: [0, 0, 3] },
    { id: 'x/one', values: [0, 1, 0] },
    { id: others, values: [0, 0.5, 0] },
  ]);
  expect(seriesOf({ lines: [], chart: [] }, days, 'credits')).toEqual([]);
});

test('a time is shown in seconds, a count as it is', () => {
  const sums = { lines: [], chart: [{ day: '2026-11-20', id: null, value: 500 }] };
  expect(seriesOf(sums, days, 'latency')).toEqual([{ id: others, values: [0, 0.5, 0] }]);
  expect(seriesOf(sums, days, 'requests')).toEqual([{ id: others, values: [0, 500, 0] }]);
});

test('an axis ends at a round figure that reaches the value', () => {
  expect([0, 0.03, 1, 7, 21, 260, 1001].map(axisEnd)).toEqual([1, 0.05, 1, 10, 25, 500, 2000]);
});
