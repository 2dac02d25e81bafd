import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

/** Draws frame after frame on a machine of this speed; returns the size of the last one. */
function settle(pace: ReturnType<typeof createPace>, msPerKilobyte: number): number {
  let characters = 0;
  for (let frame = 0; frame < 50; frame += 1) {
    characters = pace.characters;
    const ms = (characters / 1000) * msPerKilobyte;
    pace.took(characters, ms / 3, (ms * 2) / 3);
  }
  return characters;
}

test('a quick machine draws as much as fits into its budget', () => {
  expect(settle(createPace(), 2)).toBeCloseTo(2000, -2);
});

test('a slow machine draws little at a time, and never nothing', () => {
  const pace = createPace();
  expect(settle(pace, 50)).toBe(200);
  expect(pace.took(200, 4, 6)).toBe(0);
});

test('a text that is slow to parse is drawn in larger steps with rests between', () => {
  const pace = createPace();
  const steps = Array.from({ length: 5 }, () => {
    expect(pace.took(pace.characters, 80, 20)).toBe(300);
    return pace.characters;
  });
  expect(steps).toEqual([400, 800, 1600, 3200, 6400]);
  expect(pace.took(6400, 8, 2)).toBe(0);
  expect(pace.characters).toBeLessThan(1000);
});

test('what is slow to draw alone is drawn in small steps, with rests between', () => {
  const pace = createPace();
  for (let step = 0; step < 5; step += 1) {
    expect(pace.characters).toBe(200);
    expect(pace.took(200, 5, 35)).toBe(120);
  }
});

test('it slows down and recovers with the machine', () => {
  const pace = createPace();
  const quick = settle(pace, 2);
  expect(settle(pace, 10)).toBeLessThan(quick / 4);
  expect(settle(pace, 2)).toBe(quick);
});

test('a frame too short to be measured promises nothing absurd', () => {
  const pace = createPace();
  for (let frame = 0; frame < 50; frame += 1) pace.took(80, 0, 0);
  expect(pace.characters).toBeLessThanOrEqual(640);
});
