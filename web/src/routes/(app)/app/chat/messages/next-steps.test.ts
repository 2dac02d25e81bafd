import { expect, test } from 'vitest';
import type { Failure } from '#lib/chat/failure.ts';
import { nextSteps } from './next-steps.ts';

const failure = (change: Partial<Failure>): Failure => ({
  code: 'unexpected',
  rule: null,
  message: '',
  hint: '',
  chargedMicros: 0,
  shortfallMicros: null,
  resetsAt: null,
  ...change,
});

test('no money: top up, or ask for something cheaper, or less', () => {
  expect(nextSteps(failure({ code: 'insufficient_credits', rule: 'balance' }))).toEqual([
    'top-up',
    'other-model',
    'shorten',
  ]);
});

test('too often: wait until the time that was named', () => {
  expect(nextSteps(failure({ code: 'rate_limited', resetsAt: new Date() }))).toEqual(['wait']);
});

test('too long: shorten, or a model that reads more', () => {
  expect(nextSteps(failure({ code: 'too_large', rule: 'context' }))).toEqual([
    'shorten',
    'other-model',
  ]);
});

test('dearer than the plan lets one call be: a cheaper model, a larger plan, or less', () => {
  expect(nextSteps(failure({ code: 'too_large', rule: 'price_cap' }))).toEqual([
    'other-model',
    'plans',
    'shorten',
  ]);
});

test('a model that is down is tried again or replaced; a closed door is waited for', () => {
  expect(nextSteps(failure({ code: 'upstream_unavailable' }))).toEqual(['retry', 'other-model']);
  expect(nextSteps(failure({ code: 'upstream_unavailable', resetsAt: new Date() }))).toEqual([
    'wait',
  ]);
});

test('nothing to press where nothing helps', () => {
  expect(nextSteps(failure({ code: 'forbidden', rule: 'suspended' }))).toEqual([]);
});

test('of what is not known one can always try again', () => {
  expect(nextSteps(failure({ code: 'something_new' }))).toContain('retry');
});
