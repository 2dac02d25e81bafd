import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOpenRouter } from './openrouter.ts';
import { SANDBOX_BEHAVIOURS } from './openrouter/sandbox-models.ts';
import { STATUS_FAULTS, WIRE_FAULTS } from './openrouter/behaviour.ts';
import type { Model } from './openrouter/model.ts';
import { parseUsd } from './openrouter/money.ts';
import { ask, startTestSandbox, type TestSandbox, type Whole } from './openrouter/test-client.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

const listModels = async (query = ''): Promise<Model[]> =>
  (await sandbox.get<{ data: Model[] }>(`/api/v1/models${query}`)).body.data;

test('the catalogue is wide, well formed and has no model twice', async () => {
  const models = await listModels();
  expect(models.length).toBeGreaterThanOrEqual(60);
  expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
  expect(new Set(models.map(({ id }) => id.split('/')[0])).size).toBeGreaterThanOrEqual(12);
  for (const model of models) {
    expect(model.id).toMatch(/^[a-z0-9-]+\/[a-z0-9.:_-]+$/);
    expect(model.description).not.toBe('');
    expect(model.context_length).toBeGreaterThan(0);
    expect(model.architecture.output_modalities).toContain('text');
    for (const price of Object.values(model.pricing))
      expect(parseUsd(String(price))).not.toBeNull();
  }
});

test.each([
  'openai/gpt-4-turbo',
  'openai/gpt-4',
  'openai/gpt-3.5-turbo',
  'anthropic/claude-opus-4.7',
  'anthropic/claude-sonnet-4.5',
  'anthropic/claude-haiku-4.5',
  'minimax/minimax-m2',
])('%s is listed with a price', async (id) => {
  const model = (await listModels()).find((one) => one.id === id);
  expect(parseUsd(model!.pricing.prompt)).toBeGreaterThan(0n);
});

test('free models cost nothing, and a router has no price at all', async () => {
  const models = await listModels();
  const free = models.filter(({ id }) => id.endsWith(':free'));
  expect(free.length).toBeGreaterThan(3);
  for (const { pricing } of free) expect([pricing.prompt, pricing.completion]).toEqual(['0', '0']);
  const auto = models.find(({ id }) => id === 'openrouter/auto')!;
  expect(auto.pricing).toEqual({ prompt: '-1', completion: '-1' });
});

test('the list can be asked for other modalities and for abilities', async () => {
  const vectors = await listModels('?output_modalities=embeddings');
  expect(vectors.length).toBeGreaterThan(0);
  expect(vectors.every(({ id }) => /embed/.test(id))).toBe(true);
  const all = await listModels('?output_modalities=all');
  expect(all.length).toBe((await listModels()).length + vectors.length);
  const able = await listModels('?supported_parameters=tools,reasoning');
  expect(able.length).toBeGreaterThan(0);
  expect(able.every((model) => model.supported_parameters.includes('reasoning'))).toBe(true);
});

test('every special model is listed, and its fault exists', async () => {
  const listed = new Set((await listModels()).map(({ id }) => id));
  for (const [id, { fault }] of SANDBOX_BEHAVIOURS) {
    expect(listed.has(id)).toBe(true);
    if (fault) expect(Object.keys({ ...STATUS_FAULTS, ...WIRE_FAULTS })).toContain(fault);
  }
});

test('endpoints name the providers, their prices and their dearer rivals', async () => {
  type Endpoints = {
    data: { endpoints: { provider_name: string; pricing: { prompt: string } }[] };
  };
  const path = '/api/v1/models/meta-llama/llama-4-scout/endpoints';
  const { endpoints } = (await sandbox.get<Endpoints>(path)).body.data;
  expect(endpoints.map(({ provider_name }) => provider_name)).toEqual(['DeepInfra', 'Together']);
  expect(endpoints.map(({ pricing }) => pricing.prompt)).toEqual(['0.00000008', '0.00000012']);
  expect((await sandbox.get('/api/v1/models/nobody/nothing/endpoints')).status).toBe(404);
});

test('without a key everything but the catalogue answers 401 in the error shape', async () => {
  const asked = [
    fetch(`${sandbox.base}/chat/completions`, { method: 'POST', body: JSON.stringify(ask('hi')) }),
    fetch(`${sandbox.base}/embeddings`, { method: 'POST', body: '{}' }),
    fetch(`${sandbox.base}/key`),
    fetch(`${sandbox.base}/credits`, { headers: { authorization: 'Bearer ' } }),
    fetch(`${sandbox.base}/generation?id=x`, { headers: { authorization: 'Basic abc' } }),
  ];
  for (const response of await Promise.all(asked)) {
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      error: { code: 401, message: 'No auth credentials found' },
    });
  }
  expect((await fetch(`${sandbox.base}/models`)).status).toBe(200);
});

test('the sandbox says what it can be asked', async () => {
  interface Offer {
    models: { id: string }[];
    request_field: { sandbox: string[] };
    status_faults: Record<string, number>;
    wire_faults: Record<string, string>;
  }
  const { body } = await sandbox.get<Offer>('/sandbox');
  expect(body.models.map(({ id }) => id)).toContain('sandbox/flaky');
  expect(body.request_field.sandbox).toEqual(expect.arrayContaining(['fault', 'delay_ms']));
  expect(body.status_faults['rate-limited']).toBe(429);
  expect(Object.keys(body.wire_faults)).toContain('die-mid-stream');
});

test('unknown paths and methods are refused', async () => {
  expect((await sandbox.get('/api/v1/nothing')).status).toBe(404);
  expect((await sandbox.get('/nothing')).status).toBe(404);
  expect((await sandbox.post('/nothing', {})).status).toBe(404);
  const removed = await fetch(`${sandbox.base}/models`, { method: 'DELETE' });
  expect(removed.status).toBe(405);
});

test('key and credits count what this key and all keys were charged', async () => {
  await sandbox.reset();
  const { body } = await sandbox.chat(ask('hi', { model: 'openai/gpt-4' }));
  expect(body.usage.cost).toBeGreaterThan(0);
  const other = await fetch(`${sandbox.base}/key`, { headers: { authorization: 'Bearer other' } });
  const key = await sandbox.get('/api/v1/key');
  const credits = await sandbox.get('/api/v1/credits');
  expect(await other.json()).toMatchObject({ data: { usage: 0 } });
  expect(key.body).toMatchObject({ data: { usage: body.usage.cost, is_free_tier: false } });
  expect(credits.body).toEqual({ data: { total_credits: 1000, total_usage: body.usage.cost } });
});

test('a generation record is late, then says what was charged', async () => {
  const { body } = await sandbox.chat(
    ask('hi', {
      model: 'anthropic/claude-sonnet-4.5',
      user: 'u-1',
      sandbox: { generation_misses: 2 },
    }),
  );
  const find = () => sandbox.get<{ data: unknown }>(`/api/v1/generation?id=${body.id}`);
  expect((await find()).status).toBe(404);
  expect((await find()).status).toBe(404);
  const record = await find();
  expect(record.status).toBe(200);
  expect(record.body.data).toMatchObject({
    id: body.id,
    model: 'anthropic/claude-4.5-sonnet-20250929',
    provider_name: 'Anthropic',
    total_cost: body.usage.cost,
    native_tokens_prompt: body.usage.prompt_tokens,
    native_tokens_completion: body.usage.completion_tokens,
    cancelled: false,
    streamed: false,
    finish_reason: 'stop',
    native_finish_reason: 'end_turn',
    external_user: 'u-1',
  });
  expect((await sandbox.get('/api/v1/generation?id=gen-unknown')).status).toBe(404);
  expect((await sandbox.get('/api/v1/generation')).status).toBe(400);
});

test('bad bodies are refused, and not one of them is charged', async () => {
  await sandbox.reset();
  const bodies: [unknown, number][] = [
    [[], 400],
    [{}, 400],
    [{ model: 'openai/gpt-4o' }, 400],
    [{ model: 'openai/gpt-4o', messages: [] }, 400],
    [{ model: 'openai/gpt-4o', messages: 'hi' }, 400],
    [{ model: 'openai/gpt-4o', messages: [{ role: 'robot', content: 'hi' }] }, 400],
    [{ model: 'openai/gpt-4o', messages: [{ role: 'user' }] }, 400],
    [{ model: 'openai/gpt-4o', messages: [{ role: 'user', content: [{ type: 'x' }] }] }, 400],
    [{ model: 'openai/gpt-4o', messages: [{ role: 'tool', content: 'x' }] }, 400],
    [ask('hi', { model: 'gpt-4o' }), 400],
    [ask('hi', { model: 'openai/text-embedding-3-small' }), 400],
    [ask('hi', { model: 7 }), 400],
    [ask('hi', { max_tokens: 0 }), 400],
    [ask('hi', { max_tokens: 1.5 }), 400],
    [ask('hi', { logprobs: true, top_logprobs: 99 }), 400],
    [ask('hi', { reasoning: { effort: 'immense' } }), 400],
    [ask('hi', { response_format: { type: 'xml' } }), 400],
    [ask('hi', { provider: { max_price: { prompt: 'cheap' } } }), 400],
    [ask('hi', { sandbox: { fault: 'unheard-of' } }), 400],
    [ask('hi', { sandbox: { fautl: 'refuse' } }), 400],
    [ask('hi', { sandbox: { delay_ms: -1 } }), 400],
  ];
  for (const [body, status] of bodies) {
    const response = await sandbox.post('/chat/completions', body);
    const { error } = (await response.json()) as Whole;
    expect([response.status, error?.code], JSON.stringify(body)).toEqual([status, status]);
    expect(error?.message).not.toBe('');
  }
  expect(await sandbox.stats()).toMatchObject({
    charged: '0',
    by_outcome: { refused: bodies.length },
  });
});

test('a body that is too large is refused with 413', async () => {
  const response = await sandbox.post('/chat/completions', ask('x'.repeat(33 * 1024 * 1024)));
  expect(response.status).toBe(413);
});

test('a port in use is an error, not a silence', async () => {
  const port = Number(new URL(sandbox.url).port);
  await expect(startOpenRouter({ port })).rejects.toThrow('EADDRINUSE');
});

test('stopping ends open streams', async () => {
  const short = await startTestSandbox();
  const open = short.raw(ask('hi', { stream: true, sandbox: { fault: 'hang-mid-stream' } }), () => {
    void short.stop();
    return false;
  });
  expect((await open).end).toBe('cut');
});
