import { expect, test } from 'vitest';
import { isArchived } from './is-archived.ts';

test.each([
  ['2027-03-31T23:59:59Z', '2028-04-30T23:59:59Z', false],
  ['2027-03-31T23:59:59Z', '2028-05-01T00:00:00Z', true],
  ['2027-04-01T00:00:00Z', '2028-05-31T12:00:00Z', false],
  ['2027-12-31T23:59:59Z', '2029-01-31T12:00:00Z', false],
  ['2027-12-31T23:59:59Z', '2029-02-01T00:00:00Z', true],
])('a receipt of %s is archived at %s: %s', (at, now, expected) => {
  expect(isArchived(at, new Date(now))).toBe(expected);
});
