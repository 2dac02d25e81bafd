import { expect, test } from 'vitest';
import { daysOf, readView, writeView } from './usage-view.ts';

const now = Date.parse('2026-11-21T13:00:00Z');
const read = (text: string) => readView(new URLSearchParams(text), now);

test('without an address it is the last thirty days, by model, in credits', () => {
  expect(read('')).toEqual({
    from: '2026-10-23',
    to: '2026-11-21',
    model: null,
    key: null,
    member: null,
    group: 'model',
    measure: 'credits',
  });
  expect(daysOf(read(''))).toHaveLength(30);
});

test('a view survives its address', () => {
  const view = read('from=2026-01-01&to=2026-03-01&model=a/b&key=chat&by=key&show=latency');
  expect(readView(new URLSearchParams(writeView(view, now)), now)).toEqual(view);
  expect(writeView(read(''), now)).toBe('?');
});

test('an odd address shows something all the same, and never more than a year', () => {
  expect(read('from=nonsense&to=2026-13-45&by=x&show=y&key=1&member=me')).toEqual(read(''));
  expect(read('from=2026-12-01&to=2026-11-01')).toMatchObject({ from: '2026-11-01' });
  expect(daysOf(read('from=1970-01-01&to=2026-11-01'))).toHaveLength(366);
});
