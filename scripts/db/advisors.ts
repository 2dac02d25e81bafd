// npm run db:advisors: the platform's own lints; what they find is mended or answered for in writing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { runCommand } from '../command.ts';
import { StackError } from '../stack/stack-error.ts';
import { supabaseFolder } from './migrate.ts';
import { startScratch } from './scratch.ts';
import { supabaseCli } from './supabase-cli.ts';
import { type Finding, objectOf, unwaived, type Waiver } from './unwaived.ts';

const waiversFile = join(supabaseFolder, 'advisors-waivers.json');

await runCommand(async () => {
  await using scratch = await startScratch();
  const database = await scratch.database('advisors', 'migrations');
  const output = await supabaseCli(
    ...['db', 'advisors', `--remote=${database.url('postgres')}`],
    ...['--level', 'info', '--output-format', 'json'],
  );
  const { results } = JSON.parse(output) as { results: Finding[] };
  const waivers = JSON.parse(readFileSync(waiversFile, 'utf8')) as Waiver[];
  const bound = await boundFunctions(database.url('postgres'));
  const readsSearchPath = (one: Finding) =>
    one.name !== 'function_search_path_mutable' || !bound.has(objectOf(one));
  const problems = unwaived(results.filter(readsSearchPath), waivers);
  if (problems.length > 0) throw new StackError(problems.join('\n'));
});

/**
 * Functions whose bodies are bound to what they name when they are made: they read no search path when
 * they run, and a setting would keep Postgres from putting them in place of their calls.
 */
async function boundFunctions(url: string): Promise<Set<string>> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const rows = await sql<{ name: string }[]>`
      select concat(nspname, '.', proname) as name
      from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
      group by 1 having bool_and(prosqlbody is not null)`;
    return new Set(rows.map(({ name }) => name));
  } finally {
    await sql.end();
  }
}
