import { expect, test } from 'vitest';
import { excerptParts } from './excerpt-parts.ts';

test('hits are told from what is around them', () => {
  expect(excerptParts('a \u0002hit\u0003 and \u0002another\u0003')).toEqual([
    { text: 'a ', isHit: false },
    { text: 'hit', isHit: true },
    { text: ' and ', isHit: false },
    { text: 'another', isHit: true },
  ]);
});

test('markup in a passage stays text, and a mark without its end does no harm', () => {
  expect(excerptParts('<b>x</b>')).toEqual([{ text: '<b>x</b>', isHit: false }]);
  expect(excerptParts('\u0002open')).toEqual([{ text: 'open', isHit: true }]);
  expect(excerptParts('')).toEqual([]);
});

test('a passage of Markdown reads as text', () => {
  const read = (excerpt: string) =>
    excerptParts(excerpt)
      .map(({ text }) => text)
      .join('')
      .replaceAll(/\s+/g, ' ');
  expect(
    read('Here is **\u0002Postgres\u0003** and *SQLite*: | | \u0002Postgres\u0003 | SQLite |'),
  ).toBe('Here is Postgres and SQLite: Postgres SQLite ');
  expect(read('## In short | --- | :-: |')).toBe(' In short ');
  expect(read('Set `has_own_title` to 2 * 3 - 1, C# included')).toBe(
    'Set has_own_title to 2 * 3 - 1, C# included',
  );
});
