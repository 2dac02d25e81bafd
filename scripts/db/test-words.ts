import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { loadPgtap } from './pgtap.ts';
import { runSql } from './run-sql.ts';

const folder = join(import.meta.dirname, '../../supabase/tests');
const files = readdirSync(folder).filter((file) => file.endsWith('_helpers.sql'));

/** Loads pgTAP and the words of our tests, among them a clock that can be set. */
export async function loadTestWords(superuserUrl: string): Promise<void> {
  await loadPgtap(superuserUrl);
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  try {
    for (const file of files.sort()) {
      await runSql(sql, `tests/${file}`, readFileSync(join(folder, file), 'utf8'));
    }
  } finally {
    await sql.end();
  }
}
