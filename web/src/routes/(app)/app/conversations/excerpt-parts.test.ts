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
