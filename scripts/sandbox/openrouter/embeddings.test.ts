import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestSandbox, type TestSandbox } from './test-client.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

interface Embedded {
  model: string;
  id: string;
  data: { embedding: number[] | string; index: number; object: string }[];
  usage: { prompt_tokens: number; total_tokens: number; cost: number };
}

const MODEL = 'openai/text-embedding-3-small';

async function embed(input: unknown, more: Record<string, unknown> = {}) {
  const response = await sandbox.post('/embeddings', { model: MODEL, input, ...more });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Embedded,
  };
}

async function vectors(input: unknown, more: Record<string, unknown> = {}): Promise<number[][]> {
  return (await embed(input, more)).body.data.map(({ embedding }) => embedding as number[]);
}

const dot = (a: number[], b: number[]): number =>
  a.reduce((sum, value, at) => sum + value * b[at]!, 0);

test('vectors have the model’s size, the length 1, and are always the same', async () => {
  const [first] = await vectors('the cat sat on the mat');
  const [again] = await vectors('the cat sat on the mat');
  expect(first).toHaveLength(1536);
  expect(dot(first!, first!)).toBeCloseTo(1, 5);
  expect(again).toEqual(first);
});

test('texts that share words are nearer than texts that do not', async () => {
  const [cat, dog, tax] = await vectors([
    'the cat sleeps',
    'the dog sleeps',
    'quarterly income taxes',
  ]);
  expect(dot(cat!, dog!)).toBeGreaterThan(dot(cat!, tax!) + 0.2);
});

test('fewer dimensions are the first ones, again of length 1', async () => {
  const [whole] = await vectors('hello');
  const [short] = await vectors('hello', { dimensions: 64 });
  expect(short).toHaveLength(64);
  expect(dot(short!, short!)).toBeCloseTo(1, 5);
  expect(short![1]! / short![0]!).toBeCloseTo(whole![1]! / whole![0]!, 4);
});

test('base64 holds the same numbers', async () => {
  const [floats] = await vectors('hello');
  const { body } = await embed('hello', { encoding_format: 'base64' });
  const bytes = Buffer.from(String(body.data[0]!.embedding), 'base64');
  const decoded = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  expect(decoded).toEqual(floats);
});

test('the answer counts, prices and names what was asked', async () => {
  const { body, headers } = await embed(['one two', 'three']);
  expect(body).toMatchObject({
    object: 'list',
    model: MODEL,
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });
  expect(body.usage.cost).toBe(0.00000006);
  expect(body.data.map(({ index, object }) => [index, object])).toEqual([
    [0, 'embedding'],
    [1, 'embedding'],
  ]);
  expect(headers.get('x-generation-id')).toBe(body.id);
  const [run] = await sandbox.runs(`generation_id=${body.id}`);
  expect(run).toMatchObject({ path: '/embeddings', charged: '60', outcome: 'completed' });
});

test('tokens instead of texts are counted one by one', async () => {
  expect((await embed([1, 2, 3])).body).toMatchObject({ usage: { prompt_tokens: 3 } });
  expect((await embed([[1, 2], [3]])).body.data).toHaveLength(2);
});

test.each([
  ['no input', { input: undefined }],
  ['an empty text', { input: '' }],
  ['an empty list', { input: [] }],
  ['a chat model', { input: 'x', model: 'openai/gpt-4o' }],
  ['too many dimensions', { input: 'x', dimensions: 9999 }],
  ['an unknown encoding', { input: 'x', encoding_format: 'hex' }],
  ['a text beyond the context', { input: 'word '.repeat(9000) }],
])('%s is refused with 400', async (_, body) => {
  const response = await sandbox.post('/embeddings', { model: MODEL, ...body });
  expect(response.status).toBe(400);
});

test('faults can be asked for', async () => {
  const wish = { fault: 'rate-limited', fail_first: 1 };
  expect((await embed('again', { sandbox: wish })).status).toBe(429);
  expect((await embed('again', { sandbox: wish })).status).toBe(200);
});
