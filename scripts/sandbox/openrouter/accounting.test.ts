import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createAccounting } from './accounting.ts';
import { ask, eventsOf, soon, startTestSandbox, type TestSandbox } from './test-client.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.stop());

const LONG = 'word '.repeat(2000).trim();

/** Hangs up after so many events and waits until the sandbox has noticed. */
async function hangUp(model: string, events: number, more: Record<string, unknown> = {}) {
  const body = ask('hi', {
    model,
    stream: true,
    session_id: model,
    sandbox: { answer: LONG, frame_ms: 20, tokens_per_frame: 1 },
    ...more,
  });
  const result = await sandbox.raw(body, (text) => eventsOf(text).length >= events);
  await soon(async () => (await sandbox.runs(`session_id=${model}`))[0]?.outcome).toBe('aborted');
  const [run] = await sandbox.runs(`session_id=${model}`);
  return { result, run: run! };
}

test('hanging up stops the bill where the provider allows it', async () => {
  const { result, run } = await hangUp('openai/gpt-4', 5);
  expect(result.end).toBe('cut');
  expect(run.aborted).toMatchObject({ billing: 'stopped', frames_sent: run.frames_sent });
  expect(run.completion_tokens).toBe(run.frames_sent);
  expect(run.frames_sent).toBeGreaterThanOrEqual(5);
  expect(run.frames_sent).toBeLessThan(2000);
  expect(run.aborted!.after_ms).toBeGreaterThan(0);
  expect(BigInt(run.charged)).toBe(8n * 30_000n + BigInt(run.completion_tokens) * 60_000n);
});

test.each([
  ['google/gemini-2.5-flash', 8n * 300n + 2000n * 2_500n],
  ['minimax/minimax-01', 8n * 200n + 2000n * 1_100n],
  ['sandbox/keeps-billing', 8n * 1_000n + 2000n * 2_000n],
])('%s goes on billing after the caller has gone', async (model, whole) => {
  const { run } = await hangUp(model, 3);
  expect(run.aborted!.billing).toBe('continued');
  expect(run.aborted!.frames_sent).toBeLessThan(2000);
  expect(BigInt(run.charged)).toBe(whole);
});

test('the same model stops or goes on, as its provider does', async () => {
  const model = 'anthropic/claude-haiku-4.5';
  const direct = await hangUp(model, 3);
  await sandbox.reset();
  const bedrock = await hangUp(model, 3, { provider: { only: ['amazon-bedrock'] } });
  expect([direct.run.aborted!.billing, bedrock.run.aborted!.billing]).toEqual([
    'stopped',
    'continued',
  ]);
});

test('hanging up before the first token costs nothing', async () => {
  const body = ask('hi', { stream: true, session_id: 'early', sandbox: { delay_ms: 60_000 } });
  await sandbox.raw(body, (text) => text.includes('PROCESSING'));
  await soon(async () => (await sandbox.runs('session_id=early'))[0]!.outcome).toBe('aborted');
  expect((await sandbox.runs('session_id=early'))[0]).toMatchObject({
    charged: '0',
    frames_sent: 0,
  });
});

test('an answer that is not streamed is billed in full, heard or not', async () => {
  const body = ask('hi', {
    session_id: 'deaf',
    sandbox: { delay_ms: 60_000, answer: 'one two' },
  });
  await sandbox.raw(body, () => true);
  await soon(async () => (await sandbox.runs('session_id=deaf'))[0]!.outcome).toBe('aborted');
  const [run] = await sandbox.runs('session_id=deaf');
  expect(run).toMatchObject({ charged: '40000', aborted: { billing: 'continued' } });
});

test('the record of an aborted stream says so, and what it cost', async () => {
  const { run } = await hangUp('openai/gpt-4', 4);
  const path = `/api/v1/generation?id=${run.generation_id}`;
  await sandbox.get(path);
  const { body } = await sandbox.get<{ data: Record<string, unknown> }>(path);
  expect(body.data).toMatchObject({
    cancelled: true,
    finish_reason: null,
    native_tokens_completion: run.completion_tokens,
    total_cost: Number(run.charged) / 1e9,
  });
});

test('open streams are counted while they are open', async () => {
  const body = ask('hi', { stream: true, sandbox: { fault: 'hang-mid-stream' } });
  for (let at = 0; at < 3; at += 1) void sandbox.raw(body);
  await soon(async () => (await sandbox.stats()).open).toBe(3);
  const early = await hangUp('openai/gpt-4', 3);
  expect(early.run.outcome).toBe('aborted');
  expect((await sandbox.stats()).open).toBe(3);
});

test('requests are kept with what was asked, and can be searched', async () => {
  const body = ask('hi', {
    user: 'u-7',
    session_id: 's-7',
    provider: { max_price: { prompt: 9 } },
  });
  await sandbox.chat(body);
  await sandbox.chat(ask('ho', { user: 'u-8' }));
  await sandbox.chat(ask('x', { model: 'sandbox/bad-gateway' }));
  const [run] = await sandbox.runs('user=u-7');
  expect(run).toMatchObject({
    model: 'openai/gpt-4o',
    session_id: 's-7',
    status: 200,
    outcome: 'completed',
    stream: false,
    body,
  });
  expect(await sandbox.runs('model=openai/gpt-4o')).toHaveLength(2);
  expect(await sandbox.runs('outcome=refused')).toHaveLength(1);
  expect(await sandbox.runs('limit=1')).toHaveLength(1);
  expect(await sandbox.stats()).toMatchObject({
    requests: 3,
    by_user: { 'u-7': 1, 'u-8': 1 },
    by_session: { 's-7': 1 },
    by_model: { 'openai/gpt-4o': 2, 'sandbox/bad-gateway': 1 },
    by_status: { 200: 2, 502: 1 },
    by_fault: { 'bad-gateway': 1 },
  });
});

test('the costs that clients were told add up to what was charged', async () => {
  let told = 0n;
  const models = [
    'qwen/qwen-turbo',
    'openai/gpt-5-nano',
    'google/gemini-2.5-flash',
    'openai/gpt-4',
  ];
  for (let at = 0; at < 40; at += 1) {
    const { body } = await sandbox.chat(
      ask(`number ${at}`, { model: models[at % models.length], max_tokens: 1 + at * 3 }),
    );
    told += BigInt(Math.round(body.usage.cost * 1e9));
  }
  expect(await sandbox.stats()).toMatchObject({ charged: told.toString(), requests: 40 });
});

test('what is remembered is bounded, what is charged is not', () => {
  const accounting = createAccounting();
  for (let at = 0; at < 7_000; at += 1) {
    const run = accounting.open('/chat/completions', 'key');
    run.user = `user-${at}`;
    accounting.close(run, 'completed', 3n);
    accounting.close(run, 'completed', 3n);
  }
  const stats = accounting.stats();
  expect(stats).toMatchObject({ requests: 7_000, charged: '21000', open: 0 });
  expect(Object.keys(stats.by_user as object).length).toBe(2_000);
  expect(accounting.requests(new URLSearchParams({ limit: '100000' })).length).toBeLessThan(6_100);
  expect(accounting.charged('key')).toBe(21_000n);
});
