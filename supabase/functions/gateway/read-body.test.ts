// One after the other, so that a failure says which.
// deno-lint-ignore-file no-await-in-loop
import { failure, RequestError } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import { createMemoryRoom } from '../_shared/memory-room.ts';
import { ApiError } from './api-error.ts';
import { readBody, usualBodyLimits } from './read-body.ts';

const limits = { ...usualBodyLimits, maxBytes: 1000, maxMs: 50, maxDepth: 5, maxParts: 20 };

interface Wish {
  headers?: Record<string, string>;
  room?: number;
  isKey?: boolean;
  given?: typeof limits;
}

async function codeOf(
  body: BodyInit | null,
  { headers = {}, room = 1e9, isKey = true, given = limits }: Wish = {},
): Promise<string> {
  const request = new Request('http://x', { method: 'POST', body, headers });
  const share = createMemoryRoom(room).enter();
  const requireCaller = async () => {
    if (!isKey) throw await Promise.resolve(failure('unauthorized'));
  };
  try {
    await readBody(request, { share, requireCaller, wantsHash: false, limits: given });
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
    assertEquals(await codeOf(body), 'invalid_input');
  }
});

Deno.test('a body that is compressed is told so, and not that it is no JSON', async () => {
  assertEquals(await codeOf('{}', { headers: { 'content-encoding': 'identity' } }), 'taken');
  const request = new Request('http://x', {
    method: 'POST',
    body: '{}',
    headers: { 'content-encoding': 'gzip' },
  });
  const share = createMemoryRoom(1e9).enter();
  const requireCaller = () => Promise.resolve();
  const refused = await readBody(request, { share, requireCaller, wantsHash: false }).catch(
    (error: unknown) => error,
  );
  assertEquals(refused instanceof ApiError && refused.param, 'Content-Encoding');
});

Deno.test('it is bounded in depth, in parts, in size and in time', async () => {
  assertEquals(await codeOf('{"a":'.repeat(5) + '1' + '}'.repeat(5)), 'taken');
  assertEquals(await codeOf('{"a":'.repeat(7) + '1' + '}'.repeat(7)), 'invalid_input');
  const objects = (many: number) => `{"a":[${'{},'.repeat(many)}1]}`;
  assertEquals(await codeOf(objects(16)), 'taken');
  assertEquals(await codeOf(objects(17)), 'invalid_input');
  assertEquals(await codeOf(`{${'"a":1,'.repeat(20)}"b":1}`), 'invalid_input');
  const words = (one: string, many: number) => `{"a":[${`${one} ,`.repeat(many)}1]}`;
  for (const word of ['7', '-1.5e9', 'null', 'true']) {
    assertEquals([word, await codeOf(words(word, 16))], [word, 'taken']);
    assertEquals([word, await codeOf(words(word, 17))], [word, 'invalid_input']);
  }
  // What stands in a text is no part, wherever it seems to end.
  assertEquals(await codeOf(String.raw`{"a":"${String.raw`[{\"`.repeat(30)}\\"}`), 'taken');
  assertEquals(await codeOf(`{"a":"${'x'.repeat(1000)}"}`), 'too_large');
  const endless = streamOf((controller) => controller.enqueue(new Uint8Array(100)));
  assertEquals(await codeOf(endless), 'too_large');
  const { promise, resolve } = Promise.withResolvers<void>();
  assertEquals(await codeOf(streamOf(() => promise)), 'request_timeout');
  resolve();
});

Deno.test('what it takes of the memory is taken before it is there', async () => {
  const given = { ...limits, maxBytes: 1_000_000, maxParts: 500_000 };
  const long = `{"a":"${'x'.repeat(1000)}"}`;
  assertEquals(await codeOf(long, { given, room: 4000 }), 'taken');
  assertEquals(await codeOf(long, { given, room: 2000 }), 'busy');
  const parted = `{"a":[${'{},'.repeat(100)}1]}`;
  assertEquals(await codeOf(parted, { given, room: 12_000 }), 'taken');
  assertEquals(await codeOf(parted, { given, room: 4000 }), 'busy');
  // Said to be large, it is not even begun.
  const headers = { 'content-length': '500000' };
  let wasRead = false;
  const body = new ReadableStream<Uint8Array>(
    { pull: () => void (wasRead = true) },
    { highWaterMark: 0 },
  );
  assertEquals(await codeOf(body, { given, room: 4000, headers }), 'busy');
  assertEquals(wasRead, false);
});

Deno.test('a large one is read only for a key that is in force', async () => {
  const given = { ...limits, maxBytes: 1_000_000 };
  const of = (size: number) => `{"a":"${'x'.repeat(size - 8)}"}`;
  for (const isTold of [true, false]) {
    const ask = (size: number, isKey: boolean) => {
      const headers: Record<string, string> = isTold ? { 'content-length': String(size) } : {};
      return codeOf(of(size), { given, isKey, headers });
    };
    assertEquals(await ask(64_000, false), 'taken');
    assertEquals(await ask(64_001, false), 'unauthorized');
    assertEquals(await ask(64_001, true), 'taken');
  }
});

Deno.test('it counts as no less than it is when it is written again', async () => {
  const sizeOf = async (json: string) => {
    const share = createMemoryRoom().enter();
    const reading = { share, requireCaller: () => Promise.resolve(), wantsHash: false };
    return (await readBody(new Request('http://x', { method: 'POST', body: json }), reading)).size;
  };
  const plain = '{"a":[1.5,-2,true,false,null,"1e20"],"1e20":"e"}';
  assertEquals(await sizeOf(plain), plain.length);
  for (const number of ['1e20', '1E20', '-9e20', '1.7e+20', '1e-6', '-1.25E-5', '3e0']) {
    const json = `{"a":[${Array.from({ length: 100 }, () => number).join()}]}`;
    const written = JSON.stringify(JSON.parse(json)).length;
    assertEquals([number, (await sizeOf(json)) >= written], [number, true]);
  }
});
