import { failure, RequestError } from '../_shared/errors.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { assertEquals } from '../_shared/testing.ts';
import { syncModels } from './sync-models.ts';

interface Call {
  name: string;
  parameters: unknown;
}

function run(answer: () => Response | Promise<Response>, calls: Call[] = [], rpc?: Rpc) {
  const record = ((name: string, parameters: unknown) => {
    calls.push({ name, parameters });
    return Promise.resolve({ added: 2 });
  }) as Rpc;
  return syncModels({
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
    openRouterUrl: 'http://openrouter/api/v1',
    openRouterKey: 'the-key',
    fetch: (input) => {
      const address = String(input);
      if (address === 'http://openrouter/api/v1/embeddings/models') {
        return Promise.resolve(Response.json(vectors));
      }
      assertEquals(address, 'http://openrouter/api/v1/models');
      return Promise.resolve(answer());
    },
    rpc: rpc ?? record,
    requestId: 'the-id-of-it',
    signal: new AbortController().signal,
  });
}

const vectors = { data: [{ id: 'a/vectors', pricing: { prompt: '0.000001' } }] };
const catalogue = { data: [{ id: 'a/b', pricing: { prompt: '0.000001' } }] };

Deno.test(
  "both lists go to the database as they came, and the database's answer comes back",
  async () => {
    const calls: Call[] = [];
    assertEquals(await run(() => Response.json(catalogue), calls), { added: 2 });
    const payload = { data: [...catalogue.data, ...vectors.data] };
    assertEquals(calls, [{ name: 'sync_models', parameters: { payload } }]);
  },
);

const endless = () =>
  new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)),
  });

const broken: Record<string, () => Response | Promise<Response>> = {
  'that refuses': () => new Response('no', { status: 500 }),
  'that cannot be reached': () => Promise.reject(new TypeError('connection refused')),
  'that sends no JSON': () => new Response('<html>'),
  'that sends no list': () => Response.json({ models: [] }),
  'that sends an empty list': () => Response.json({ data: [] }),
  'that never stops sending': () => new Response(endless()),
};

for (const [name, answer] of Object.entries(broken)) {
  Deno.test(`an upstream ${name} leaves the catalogue alone`, async () => {
    const calls: Call[] = [];
    const error = await run(answer, calls).catch((thrown: unknown) => thrown);
    assertEquals((error as RequestError).code, 'upstream_unavailable');
    assertEquals(calls, []);
  });
}

Deno.test('a refusal of the database is passed on', async () => {
  const refuse = (() => Promise.reject(failure('invalid_input'))) as Rpc;
  const error = await run(() => Response.json(catalogue), [], refuse).catch(
    (thrown: unknown) => thrown,
  );
  assertEquals((error as RequestError).code, 'invalid_input');
});
