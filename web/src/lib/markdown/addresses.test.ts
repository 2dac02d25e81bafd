import { describe, expect, test } from 'vitest';
import { imageSource, linkAddress } from './addresses.ts';

describe('linkAddress', () => {
  test.for([
    ['https://example.com/a?b=1', 'https://example.com/a?b=1'],
    ['http://example.com', 'http://example.com/'],
    ['HTTPS://EXAMPLE.com', 'https://example.com/'],
    ['mailto:a@example.com', 'mailto:a@example.com'],
    ['https://example.com/\u202egnp.exe', 'https://example.com/%E2%80%AEgnp.exe'],
  ])('%s is led to', ([address, href]) => {
    expect(linkAddress(address!)).toBe(href);
  });

  test.for([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://example.com/x',
    '/app',
    '//example.com',
    '#main',
    '',
    'https://',
    `https://example.com/${'x'.repeat(5000)}`,
  ])('%s is not', (address) => {
    expect(linkAddress(address)).toBeNull();
  });
});

describe('imageSource', () => {
  test('an image of another host is remote, and names it', () => {
    expect(imageSource('https://example.com:8443/a.png')).toEqual({
      at: 'remote',
      url: 'https://example.com:8443/a.png',
      host: 'example.com:8443',
    });
  });

  test('a small picture may stand in the text, anything that could be more may not', () => {
    expect(imageSource('data:image/png;base64,AAAA').at).toBe('inline');
    for (const address of [
      'data:image/svg+xml;base64,AAAA',
      'data:image/png,<svg>',
      'data:text/html;base64,AAAA',
      `data:image/png;base64,${'A'.repeat(70_000)}`,
      'javascript:alert(1)',
      '/logo.png',
    ]) {
      expect(imageSource(address), address).toEqual({ at: 'refused' });
    }
  });
});
