import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

/** Draws frame after frame on a machine of this speed; returns the size of the last one. */
function settle(pace: ReturnType<typeof createPace>, msPerKilobyte: number): number {
  let characters = 0;
  for (let frame = 0; frame < 50; frame += 1) {
    characters = pace.characters;
    pace.took(characters, (characters / 1000) * msPerKilobyte);
  }
  return characters;
}

test('a quick machine draws as much as fits into its budget', () => {
  expect(settle(createPace(), 2)).toBeCloseTo(2000, -2);
});

test('a slow machine draws little at a time, and never nothing', () => {
  expect(settle(createPace(), 50)).toBe(200);
});

test('it slows down and recovers with the machine', () => {
  const pace = createPace();
  const quick = settle(pace, 2);
  expect(settle(pace, 10)).toBeLessThan(quick / 4);
  expect(settle(pace, 2)).toBe(quick);
});

test('a frame too short to be measured promises nothing absurd', () => {
  const pace = createPace();
  for (let frame = 0; frame < 50; frame += 1) pace.took(80, 0);
  expect(pace.characters).toBeLessThanOrEqual(640);
});
