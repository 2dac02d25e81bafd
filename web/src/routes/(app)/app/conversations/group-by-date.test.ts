import { expect, test } from 'vitest';
import type { Listed } from '#lib/api/chat.ts';
import { groupByDate } from './group-by-date.ts';

const now = new Date(2026, 10, 21, 0, 30);
const at = (date: Date, pinned = false) =>
  ({
    id: date.toISOString(),
    updated_at: date.toISOString(),
    pinned_at: pinned ? date.toISOString() : null,
  }) as Listed;

test('a heading stands where the next stretch of time begins', () => {
  const items = [
    at(new Date(2020, 0, 1), true),
    at(new Date(2026, 10, 21, 0, 10)),
    at(new Date(2026, 10, 20, 23, 50)),
    at(new Date(2026, 10, 14, 1)),
    at(new Date(2026, 10, 1)),
    at(new Date(2026, 8, 3)),
    at(new Date(2026, 8, 1)),
    at(new Date(2025, 8, 3)),
  ];
  const groups = groupByDate(items, now, 'en');
  expect(groups.map(({ label, items }) => [label, items.length])).toEqual([
    ['Pinned', 1],
    ['Today', 1],
    ['Yesterday', 1],
    ['Last 7 days', 1],
    ['Last 30 days', 1],
    ['September', 2],
    ['September 2025', 1],
  ]);
});

test('what is pinned or unpinned has its place at once, and no heading stands twice', () => {
  const items = [
    at(new Date(2026, 10, 14, 1)),
    at(new Date(2026, 10, 21, 0, 10)),
    at(new Date(2026, 10, 20, 23, 50), true),
    at(new Date(2026, 10, 14, 3)),
  ];
  expect(
    groupByDate(items, now, 'en').map(({ label, items }) => [label, items.map(({ id }) => id)]),
  ).toEqual([
    ['Pinned', [items[2]?.id]],
    ['Today', [items[1]?.id]],
    ['Last 7 days', [items[3]?.id, items[0]?.id]],
  ]);
});

test('a clock that is behind the server says today, not something odd', () => {
  expect(groupByDate([at(new Date(2026, 10, 22))], now, 'en')[0]?.label).toBe('Today');
});
