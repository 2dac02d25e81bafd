import { describe, expect, test } from 'vitest';
import { nextPath } from './next-path.ts';

const origin = 'https://oneai.example';

describe('nextPath', () => {
  test.each([
    ['/app/settings/profile', '/app/settings/profile'],
    ['/app?tab=keys#top', '/app?tab=keys#top'],
    ['/app/../app/settings', '/app/settings'],
  ])('follows %s on this site', (wanted, path) => {
    expect(nextPath(wanted, origin)).toBe(path);
  });

  test.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '\\\\evil.example',
    'javascript:alert(1)',
    'data:text/html,hi',
    'app',
    '',
    null,
    undefined,
  ])('answers %j with the home page', (wanted) => {
    expect(nextPath(wanted, origin)).toBe('/app');
  });

  test('a path that only looks foreign stays on this site', () => {
    expect(nextPath('/@evil.example', origin)).toBe('/@evil.example');
  });
});
