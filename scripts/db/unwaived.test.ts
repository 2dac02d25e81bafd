import { expect, test } from 'vitest';
import { unwaived } from './unwaived.ts';

const finding = (name: string, table: string, fkey_name?: string) => ({
  name,
  detail: 'Something is wrong.',
  metadata: { schema: 'private', name: table, ...(fkey_name ? { fkey_name } : {}) },
});
const waiver = (name: string, object: string, reason = 'A good reason.') => ({
  name,
  object,
  reason,
});

test('a finding nobody answered for is told with its object', () => {
  expect(unwaived([finding('unindexed_foreign_keys', 'holds', 'holds_fkey')], [])).toEqual([
    'unindexed_foreign_keys on private.holds.holds_fkey: Something is wrong.',
  ]);
});

test('a waiver answers for its own rule and object only', () => {
  const findings = [finding('a', 'one'), finding('a', 'one_more'), finding('b', 'one')];
  expect(unwaived(findings, [waiver('a', 'private.one')])).toEqual([
    'a on private.one_more: Something is wrong.',
    'b on private.one: Something is wrong.',
  ]);
});

test('a star answers for any object, a dot only for a dot', () => {
  const findings = [finding('a', 'one'), finding('a', 'two')];
  expect(unwaived(findings, [waiver('a', 'private.*')])).toEqual([]);
  expect(unwaived(findings, [waiver('a', '*')])).toEqual([]);
  expect(unwaived([finding('a', 'one')], [waiver('a', 'private_one')])).toHaveLength(2);
});

test('a waiver that is not needed, or says no why, is a finding itself', () => {
  expect(unwaived([], [waiver('a', 'private.one')])).toEqual([
    'The waiver for a on private.one is not needed: remove it.',
  ]);
  expect(unwaived([finding('a', 'one')], [waiver('a', 'private.one', ' ')])).toEqual([
    'The waiver for a on private.one gives no reason.',
  ]);
});
