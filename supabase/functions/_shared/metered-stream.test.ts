// Streams are read one chunk after the other.
// deno-lint-ignore-file no-await-in-loop
import { failure } from './errors.ts';
import type { Batch, Limits, Report } from './metered-stream.ts';
import {
  decode,
  encoder,
  readAll,
  sandbox,
  sleep,
  start,
  text,
  textIn,
  unwrap,
} from './sandbox-run.ts';
import { assertEquals } from './testing.ts';

// every fault ---------------------------------------------------------------------------------

const whole = { outcome: 'completed', error: null, done: 'complete undefined' };
const unavailable = failed('upstream_unavailable');
function failed(code: string) {
  return { outcome: 'failed', error: code, done: `failed ${code}` };
}
function broken(code: string) {
  return { outcome: 'stopped', error: code, done: `failed ${code}` };
}
const patient: Partial<Limits> = {};
const hasty: Partial<Limits> = { idleMs: 2_500, stallMs: 4_000 };

const faults: Record<
  string,
  {
    outcome: string;
    error: string | null;
    done: string;
    tries?: number;
    limits?: Partial<Limits>;
    firstByteMs?: number;
  }
> = {
  'split-utf8': whole,
  crlf: whole,
  cr: whole,
  'no-space': whole,
  'multi-line-data': whole,
  'huge-frame': whole,
  'usage-twice': whole,
  'no-usage': whole,
  'no-done': whole,
  'duplicate-finish': whole,
  'billed-more': whole,
  'no-generation': whole,
  'broken-json': whole,
  'die-mid-stream': broken('upstream_broken'),
  'end-early': broken('upstream_broken'),
  'hang-mid-stream': { ...broken('upstream_silent'), limits: hasty },
  'comments-forever': { ...broken('upstream_silent'), limits: hasty },
  'error-chunk': failed('upstream_failed'),
  empty: failed('empty_answer'),
  html: { ...unavailable, tries: 3 },
  refuse: { ...unavailable, tries: 3 },
  drop: { ...unavailable, tries: 3 },
  hang: { ...failed('upstream_timeout'), tries: 1, firstByteMs: 1_000 },
  'hang-after-headers': { ...failed('upstream_timeout'), tries: 1, firstByteMs: 1_000 },
  'bad-request': { ...failed('upstream_rejected'), tries: 1 },
  unauthorized: { ...unavailable, tries: 1 },
  'out-of-credits': { ...unavailable, tries: 1 },
  moderated: { ...failed('moderated'), tries: 1 },
  timeout: { ...unavailable, tries: 3 },
  'too-large': { ...failed('too_large'), tries: 1 },
  'rate-limited': { ...unavailable, tries: 3 },
  'server-error': { ...unavailable, tries: 3 },
  'bad-gateway': { ...unavailable, tries: 3 },
  unavailable: { ...unavailable, tries: 3 },
};

for (const [fault, wanted] of Object.entries(faults)) {
  Deno.test(`the fault ${fault}: ${wanted.done}, and what was sent is what is kept`, async () => {
    const { run, reports, storedText, upstreamText, session } = start({
      model: 'sandbox/echo',
      wish: {
        fault,
        after_frames: 10,
        retry_after: 0,
        ...(fault === 'empty' ? { answer: undefined } : {}),
        ...(fault === 'huge-frame' ? { tokens_per_frame: 1000 } : {}),
      },
      limits: wanted.limits ?? patient,
      ...(wanted.firstByteMs ? { firstByteMs: wanted.firstByteMs } : {}),
    });
    const seen = unwrap(await readAll(run.viewer));
    await run.ended;

    assertEquals(reports.length, 1);
    const report = reports[0] as Report;
    assertEquals(
      [report.outcome, report.error_code, seen.done],
      [wanted.outcome, wanted.error, wanted.done],
    );
    assertEquals(
      seen.ids,
      Array.from(seen.ids, (_, at) => at + 1),
    );
    assertEquals(storedText(), textIn(upstreamText()));
    assertEquals(textIn(seen.bytes), textIn(upstreamText()));
    assertEquals(report.produced_bytes, encoder.encode(storedText()).length);
    if (fault === 'broken-json') {
      assertEquals(upstreamText().includes(seen.bytes.slice(-200)), true);
    } else if (wanted.tries === undefined) {
      assertEquals(seen.bytes, upstreamText());
    }
    if (wanted === whole) assertEquals(storedText(), fault === 'huge-frame' ? storedText() : text);
    const asked = await sandbox.requests(`session_id=${session}`);
    if (wanted.tries)
      assertEquals([asked.length, report.attempts.length], [wanted.tries, wanted.tries]);
  });
}

// the well-behaved ----------------------------------------------------------------------------

for (const model of [
  'sandbox/steady',
  'sandbox/long-200k',
  'sandbox/keeps-billing',
  'sandbox/per-request',
  'openai/gpt-5',
  'anthropic/claude-sonnet-4.5',
  'google/gemini-2.5-pro',
]) {
  Deno.test(`${model}: text, reasoning and cost are as the sandbox says`, async () => {
    const { run, reports, storedText, upstreamText, session } = start({
      model,
      maxPromptUsd: 1,
      wish: {
        answer: undefined,
        tokens_per_frame: 24,
        ...(model.startsWith('sandbox') ? {} : { answer: text }),
      },
    });
    const seen = unwrap(await readAll(run.viewer));
    await run.ended;
    const [asked] = await sandbox.requests(`session_id=${session}`);
    const report = reports[0] as Report;
    assertEquals([report.outcome, report.model_id, report.attempts], ['completed', model, []]);
    assertEquals(seen.bytes, upstreamText());
    assertEquals(storedText(), textIn(upstreamText()));
    assertEquals(Math.round(Number(report.upstream_usd) * 1e9), Number(asked?.charged));
    if (model === 'openai/gpt-5') assertEquals(storedText('r').length > 0, true);
  });
}

Deno.test('what is asked upstream: models, cap on the price, session, cost', async () => {
  const { run, session } = start({ models: ['sandbox/fast', 'sandbox/steady'] });
  await readAll(run.viewer);
  const [asked] = await sandbox.requests(`session_id=${session}`);
  const { model, models, provider, session_id, stream, usage, max_tokens } = asked?.body ?? {};
  assertEquals(
    { model, models, provider, session_id, stream, usage, max_tokens },
    {
      model: 'sandbox/fast',
      models: ['sandbox/steady'],
      provider: { max_price: { prompt: 1, completion: 2 } },
      session_id: session,
      stream: true,
      usage: { include: true },
      max_tokens: 100_000,
    },
  );
});

// retry and fallback --------------------------------------------------------------------------

Deno.test('an overloaded model answers at the third try, and the tries are told', async () => {
  const { run, reports } = start({ model: 'sandbox/flaky' });
  await readAll(run.viewer);
  const tries = reports[0]?.attempts.map(({ model, status, error }) => [model, status, error]);
  assertEquals(tries, [
    ['sandbox/flaky', 503, 'status_503'],
    ['sandbox/flaky', 503, 'status_503'],
    ['sandbox/flaky', undefined, undefined],
  ]);
});

Deno.test(
  'what fails where the caller chose the providers is no reason for others to pass a model over',
  async () => {
    const { run, reports } = start({ model: 'sandbox/flaky', isSteered: true });
    await readAll(run.viewer);
    const tries = reports[0]?.attempts.map(({ error, reason }) => [error, reason]);
    assertEquals(tries, [
      [undefined, 'status_503'],
      [undefined, 'status_503'],
      [undefined, undefined],
    ]);
  },
);

Deno.test('OpenRouter falls back by itself, and who failed is told', async () => {
  const { run, reports, storedText } = start({
    models: ['sandbox/unavailable', 'sandbox/fast'],
    wish: { answer: undefined },
  });
  await readAll(run.viewer);
  const report = reports[0] as Report;
  assertEquals([report.outcome, report.model_id], ['completed', 'sandbox/fast']);
  assertEquals(
    report.attempts.map(({ model, error, reason }) => [model, error, reason]),
    [
      ['sandbox/unavailable', undefined, 'fell_back'],
      ['sandbox/fast', undefined, undefined],
    ],
  );
  assertEquals(storedText().length > 0, true);
});

Deno.test('a model that never answers gives way to the next', async () => {
  const { run, reports } = start({ models: ['sandbox/hang', 'sandbox/fast'], firstByteMs: 1_500 });
  await readAll(run.viewer);
  const report = reports[0] as Report;
  assertEquals([report.outcome, report.model_id], ['completed', 'sandbox/fast']);
  assertEquals(
    report.attempts.map(({ model, error }) => [model, error]),
    [
      ['sandbox/hang', 'timeout'],
      ['sandbox/fast', undefined],
    ],
  );
});

Deno.test('a wait that is asked for and too long is not waited', async () => {
  const { run, reports } = start({
    model: 'sandbox/echo',
    wish: { fault: 'rate-limited', retry_after: 60 },
  });
  assertEquals((await run.answered)?.code, 'upstream_unavailable');
  await run.ended;
  assertEquals(reports[0]?.attempts.length, 1);
});

// stopping ------------------------------------------------------------------------------------

Deno.test('a stop hangs up at once where that ends the bill', async () => {
  const { run, reports, storedText, session } = start({
    model: 'sandbox/echo',
    wish: { frame_ms: 10 },
  });
  const reader = run.viewer.getReader();
  for (let chunk = 0; chunk < 4; chunk += 1) await reader.read();
  run.stop();
  run.stop();
  const ending = await run.ended;
  assertEquals([ending.status, reports.length, reports[0]?.outcome], ['stopped', 1, 'stopped']);
  assertEquals([reports[0]?.used, typeof reports[0]?.generation_id], [null, 'string']);
  assertEquals(text.startsWith(storedText()) && storedText().length < text.length, true);
  const aborted = await abortOf(session);
  assertEquals(aborted?.billing, 'stopped');
});

Deno.test(
  'a stop of what is billed anyway ends for the viewer at once, and its cost is learnt',
  async () => {
    const { run, reports, storedText } = start({
      model: 'sandbox/keeps-billing',
      wish: { frame_ms: 10 },
    });
    const reader = run.viewer.getReader();
    let seen = '';
    for (let chunk = 0; chunk < 4; chunk += 1)
      seen += decode([(await reader.read()).value as Uint8Array]);
    run.stop();
    for (let part = await reader.read(); !part.done; part = await reader.read())
      seen += decode([part.value]);
    assertEquals(unwrap(seen).done, 'stopped undefined');
    assertEquals(reports.length, 0);
    await run.ended;
    const report = reports[0] as Report;
    assertEquals(
      [report.outcome, typeof report.used?.['completion_tokens']],
      ['stopped', 'number'],
    );
    assertEquals(storedText(), textIn(unwrap(seen).bytes));
    assertEquals(storedText().length < text.length, true);
  },
);

Deno.test('a stop before any answer gives up the call', async () => {
  const { run, reports } = start({ model: 'sandbox/hang' });
  await sleep(100);
  run.stop();
  const ending = await run.ended;
  assertEquals(
    [ending.status, reports[0]?.outcome, reports[0]?.attempts],
    ['stopped', 'stopped', []],
  );
});

Deno.test('a stop while the call is on its way still learns by which id it is billed', async () => {
  const { run, reports, session } = start({ model: 'sandbox/echo', wish: { frame_ms: 10 } });
  run.stop();
  await run.ended;
  const [report] = reports;
  assertEquals(
    [report?.outcome, typeof report?.generation_id, report?.attempts],
    ['stopped', 'string', []],
  );
  assertEquals((await abortOf(session))?.billing, 'stopped');
});

Deno.test('a stop from elsewhere is seen at the next flush', async () => {
  const { run, session } = start({
    model: 'sandbox/echo',
    wish: { frame_ms: 20 },
    flush: (_batch, count) => Promise.resolve(count >= 3),
  });
  assertEquals((await run.ended).status, 'stopped');
  assertEquals((await abortOf(session))?.billing, 'stopped');
});

Deno.test('a stop after the end changes nothing', async () => {
  const { run, reports } = start({});
  await run.ended;
  run.stop();
  assertEquals([(await run.ended).status, reports.length], ['complete', 1]);
});

Deno.test('a run that the database has ended is let go', async () => {
  const { run, reports } = start({
    model: 'sandbox/echo',
    wish: { frame_ms: 20 },
    flush: (_batch, count) => Promise.resolve(count >= 3 ? null : false),
  });
  const seen = unwrap(await readAll(run.viewer));
  assertEquals([seen.done, reports.length], ['lost run_lost', 1]);
});

async function abortOf(session: string) {
  for (let tried = 0; tried < 500; tried += 1) {
    const [request] = await sandbox.requests(`session_id=${session}`);
    if (request && request.outcome !== 'open') return request.aborted;
    await sleep(10);
  }
  throw new Error('the sandbox never saw the end of the request');
}

// viewers -------------------------------------------------------------------------------------

for (const moment of ['at once', 'in the middle'] as const) {
  Deno.test(`a viewer that leaves ${moment} changes nothing`, async () => {
    const { run, reports, storedText } = start({
      wish: { frame_ms: moment === 'at once' ? 0 : 3 },
    });
    const reader = run.viewer.getReader();
    if (moment === 'in the middle') for (let chunk = 0; chunk < 5; chunk += 1) await reader.read();
    await reader.cancel();
    assertEquals((await run.ended).status, 'complete');
    assertEquals([storedText(), reports.length], [text, 1]);
  });
}

Deno.test('a viewer that does not read is let go, and the run goes on', async () => {
  const { run, storedText } = start({
    model: 'sandbox/long-200k',
    wish: { answer: undefined, tokens_per_frame: 24 },
    limits: { maxViewerBytes: 20_000 },
  });
  assertEquals((await run.ended).status, 'complete');
  assertEquals(encoder.encode(storedText()).length, 200_000);
  const reader = run.viewer.getReader();
  const outcome = await (async () => {
    try {
      while (!(await reader.read()).done) continue;
      return 'a clean end';
    } catch (error) {
      return (error as Error).message;
    }
  })();
  assertEquals(outcome, 'the viewer reads too slowly');
});

// the database --------------------------------------------------------------------------------

Deno.test('flushes that fail lose nothing', async () => {
  const { run, storedText, flushes } = start({
    wish: { frame_ms: 3 },
    flush: (_batch, count) =>
      count % 2 ? Promise.reject(failure('upstream_unavailable')) : Promise.resolve(false),
  });
  await readAll(run.viewer);
  assertEquals(flushes() > 2, true);
  assertEquals(storedText(), text);
});

Deno.test('a flush that was kept although it seemed to fail doubles nothing', async () => {
  let held: Batch | undefined;
  const { run, storedText } = start({
    wish: { frame_ms: 3 },
    flush(batch, count) {
      if (count === 2) held = batch;
      return count === 2 ? Promise.reject(new Error('cut')) : Promise.resolve(false);
    },
  });
  await readAll(run.viewer);
  assertEquals(held !== undefined, true);
  assertEquals(storedText(), text);
});

Deno.test('settling is tried until it succeeds', async () => {
  const { run, reports } = start({
    finish: (count) =>
      count < 4
        ? Promise.reject(failure('upstream_unavailable'))
        : Promise.resolve({ settlement: 'paid', isFinal: true }),
  });
  const seen = unwrap(await readAll(run.viewer));
  assertEquals([seen.done, reports.length], ['complete undefined', 1]);
});

Deno.test('a database that stays away leaves the run to the sweep, and says so', async () => {
  const { run } = start({ finish: () => Promise.reject(failure('upstream_unavailable')) });
  const seen = unwrap(await readAll(run.viewer));
  const ending = await run.ended;
  assertEquals([seen.done, ending.settled], ['reconciling undefined', null]);
});

Deno.test('a cost that is not known yet is told as such', async () => {
  const { run } = start({ finish: () => Promise.resolve({ settlement: 'later', isFinal: false }) });
  assertEquals((await run.ended).status, 'reconciling');
});

// time ----------------------------------------------------------------------------------------

Deno.test('a run that takes too long is ended, and what came is kept', async () => {
  const { run, reports, storedText } = start({
    model: 'sandbox/echo',
    wish: { frame_ms: 50 },
    limits: { wholeMs: 1_500 },
  });
  const seen = unwrap(await readAll(run.viewer));
  assertEquals(seen.done, 'failed run_too_long');
  assertEquals(
    [reports[0]?.outcome, reports[0]?.attempts.some(({ error }) => error)],
    ['stopped', false],
  );
  assertEquals(text.startsWith(storedText()), true);
});

Deno.test('an answer without end is cut at what can be kept', async () => {
  const { run } = start({
    model: 'sandbox/long-200k',
    wish: { answer: undefined },
    limits: { maxAnswerBytes: 50_000 },
  });
  const seen = unwrap(await readAll(run.viewer));
  assertEquals(seen.done, 'failed upstream_failed');
});
