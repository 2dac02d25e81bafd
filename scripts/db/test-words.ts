import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { loadPgtap } from './pgtap.ts';
import { runSql } from './run-sql.ts';

const file = join(import.meta.dirname, '../../supabase/tests/00_helpers.sql');

/** Loads pgTAP and the words of our tests, among them a clock that can be set. */
export async function loadTestWords(superuserUrl: string): Promise<void> {
  await loadPgtap(superuserUrl);
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  try {
    await runSql(sql, 'tests/00_helpers.sql', readFileSync(file, 'utf8'));
  } finally {
    await sql.end();
  }
}
