import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FunctionProcess {
  pid: number;
  port: number;
  /** Resolves when the process has ended, with the last it said. */
  ended: Promise<string>;
  /** Lets requests and waitUntil work finish, then ends it whatever it does. */
  drain(limitMs: number): Promise<void>;
}

interface Options {
  deno: string;
  root: string;
  entry: string;
  readable: string[];
  port: number;
  env: Record<string, string>;
  /** Told what the function prints, line by line. */
  say: (line: string) => void;
}

const bootLimitMs = 20_000;
const memoryMb = 256;

/** Starts a function and waits until it serves; the rejection says why it did not. */
export async function startFunctionProcess(options: Options): Promise<FunctionProcess> {
  const { deno, root, entry, readable, port, env, say } = options;
  const child = spawn(
    deno,
    [
      'run',
      '--quiet',
      '--no-prompt',
      '--no-remote',
      '--no-lock',
      '--unstable-no-legacy-abort',
      '--allow-net',
      '--allow-env',
      `--allow-read=${readable.join(',')}`,
      `--v8-flags=--max-old-space-size=${memoryMb}`,
      `--config=${root}/deno.json`,
      `--preload=${import.meta.dirname}/function-preload.ts`,
      entry,
    ],
    {
      cwd: root,
      // A group of its own, so that Ctrl-C reaches the stack only and functions may finish.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...env, DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`, NO_COLOR: '1' },
    },
  );
  const last: string[] = [];
  let serving = () => {};
  const served = new Promise<void>((resolve) => {
    serving = resolve;
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line === '\0serving') return serving();
      last.push(line);
      if (last.length > 40) last.shift();
      say(line);
    });
  }
  const ended = endOf(child).then(() => last.join('\n'));
  const late = new AbortController();
  const outcome = await Promise.race([
    served,
    ended,
    sleep(bootLimitMs, 'It did not call Deno.serve in time.', { signal: late.signal }),
  ]);
  late.abort();
  if (typeof outcome === 'string') {
    child.kill('SIGKILL');
    throw new Error(outcome || 'It ended without a word.');
  }
  return {
    pid: child.pid as number,
    port,
    ended,
    async drain(limitMs) {
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), limitMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('error', () => resolve());
    // Not `exit`: what it said last may still be on its way.
    child.once('close', () => resolve());
  });
}
