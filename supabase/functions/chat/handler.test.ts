// Streams are read one chunk after the other.
// deno-lint-ignore-file no-await-in-loop
import { failure } from '../_shared/errors.ts';
import { createMemoryRoom } from '../_shared/memory-room.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { startSandboxProcess } from '../_shared/sandbox-process.ts';
import { assertEquals } from '../_shared/testing.ts';
import type { ChatDeps } from './chat-call.ts';
import { handleChat } from './handler.ts';

const sandbox = await startSandboxProcess();
Deno.test.afterAll(() => sandbox.stop());

const ids = {
  account_id: '00000000-0000-4000-8000-000000000001',
  conversation_id: '00000000-0000-4000-8000-000000000002',
  answer_id: '00000000-0000-4000-8000-000000000003',
};
const runId = '00000000-0000-4000-8000-000000000004';
const message = { id: '00000000-0000-4000-8000-000000000005', parent_id: null, content: 'Hello' };
const body = { ...ids, models: ['sandbox/steady'], message, answer_to: null, options: {} };
const settlement = {
  receipt: { charged_micros: 7, finish_reason: 'stop' },
  wallet: { available_micros: 1, balance_micros: 1, held_micros: 0 },
  limits: { requests_this_month: 1, requests_per_month: 100 },
};
const verdict = {
  allowed: true,
  run_id: runId,
  is_replay: false,
  model_ids: ['sandbox/steady'],
  max_tokens: 1000,
  max_prompt_usd: 0.001,
  max_completion_usd: 0.002,
  rate_limit: 20,
  rate_remaining: 19,
  quota_limit: 100,
  quota_remaining: 99,
  rate_resets_at: null,
  quota_resets_at: null,
};
const started = {
  verdict,
  conversation_id: ids.conversation_id,
  user_message_id: message.id,
  answer_id: ids.answer_id,
  context: [
    { role: 'user', content: 'Before' },
    { role: 'assistant', content: 'Yes' },
    { role: 'user', content: 'Hello' },
  ],
  trimmed: null,
  stored: true,
};

interface Called {
  name: string;
  parameters: Record<string, unknown>;
  bearer: string | undefined;
  requestId: string;
}

/** The function with a database that answers as told, and says what it was asked. */
function start(
  answers: Record<string, (parameters: Record<string, unknown>) => unknown> = {},
  room = createMemoryRoom(),
) {
  const calls: Called[] = [];
  const work: Promise<unknown>[] = [];
  const running = new Map<string, () => void>();
  const usual: typeof answers = {
    is_person: () => true,
    start_answer: () => started,
    start_run: () => ({ allowed: false }),
    append_frames: () => false,
    finish_answer: () => settlement,
    stop_run: () => true,
  };
  const rpc: Rpc = async <Result>(
    name: string,
    parameters: Record<string, unknown>,
    { bearer, requestId }: Parameters<Rpc>[2],
  ) => {
    calls.push({ name, parameters, bearer, requestId });
    const answer = { ...usual, ...answers }[name];
    if (!answer) throw new Error(`${name} is not expected`);
    return (await answer(parameters)) as Result;
  };
  const deps: ChatDeps = {
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
    openRouterUrl: sandbox.url,
    openRouterKey: 'sk-of-the-tests',
    fetch,
    rpc,
    room,
    running,
    waitUntil: (promise) => void work.push(promise),
  };
  return {
    calls,
    running,
    done: () => Promise.all(work),
    named: (name: string) => calls.filter((call) => call.name === name),
    send: (path: string, method: string, content?: unknown, headers: HeadersInit = {}) =>
      handleChat(
        new Request(`http://functions/chat${path}`, {
          method,
          headers: {
            authorization: 'Bearer the.users.token',
            'x-request-id': 'the-id-of-it',
            ...headers,
          },
          ...(content === undefined
            ? {}
            : { body: isBody(content) ? content : JSON.stringify(content) }),
        }),
        deps,
      ),
  };
}

const isBody = (content: unknown): content is string | ReadableStream<Uint8Array> =>
  typeof content === 'string' || content instanceof ReadableStream;
const codeOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string } }).error.code;
const eventOf = (text: string, name: string) =>
  JSON.parse(new RegExp(`event: ${name}\\ndata: (.*)\\n\\n`).exec(text)?.[1] ?? 'null') as Record<
    string,
    unknown
  > | null;
const textOf = (text: string) =>
  [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('');

Deno.test(
  'an answer: run, numbered frames, done; two calls of the database and its flushes',
  async () => {
    const { send, calls, named, done, running } = start();
    const response = await send('/runs', 'POST', body);
    assertEquals(response.status, 200);
    assertEquals(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    assertEquals(response.headers.get('x-request-id'), 'the-id-of-it');
    assertEquals(response.headers.get('ratelimit'), '"minute";r=19, "month";r=99');
    assertEquals(running.has(runId), true);
    const startedAt = performance.now();
    const text = await response.text();
    await done();
    const seconds = (performance.now() - startedAt) / 1000;

    assertEquals(eventOf(text, 'run')?.['run_id'], runId);
    assertEquals([...text.matchAll(/^id: (\d+)$/gm)].length, 50);
    assertEquals(textOf(text), Array.from({ length: 50 }, (_, at) => ` ${100 + at}`).join(''));
    assertEquals(text.trimEnd().endsWith(JSON.stringify(eventOf(text, 'done'))), true);
    assertEquals(eventOf(text, 'done'), {
      status: 'complete',
      finish_reason: 'stop',
      ...settlement,
      error: null,
    });
    const flushes = named('append_frames').length;
    assertEquals(calls.length - flushes, 2);
    assertEquals(flushes <= 2 * seconds + 1, true);
    assertEquals([calls[0]?.name, calls[0]?.bearer], ['start_answer', 'the.users.token']);
    assertEquals([calls.at(-1)?.name, calls.at(-1)?.bearer], ['finish_answer', undefined]);
    assertEquals(new Set(calls.map(({ requestId }) => requestId)), new Set(['the-id-of-it']));
    assertEquals(running.size, 0);
  },
);

Deno.test('a refusal is its status, its rule and when to come back', async () => {
  const refused = {
    allowed: false,
    status: 402,
    reason: 'insufficient_credits',
    rule: 'balance',
    detail: 'Not enough.',
    hint: 'Top up.',
    shortfall_micros: 12,
    resets_at: new Date(Date.now() + 60_000).toISOString(),
  };
  const { send, calls } = start({ start_answer: () => ({ ...started, verdict: refused }) });
  const response = await send('/runs', 'POST', body);
  assertEquals(response.status, 402);
  assertEquals(Number(response.headers.get('retry-after')) > 55, true);
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  assertEquals(
    [error['code'], error['rule'], error['shortfall_micros'], error['resets_at']],
    ['insufficient_credits', 'balance', 12, refused.resets_at],
  );
  assertEquals(calls.length, 1);
});

Deno.test('a failure upstream is one done event that says what was not charged', async () => {
  const free = { ...settlement, receipt: { charged_micros: 0, finish_reason: null } };
  const models = ['sandbox/out-of-credits'];
  const { send, named, done } = start({
    start_answer: () => ({ ...started, verdict: { ...verdict, model_ids: models } }),
    finish_answer: () => free,
  });
  const text = await (await send('/runs', 'POST', { ...body, models })).text();
  await done();
  assertEquals(text.match(/event: done/g)?.length, 1);
  const { status, error } = eventOf(text, 'done') as {
    status: string;
    error: Record<string, unknown>;
  };
  assertEquals(
    [status, error['code'], error['charged_micros']],
    ['failed', 'upstream_unavailable', 0],
  );
  const report = named('finish_answer')[0]?.parameters['report'] as Record<string, unknown>;
  assertEquals([report['outcome'], report['error_code']], ['failed', 'upstream_unavailable']);
});

Deno.test(
  'a stop ends the run of the same worker at once; one that is refused stops nothing',
  async () => {
    for (const allowed of [true, false]) {
      const { send, named, done } = start({
        stop_run: () => allowed,
        start_answer: () => ({ ...started, verdict: { ...verdict, model_ids: ['sandbox/slow'] } }),
      });
      const response = await send('/runs', 'POST', body);
      const answer = await send(`/runs/${runId}/stop`, 'POST');
      assertEquals(await answer.json(), { stopped: allowed });
      assertEquals(named('stop_run')[0]?.bearer, 'the.users.token');
      if (!allowed) {
        await response.body?.cancel();
        await send(`/runs/${runId}/stop`, 'POST');
        continue;
      }
      assertEquals(eventOf(await response.text(), 'done')?.['status'], 'stopped');
      await done();
      assertEquals(named('append_frames').length, 0);
    }
  },
);

Deno.test('a viewer that leaves does not end the run', async () => {
  const { send, named, done } = start();
  const response = await send('/runs', 'POST', body);
  await response.body?.cancel();
  await done();
  const [finished] = named('finish_answer');
  assertEquals((finished?.parameters['report'] as { outcome: string }).outcome, 'completed');
});

Deno.test('the same request again is read, not run', async () => {
  const stored = {
    status: 'complete',
    chunks: [
      {
        first: 1,
        last: 2,
        frames: [
          ['r', 'Hm'],
          ['c', 'Yes'],
        ],
      },
    ],
    error_code: null,
    receipt: settlement.receipt,
  };
  const { send, calls } = start({
    start_answer: () => ({ ...started, verdict: { ...verdict, is_replay: true } }),
    read_answer: () => stored,
  });
  const text = await (await send('/runs', 'POST', body)).text();
  assertEquals(
    calls.map(({ name }) => name),
    ['start_answer', 'read_answer'],
  );
  assertEquals(eventOf(text, 'run')?.['is_replay'], true);
  assertEquals(textOf(text), 'Yes');
  assertEquals(eventOf(text, 'done')?.['status'], 'complete');
});

Deno.test('resuming reads what is stored, then what comes, each number once', async () => {
  const looks = [
    {
      status: 'streaming',
      chunks: [
        {
          first: 3,
          last: 4,
          frames: [
            ['c', 'c'],
            ['c', 'd'],
          ],
        },
      ],
    },
    { status: 'streaming', chunks: [] },
    {
      status: 'streaming',
      chunks: [
        {
          first: 4,
          last: 5,
          frames: [
            ['c', 'd'],
            ['c', 'e'],
          ],
        },
      ],
    },
    {
      status: 'stopped',
      chunks: [{ first: 6, last: 6, frames: [['c', 'f']] }],
      error_code: null,
      receipt: null,
    },
  ];
  const { send, named } = start({ read_answer: () => looks.shift() });
  const text = await (await send(`/runs/${runId}?after=2`, 'GET')).text();
  assertEquals(
    [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])),
    [3, 4, 5, 6],
  );
  assertEquals(textOf(text), 'cdef');
  assertEquals(eventOf(text, 'done')?.['status'], 'stopped');
  assertEquals(
    named('read_answer').map(({ parameters }) => parameters['after']),
    [2, 4, 4, 5],
  );
});

Deno.test('where what a viewer had is forgotten, the answer begins anew', async () => {
  const chunks = [
    {
      first: 1,
      last: 2,
      frames: [
        ['r', 'Hm'],
        ['c', 'All of it'],
      ],
    },
  ];
  const { send } = start({
    read_answer: () => ({ status: 'complete', chunks, error_code: null, receipt: null }),
  });
  for (const [after, isAnew] of [
    [0, false],
    [1, true],
    [40, true],
  ] as const) {
    const text = await (await send(`/runs/${runId}?after=${after}`, 'GET')).text();
    assertEquals([after, eventOf(text, 'anew') !== null], [after, isAnew]);
    assertEquals(textOf(text), 'All of it');
  }
});

Deno.test('a database that fails while an answer is tailed leaves no clean end', async () => {
  let looks = 0;
  const { send } = start({
    read_answer: () => {
      looks += 1;
      if (looks > 1) throw failure('upstream_unavailable');
      return { status: 'streaming', chunks: [] };
    },
  });
  const response = await send(`/runs/${runId}`, 'GET');
  const outcome = await response.text().then(
    () => 'a clean end',
    () => 'broken',
  );
  assertEquals(outcome, 'broken');
});

Deno.test('of a temporary chat no text reaches the database', async () => {
  const { send, calls, named, done } = start({ start_run: () => verdict });
  const temporary = { messages: [{ role: 'user', content: 'A secret' }] };
  const text = await (await send('/runs', 'POST', { ...body, message: null, temporary })).text();
  await done();
  assertEquals(eventOf(text, 'done')?.['status'], 'complete');
  assertEquals(JSON.stringify(calls).includes('secret'), false);
  assertEquals(named('finish_answer')[0]?.parameters['frames'], []);
  assertEquals(named('start_answer'), []);
});

Deno.test('the first answer is given a title by a run of its own', async () => {
  const { send, named, done } = start({
    start_answer: () => ({
      ...started,
      context: [{ role: 'user', content: 'Why are rivers not salty?' }],
    }),
    start_run: () => ({ ...verdict, model_ids: ['openai/gpt-4o-mini'], max_tokens: 40 }),
    finish_run: () => [settlement.receipt],
    title_conversation: () => true,
  });
  await (await send('/runs', 'POST', body)).text();
  await done();
  assertEquals(
    named('start_run')[0]?.parameters['idempotency_key'],
    `title:${ids.conversation_id}`,
  );
  assertEquals(named('finish_run').length, 1);
  assertEquals(named('title_conversation')[0]?.parameters, {
    conversation_id: ids.conversation_id,
    title: 'Rivers not salty',
  });
});

Deno.test('a title that is refused, or whose call breaks, is done without', async () => {
  for (const start_run of [
    () => ({ ...verdict, allowed: false }),
    () => Promise.reject(failure('unauthorized')),
  ]) {
    const { send, named, done } = start({
      start_answer: () => ({ ...started, context: [{ role: 'user', content: 'Hello' }] }),
      start_run,
    });
    const text = await (await send('/runs', 'POST', body)).text();
    await done();
    assertEquals(eventOf(text, 'done')?.['status'], 'complete');
    assertEquals(named('title_conversation'), []);
  }
});

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
