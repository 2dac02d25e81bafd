import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Stack, startStack } from './stack.ts';

const fixtures = join(import.meta.dirname, 'fixtures/functions');
const functionsDir = mkdtempSync(join(tmpdir(), 'oneai-functions-'));
const alerts: string[] = [];
let stack: Stack;
let token: string;

beforeAll(async () => {
  cpSync(fixtures, functionsDir, { recursive: true });
  stack = await startStack({
    functionsDir,
    watchFiles: true,
    alert: (message) => alerts.push(message),
  });
  token = await signUp(stack);
});
afterAll(async () => {
  await stack.stop();
  rmSync(functionsDir, { recursive: true });
});

/** The fixtures are not named in config.toml, so the gateway checks a token for them. */
const probe = (route: string, init: RequestInit = {}) =>
  fetch(`${stack.url}/functions/v1/probe/${route}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...(init.headers as object) },
  });

async function signUp({ url, publishableKey }: Stack): Promise<string> {
  const response = await fetch(`${url}/auth/v1/signup`, {
    method: 'POST',
    headers: { apikey: publishableKey },
    body: JSON.stringify({ email: 'caller@example.com', password: 'a long password' }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { code: unknown }).code;
}

test('folders with an index are functions, shared ones are not', () => {
  expect(stack.functions).toEqual(['guarded', 'probe']);
});

test('a function gets the request as it was sent, under its own name, with its id', async () => {
  const response = await probe('echo?a=1', {
    method: 'POST',
    body: 'x'.repeat(100_000),
    headers: { 'x-request-id': 'a-request-of-mine' },
  });
  expect(response.headers.get('x-request-id')).toBe('a-request-of-mine');
  expect(await response.json()).toEqual({
    method: 'POST',
    url: `${stack.url}/probe/echo?a=1`,
    requestId: 'a-request-of-mine',
    size: 100_000,
  });
});

test('an id that is not sane is replaced', async () => {
  const response = await probe('echo', { headers: { 'x-request-id': 'a b' } });
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('a function that is not there is said not to be', async () => {
  const response = await fetch(`${stack.url}/functions/v1/nothing`);
  expect(response.status).toBe(404);
  expect(await codeOf(response)).toBe('NOT_FOUND');
  expect((await fetch(`${stack.url}/functions/v1/_shared`)).status).toBe(404);
});

test('a function whose gateway checks tokens lets nobody else in', async () => {
  const guarded = `${stack.url}/functions/v1/guarded`;
  const headers = { authorization: `Bearer ${token}` };
  expect(await (await fetch(guarded, { headers })).text()).toBe('in');
  const response = await fetch(guarded);
  expect(response.status).toBe(401);
  expect(await codeOf(response)).toBe('UNAUTHORIZED_INVALID_JWT');
});

test('frames arrive one by one, as the function sends them', async () => {
  const response = await probe('frames');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toBe('data: 1\n\n');
  await probe('release');
  expect((await reader?.read())?.value).toBe('data: 2\n\n');
  expect((await reader?.read())?.done).toBe(true);
});

test('a caller that leaves is noticed by the function', async () => {
  const leave = new AbortController();
  const response = await probe('hold', { signal: leave.signal });
  await response.body?.getReader().read();
  leave.abort();
  expect(await (await probe('aborted')).text()).toBe('aborted');
});

test('a body beyond the limit is refused, whether its length is told or not', async () => {
  const bytes = new Uint8Array(21 * 1024 * 1024);
  const told = await probe('echo', { method: 'POST', body: bytes });
  expect(told.status).toBe(413);
  const untold = await probe('echo', {
    method: 'POST',
    body: new Blob([bytes]).stream(),
    duplex: 'half',
  });
  expect(untold.status).toBe(413);
  expect(await codeOf(untold)).toBe('PAYLOAD_TOO_LARGE');
});

test('a body whose length is not told arrives whole', async () => {
  const answer = await probe('echo', {
    method: 'POST',
    body: new Blob(['x'.repeat(100_000)]).stream(),
    duplex: 'half',
  });
  expect(await answer.json()).toMatchObject({ size: 100_000 });
});

test('a function that ends answers 500, and the next request is served', async () => {
  const response = await probe('crash');
  expect(response.status).toBe(500);
  expect(await codeOf(response)).toBe('WORKER_ERROR');
  expect((await probe('echo')).status).toBe(200);
  expect((await fetch(`${stack.url}/auth/v1/health`)).status).toBe(401);
});

test('an answer that breaks off does not look whole', async () => {
  const headers = { authorization: `Bearer ${token}` };
  const ended = new Promise<IncomingMessage>((resolve) => {
    get(`${stack.url}/functions/v1/probe/hold`, { headers }, (answer) => {
      answer.once('data', () => void probe('crash'));
      answer.on('error', () => resolve(answer)).on('end', () => resolve(answer));
    });
  });
  expect((await ended).complete).toBe(false);
});

test('a function that takes too much memory is ended, the others are not', async () => {
  const response = await probe('hog');
  expect(response.status).toBe(500);
  expect((await probe('echo')).status).toBe(200);
});

test('a syntax error shows, is not papered over with the old code, and goes with its repair', async () => {
  const file = join(functionsDir, 'probe/index.ts');
  const good = readFileSync(file, 'utf8');
  alerts.length = 0;
  writeFileSync(file, `${good}\nconst = broken;`);
  await vi.waitFor(async () => {
    const response = await probe('echo');
    expect(response.status).toBe(503);
    expect(await codeOf(response)).toBe('BOOT_ERROR');
  }, 10_000);
  expect(alerts.join('\n')).toContain('Function probe does not start');
  writeFileSync(
    file,
    good.replace("name] ?? ''", "name] ?? 'echo'").replace("'no such route'", "'repaired'"),
  );
  await vi.waitFor(async () => {
    expect(await (await probe('nothing')).text()).toBe('repaired');
  }, 10_000);
});

test('a request under way finishes on the old code when the code changes', async () => {
  const response = await probe('frames');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  await reader?.read();
  const file = join(functionsDir, 'probe/index.ts');
  writeFileSync(file, readFileSync(file, 'utf8').replace("'repaired'", "'changed again'"));
  await vi.waitFor(async () => {
    expect(await (await probe('nothing')).text()).toBe('changed again');
  }, 10_000);
  const still = reader?.read();
  await reader?.cancel();
  expect((await still)?.value).toBeUndefined();
});

test('work handed to waitUntil is done before the function is ended', async () => {
  const calls: string[] = [];
  const waiting = Promise.withResolvers<unknown>();
  const go = Promise.withResolvers<unknown>();
  const server = createServer((request, answer) => {
    calls.push(request.url ?? '');
    if (request.url !== '/after') return answer.end();
    waiting.resolve(null);
    void go.promise.then(() => answer.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using own = await startStack({ functionsDir: fixtures });
  const response = await fetch(`${own.url}/functions/v1/probe/later`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await signUp(own)}` },
    body: JSON.stringify({ after: `${base}/after`, url: `${base}/done` }),
  });
  expect(await response.text()).toBe('answered');
  await waiting.promise;
  const stopped = own.stop();
  go.resolve(null);
  await stopped;
  expect(calls).toEqual(['/after', '/done']);
  server.close();
});

test('realtime says that it is not there', async () => {
  const response = await fetch(`${stack.url}/realtime/v1/websocket`);
  expect(response.status).toBe(501);
  expect(await codeOf(response)).toBe('NOT_IMPLEMENTED');
});
