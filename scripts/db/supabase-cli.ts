import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../stack/stack-error.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

// The scratch server has no TLS, and nothing here is anybody's to count.
const environment = { PGSSLMODE: 'disable', DO_NOT_TRACK: '1', NO_COLOR: '1' };

/** Runs the Supabase CLI on this repository and returns what it printed. */
export async function supabaseCli(...args: string[]): Promise<string> {
  try {
    const { stdout } = await run(join(root, 'node_modules/.bin/supabase'), args, {
      cwd: root,
      env: { ...process.env, ...environment },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() ?? String(error);
    throw new StackError(`supabase ${args.slice(0, 2).join(' ')} failed: ${said}`);
  }
}
