// What is let in, and how much of it is read of whom.
// deno-lint-ignore-file no-await-in-loop
import { failure } from '../_shared/errors.ts';
import { createMemoryRoom } from '../_shared/memory-room.ts';
import { assertEquals } from '../_shared/testing.ts';
import { body, codeOf, message, runId, start } from './handler-stage.ts';

Deno.test('text that Postgres cannot keep is replaced before it is sent', async () => {
  const { send, named, done } = start();
  const content = 'a\u0000b\ud83e';
  await (await send('/runs', 'POST', { ...body, message: { ...message, content } })).text();
  await done();
  const sent = named('start_answer')[0]?.parameters['message'] as { content: string };
  assertEquals(sent.content, 'a\ufffdb\ufffd');
});

const nested = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

for (const [what, content] of Object.entries({
  'no JSON': 'nonsense',
  'a list': [],
  'a body nested too deep': nested(200),
  'a body nested too deep to be walked': nested(100_000),
  'no account': { ...body, account_id: undefined },
  'an id that is none': { ...body, answer_id: '7' },
  'no model': { ...body, models: [] },
  'a model that is a number': { ...body, models: [7] },
  'a message that is text': { ...body, message: 'Hello' },
  'an effort nobody knows': { ...body, options: { reasoning_effort: 'extreme' } },
  'a temporary chat of nobody': {
    ...body,
    temporary: { messages: [{ role: 'robot', content: '' }] },
  },
  'a temporary chat of nothing': { ...body, temporary: { messages: [] } },
})) {
  Deno.test(`${what} is refused before anything is begun`, async () => {
    const { send, calls } = start();
    const response = await send('/runs', 'POST', content);
    const begun = calls.filter(({ name }) => name !== 'is_person');
    assertEquals([response.status, await codeOf(response), begun], [422, 'invalid_input', []]);
  });
}

for (const [method, path, status] of [
  ['GET', '/runs', 405],
  ['DELETE', `/runs/${runId}`, 405],
  ['GET', `/runs/${runId}/stop`, 405],
  ['POST', `/runs/${runId}/else`, 404],
  ['GET', '/runs/7', 404],
  ['GET', '/else', 404],
  ['GET', `/runs/${runId}?after=-1`, 422],
  ['GET', `/runs/${runId}?after=x`, 422],
  ['GET', `/runs/${runId}?after=99999999999`, 422],
] as const) {
  Deno.test(`${method} ${path} is ${status}`, async () => {
    const response = await start().send(path, method);
    assertEquals(response.status, status);
  });
}

Deno.test('nobody is let in without a token, and a preflight needs none', async () => {
  const response = await start().send('/runs', 'POST', body, { authorization: '' });
  assertEquals([response.status, await codeOf(response)], [401, 'unauthorized']);
  assertEquals((await start().send('/runs', 'OPTIONS')).status, 204);
});

Deno.test('a request that is too large is refused', async () => {
  const response = await start().send('/runs', 'POST', { ...body, more: 'x'.repeat(8_100_000) });
  assertEquals([response.status, await codeOf(response)], [413, 'too_large']);
});

/** A large body that says how much of it was read. */
function watchedBody(bytes: number) {
  const chunk = new Uint8Array(16_000).fill(0x20);
  const read = { bytes: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (read.bytes >= bytes) return controller.close();
        read.bytes += chunk.length;
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, read };
}

for (const [who, is_person] of [
  ['a token that is forged or expired', () => Promise.reject(failure('unauthorized'))],
  ['a token of nobody', () => false],
] as const) {
  Deno.test(`of ${who} no more is read than a little`, async () => {
    for (const [headers, most] of [
      [{ 'content-length': '7000000' }, 0],
      [{}, 80_000],
    ] as const) {
      const { stream, read } = watchedBody(7_000_000);
      const { send, calls } = start({ is_person });
      const response = await send('/runs', 'POST', stream, headers);
      assertEquals([response.status, await codeOf(response)], [401, 'unauthorized']);
      assertEquals(read.bytes <= most, true);
      assertEquals(
        calls.map(({ name, bearer }) => [name, bearer]),
        [['is_person', 'the.users.token']],
      );
    }
  });
}

Deno.test('without a token nothing is read', async () => {
  const { stream, read } = watchedBody(7_000_000);
  const response = await start().send('/runs', 'POST', stream, { authorization: '' });
  assertEquals([response.status, read.bytes], [401, 0]);
});

Deno.test(
  'what finds no room is told when to come back, and finds it when others are over',
  async () => {
    const { send, calls, done } = start({}, createMemoryRoom(500_000));
    const large = { ...body, more: 'x'.repeat(150_000) };
    const first = await send('/runs', 'POST', large);
    assertEquals(first.status, 200);
    const second = await send('/runs', 'POST', large);
    assertEquals([second.status, await codeOf(second)], [503, 'busy']);
    assertEquals(second.headers.get('retry-after'), '2');
    assertEquals(calls.filter(({ name }) => name === 'start_answer').length, 1);
    await first.text();
    await done();
    const third = await send('/runs', 'POST', large);
    assertEquals(third.status, 200);
    await third.text();
    await done();
  },
);
