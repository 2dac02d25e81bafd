import { failure } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import { handleJobs, type JobsDeps } from './handler.ts';

const secretKey = 'sb_secret_of_the_tests';

function ask(
  body: unknown,
  { key = secretKey, method = 'POST', deps = {} as Partial<JobsDeps> } = {},
) {
  const request = new Request('http://functions/jobs', {
    method,
    headers: { apikey: key, 'x-request-id': 'the-id-of-it' },
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
  });
  return handleJobs(request, {
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey },
    openRouterUrl: 'http://openrouter',
    openRouterKey: 'the-key',
    fetch: () => Promise.reject(new Error('nothing is fetched here')),
    rpc: () => Promise.reject(new Error('nothing is called here')),
    tasks: { known: ({ requestId }) => Promise.resolve(`done for ${requestId}`) },
    ...deps,
  });
}

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { error: { code: unknown } }).error.code;
}

Deno.test('a known task is done and its result reported', async () => {
  const response = await ask({ task: 'known' });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get('x-request-id'), 'the-id-of-it');
  assertEquals(await response.json(), { task: 'known', result: 'done for the-id-of-it' });
});

for (const key of ['', 'public', `${secretKey}x`, secretKey.slice(0, -1)]) {
  Deno.test(`the key "${key}" starts nothing`, async () => {
    let started = false;
    const tasks = { known: () => Promise.resolve((started = true)) };
    const response = await ask({ task: 'known' }, { key, deps: { tasks } });
    assertEquals([response.status, await codeOf(response)], [401, 'unauthorized']);
    assertEquals(started, false);
  });
}

for (const body of [
  '',
  'not json',
  'null',
  '[]',
  '{}',
  '{"task":7}',
  '{"task":"unknown"}',
  '{"task":"toString"}',
]) {
  Deno.test(`the body ${body || '(empty)'} is refused`, async () => {
    const response = await ask(body);
    assertEquals([response.status, await codeOf(response)], [422, 'invalid_input']);
  });
}

Deno.test('a body that is too large is refused', async () => {
  const response = await ask({ task: 'known', more: 'x'.repeat(2000) });
  assertEquals([response.status, await codeOf(response)], [413, 'too_large']);
});

Deno.test('another method is refused, a preflight is answered without a key', async () => {
  const got = await ask(null, { method: 'GET' });
  assertEquals([got.status, await codeOf(got)], [405, 'method_not_allowed']);
  const asked = await ask(null, { method: 'OPTIONS', key: '' });
  assertEquals(asked.status, 204);
});

Deno.test('a task that fails answers with its code', async () => {
  const tasks = { known: () => Promise.reject(failure('upstream_unavailable')) };
  const response = await ask({ task: 'known' }, { deps: { tasks } });
  assertEquals([response.status, await codeOf(response)], [503, 'upstream_unavailable']);
});

Deno.test('a task that breaks tells the caller nothing of why', async () => {
  const tasks = { known: () => Promise.reject(new Error('secret detail')) };
  const response = await ask({ task: 'known' }, { deps: { tasks } });
  assertEquals(response.status, 500);
  assertEquals((await response.text()).includes('secret detail'), false);
});
