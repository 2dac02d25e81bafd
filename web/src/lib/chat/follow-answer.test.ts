import { expect, test } from 'vitest';
import { type AnswerCalls, ConnectionLost, followAnswer, Refusal } from './follow-answer.ts';

const run = `event: run\ndata: {"run_id":"r1"}\n\n`;
const done = `event: done\ndata: {"status":"complete"}\n\n`;
const frame = (number: number, text = `${number} `) =>
  `id: ${number}\ndata: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`;

type Step = string | 'offline' | Response;

/** Plays one step for each call; a stream that lacks `done` is one whose connection was lost. */
function play(steps: Step[], { breaks = false } = {}) {
  const calls: string[] = [];
  const answer = async (call: string): Promise<Response> => {
    calls.push(call);
    const step = steps.shift();
    if (step === undefined || step === 'offline') throw new TypeError('Failed to fetch');
    if (step instanceof Response) return step;
    if (!breaks) return new Response(step);
    let given = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (given) return controller.error(new TypeError('network error'));
        given = true;
        controller.enqueue(new TextEncoder().encode(step));
      },
    });
    return new Response(body);
  };
  const waits: number[] = [];
  const deps: AnswerCalls = {
    open: () => answer('open'),
    resume: (runId, after) => answer(`${runId} after ${after}`),
    wait: async (attempt) => void waits.push(attempt),
  };
  return { deps, calls, waits };
}

async function follow(deps: AnswerCalls, signal = new AbortController().signal) {
  let text = '';
  const kinds: string[] = [];
  for await (const event of followAnswer(deps, signal)) {
    kinds.push(event.kind);
    if (event.kind === 'delta') text += event.content;
  }
  return { text, kinds };
}

test('one connection, start to end', async () => {
  const { deps, calls } = play([run + frame(1) + frame(2) + done]);
  expect(await follow(deps)).toEqual({ text: '1 2 ', kinds: ['run', 'delta', 'delta', 'done'] });
  expect(calls).toEqual(['open']);
});

test('a lost connection is taken up after the last frame, and nothing comes twice', async () => {
  const { deps, calls } = play([
    run + frame(1) + frame(2),
    'offline',
    run + frame(2) + frame(3),
    run + frame(4) + done,
  ]);
  expect((await follow(deps)).text).toBe('1 2 3 4 ');
  expect(calls).toEqual(['open', 'r1 after 2', 'r1 after 2', 'r1 after 3']);
});

test('a connection that breaks with an error is taken up like one that ends', async () => {
  const { deps, calls } = play([run + frame(1), run + frame(2) + done], { breaks: true });
  expect((await follow(deps)).text).toBe('1 2 ');
  expect(calls).toEqual(['open', 'r1 after 1']);
});

test('where nothing is kept a lost connection is the end, once the answer has begun', async () => {
  const { deps, calls } = play(['offline', run + frame(1)]);
  await expect(follow({ ...deps, resume: null })).rejects.toThrow(ConnectionLost);
  expect(calls).toEqual(['open', 'open']);
});

test('a gap in the numbers is asked for again', async () => {
  const { deps, calls } = play([run + frame(1) + frame(3), run + frame(2) + frame(3) + done]);
  expect((await follow(deps)).text).toBe('1 2 3 ');
  expect(calls).toEqual(['open', 'r1 after 1']);
});

test('where what was streamed is forgotten on the other side, the whole answer takes its place', async () => {
  const anew = 'event: anew\ndata: {}\n\n';
  const whole = run + anew + frame(1, 'All ') + frame(2, 'of it');
  const { deps, calls } = play([run + frame(1) + frame(2) + frame(3), whole, whole + done]);
  let text = '';
  for await (const event of followAnswer(deps, new AbortController().signal)) {
    if (event.kind === 'anew') text = '';
    if (event.kind === 'delta') text += event.content;
  }
  expect(text).toBe('All of it');
  expect(calls).toEqual(['open', 'r1 after 3', 'r1 after 2']);
});

test('a question that never arrived is asked again, which joins the run if it did', async () => {
  const { deps, calls } = play(['offline', 'offline', run + frame(1) + done]);
  expect((await follow(deps)).text).toBe('1 ');
  expect(calls).toEqual(['open', 'open', 'open']);
});

test('a stream that ends without its last event has not ended', async () => {
  const { deps } = play([run + frame(1), run + done]);
  expect((await follow(deps)).kinds).toEqual(['run', 'delta', 'waiting', 'run', 'done']);
});

test('a refusal is told with its rule and tried no more', async () => {
  const body = {
    error: {
      code: 'insufficient_credits',
      message: 'Not enough.',
      hint: 'Top up.',
      request_id: 'q',
    },
    rule: 'balance',
    shortfall_micros: 1500,
    resets_at: null,
  };
  const { deps, calls } = play([Response.json(body, { status: 402 })]);
  const refusal = await follow(deps).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Refusal);
  expect(refusal).toMatchObject({
    status: 402,
    code: 'insufficient_credits',
    message: 'Not enough.',
    hint: 'Top up.',
    rule: 'balance',
    shortfallMicros: 1500,
    resetsAt: null,
    requestId: 'q',
  });
  expect(calls).toEqual(['open']);
});

test('until when a refusal holds is counted from now, whatever the clock here says', async () => {
  const body = { error: { code: 'rate_limited' }, resets_at: '2001-01-01T00:00:00Z' };
  const before = Date.now();
  const { deps } = play([Response.json(body, { status: 429, headers: { 'retry-after': '20' } })]);
  const { resetsAt } = (await follow(deps).catch((error: unknown) => error)) as Refusal;
  expect(resetsAt!.getTime()).toBeGreaterThanOrEqual(before + 20_000);
  expect(resetsAt!.getTime()).toBeLessThanOrEqual(Date.now() + 20_000);
});

test('a gateway that stumbles is tried again; a page of HTML with 404 is not', async () => {
  const stumbling = play([new Response('<html>', { status: 502 }), run + done]);
  expect((await follow(stumbling.deps)).kinds).toEqual(['waiting', 'run', 'done']);
  const missing = play([new Response('<html>', { status: 404 })]);
  await expect(follow(missing.deps)).rejects.toBeInstanceOf(Refusal);
});

test('it gives up after eight attempts that brought nothing', async () => {
  const { deps, waits } = play([]);
  await expect(follow(deps)).rejects.toBeInstanceOf(ConnectionLost);
  expect(waits).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('text that comes resets the patience', async () => {
  const steps = Array.from({ length: 20 }, (_, at) => run + frame(at + 1));
  const { deps, waits } = play([...steps, run + done]);
  expect((await follow(deps)).text).toBe(steps.map((_, at) => `${at + 1} `).join(''));
  expect(new Set(waits)).toEqual(new Set([1]));
});

test('whoever leaves is not waited for', async () => {
  const gone = new AbortController();
  const { deps } = play(['offline']);
  deps.wait = async () => gone.abort();
  await expect(follow(deps, gone.signal)).rejects.toMatchObject({ name: 'AbortError' });
});
