import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startOf } from './process-identity.ts';

/**
 * Says in each folder that this stack is ready and how to reach it; the returned function takes it
 * back. Another live stack's announcement is left alone.
 */
export function announce(folders: string[], env: Record<string, string>): () => void {
  const ours = folders.filter((folder) => !heldByAnother(folder));
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
  for (const folder of ours) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'env'), lines.join(''), { mode: 0o600 });
    writeFileSync(join(folder, 'ready'), `${process.pid}\n`);
  }
  return () => {
    for (const folder of ours) {
      if (holderOf(folder) !== process.pid) continue;
      for (const name of ['ready', 'env']) rmSync(join(folder, name), { force: true });
    }
  };
}

function heldByAnother(folder: string): boolean {
  const pid = holderOf(folder);
  return pid !== undefined && pid !== process.pid && startOf(pid) !== '';
}

function holderOf(folder: string): number | undefined {
  try {
    return Number(readFileSync(join(folder, 'ready'), 'utf8'));
  } catch {
    return undefined;
  }
}
