// npm run db:check: fails when migrations, schema files and generated types say different things.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { StackError } from '../stack/stack-error.ts';
import { generateTypes, typesFile } from './generate-types.ts';
import { initFile, initMigration, isBeforeRelease } from './init-migration.ts';
import { supabaseFolder } from './migrate.ts';
import { planChanges } from './plan-changes.ts';
import { startScratch } from './scratch.ts';
import { splitStatements } from './split-statements.ts';

await runCommand(async () => {
  checkInit();
  await using scratch = await startScratch();
  const want = await scratch.database('want', 'schemas');
  const have = await scratch.database('have', 'migrations');
  const [{ migrations }, types] = await Promise.all([
    planChanges(have.url('postgres'), want.url('postgres')),
    generateTypes(want),
  ]);
  if (migrations.length > 0) {
    throw new StackError(
      `The migrations do not lead to the schema files. Run: npm run db:migrate NAME. Missing:\n${migrations.join('')}`,
    );
  }
  if (!existsSync(typesFile) || readFileSync(typesFile, 'utf8') !== types) {
    throw new StackError('The generated types are stale. Run: npm run db:types.');
  }
});

/** pg-delta sees no order of columns and no storage settings; a text compared with a text does. */
function checkInit(): void {
  if (!isBeforeRelease(supabaseFolder)) return;
  const file = join(supabaseFolder, 'migrations', initFile);
  const have = existsSync(file) ? splitStatements(readFileSync(file, 'utf8')) : [];
  const want = splitStatements(initMigration(supabaseFolder));
  const differs = want.find((one, index) => one.text !== have[index]?.text) ?? have[want.length];
  if (!differs) return;
  const line = differs.text.split('\n')[0];
  throw new StackError(
    `${initFile} is older than the schema files. Run: npm run db:migrate init. First difference:\n${line}`,
  );
}
