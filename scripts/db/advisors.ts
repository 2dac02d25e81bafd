// npm run db:advisors: the platform's own lints; what they find is mended or answered for in writing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { StackError } from '../stack/stack-error.ts';
import { supabaseFolder } from './migrate.ts';
import { startScratch } from './scratch.ts';
import { supabaseCli } from './supabase-cli.ts';
import { type Finding, unwaived, type Waiver } from './unwaived.ts';

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
  const problems = unwaived(results, waivers);
  if (problems.length > 0) throw new StackError(problems.join('\n'));
});
