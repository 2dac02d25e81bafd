import { expect, test } from 'vitest';
import { textBytes } from './text-bytes.ts';

test.each(['', 'plain', 'Grüße', '€', 'नमस्ते', '🌍🌍', 'a🌍é€'])('%j', (text) => {
  expect(textBytes(text)).toBe(new TextEncoder().encode(text).length);
});
