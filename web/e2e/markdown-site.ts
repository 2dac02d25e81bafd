import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { build } from 'vite';
import { contentSecurityPolicy } from '../content-security-policy.ts';
import { serveSite } from './serve.ts';

/**
 * A page with nothing but an answer on it, built as the site is and under the policy of the site:
 * for tests and benches of what an answer may contain.
 */
export async function startMarkdownSite(): Promise<AsyncDisposable & { url: string }> {
  await using parts = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'oneai-markdown-'));
  parts.defer(() => rm(directory, { recursive: true, force: true }));
  await build({
    root: join(import.meta.dirname, 'markdown'),
    publicDir: join(import.meta.dirname, '../static'),
    configFile: false,
    logLevel: 'warn',
    plugins: [
      tailwindcss(),
      svelte({ configFile: false, compilerOptions: { runes: true } }),
      {
        name: 'content-security-policy',
        transformIndexHtml: () => [
          {
            tag: 'meta',
            attrs: { 'http-equiv': 'Content-Security-Policy', content: policy() },
            injectTo: 'head-prepend',
          },
        ],
      },
    ],
    build: {
      outDir: directory,
      emptyOutDir: true,
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      chunkSizeWarningLimit: 10_000,
    },
  });
  const port = await freePort();
  parts.defer(await serveSite(directory, port));
  const running = parts.move();
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function policy(): string {
  const quoted = /^(?:none|self|unsafe-|sha256-)/;
  return Object.entries(contentSecurityPolicy([], []))
    .filter(([directive]) => directive !== 'frame-ancestors') // not for a meta element
    .map(([directive, sources]) =>
      [directive, ...sources.map((source) => (quoted.test(source) ? `'${source}'` : source))].join(
        ' ',
      ),
    )
    .join('; ');
}

async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (!address || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}
