// A stack in a process of its own, as somebody runs it, so that a bench measures it and not itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { findFreePort } from '../stack/ports.ts';
import { StackError } from '../stack/stack-error.ts';
import { cpuMs, environmentOf, familyOf, ownMemory } from './processes.ts';

export type Layer = 'function' | 'postgres' | 'stack';

export interface StackProcess extends AsyncDisposable {
  url: string;
  publishableKey: string;
  secretKey: string;
  databaseUrl: string;
  /** What `.stack/env` holds. */
  env: Record<string, string>;
  dataDir: string;
  /** Where a function listens itself, past the one origin of the stack. */
  addressOf(functionName: string): string;
  /** Milliseconds of CPU since the stack started: of one function, of Postgres, of the rest. */
  cpuByLayer(functionName: string): Record<Layer, number>;
  /** Bytes that a function's process has for itself, and with the runtime's pages that all share. */
  memoryOf(functionName: string): { own: number; whole: number };
  stop(): Promise<void>;
}

const startLimitMs = 120_000;

export async function startStackProcess(): Promise<StackProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'oneai-bench-'));
  const port = await findFreePort();
  const script = join(import.meta.dirname, '../stack/main.ts');
  const child = spawn(
    process.execPath,
    [script, '--port', String(port), '--data', dataDir, '--fresh'],
    { stdio: 'ignore' },
  );
  const pid = child.pid as number;
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(dataDir, { recursive: true, force: true });
  };
  const until = Date.now() + startLimitMs;
  while (!existsSync(join(dataDir, 'ready'))) {
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new StackError('The stack to measure did not start.');
    }
    await sleep(100);
  }
  const env = parseEnv(readFileSync(join(dataDir, 'env'), 'utf8')) as Record<string, string>;
  const isFunction = (command: string, name: string) => command.includes(`functions/${name}/index`);
  const processOf = (name: string) =>
    familyOf(pid).findLast(({ command }) => isFunction(command, name))?.pid ?? pid;
  return {
    url: env['SUPABASE_URL'] as string,
    publishableKey: env['SUPABASE_PUBLISHABLE_KEY'] as string,
    secretKey: env['SUPABASE_SECRET_KEY'] as string,
    databaseUrl: env['DATABASE_URL'] as string,
    env,
    dataDir,
    addressOf(functionName) {
      const address = environmentOf(processOf(functionName), 'DENO_SERVE_ADDRESS');
      return `http://${address?.replace('tcp:', '')}`;
    },
    cpuByLayer(functionName) {
      const cpu: Record<Layer, number> = { function: 0, postgres: 0, stack: 0 };
      for (const one of familyOf(pid)) {
        if (isFunction(one.command, functionName)) cpu.function += cpuMs(one.pid);
        else if (/postgres/.test(one.command)) cpu.postgres += cpuMs(one.pid);
        else if (one.pid === pid) cpu.stack += cpuMs(one.pid);
      }
      return cpu;
    },
    memoryOf(functionName) {
      return ownMemory(processOf(functionName));
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
