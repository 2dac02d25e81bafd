import { RequestError } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import { readBody, usualBodyLimits } from './read-body.ts';

const limits = { ...usualBodyLimits, maxBytes: 1000, maxMs: 50, maxDepth: 5, maxParts: 20 };

async function codeOf(body: BodyInit | null): Promise<string> {
  const request = new Request('http://x', { method: 'POST', body });
  try {
    await readBody(request, limits);
    return 'taken';
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

const streamOf = (pull: (controller: ReadableStreamDefaultController<Uint8Array>) => unknown) =>
  new ReadableStream<Uint8Array>({ pull: async (controller) => void (await pull(controller)) });

Deno.test('a body is taken as far as it is one', async () => {
  assertEquals(await codeOf('{"a": [1, {"b": 2}]}'), 'taken');
  for (const body of [
    '',
    'x',
    '[]',
    '"x"',
    'null',
    new Uint8Array([123, 34, 255, 34, 125]),
    null,
  ]) {
    // One after the other, so that a failure says which.
    // deno-lint-ignore no-await-in-loop
    assertEquals(await codeOf(body), 'invalid_input');
  }
});

Deno.test('it is bounded in depth, in parts, in size and in time', async () => {
  assertEquals(await codeOf('{"a":'.repeat(5) + '1' + '}'.repeat(5)), 'taken');
  assertEquals(await codeOf('{"a":'.repeat(7) + '1' + '}'.repeat(7)), 'invalid_input');
  const objects = (many: number) => `{"a":[${'{},'.repeat(many)}1]}`;
  assertEquals(await codeOf(objects(17)), 'taken');
  assertEquals(await codeOf(objects(18)), 'invalid_input');
  assertEquals(await codeOf(`{${'"a":1,'.repeat(20)}"b":1}`), 'invalid_input');
  // What stands in a text is no part, wherever it seems to end.
  assertEquals(await codeOf(String.raw`{"a":"${String.raw`[{\"`.repeat(30)}\\"}`), 'taken');
  assertEquals(await codeOf(`{"a":"${'x'.repeat(1000)}"}`), 'too_large');
  const endless = streamOf((controller) => controller.enqueue(new Uint8Array(100)));
  assertEquals(await codeOf(endless), 'too_large');
  const { promise, resolve } = Promise.withResolvers<void>();
  assertEquals(await codeOf(streamOf(() => promise)), 'request_timeout');
  resolve();
});
