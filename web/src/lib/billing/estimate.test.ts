import { expect, test } from 'vitest';
import { messagesFor } from './estimate.ts';

const model = {
  prompt_micros: 3_000,
  completion_micros: 15_000,
  request_micros: 0,
  minimum_micros: 0,
};

test('credits are divided by what a message costs in and out', () => {
  // 300 words are 400 tokens in, 150 are 200 out: 1.2 and 3 credits.
  expect(messagesFor(1000, { wordsAsked: 300, wordsAnswered: 150 }, model)).toBe(238);
});

test('a message never costs less than the minimum', () => {
  const habit = { wordsAsked: 3, wordsAnswered: 3 };
  expect(messagesFor(100, habit, { ...model, minimum_micros: 1_000_000 })).toBe(100);
});

test('what is free is without end', () => {
  const free = { prompt_micros: 0, completion_micros: 0, request_micros: 0, minimum_micros: 0 };
  expect(messagesFor(1, { wordsAsked: 1, wordsAnswered: 1 }, free)).toBe(Infinity);
});
