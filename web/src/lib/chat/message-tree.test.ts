import { expect, test } from 'vitest';
import { MessageTree } from './message-tree.ts';

const message = (id: string, parent_id: string | null, role: string, minute: number) => ({
  id,
  parent_id,
  role,
  created_at: `2026-11-21T03:${String(minute).padStart(2, '0')}:00Z`,
});

const messages = [
  message('edit', 'a1', 'user', 6),
  message('q1', null, 'user', 1),
  message('a1', 'q1', 'assistant', 2),
  message('a2', 'q1', 'assistant', 5),
  message('q2', 'a1', 'user', 3),
  message('a3', 'q2', 'assistant', 4),
  message('a4', 'edit', 'assistant', 7),
];
const tree = new MessageTree(messages);
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);

test('a path leads from the first message to the leaf', () => {
  expect(ids(tree.path('a3'))).toEqual(['q1', 'a1', 'q2', 'a3']);
  expect(ids(tree.path('a2'))).toEqual(['q1', 'a2']);
  expect(tree.path(null)).toEqual([]);
  expect(tree.path('unknown')).toEqual([]);
});

test('a path begins where the loaded messages begin', () => {
  const later = new MessageTree(messages.filter(({ id }) => id !== 'q1' && id !== 'a1'));
  expect(ids(later.path('a3'))).toEqual(['q2', 'a3']);
});

test('branches are those of the same turn, oldest first', () => {
  expect(ids(tree.siblings(messages[3]!))).toEqual(['a1', 'a2']);
  expect(ids(tree.siblings(messages[0]!))).toEqual(['q2', 'edit']);
  expect(ids(tree.siblings(messages[1]!))).toEqual(['q1']);
});

test('choosing a branch leads to what was written last below it', () => {
  expect(tree.newestLeaf('a1')).toBe('a4');
  expect(tree.newestLeaf('a2')).toBe('a2');
  expect(tree.newestLeaf('q2')).toBe('a3');
  expect(tree.newest()).toBe('a4');
  expect(new MessageTree([]).newest()).toBeNull();
});

test('of two written in the same moment the order is the same every time', () => {
  const twins = [message('b', null, 'user', 1), message('a', null, 'user', 1)];
  expect(ids(new MessageTree(twins).children(null))).toEqual(['a', 'b']);
  expect(ids(new MessageTree(twins.toReversed()).children(null))).toEqual(['a', 'b']);
});

test('a forged circle of messages ends', () => {
  const circle = new MessageTree([message('x', 'y', 'user', 1), message('y', 'x', 'assistant', 2)]);
  expect(circle.path('x').length).toBeLessThanOrEqual(3);
  expect(['x', 'y']).toContain(circle.newestLeaf('x'));
});
