// One server for the whole run, with a template of every kind of database the tests clone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import postgres from 'postgres';
import { loadPgtap } from '../../scripts/db/pgtap.ts';
import { runSql } from '../../scripts/db/run-sql.ts';
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
    await loadPgtap(tests.url('supabase_admin'));
    await loadHelpers(tests.url('supabase_admin'));
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

async function loadHelpers(superuserUrl: string): Promise<void> {
  const file = '00_helpers.sql';
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  try {
    await runSql(sql, `tests/${file}`, readFileSync(join(import.meta.dirname, file), 'utf8'));
  } finally {
    await sql.end();
  }
}
