import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { requireFree } from './ports.ts';
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

const web = join(import.meta.dirname, '../../web');

export async function startSite({ port, env, alert }: Options): Promise<Site> {
  await requireFree([port]);
  const child = spawn(process.execPath, [`${import.meta.dirname}/site-process.ts`, String(port)], {
    cwd: web,
    // Its own group: Ctrl-C reaches us, and we end it with whatever helpers it has started.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const served = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line === '\0serving') resolve();
        else alert(line);
      });
    }
  });
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
  await Promise.race([served, ended]);

  return {
    url: `http://127.0.0.1:${port}`,
    ended,
    async stop() {
      stopping = true;
      signalGroup(child.pid, 'SIGTERM');
      const kill = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), 5_000);
      await exited;
      clearTimeout(kill);
    },
  };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}
