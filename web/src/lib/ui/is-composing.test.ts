import { expect, test } from 'vitest';
import { isComposing } from './is-composing.ts';

test('Enter that chooses a character is no Enter, in any browser', () => {
  const enter = { key: 'Enter', isComposing: false, keyCode: 13 } as KeyboardEvent;
  expect(isComposing(enter)).toBe(false);
  expect(isComposing({ ...enter, isComposing: true })).toBe(true);
  expect(isComposing({ ...enter, keyCode: 229 })).toBe(true);
});
