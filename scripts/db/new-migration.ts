// npm run db:migrate NAME: writes the migration that leads from the migrations to the schema files.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { StackError } from '../stack/stack-error.ts';
import { converge } from './converge.ts';
import { initFile, initMigration, isBeforeRelease } from './init-migration.ts';
import { supabaseFolder } from './migrate.ts';
import { planChanges } from './plan-changes.ts';
import { startScratch } from './scratch.ts';

const migrations = join(supabaseFolder, 'migrations');

await runCommand(async () => {
  const name = process.argv[2] ?? '';
  if (!/^[a-z][a-z0-9_]*$/.test(name) || name.endsWith('_data')) {
    throw new StackError(
      'Say what changes in small letters, such as: npm run db:migrate add_folders',
    );
  }
  if (name === 'init') await writeInit();
  else await writeChanges(name);
});

async function writeInit(): Promise<void> {
  if (!isBeforeRelease(supabaseFolder)) {
    throw new StackError('There are later migrations: the init migration is released and stays.');
  }
  await using scratch = await startScratch();
  const want = await scratch.database('want', 'schemas');
  writeFileSync(join(migrations, initFile), initMigration(supabaseFolder));
  const have = await scratch.database('have', 'migrations');
  const { migrations: left } = await planChanges(have.url('postgres'), want.url('postgres'));
  if (left.length > 0) {
    throw new StackError(`The data migrations change the schema; left over:\n${left.join('')}`);
  }
  console.log(`wrote supabase/migrations/${initFile}`);
}

async function writeChanges(name: string): Promise<void> {
  await using scratch = await startScratch();
  const have = await scratch.database('have', 'migrations');
  const want = await scratch.database('want', 'schemas');
  const changes = await converge(have.url('postgres'), want.url('postgres'));
  if (changes.migrations.length === 0) return console.log('Nothing changed.');

  let version = nextVersion();
  for (const [index, text] of changes.migrations.entries()) {
    const suffix = changes.migrations.length > 1 ? `_${index + 1}` : '';
    const file = `${version}_${name}${suffix}.sql`;
    writeFileSync(join(migrations, file), text);
    console.log(`wrote supabase/migrations/${file}`);
    version = String(Number(version) + 1);
  }
  if (changes.destructive) console.log('Read it twice: it drops what may hold data.');
}

/** The time, or just after the newest migration where that is later: files run in name order. */
function nextVersion(): string {
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const newest = readdirSync(migrations).sort().at(-1)?.slice(0, 14) ?? '0';
  return now > newest ? now : String(Number(newest) + 1);
}
