// A published gateway to measure beside ours: @portkey-ai/gateway, as it is in node_modules but for
// one option. Its streaming fails with the HTTP server it pulls in unless that leaves the global
// Response alone, so a copy made for the run says so; nothing of it is kept.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../stack/ports.ts';
import { StackError } from '../stack/stack-error.ts';

const gateway = join(import.meta.dirname, '../../node_modules/@portkey-ai/gateway');
const startLimitMs = 30_000;

export interface Portkey extends AsyncDisposable {
  url: string;
  pid: number;
}

export async function startPortkey(): Promise<Portkey> {
  const port = await findFreePort();
  // Inside its package, so that the copy finds what it imports.
  const folder = mkdtempSync(join(gateway, 'bench-'));
  const copy = join(folder, 'start-server.mjs');
  const source = readFileSync(join(gateway, 'build/start-server.js'), 'utf8');
  writeFileSync(copy, withOption(source));
  const child = spawn(process.execPath, [copy, '--headless', `--port=${port}`], {
    stdio: 'ignore',
    env: { ...process.env, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
  });
  const stop = async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + startLimitMs;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer) {
      return { url: `${url}/v1`, pid: child.pid as number, [Symbol.asyncDispose]: stop };
    }
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new StackError('The gateway to compare with did not start.');
    }
    await sleep(100);
  }
}

function withOption(source: string): string {
  const call = /\(\{fetch:([\w$.]+),port:([\w$]+)\}\)/;
  if (!call.test(source)) throw new StackError('The gateway to compare with has changed.');
  return source.replace(call, '({fetch:$1,port:$2,overrideGlobalObjects:false})');
}
