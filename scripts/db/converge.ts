import { StackError } from '../stack/stack-error.ts';
import { connectAsPostgres } from './migrate.ts';
import { type Changes, planChanges } from './plan-changes.ts';
import { runSql } from './run-sql.ts';

// A table's `revoke all` takes grants on its columns with it; a second plan gives them back.
const rounds = 3;

/** Turns the one database into the other and returns what that took, so that it is known to work. */
export async function converge(fromUrl: string, toUrl: string): Promise<Changes> {
  const all: Changes = { migrations: [], destructive: false };
  for (let round = 0; round < rounds; round += 1) {
    const { migrations, destructive } = await planChanges(fromUrl, toUrl);
    if (migrations.length === 0) return all;
    for (const text of migrations) await apply(fromUrl, text);
    all.migrations.push(...migrations);
    all.destructive ||= destructive;
  }
  const { migrations } = await planChanges(fromUrl, toUrl);
  if (migrations.length === 0) return all;
  throw new StackError(
    `The generated migration does not lead there; left over:\n${migrations.join('')}`,
  );
}

async function apply(url: string, text: string): Promise<void> {
  const sql = connectAsPostgres(url);
  try {
    await sql.begin((tx) => runSql(tx, 'the generated migration', text));
  } finally {
    await sql.end();
  }
}
