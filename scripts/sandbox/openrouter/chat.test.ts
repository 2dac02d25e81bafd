import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ask,
  chunksOf,
  eventsOf,
  startTestSandbox,
  type TestSandbox,
  textOf,
} from './test-client.ts';
import { countTokens } from './tokens.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

const plain = (text: string): string => text.replace(/gen-\d+-\w{20}|"created":\d+|call_\w+/g, '-');

describe('a stream', () => {
  test('is comments, deltas, one finish, one usage and the end mark', async () => {
    const { status, headers, text } = await sandbox.raw(ask('hello', { stream: true }));
    const chunks = chunksOf(text);
    const last = chunks.at(-1)!;
    const finishes = chunks.filter(({ choices }) => choices[0]?.finish_reason);

    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/event-stream');
    expect(headers['x-generation-id']).toBe(last.id);
    expect(text.startsWith(': OPENROUTER PROCESSING\n\n')).toBe(true);
    expect(eventsOf(text).at(-1)).toBe('[DONE]');
    expect(finishes).toEqual([chunks.at(-2)]);
    expect(finishes[0]!.choices[0]!.native_finish_reason).toBe('completed');
    expect(chunks.filter(({ usage }) => usage)).toEqual([last]);
    expect(last.choices).toEqual([]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every(({ provider }) => provider === 'OpenAI')).toBe(true);
    expect(textOf(chunks)).toContain('sandbox');
  });

  test('says the same as an answer in one piece, and costs the same', async () => {
    const chunks = await sandbox.stream(ask('Compare tea and coffee'));
    const { body } = await sandbox.chat(ask('Compare tea and coffee'));
    expect(textOf(chunks)).toBe(body.choices[0]!.message.content);
    expect(chunks.at(-1)!.usage).toEqual(body.usage);
    expect(body.usage.completion_tokens).toBe(countTokens(textOf(chunks)));
  });

  test('is the same bytes for the same request, but for ids and time', async () => {
    for (const content of ['hello', 'Write Python code', 'What is 3 + 4?', 'Tell me something']) {
      const body = ask(content, { stream: true, seed: 7, model: 'anthropic/claude-sonnet-4.5' });
      const [first, second] = [await sandbox.raw(body), await sandbox.raw(body)];
      expect(plain(first.text)).toBe(plain(second.text));
    }
  });

  test('of several frames at once keeps every character', async () => {
    const answer = 'Grüße, 東京 🏖️ \n\n```js\nlet a = "\\u0000";\n```\n'.repeat(200);
    const chunks = await sandbox.stream(ask('x', { sandbox: { answer, tokens_per_frame: 1 } }));
    expect(textOf(chunks)).toBe(answer);
  });

  test('has exactly the length that was asked for', async () => {
    const chunks = await sandbox.stream({
      ...ask('x'),
      model: 'sandbox/fast',
      sandbox: { length: 200_000 },
    });
    expect(Buffer.byteLength(textOf(chunks))).toBe(200_000);
  });
});

describe('limits', () => {
  test('max_tokens cuts the answer and says so', async () => {
    for (const field of ['max_tokens', 'max_completion_tokens']) {
      const { body } = await sandbox.chat(ask('Write a long essay', { [field]: 20 }));
      const [choice] = body.choices;
      expect(choice).toMatchObject({ finish_reason: 'length' });
      expect(body.usage.completion_tokens).toBe(20);
      expect(countTokens(choice!.message.content!)).toBe(20);
    }
  });

  test('a stop sequence ends the answer before it', async () => {
    const wish = { stop: ['zzz', 'three'], sandbox: { answer: 'one two three four' } };
    const { body } = await sandbox.chat(ask('count', wish));
    expect(body.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: 'one two ' },
    });
  });

  test('what does not fit the context is refused, with the numbers', async () => {
    const { status, body } = await sandbox.chat(
      ask('word '.repeat(7000), { model: 'openai/gpt-4', max_tokens: 2000 }),
    );
    expect(status).toBe(400);
    expect(body.error!.message).toMatch(
      /maximum context length is 8191 tokens.*2000 in the output/,
    );
  });

  test("the model's own maximum holds when the caller asks for none", async () => {
    const { body } = await sandbox.chat(ask('x', { sandbox: { length: 100_000 } }));
    expect(body.usage.completion_tokens).toBe(16384);
    expect(body.choices[0]!.finish_reason).toBe('length');
  });
});

describe('tools', () => {
  const numbers = {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'integer' } },
  };
  const tool = (name: string) => ({
    type: 'function',
    function: { name, description: `${name} two numbers`, parameters: numbers },
  });
  const tools = [tool('add'), tool('multiply')];
  const prompt = 'Add and multiply the numbers 2 and 3';

  test('are called in parallel, their arguments in pieces', async () => {
    const chunks = await sandbox.stream(ask(prompt, { tools, sandbox: { tokens_per_frame: 1 } }));
    const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    const calls = [0, 1].map((index) => {
      const own = deltas.filter((delta) => delta.index === index);
      expect(own.length).toBeGreaterThan(3);
      expect(own.filter(({ id }) => id)).toHaveLength(1);
      return [
        own[0]!.function.name,
        JSON.parse(own.map((one) => one.function.arguments).join('')) as unknown,
      ];
    });
    expect(calls).toEqual([
      ['add', { a: 2, b: 3 }],
      ['multiply', { a: 2, b: 3 }],
    ]);
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('tool_calls');
  });

  test('obey tool_choice and parallel_tool_calls', async () => {
    const names = async (more: object): Promise<string[]> => {
      const { body } = await sandbox.chat(ask(prompt, { tools, ...more }));
      return (body.choices[0]!.message.tool_calls ?? []).map((call) => call.function.name);
    };
    const named = { type: 'function', function: { name: 'multiply' } };
    expect(await names({ parallel_tool_calls: false })).toEqual(['add']);
    expect(await names({ tool_choice: 'none' })).toEqual([]);
    expect(await names({ tool_choice: named })).toEqual(['multiply']);
    const { body } = await sandbox.chat(ask('Hello', { tools, tool_choice: 'required' }));
    expect(body.choices[0]!.message.tool_calls).toHaveLength(1);
    const idle = await sandbox.chat(ask('Hello', { tools }));
    expect(idle.body.choices[0]!.message.tool_calls).toBeUndefined();
  });

  test('have their results read back', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{}' } };
    const messages = [
      { role: 'user', content: prompt },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: 'five | 5' },
    ];
    const { body } = await sandbox.chat({ model: 'openai/gpt-4o', messages, tools });
    expect(body.choices[0]!.message.content).toContain('| `add` | five \\| 5 |');
    expect(body.choices[0]!.finish_reason).toBe('stop');
  });

  test('are refused by a model that has none', async () => {
    const { status, body } = await sandbox.chat(ask(prompt, { tools, model: 'microsoft/phi-4' }));
    expect(status).toBe(404);
    expect(body.error!.message).toContain('support tool use');
  });
});

describe('thinking', () => {
  const think = (model: string, reasoning: object) =>
    sandbox.stream(ask('Why?', { model, reasoning }));

  test.each([
    ['openai/gpt-5', 'openai-responses-v1', ['reasoning.summary', 'reasoning.encrypted']],
    ['anthropic/claude-sonnet-4.5', 'anthropic-claude-v1', ['reasoning.text']],
    ['google/gemini-2.5-pro', 'google-gemini-v1', ['reasoning.text', 'reasoning.encrypted']],
    ['deepseek/deepseek-r1', 'unknown', ['reasoning.text']],
  ])('of %s comes first, in the shape %s', async (model, format, types) => {
    const chunks = await think(model, { effort: 'low' });
    const details = chunks.flatMap(({ choices }) => choices[0]?.delta.reasoning_details ?? []);
    expect([...new Set(details.map(({ type }) => type))]).toEqual(types);
    expect(details.every((detail) => detail.format === format)).toBe(true);
    const thoughts = chunks.map(({ choices }) => choices[0]?.delta.reasoning ?? '').join('');
    const { usage } = chunks.at(-1)!;
    expect(usage!.completion_tokens_details.reasoning_tokens).toBe(80);
    expect(countTokens(thoughts)).toBe(80);
    const firstWord = chunks.findIndex(({ choices }) => choices[0]?.delta.content);
    expect(chunks.slice(firstWord).some(({ choices }) => choices[0]?.delta.reasoning)).toBe(false);
  });

  test('can be hidden, limited and switched off, and is always paid for', async () => {
    const hidden = await think('openai/gpt-5', { effort: 'low', exclude: true });
    expect(hidden.some(({ choices }) => choices[0]?.delta.reasoning)).toBe(false);
    expect(hidden.at(-1)!.usage!.completion_tokens_details.reasoning_tokens).toBe(80);
    const limited = await think('openai/gpt-5', { max_tokens: 33 });
    expect(limited.at(-1)!.usage!.completion_tokens_details.reasoning_tokens).toBe(33);
    for (const off of [{ effort: 'none' }, { enabled: false }]) {
      const chunks = await think('openai/gpt-5', off);
      expect(chunks.at(-1)!.usage!.completion_tokens_details.reasoning_tokens).toBe(0);
    }
  });

  test('happens unasked only where the model always thinks', async () => {
    const count = async (model: string) =>
      (await think(model, {})).at(-1)!.usage!.completion_tokens_details.reasoning_tokens;
    expect(await count('deepseek/deepseek-r1')).toBeGreaterThan(0);
    expect(await count('anthropic/claude-sonnet-4.5')).toBe(0);
    expect(await count('openai/gpt-4o')).toBe(0);
  });
});

describe('pictures', () => {
  const image = { type: 'image_url', image_url: { url: 'https://example.com/cat.png' } };

  test('are counted when sent, and refused by a model without eyes', async () => {
    const look = (model: string) =>
      sandbox.chat(ask([{ type: 'text', text: 'Look' }, image], { model }));
    const seen = await look('openai/gpt-4o');
    expect(seen.body.usage.prompt_tokens).toBe(1 + 1105 + 4 + 3);
    expect(seen.body.choices[0]!.message.content).toContain('example.com');
    expect((await look('deepseek/deepseek-r1')).status).toBe(404);
  });

  test('are drawn by models that draw', async () => {
    const body = ask('a red fox', { model: 'google/gemini-2.5-flash-image' });
    const chunks = await sandbox.stream(body);
    const [drawn] = chunks.flatMap(({ choices }) => choices[0]?.delta.images ?? []);
    const png = Buffer.from(drawn!.image_url.url.split(',')[1]!, 'base64');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(chunks.at(-1)!.usage!.completion_tokens_details.image_tokens).toBe(1290);
    const whole = await sandbox.chat(body);
    expect(whole.body.choices[0]!.message.images![0]!.image_url).toEqual(drawn!.image_url);
    const wrong = await sandbox.chat(ask('a fox', { modalities: ['image', 'text'] }));
    expect(wrong.body.error!.message).toContain('output modalities: image, text');
  });
});

describe('JSON', () => {
  test('is valid, and fits the schema', async () => {
    const any = await sandbox.chat(ask('hi', { response_format: { type: 'json_object' } }));
    expect(JSON.parse(any.body.choices[0]!.message.content!)).toMatchObject({ sandbox: true });
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const response_format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const fit = await sandbox.chat(ask('give me 42', { response_format }));
    expect(JSON.parse(fit.body.choices[0]!.message.content!)).toEqual({ n: 42 });
  });
});

test('log probabilities cover the text, token by token', async () => {
  const wish = { logprobs: true, top_logprobs: 2, sandbox: { answer: 'one two three' } };
  const { body } = await sandbox.chat(ask('count', wish));
  const { content } = body.choices[0]!.logprobs as {
    content: { token: string; logprob: number; top_logprobs: unknown[] }[];
  };
  expect(content.map(({ token }) => token)).toEqual(['one', ' two', ' three']);
  expect(
    content.every(({ logprob, top_logprobs }) => logprob <= 0 && top_logprobs.length === 2),
  ).toBe(true);
  const streamed = (await sandbox.stream(ask('count', wish))).flatMap(
    ({ choices }) => choices[0]?.logprobs?.content ?? [],
  );
  expect(streamed).toEqual(content);
});

describe('routing', () => {
  test('models falls back, and the one that answered is billed', async () => {
    const messages = [{ role: 'user', content: 'hi' }];
    const models = ['sandbox/unavailable', 'sandbox/rate-limited', 'openai/gpt-4'];
    const { body } = await sandbox.chat({ models, messages });
    const direct = await sandbox.chat({ model: 'openai/gpt-4', messages });
    expect(body.model).toBe('openai/gpt-4');
    expect(body.usage).toEqual(direct.body.usage);
    const [run] = await sandbox.runs(`generation_id=${body.id}`);
    expect(run!.attempts).toEqual([
      { model: 'sandbox/unavailable', status: 503 },
      { model: 'sandbox/rate-limited', status: 429 },
    ]);
  });

  test('when all fail, the last error is the answer; an empty account ends it at once', async () => {
    const failed = await sandbox.chat(
      ask('x', { models: ['sandbox/timeout'], model: 'sandbox/bad-gateway' }),
    );
    expect(failed.status).toBe(408);
    const broke = await sandbox.chat(
      ask('x', { model: 'sandbox/out-of-credits', models: ['openai/gpt-4o'] }),
    );
    expect(broke.status).toBe(402);
  });

  test('the auto router is billed as the model it chose', async () => {
    const { body } = await sandbox.chat(ask('hi', { model: 'openrouter/auto' }));
    const direct = await sandbox.chat(ask('hi', { model: 'openai/gpt-4o-mini' }));
    expect(body.model).toBe('openai/gpt-4o-mini');
    expect(body.usage).toEqual(direct.body.usage);
    await sandbox.get(`/api/v1/generation?id=${body.id}`);
    const record = await sandbox.get<{ data: unknown }>(`/api/v1/generation?id=${body.id}`);
    expect(record.body.data).toMatchObject({ router: 'openrouter/auto' });
  });

  test('max_price is a ceiling in dollars per million tokens', async () => {
    const price = (max_price: object) =>
      sandbox.chat(ask('hi', { model: 'openai/gpt-4', provider: { max_price } }));
    expect((await price({ prompt: 30, completion: '60' })).status).toBe(200);
    expect((await price({ prompt: 29.99 })).status).toBe(404);
    expect((await price({ completion: '59' })).status).toBe(404);
    const perRequest = (request: number) =>
      sandbox.chat(
        ask('hi', { model: 'sandbox/per-request', provider: { max_price: { request } } }),
      );
    expect((await perRequest(0.005)).status).toBe(200);
    expect((await perRequest(0.004)).status).toBe(404);
  });

  test('a dearer provider costs what it lists; unknown ones are refused', async () => {
    const model = 'meta-llama/llama-4-scout';
    const call = (provider: object) => sandbox.chat(ask('hi', { model, provider }));
    const cheap = (await call({})).body;
    const dear = (await call({ only: ['together'] })).body;
    const first = (await call({ order: ['together'] })).body;
    const nobody = await call({ only: ['acme'] });
    expect([cheap.provider, dear.provider, first.provider]).toEqual([
      'DeepInfra',
      'Together',
      'Together',
    ]);
    expect(dear.usage.cost).toBeGreaterThan(cheap.usage.cost);
    expect(nobody.status).toBe(404);
    expect(nobody.body.error!.metadata).toEqual({
      available_providers: ['deepinfra', 'together'],
      requested_providers: ['acme'],
    });
  });
});

test('costs are those of the price list, to the nano-dollar', async () => {
  await sandbox.reset();
  const answer = 'one two three four five';
  const costs: [string, number][] = [
    ['openai/gpt-4-turbo', 8 * 10_000 + 5 * 30_000],
    ['openai/gpt-4', 8 * 30_000 + 5 * 60_000],
    ['openai/gpt-3.5-turbo', 8 * 500 + 5 * 1_500],
    ['anthropic/claude-opus-4.1', 8 * 15_000 + 5 * 75_000],
    ['qwen/qwen-turbo', 8 * 32.5 + 5 * 130],
    ['openai/gpt-oss-20b:free', 0],
    ['sandbox/per-request', 5_000_000 + 8 * 1_000 + 5 * 2_000],
  ];
  for (const [model, nano] of costs) {
    const { body } = await sandbox.chat(
      ask('hi', { model, reasoning: { enabled: false }, sandbox: { answer } }),
    );
    expect([model, body.usage.prompt_tokens, body.usage.completion_tokens]).toEqual([model, 8, 5]);
    expect([model, Math.round(body.usage.cost * 1e9)]).toEqual([model, nano]);
  }
  const sum = costs.reduce((total, [, nano]) => total + nano, 0);
  expect(await sandbox.stats()).toMatchObject({ charged: String(sum), requests: costs.length });
});
