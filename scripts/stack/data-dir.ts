// The folder that holds everything one stack keeps: the database, files, keys, logs, caught mails,
// and who runs on it. One live stack per folder; what a killed one left running is ended here.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isAlive, type Recorded } from './process-identity.ts';
import { StackError } from './stack-error.ts';

export interface DataDir {
  path: string;
  /** Remembers the running children, so that the next start can end them if we are killed. */
  recordChildren(pids: number[]): void;
  release(): void;
}

interface Holder {
  stack: Recorded;
  children: Recorded[];
}

export async function claimDataDir(path: string, fresh: boolean): Promise<DataDir> {
  mkdirSync(path, { recursive: true });
  const file = join(path, 'holder.json');
  const previous = readHolder(file);
  if (previous) {
    if (isAlive(previous.stack)) {
      throw new StackError(
        `A stack already runs on ${path} (process ${previous.stack.pid}); stop it, or choose another folder with --data.`,
      );
    }
    await endAll(previous.children);
    rmSync(file, { force: true });
  }
  const holder: Holder = { stack: identify(process.pid), children: [] };
  try {
    writeFileSync(file, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new StackError(`Another stack is just starting on ${path}.`);
  }
  for (const stale of ['ready', 'env']) rmSync(join(path, stale), { force: true });
  if (fresh) {
    for (const kept of ['postgres', 'storage', 'mail.json', 'razorpay.json', 'keys.json', 'logs']) {
      rmSync(join(path, kept), { recursive: true, force: true });
    }
  }
  return {
    path,
    recordChildren(pids) {
      holder.children = pids.map(identify);
      // Never half-written: a reader after a kill sees the old list or the new one.
      writeFileSync(`${file}.new`, JSON.stringify(holder), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    release: () => rmSync(file, { force: true }),
  };
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function endAll(children: Recorded[]): Promise<void> {
  for (const child of children.filter(isAlive)) process.kill(child.pid, 'SIGTERM');
  for (let waited = 0; children.some(isAlive); waited += 50) {
    if (waited === 5000) {
      for (const child of children.filter(isAlive)) process.kill(child.pid, 'SIGKILL');
    }
    await sleep(50);
  }
}
