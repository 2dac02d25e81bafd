import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test.for(['diagram', 'image'])('the frame %s allows its own script and nothing else', (name) => {
  const file = new URL(`../../../static/frames/${name}.html`, import.meta.url);
  const html = readFileSync(file, 'utf8');
  const hash = (tag: string) => {
    const [, code] = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(html) ?? [];
    return code && `'sha256-${createHash('sha256').update(code).digest('base64')}'`;
  };
  const policy = /content="(default-src[^"]*)"/.exec(html)?.[1] ?? '';
  expect(policy).toMatch(/^default-src 'none';/);
  expect(policy).toContain(`script-src ${hash('script')}`);
  const style = hash('style');
  if (style) expect(policy).toContain(`style-src ${style}`);
  expect(policy).not.toContain('connect-src');
});
