import { expect, test } from 'vitest';
import { createNumbering, inStretches, stretchLength } from './stretches.ts';

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `Message ${from + at}`);

function numberOf(message: string, stretches: Map<number, string[]>): number | undefined {
  return [...stretches].find(([, messages]) => messages.includes(message))?.[0];
}

test('messages keep their order, and no stretch is longer than it may be', () => {
  const stretches = inStretches(range(0, 20));
  expect([...stretches.values()].flat()).toEqual(range(0, 20));
  expect([...stretches.values()].map(({ length }) => length)).toEqual([stretchLength, 8, 4]);
});

test('a message stays in its stretch, whatever is put above it or below', () => {
  const before = inStretches(range(0, 12));
  const after = inStretches(range(-7, 15), -7);
  for (const message of range(0, 12))
    expect(numberOf(message, after)).toBe(numberOf(message, before));
  expect([...after.keys()]).toEqual([-1, 0, 1]);
});

test('no messages make no stretch', () => {
  expect(inStretches([]).size).toBe(0);
});

test('the first message that is shown is numbered so that all others keep their numbers', () => {
  const path = (from: number, to: number) => range(from, to).map((id) => ({ id }));
  const numberOfFirst = createNumbering();
  expect(numberOfFirst(path(40, 100), 52)).toBe(0);
  // Earlier ones are shown, and earlier ones come without being shown.
  expect(numberOfFirst(path(40, 100), 50)).toBe(-2);
  expect(numberOfFirst(path(0, 100), 90)).toBe(-2);
  // One more is said at the end, and the first goes.
  expect(numberOfFirst(path(0, 101), 91)).toBe(-1);
  // Another branch, of which none was shown.
  expect(numberOfFirst(path(200, 220), 12)).toBe(0);
});
