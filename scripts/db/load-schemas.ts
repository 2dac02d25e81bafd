import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsPostgres } from './migrate.ts';
import { runSql } from './run-sql.ts';

/** Makes everything the schema files say, on a database that has the platform's part only. */
export async function loadSchemas(superuserUrl: string, folder: string): Promise<void> {
  const sql = connectAsPostgres(superuserUrl);
  try {
    await sql.begin(async (tx) => {
      for (const file of readdirSync(folder).sort()) {
        if (!file.endsWith('.sql')) continue;
        await runSql(tx, `schemas/${file}`, readFileSync(join(folder, file), 'utf8'));
      }
    });
  } finally {
    await sql.end();
  }
}
