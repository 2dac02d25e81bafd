import { failure } from '../_shared/errors.ts';
import type { ByteLimits } from '../_shared/read-bytes.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { sign } from '../_shared/signature.ts';
import { assertEquals } from '../_shared/testing.ts';
import { handleWebhook } from './handler.ts';

interface Kept {
  event_id: string;
  event_body: string;
}

async function send(
  body: BodyInit,
  options: {
    secrets?: string[];
    headers?: Record<string, string>;
    rpc?: Rpc;
    method?: string;
    limits?: ByteLimits;
  } = {},
) {
  const kept: Kept[] = [];
  const keep = ((_: string, parameters: Kept) => {
    kept.push(parameters);
    return Promise.resolve({ state: 'applied' });
  }) as unknown as Rpc;
  const { method = 'POST', headers = {}, secrets = ['new', 'old'], rpc = keep, limits } = options;
  const request = new Request('http://functions/razorpay-webhook', {
    method,
    headers,
    ...(method === 'POST' ? { body } : {}),
  });
  const env = { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' };
  const response = await handleWebhook(request, { env, secrets, rpc }, limits);
  return { status: response.status, kept, answer: (await response.json()) as unknown };
}

const signedBy = async (body: string, secret: string, id = 'evt_1') => ({
  'x-razorpay-signature': await sign(body, secret),
  'x-razorpay-event-id': id,
});

for (const secret of ['new', 'old']) {
  Deno.test(
    `an event signed with the ${secret} secret is kept as it came, under its id`,
    async () => {
      const body = '{ "event":"a",   "notes":[] }';
      const { status, kept } = await send(body, { headers: await signedBy(body, secret) });
      assertEquals(status, 200);
      assertEquals(kept, [{ event_id: 'evt_1', event_body: body }]);
    },
  );
}

Deno.test('an event without an id is known by its body', async () => {
  const headers = { 'x-razorpay-signature': await sign('{}', 'new') };
  const [one, other] = [await send('{}', { headers }), await send('{}', { headers })];
  assertEquals(one.kept, other.kept);
  assertEquals(one.kept[0]?.event_id.startsWith('sha256:'), true);
});

Deno.test('what is not signed, or by an empty secret, is not kept', async () => {
  assertEquals((await send('{}')).status, 401);
  const empty = await send('{}', { secrets: [''], headers: await signedBy('{}', 'x') });
  assertEquals([empty.status, empty.kept], [401, []]);
});

Deno.test('what is too large or no text is refused, and another method too', async () => {
  const large = 'x'.repeat(1_000_001);
  assertEquals((await send(large, { headers: await signedBy(large, 'new') })).status, 413);
  const bytes = new Uint8Array([0xff, 0xfe]);
  const headers = { 'x-razorpay-signature': await sign(bytes, 'new') };
  assertEquals((await send(bytes, { headers })).status, 422);
  assertEquals((await send('', { method: 'GET' })).status, 405);
});

Deno.test('a body that does not come is not waited for', async () => {
  const limits = { maxBytes: 10, maxMs: 20 };
  const { status, kept, answer } = await send(new ReadableStream(), { limits });
  const { error } = answer as { error: { code: string } };
  assertEquals([status, error.code, kept], [408, 'request_timeout', []]);
});

Deno.test('a database that is away has Razorpay send it again', async () => {
  const rpc = (() => Promise.reject(failure('upstream_unavailable'))) as Rpc;
  const { status } = await send('{}', { rpc, headers: await signedBy('{}', 'new') });
  assertEquals(status, 503);
});
