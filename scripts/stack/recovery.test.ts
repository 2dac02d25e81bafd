import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { findFreePort } from './ports.ts';
import { startOf } from './process-identity.ts';
import { type Stack, startStack } from './stack.ts';

const root = join(import.meta.dirname, '../..');
const patience = { timeout: 30_000, interval: 50 };
let dataDir: string;
let port: number;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'oneai-recovery-'));
  port = await findFreePort();
  return () => rmSync(dataDir, { recursive: true, force: true });
});

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

interface Run {
  child: ChildProcess;
  output(): string;
  exit: Promise<number | null>;
}

function run(script: string, ...args: string[]): Run {
  const child = spawn(process.execPath, [join(root, script), ...args], { cwd: root });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, exit, output: () => output };
}

async function runUntilReady(): Promise<Run> {
  const started = run('scripts/stack/fixtures/run-stack.ts', dataDir, String(port));
  await Promise.race([
    vi.waitFor(() => expect(started.output()).toContain('ready'), patience),
    started.exit.then(() => Promise.reject(new Error(started.output()))),
  ]);
  return started;
}

const readEnv = () =>
  Object.fromEntries(
    readFileSync(join(dataDir, 'env'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
  ) as Record<string, string>;

const postgresPid = () =>
  Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);

function functionPids(): number[] {
  const holder = JSON.parse(readFileSync(join(dataDir, 'holder.json'), 'utf8')) as {
    children: { pid: number }[];
  };
  return holder.children.map(({ pid }) => pid);
}

async function signUp(email: string): Promise<void> {
  const { SUPABASE_URL: url, SUPABASE_PUBLISHABLE_KEY: apikey = '' } = readEnv();
  await vi.waitFor(async () => {
    const response = await fetch(`${url}/auth/v1/signup`, {
      method: 'POST',
      headers: { apikey },
      body: JSON.stringify({ email, password: 'a long password' }),
    });
    expect(response.status).toBe(200);
  }, patience);
}

async function everybody(): Promise<string[]> {
  const sql = postgres(readEnv()['DATABASE_URL'] ?? '', { max: 1 });
  const rows = await sql<{ email: string }[]>`select email from auth.users order by created_at`;
  await sql.end();
  return rows.map(({ email }) => email);
}

async function functionsAnswer(): Promise<void> {
  const { SUPABASE_URL: url } = readEnv();
  await vi.waitFor(async () => {
    // Who has no token is refused by the gateway, so the preflight reaches the function itself.
    const response = await fetch(`${url}/functions/v1/guarded`, { method: 'OPTIONS' });
    expect(await response.text()).toBe('in');
  }, patience);
}

/** A small generator with a seed, so that an order that fails can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

test('ten kills of its parts in random order lose nothing', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
  const random = seeded(seed);
  const people: string[] = [];
  let stack = await runUntilReady();
  for (let kill = 0; kill < 10; kill += 1) {
    const part = ['postgres', 'function', 'stack'][Math.floor(random() * 3)];
    const email = `seed-${seed}-${kill}@example.com`;
    await signUp(email);
    people.push(email);
    if (part === 'stack') {
      const before = [postgresPid(), ...functionPids()];
      stack.child.kill('SIGKILL');
      await stack.exit;
      stack = await runUntilReady();
      expect(before.map(startOf), `seed ${seed}: left behind`).toEqual(before.map(() => ''));
    } else {
      const pids = part === 'postgres' ? [postgresPid()] : functionPids();
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(pids.map(startOf)).toEqual(pids.map(() => '')), patience);
    }
    await vi.waitFor(
      async () => expect(await everybody(), `seed ${seed}`).toEqual(people),
      patience,
    );
    await functionsAnswer();
  }
  const last = [postgresPid(), ...functionPids()];
  stack.child.kill('SIGINT');
  expect(await stack.exit).toBe(0);
  expect(last.map(startOf)).toEqual(last.map(() => ''));
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s leaves no process and no sign behind',
  async (signal) => {
    const stack = await runUntilReady();
    const pids = [postgresPid(), ...functionPids()];
    expect(pids.length).toBeGreaterThan(1);
    expect(existsSync(join(dataDir, 'ready'))).toBe(true);
    stack.child.kill(signal);
    expect(await stack.exit).toBe(0);
    expect(pids.map(startOf)).toEqual(pids.map(() => ''));
    for (const file of ['ready', 'env', 'holder.json']) {
      expect(existsSync(join(dataDir, file))).toBe(false);
    }
  },
);

test('functions end by themselves when the stack is killed outright', async () => {
  const stack = await runUntilReady();
  const pids = functionPids();
  stack.child.kill('SIGKILL');
  await stack.exit;
  await vi.waitFor(() => expect(pids.map(startOf)).toEqual(pids.map(() => '')), patience);
  const next = await runUntilReady();
  next.child.kill('SIGTERM');
  expect(await next.exit).toBe(0);
});

test('a second stack on the same folder says so in a sentence', async () => {
  await runUntilReady();
  const second = run('scripts/stack/fixtures/run-stack.ts', dataDir, String(await findFreePort()));
  expect(await second.exit).toBe(1);
  expect(second.output().trim()).toMatch(
    /^A stack already runs on \S+ \(process \d+\); stop it, .*\.$/,
  );
});

test.each([0, 1, 3])(
  'a busy port (%i from the first) is named, and nothing is left running',
  async (offset) => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(port + offset, '127.0.0.1', resolve));
    const stack = run('scripts/stack/fixtures/run-stack.ts', dataDir, String(port));
    expect(await stack.exit).toBe(1);
    expect(stack.output().trim()).toBe(
      `Port ${port + offset} is in use. Stop what uses it, or choose others with --port.`,
    );
    expect(existsSync(join(dataDir, 'holder.json'))).toBe(false);
    expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(false);
    blocker.close();
  },
);

test('a port that is none is refused in a sentence', async () => {
  const stack = run('scripts/stack/main.ts', '--port', 'x');
  expect(await stack.exit).toBe(1);
  expect(stack.output().trim()).toBe('--port takes a number from 1024 to 65000, not "x".');
});

test('two stacks run side by side with data of their own', async () => {
  const stacks: Stack[] = await Promise.all([startStack(), startStack()]);
  const [one, other] = stacks as [Stack, Stack];
  try {
    const call = (stack: Stack, route: string, publishableKey = stack.publishableKey) =>
      fetch(`${stack.url}/auth/v1/${route}`, {
        method: 'POST',
        headers: { apikey: publishableKey },
        body: JSON.stringify({ email: 'only@example.com', password: 'a long password' }),
      });
    expect((await call(one, 'signup')).status).toBe(200);
    expect((await call(one, 'token?grant_type=password')).status).toBe(200);
    expect((await call(other, 'token?grant_type=password')).status).toBe(400);
    expect((await call(other, 'signup', one.publishableKey)).status).toBe(401);
  } finally {
    await Promise.all(stacks.map((stack) => stack.stop()));
  }
});

test('what was kept is there after a restart, and gone after --fresh', async () => {
  const kept = mkdtempSync(join(tmpdir(), 'oneai-kept-'));
  const signIn = (stack: Stack, route: string) =>
    fetch(`${stack.url}/auth/v1/${route}`, {
      method: 'POST',
      headers: { apikey: stack.publishableKey },
      body: JSON.stringify({ email: 'kept@example.com', password: 'a long password' }),
    });
  const keys: string[] = [];
  for (const [fresh, route, status] of [
    [false, 'signup', 200],
    [false, 'token?grant_type=password', 200],
    [true, 'token?grant_type=password', 400],
  ] as const) {
    await using stack = await startStack({ dataDir: kept, fresh });
    keys.push(stack.secretKey);
    expect((await signIn(stack, route)).status).toBe(status);
  }
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
  rmSync(kept, { recursive: true });
});
