import { afterEach, describe, expect, test } from 'vitest';
import { Theme } from './theme.svelte.ts';

const root = document.documentElement;
const ground = () => getComputedStyle(root).backgroundColor;

describe('Theme', () => {
  afterEach(() => new Theme().set('system'));

  test('a choice is shown at once and kept', () => {
    new Theme().set('light');
    const light = ground();
    new Theme().set('dark');
    expect(ground()).not.toBe(light);
    expect(localStorage.getItem('theme')).toBe('dark');
    expect(new Theme().choice).toBe('dark');
  });

  test('following the system leaves nothing behind', () => {
    const theme = new Theme();
    theme.set('dark');
    theme.set('system');
    expect(localStorage.getItem('theme')).toBeNull();
    expect(root.dataset['theme']).toBeUndefined();
    expect(new Theme().choice).toBe('system');
  });
});
