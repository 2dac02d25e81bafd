// Part of npm run check: the house style of SQL, as far as the language server does not know it.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { StackError } from '../stack/stack-error.ts';
import { styleProblems } from './style-problems.ts';

const root = join(import.meta.dirname, '../..');
// Migrations that pg-delta writes are in its style; rows are written by hand.
const files = ['supabase/schemas/*.sql', 'supabase/migrations/*_data.sql', 'supabase/seed.sql'];
files.push('supabase/tests/*.sql', 'scripts/**/*.sql');

await runCommand(() => {
  const problems = globSync(files, { cwd: root })
    .sort()
    .flatMap((file) => {
      const kind = file.startsWith('supabase/schemas/') ? 'schema' : 'other';
      const found = styleProblems(readFileSync(join(root, file), 'utf8'), kind);
      return found.map(({ line, text }) => `${file}:${line}: ${text}`);
    });
  if (problems.length > 0) throw new StackError(problems.join('\n'));
});
