import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { supabasePolicy } from '@supabase/pg-delta';
import { StackError } from '../stack/stack-error.ts';

const run = promisify(execFile);
const pgdelta = join(import.meta.dirname, '../../node_modules/.bin/pgdelta');

// The platform's own schemas stay out, as pg-delta knows them; triggers of ours on their tables are
// in already, and policies of ours on the files of Storage and the channels of Realtime come in here.
const profile = {
  id: 'oneai',
  handlers: [],
  policy: {
    id: 'oneai',
    extends: [supabasePolicy],
    filter: [
      {
        match: { all: [{ kind: 'policy' }, { schema: ['storage', 'realtime'] }] },
        action: 'include',
      },
      // Months come and go by scheduled work; only the table they are parts of is the schema's.
      { match: { partitionOf: { schema: 'private' } }, action: 'exclude' },
    ],
  },
};

export interface Changes {
  /** What turns the one database into the other, a text per transaction; none when they are equal. */
  migrations: string[];
  /** Whether rows or columns may be lost. */
  destructive: boolean;
}

/** Compares the schema of two databases. */
export async function planChanges(fromUrl: string, toUrl: string): Promise<Changes> {
  const folder = await mkdtemp(join(tmpdir(), 'oneai-plan-'));
  try {
    const profileFile = join(folder, 'profile.json');
    const planFile = join(folder, 'plan.json');
    await writeFile(profileFile, JSON.stringify(profile));
    await command('plan', [
      ...['--source', fromUrl, '--desired', toUrl, '--profile', profileFile],
      // A rename is a decision: it is written by hand, never guessed from two similar columns.
      ...['--renames', 'off', '--strict-coverage', '--out', planFile],
    ]);
    const plan = JSON.parse(await readFile(planFile, 'utf8')) as {
      actions: unknown[];
      safetyReport: { destructiveActions: number };
    };
    if (plan.actions.length === 0) return { migrations: [], destructive: false };

    const output = await command('render', [
      ...['--plan', planFile, '--out', join(folder, 'out.sql'), '--allow-drops'],
    ]);
    const { files } = JSON.parse(output) as { files: { path: string }[] };
    const texts = await Promise.all(files.map((file) => readFile(file.path, 'utf8')));
    return {
      migrations: texts.map(indexPartitionsToo),
      destructive: plan.safetyReport.destructiveActions > 0,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

// pg-delta leaves a new index of a partitioned table without those of its partitions, and so invalid.
function indexPartitionsToo(text: string): string {
  return text.replace(/^(CREATE (?:UNIQUE )?INDEX \S+ ON) ONLY /gm, '$1 ');
}

async function command(name: string, args: string[]): Promise<string> {
  try {
    return (await run(pgdelta, [name, ...args])).stdout;
  } catch (error) {
    const lines = (error as { stderr?: string }).stderr?.split('\n') ?? [String(error)];
    // pg-delta warns of every dependency on what it was told to leave out.
    const telling = lines.filter((line) => line && !/dangling_edge|^Extracting/.test(line));
    throw new StackError(`The schemas could not be compared: ${telling.join(' ')}`);
  }
}
