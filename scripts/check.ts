// npm run check: everything that can be known without running the product.
import { runParts } from './run-parts.ts';

const passed = await runParts(
  [
    { name: 'eslint', command: 'eslint .' },
    { name: 'svelte-check', command: 'npm run --silent check --workspace web' },
    { name: 'tsc', command: 'tsc --project .' },
    {
      name: 'deno',
      command:
        'deno check --quiet supabase/functions/ scripts/bench/stream-core.ts && deno lint --quiet',
    },
    { name: 'prettier', command: 'prettier --check --log-level warn .' },
    {
      name: 'sql',
      command:
        'postgres-language-server check --disable-db supabase/schemas supabase/migrations scripts',
    },
    { name: 'sql style', command: 'node scripts/db/style.ts' },
  ],
  { jobs: 2, quiet: true },
);
process.exitCode = passed ? 0 : 1;
