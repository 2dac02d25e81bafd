import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export type HostSource = `${string}://${string}.${string}`;

type Source =
  HostSource | `sha256-${string}` | 'none' | 'self' | 'unsafe-hashes' | 'data:' | 'blob:';

/** The inline scripts of app.html are ours: allowed by hash, so that no other inline script is. */
function inlineScriptHashes(): `sha256-${string}`[] {
  const html = readFileSync(new URL('src/app.html', import.meta.url), 'utf8');
  return [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, code = '']) => `sha256-${createHash('sha256').update(code).digest('base64')}` as const,
  );
}

/** What the pages of the site may do: for the build, and for tests of what is shown under it. */
export function contentSecurityPolicy(
  sources: HostSource[],
  sockets: HostSource[],
  /** Where Razorpay's checkout comes from: a script of its own, and a frame. */
  checkouts: HostSource[] = [],
): Record<string, Source[]> {
  return {
    'default-src': ['none'],
    'script-src': ['self', ...checkouts, ...inlineScriptHashes()],
    'style-src': ['self'],
    // The one style attribute SvelteKit writes: it hides the page announcer from the eye.
    'style-src-attr': ['unsafe-hashes', 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='],
    'font-src': ['self'],
    'img-src': ['self', 'data:', 'blob:', ...sources],
    'connect-src': ['self', ...sources, ...sockets],
    'manifest-src': ['self'],
    'worker-src': ['self'],
    // static/frames: what an answer may show but the page itself must not do.
    'frame-src': ['self', ...checkouts],
    'form-action': ['self'],
    'base-uri': ['none'],
    'object-src': ['none'],
    'frame-ancestors': ['none'],
  };
}
