import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, loadEnv } from 'vite';

/** The root .env serves the whole project; env.ts says what of it the site may know. */
const envDir = '..';

type HostSource = `${string}://${string}.${string}`;

/** The inline scripts of app.html are ours: allowed by hash, so that no other inline script is. */
function inlineScriptHashes(): `sha256-${string}`[] {
  const html = readFileSync(new URL('src/app.html', import.meta.url), 'utf8');
  return [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, code = '']) => `sha256-${createHash('sha256').update(code).digest('base64')}` as const,
  );
}

export default defineConfig(({ mode }) => {
  const api = loadEnv(mode, envDir, 'PUBLIC_')['PUBLIC_SUPABASE_URL'] ?? '';
  const supabase = URL.canParse(api) ? new URL(api).origin : '';
  const sources = supabase ? [supabase as HostSource] : [];
  const sockets = supabase ? [supabase.replace(/^http/, 'ws') as HostSource] : [];

  return {
    plugins: [
      tailwindcss(),
      sveltekit({
        // The end-to-end tests keep the site they build apart from one somebody wants to deploy.
        adapter: adapter({ pages: process.env['SITE_DIR'] ?? 'build', fallback: '200.html' }),
        env: { dir: envDir },
        compilerOptions: { runes: true },
        paths: { relative: false },
        csp: {
          mode: 'hash',
          directives: {
            'default-src': ['none'],
            'script-src': ['self', ...inlineScriptHashes()],
            'style-src': ['self'],
            // The one style attribute SvelteKit writes: it hides the page announcer from the eye.
            'style-src-attr': [
              'unsafe-hashes',
              'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo=',
            ],
            'font-src': ['self'],
            'img-src': ['self', 'data:', 'blob:', ...sources],
            'connect-src': ['self', ...sources, ...sockets],
            'manifest-src': ['self'],
            'worker-src': ['self'],
            // static/frames: what an answer may show but the page itself must not do.
            'frame-src': ['self'],
            'form-action': ['self'],
            'base-uri': ['none'],
            'object-src': ['none'],
            'frame-ancestors': ['none'],
          },
        },
      }),
    ],
    // All that the pages import is bundled before the first of them is opened: found on the way, it
    // would reload the page under its reader.
    optimizeDeps: { entries: ['src/**/*.svelte', 'src/**/*.ts'] },
    build: {
      // Browsers that know light-dark(), which the colour tokens are written in.
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      // A font inlined as data: would be refused by font-src.
      assetsInlineLimit: (file) => (/\.(?:woff2?|ttf)$/.test(file) ? false : undefined),
    },
  };
});
