// One server for the whole run, with a template of every kind of database the tests clone.
import type { TestProject } from 'vitest/node';
import { loadTestWords } from '../../scripts/db/test-words.ts';
import { startScratch } from '../../scripts/db/scratch.ts';

/** `plain` is what production has; `tests` has pgTAP and the helpers as well. */
export type Template = 'plain' | 'tests';

declare module 'vitest' {
  interface ProvidedContext {
    databaseServer: { url: string; templates: Record<Template, string> };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.once('SIGTERM', () => process.exit(143));
  const scratch = await startScratch();
  try {
    const plain = await scratch.database('plain', 'migrations');
    const tests = await scratch.database('tests', plain);
    await loadTestWords(tests.url('supabase_admin'));
    project.provide('databaseServer', {
      url: scratch.url,
      templates: { plain: plain.name, tests: tests.name },
    });
  } catch (error) {
    await scratch.stop();
    throw error;
  }
  return () => scratch.stop();
}
