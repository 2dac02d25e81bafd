import { RequestError } from './errors.ts';
import { rpc } from './rpc.ts';
import { assertEquals } from './testing.ts';

interface Seen {
  path: string;
  headers: Headers;
  body: unknown;
}

/** A Data API that answers as told and keeps what it was asked. */
async function withApi(
  answer: (request: Request) => Response | Promise<Response>,
  use: (url: string, seen: Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    seen.push({ path: pathname, headers: request.headers, body: await request.clone().json() });
    return answer(request);
  });
  try {
    await use(`http://127.0.0.1:${server.addr.port}`, seen);
  } finally {
    await server.shutdown();
  }
}

const options = (supabaseUrl: string) => ({
  env: { supabaseUrl, publishableKey: 'public', secretKey: 'secret' },
  requestId: 'the-id-of-it',
});

async function refusalOf(work: Promise<unknown>): Promise<RequestError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

Deno.test('the service calls with the secret key, a caller with its own token', async () => {
  await withApi(
    () => Response.json({ a: 1 }),
    async (url, seen) => {
      assertEquals(await rpc('do_it', { x: [1] }, options(url)), { a: 1 });
      await rpc('do_it', {}, { ...options(url), bearer: 'their-token' });
      const [service, caller] = seen as [Seen, Seen];
      assertEquals(service.path, '/rest/v1/rpc/do_it');
      assertEquals(service.body, { x: [1] });
      assertEquals(service.headers.get('apikey'), 'secret');
      assertEquals(service.headers.get('authorization'), null);
      assertEquals(service.headers.get('x-request-id'), 'the-id-of-it');
      assertEquals(caller.headers.get('apikey'), 'public');
      assertEquals(caller.headers.get('authorization'), 'Bearer their-token');
    },
  );
});

Deno.test('a function without a result gives none', async () => {
  await withApi(
    () => new Response(null, { status: 204 }),
    async (url) => {
      assertEquals(await rpc('do_it', {}, options(url)), undefined);
    },
  );
});

Deno.test('a refusal is thrown with its code', async () => {
  const body = { code: 'PT429', message: 'rate_limited', details: 'Slow down.', hint: null };
  await withApi(
    () => Response.json(body, { status: 429 }),
    async (url) => {
      const error = await refusalOf(rpc('do_it', {}, options(url)));
      assertEquals([error.status, error.code, error.detail], [429, 'rate_limited', 'Slow down.']);
    },
  );
});

Deno.test('an answer that is no JSON is our failure', async () => {
  await withApi(
    () => new Response('<html>', { status: 500 }),
    async (url) => {
      assertEquals((await refusalOf(rpc('do_it', {}, options(url)))).code, 'internal_error');
    },
  );
});

Deno.test('a database that does not answer, or not in time, is unavailable', async () => {
  const error = await refusalOf(rpc('do_it', {}, options('http://127.0.0.1:1')));
  assertEquals(error.code, 'upstream_unavailable');
  const never = Promise.withResolvers<Response>();
  await withApi(
    () => never.promise,
    async (url) => {
      const late = await refusalOf(rpc('do_it', {}, { ...options(url), timeoutMs: 20 }));
      assertEquals(late.code, 'upstream_unavailable');
      never.resolve(new Response());
    },
  );
});
