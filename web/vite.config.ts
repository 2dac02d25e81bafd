import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, loadEnv } from 'vite';
import { contentSecurityPolicy, type HostSource } from './content-security-policy.ts';

/** The root .env serves the whole project; env.ts says what of it the site may know. */
const envDir = '..';

export default defineConfig(({ mode }) => {
  const api = loadEnv(mode, envDir, 'PUBLIC_')['PUBLIC_SUPABASE_URL'] ?? '';
  const checkout = loadEnv(mode, envDir, 'PUBLIC_')['PUBLIC_RAZORPAY_URL'];
  const checkouts = [
    (checkout || 'https://checkout.razorpay.com') as HostSource,
    'https://api.razorpay.com' as const,
  ];
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
          directives: contentSecurityPolicy(sources, sockets, checkouts),
        },
      }),
    ],
    // All that the pages import is bundled before the first of them is opened: found on the way, it
    // would reload the page under its reader.
    optimizeDeps: { entries: ['src/**/*.svelte', 'src/**/*.ts', '!src/**/*.test.ts'] },
    build: {
      rolldownOptions: {
        output: {
          codeSplitting: {
            // Hardly two pages share the same icons: each would be a file, most of it not the icon.
            groups: [
              {
                name: 'icons',
                test: /@lucide/,
                minShareCount: 2,
                entriesAware: true,
                entriesAwareMergeThreshold: 1500,
              },
            ],
          },
        },
      },
      // Browsers that know light-dark(), which the colour tokens are written in.
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      // A font inlined as data: would be refused by font-src.
      assetsInlineLimit: (file) => (/\.(?:woff2?|ttf)$/.test(file) ? false : undefined),
    },
  };
});
