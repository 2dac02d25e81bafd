import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from './stack-error.ts';

export interface Site {
  url: string;
  /** Rejects when the site ends without having been asked to. */
  ended: Promise<never>;
  stop(): Promise<void>;
}

interface Options {
  port: number;
  env: Record<string, string>;
  alert: (message: string) => void;
}

const root = join(import.meta.dirname, '../..');
const startLimitMs = 60_000;

/** Vite's development server for web/, and nothing of it left when stopped. */
export async function startSite({ port, env, alert }: Options): Promise<Site> {
  const url = `http://127.0.0.1:${port}`;
  const { CI: _, ...inherited } = process.env;
  const child = spawn(
    join(root, 'node_modules/.bin/vite'),
    ['dev', '--host', '127.0.0.1', '--port', String(port), '--strictPort', '--logLevel', 'warn'],
    {
      cwd: join(root, 'web'),
      // Its own group: Ctrl-C reaches us, and we end the group. Vite ends by itself when its input
      // closes, which is what a kill -9 of ours does.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...inherited, ...env },
    },
  );
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => alert(text.trimEnd()));
  }
  let stopping = false;
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  const ended = exited.then(() => {
    if (stopping) return new Promise<never>(() => {});
    throw new StackError('The site ended; its last words are above.');
  });
  ended.catch(() => {});

  const stop = async () => {
    stopping = true;
    // Without its group's leader there may still be helpers of Vite.
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGTERM');
    const kill = setTimeout(() => child.pid && signalGroup(child.pid, 'SIGKILL'), 5_000);
    await exited;
    clearTimeout(kill);
  };
  try {
    await Promise.race([answers(url), ended]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, ended, stop };
}

async function answers(url: string): Promise<void> {
  const deadline = Date.now() + startLimitMs;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response) return;
    await sleep(100);
  }
  throw new StackError(`The site did not answer on ${url} within a minute.`);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}
