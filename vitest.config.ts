import { defineConfig } from 'vitest/config';

// Real servers start and stop below: a limit that only a hung test reaches.
const patience = { testTimeout: 120_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'scripts', include: ['scripts/**/*.test.ts'], ...patience } },
      {
        // The functions name their packages as Deno does; tests of the database call their handlers from Node.
        resolve: { alias: [{ find: /^npm:(@?[^@]+)@[^/]+/, replacement: '$1' }] },
        test: {
          name: 'db',
          include: ['supabase/tests/**/*.test.ts'],
          exclude: ['supabase/tests/gateway/**'],
          globalSetup: 'supabase/tests/global-setup.ts',
          ...patience,
        },
      },
      {
        test: {
          name: 'gateway',
          include: ['supabase/tests/gateway/**/*.test.ts'],
          globalSetup: 'supabase/tests/gateway/stack.ts',
          // They share one stack, and some of them load it.
          fileParallelism: false,
          ...patience,
        },
      },
    ],
  },
});
