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

  test("the browser's own bars follow", () => {
    document.head.innerHTML += '<meta data-theme="light" /><meta data-theme="dark" />';
    const media = () =>
      [...document.querySelectorAll<HTMLMetaElement>('meta[data-theme]')].map((meta) => meta.media);
    new Theme().set('dark');
    expect(media()).toEqual(['not all', 'all']);
    new Theme().set('light');
    expect(media()).toEqual(['all', 'not all']);
    new Theme().set('system');
    expect(media()).toEqual(['(prefers-color-scheme: light)', '(prefers-color-scheme: dark)']);
    document.querySelectorAll('meta[data-theme]').forEach((meta) => meta.remove());
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
