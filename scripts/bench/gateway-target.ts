// A stack in a process of its own, with a customer, so that a bench measures it and not itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import postgres from 'postgres';
import { type Customer, makeCustomer } from '../gateway/customer.ts';
import { findFreePort } from '../stack/ports.ts';
import { StackError } from '../stack/stack-error.ts';

export interface GatewayTarget extends AsyncDisposable {
  url: string;
  upstreamUrl: string;
  /** Some of a bench's calls must wait for others of their account; those of another need not. */
  customers: Customer[];
  dataDir: string;
  /** Milliseconds of CPU by layer since the stack started. */
  cpuMs(): Record<Layer, number>;
  /** Bytes that the gateway's process holds. */
  memory(): number;
}

export type Layer = 'gateway' | 'postgres' | 'stack';

const startLimitMs = 120_000;

export async function startGatewayTarget(accounts: number): Promise<GatewayTarget> {
  const dataDir = mkdtempSync(join(tmpdir(), 'oneai-bench-'));
  const port = await findFreePort();
  const script = join(import.meta.dirname, '../stack/main.ts');
  const child = spawn(
    process.execPath,
    [script, '--port', String(port), '--data', dataDir, '--fresh'],
    { stdio: 'ignore' },
  );
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const until = Date.now() + startLimitMs;
    while (!existsSync(join(dataDir, 'ready'))) {
      if (child.exitCode !== null || Date.now() > until) {
        throw new StackError('The stack to measure did not start.');
      }
      await sleep(100);
    }
    const env = parseEnv(readFileSync(join(dataDir, 'env'), 'utf8')) as Record<string, string>;
    const url = env['SUPABASE_URL']!;
    await fetch(`${url}/functions/v1/jobs`, {
      method: 'POST',
      headers: { apikey: env['SUPABASE_SECRET_KEY']! },
      body: JSON.stringify({ task: 'sync-models' }),
    });
    const sql = postgres(env['DATABASE_URL']!, { max: 1, onnotice: () => {} });
    const backend = { url, publishableKey: env['SUPABASE_PUBLISHABLE_KEY']!, sql };
    const customers: Customer[] = [];
    for (let made = 0; made < accounts; made += 1) {
      const customer = await makeCustomer(backend, { credits: 1e9, plan: 'enterprise' });
      customers.push(customer);
      // A bench asks more of an account than a plan allows, and its limits are to be counted all the same.
      await sql`insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
        values (${customer.accountId}, ${customer.accountId}, 2000000000, 'bench')`;
    }
    await sql.end();
    return {
      url: `${url}/functions/v1/gateway/v1`,
      upstreamUrl: env['OPENROUTER_BASE_URL']!,
      customers,
      dataDir,
      cpuMs: () => cpuByLayer(child.pid!),
      memory: () => memoryOf(gatewayPid(child.pid!)),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Process {
  pid: number;
  parent: number;
  command: string;
  cpuMs: number;
}

/** The kernel counts in hundredths of a second, user and system. */
function processes(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10;
      return [{ pid: Number(name), parent: Number(fields[1]), command, cpuMs }];
    } catch {
      // It ended while it was looked at.
      return [];
    }
  });
}

function familyOf(root: number): Process[] {
  const all = processes();
  const family = new Set([root]);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => family.has(pid));
}

function cpuByLayer(root: number): Record<Layer, number> {
  const cpu: Record<Layer, number> = { gateway: 0, postgres: 0, stack: 0 };
  for (const { pid, command, cpuMs } of familyOf(root)) {
    if (/functions\/gateway\/index/.test(command)) cpu.gateway += cpuMs;
    else if (/postgres/.test(command)) cpu.postgres += cpuMs;
    else if (pid === root) cpu.stack += cpuMs;
  }
  return cpu;
}

function gatewayPid(root: number): number {
  const all = familyOf(root).filter(({ command }) => /functions\/gateway\/index/.test(command));
  return all.at(-1)?.pid ?? root;
}

function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
