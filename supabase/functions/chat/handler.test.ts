// Streams are read one chunk after the other.
// deno-lint-ignore-file no-await-in-loop
import { failure } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import {
  body,
  codeOf,
  eventOf,
  ids,
  runId,
  settlement,
  start,
  started,
  textOf,
  verdict,
} from './handler-stage.ts';

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

Deno.test('a refusal says whether the message was kept', async () => {
  const refused = { allowed: false, status: 404, reason: 'not_found', rule: 'account' };
  const temporary = { messages: [{ role: 'user', content: 'Hello' }] };
  for (const [stored, asked] of [
    [true, body],
    [false, body],
    [false, { ...body, message: null, temporary }],
  ] as const) {
    const { send } = start({
      start_answer: () => ({ ...started, verdict: refused, stored }),
      start_temporary_answer: () => ({ verdict: refused, kept: [], trimmed: null }),
    });
    const { error } = (await (await send('/runs', 'POST', asked)).json()) as {
      error: Record<string, unknown>;
    };
    assertEquals([error['rule'], error['stored']], ['account', stored]);
  }
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

const temporary = (...messages: [role: string, content: string][]) => ({
  ...body,
  message: null,
  temporary: { messages: messages.map(([role, content]) => ({ role, content })) },
});

Deno.test(
  'of a temporary chat the database hears sizes and how the last message begins',
  async () => {
    const { send, calls, named, done } = start({
      start_temporary_answer: () => ({ verdict, kept: [1, 2, 3], trimmed: null }),
    });
    const last = `Psst ${'😀'.repeat(10_000)}`;
    const asked = temporary(['user', 'Grüße'], ['assistant', 'A secret'], ['user', last]);
    const text = await (await send('/runs', 'POST', asked)).text();
    await done();
    assertEquals(eventOf(text, 'done')?.['status'], 'complete');
    assertEquals(JSON.stringify(calls).includes('secret'), false);
    const { content, ...told } = named('start_temporary_answer')[0]?.parameters ?? {};
    assertEquals(
      [told['roles'], told['sizes']],
      [
        ['user', 'assistant', 'user'],
        [7, 8, 40_005],
      ],
    );
    assertEquals(
      [(content as string).slice(0, 7), String(content).isWellFormed()],
      ['Psst 😀', true],
    );
    assertEquals([...String(content)].length >= 8000 && String(content).length <= 16_000, true);
    assertEquals(named('finish_answer')[0]?.parameters['frames'], []);
    assertEquals([...named('start_answer'), ...named('start_run')], []);
  },
);

Deno.test(
  'a temporary chat is told as the database chose, and its viewer how much was left',
  async () => {
    const trimmed = { messages: 1, tokens: 9 };
    const { send, done } = start({
      start_temporary_answer: () => ({
        verdict: { ...verdict, model_ids: ['sandbox/echo'] },
        // The last that it is told is what this model says.
        kept: [2],
        trimmed,
      }),
    });
    const asked = temporary(['user', 'One'], ['user', 'Two'], ['user', 'Three']);
    const text = await (await send('/runs', 'POST', asked)).text();
    await done();
    assertEquals(eventOf(text, 'run')?.['trimmed'], trimmed);
    assertEquals(textOf(text), 'Two');
  },
);

Deno.test('a temporary chat that does not fit is refused before anything is asked', async () => {
  const { send } = start({
    start_temporary_answer: () => ({
      verdict: {
        allowed: false,
        status: 413,
        reason: 'too_large',
        rule: 'context',
        detail: 'By 7.',
      },
      kept: [],
      trimmed: null,
    }),
  });
  const response = await send('/runs', 'POST', temporary(['user', 'Long']));
  assertEquals([response.status, await codeOf(response)], [413, 'too_large']);
});

Deno.test('a temporary answer is stopped when its viewer leaves', async () => {
  const { send, named, done } = start({
    start_temporary_answer: () => ({
      verdict: { ...verdict, model_ids: ['sandbox/slow'] },
      kept: [1],
      trimmed: null,
    }),
  });
  const { body: stream } = await send('/runs', 'POST', temporary(['user', 'Tell me']));
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  // What was decided, and the first words.
  await reader.read();
  await reader.read();
  await reader.cancel();
  await done();
  const { report } = named('finish_answer')[0]?.parameters as { report: { outcome: string } };
  assertEquals(report.outcome, 'stopped');
});

Deno.test('a temporary answer is stopped when its viewer is let go', async () => {
  const { send, named, done } = start(
    {
      start_temporary_answer: () => ({
        verdict: { ...verdict, model_ids: ['sandbox/long-200k'] },
        kept: [1],
        trimmed: null,
      }),
    },
    undefined,
    { maxViewerBytes: 10_000 },
  );
  const { body: stream } = await send('/runs', 'POST', temporary(['user', 'Tell me']));
  await done();
  const { report } = named('finish_answer')[0]?.parameters as { report: { outcome: string } };
  assertEquals(report.outcome, 'stopped');
  await stream?.cancel().catch(() => {});
});

Deno.test(
  'a temporary answer that is asked for again ends as lost, with what it cost',
  async () => {
    const { send } = start({
      start_temporary_answer: () => ({
        verdict: { ...verdict, is_replay: true },
        kept: [1],
        trimmed: null,
      }),
      read_answer: () => ({
        status: 'lost',
        chunks: [],
        last: 0,
        error_code: null,
        receipt: settlement.receipt,
      }),
    });
    const text = await (await send('/runs', 'POST', temporary(['user', 'Again']))).text();
    assertEquals(eventOf(text, 'run')?.['is_replay'], true);
    const ended = eventOf(text, 'done');
    assertEquals([ended?.['status'], ended?.['receipt']], ['lost', settlement.receipt]);
  },
);

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
