import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromium } from './e2e/chromium.ts';

export default defineConfig({
  plugins: [tailwindcss(), svelte({ configFile: false })],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          environment: 'node',
          include: ['src/**/*.test.ts'],
          exclude: ['src/**/*.svelte.test.ts'],
        },
      },
      {
        extends: true,
        // All that the components import is bundled beforehand: found in the middle of a test it
        // would reload the page under it, on a fresh clone only.
        optimizeDeps: { entries: ['src/**/*.svelte', 'src/**/*.svelte.test.ts'] },
        test: {
          name: 'components',
          include: ['src/**/*.svelte.test.ts'],
          setupFiles: ['src/test-setup.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: chromium() }),
            instances: [{ browser: 'chromium' }],
            viewport: { width: 800, height: 600 },
          },
        },
      },
    ],
  },
});
