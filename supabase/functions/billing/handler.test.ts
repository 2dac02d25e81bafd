import type { ByteLimits } from '../_shared/read-bytes.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { assertEquals } from '../_shared/testing.ts';
import { type BillingDeps, handleBilling } from './handler.ts';

/** What comes of a body that somebody sends, and what the database was asked for it. */
async function send(body: BodyInit, limits?: ByteLimits) {
  const asked: unknown[] = [];
  const rpc = ((name: string, parameters: { account_id: unknown }) => {
    asked.push([name, parameters.account_id]);
    return Promise.resolve({ asked_at: '2027-01-01T00:00:00Z', mandates: [] });
  }) as unknown as Rpc;
  const env = { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' };
  const request = new Request('http://functions/billing/card-removals', {
    method: 'POST',
    headers: { authorization: 'Bearer anything' },
    body,
  });
  const deps = { env, rpc } as unknown as BillingDeps;
  const response = await handleBilling(request, deps, limits);
  const { error } = (await response.json()) as { error?: { code: string } };
  return { status: response.status, code: error?.code, asked };
}

const filled = (bytes: number) => `{"account_id":"an-id","x":"${'x'.repeat(bytes - 29)}"}`;

Deno.test('a body is read as far as a body of ours may go', async () => {
  assertEquals(new TextEncoder().encode(filled(40_000)).length, 40_000);
  const taken = { status: 200, code: undefined, asked: [['start_card_removal', 'an-id']] };
  assertEquals(await send(filled(40_000)), taken);
  const refused = { status: 413, code: 'too_large', asked: [] };
  assertEquals(await send(filled(40_001)), refused);
  let pulls = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulls += 1;
      if (pulls > 100) controller.close();
      else controller.enqueue(new Uint8Array(1_000));
    },
  });
  assertEquals(await send(endless), refused);
  assertEquals(pulls < 60, true);
});

Deno.test('a body that does not come is not waited for', async () => {
  const refused = { status: 408, code: 'request_timeout', asked: [] };
  assertEquals(await send(new ReadableStream(), { maxBytes: 10, maxMs: 20 }), refused);
});

Deno.test('a body that is no JSON object is refused', async () => {
  const refused = { status: 422, code: 'invalid_input', asked: [] };
  for (const body of ['', 'x', '[]', 'null', new Uint8Array([123, 255, 125])]) {
    // deno-lint-ignore no-await-in-loop -- one after the other, so that a failure says which
    assertEquals(await send(body), refused);
  }
});
