// The official SDK of OpenAI, current and one major back: everything works by changing its address
// and its key.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import PreviousOpenAI from 'openai-previous';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  base,
  booksOf,
  type Customer,
  ledgerCharges,
  newCustomer,
  priceOf,
  setCredits,
  settled,
  upstreamRuns,
} from './customer.ts';
import { countingFetch, holdAgainstDocument, recordingFetch } from './recorder.ts';

holdAgainstDocument();

const model = 'sandbox/fast';
const hello = [{ role: 'user' as const, content: 'Say hello' }];
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    },
  },
};
/** Its record of a call is there when it is first asked for. */
const atOnce = { sandbox: { generation_misses: 0 } };
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let customer: Customer;
beforeAll(async () => {
  customer = await newCustomer();
});

// The two majors are one type to the tests: what they use of both is the same.
const sdks = { current: OpenAI, previous: PreviousOpenAI as unknown as typeof OpenAI };

describe.each(Object.entries(sdks))('openai, %s', (_name, Sdk) => {
  const clientOf = (key = customer.key, options = {}) =>
    new Sdk({ apiKey: key, baseURL: base, fetch: recordingFetch, maxRetries: 0, ...options });

  test('an answer in one piece has its usage and cost', async () => {
    const before = await booksOf(customer.accountId);
    const { data, response } = await clientOf()
      .chat.completions.create({ model, messages: hello, max_tokens: 40, seed: 1 })
      .withResponse();
    const { charged } = await booksOf(customer.accountId);
    expect(data.choices[0]?.message.content).toMatch(/\w/);
    expect(data.usage).toMatchObject({ cost: (charged - before.charged) / 1e9 });
    expect(data.model).toBe(model);
    expect(response.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
    expect(Number(response.headers.get('x-ratelimit-remaining-requests'))).toBeGreaterThan(0);
  });

  test('a stream is the same answer in pieces, with its usage at the end if asked', async () => {
    const ask = { model, messages: hello, max_tokens: 40, seed: 2 };
    const whole = await clientOf().chat.completions.create(ask);
    const stream = await clientOf().chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    const ids = new Set<string>();
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
      ids.add(chunk.id);
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(usage).toMatchObject({ total_tokens: whole.usage?.total_tokens });
    expect(usage).toHaveProperty('cost');
    expect(ids.size).toBe(1);
    const without = await clientOf().chat.completions.create({ ...ask, stream: true });
    for await (const chunk of without) expect(chunk.usage ?? null).toBeNull();
  });

  test('tools are called, several at once, and their answers taken back', async () => {
    const first = await clientOf().chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'What is the weather in Paris and in Rome?' }],
      tools: [weather],
      tool_choice: 'required',
      parallel_tool_calls: true,
    });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    const calls = choice?.message.tool_calls ?? [];
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) {
      if (call.type !== 'function') throw new Error('not a function');
      expect(call.function.name).toBe('get_weather');
      expect(JSON.parse(call.function.arguments)).toBeTypeOf('object');
    }
    const second = await clientOf().chat.completions.create({
      model,
      messages: [
        { role: 'user', content: 'What is the weather?' },
        choice!.message,
        ...calls.map(({ id }) => ({
          role: 'tool' as const,
          tool_call_id: id,
          content: '{"sunny": true}',
        })),
      ],
      tools: [weather],
    });
    expect(second.choices[0]?.message.content).toMatch(/\w/);
  });

  test('a stream carries the calls of tools', async () => {
    const stream = clientOf().chat.completions.stream({
      model,
      messages: hello,
      tools: [weather],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const final = await stream.finalChatCompletion();
    const [call] = final.choices[0]?.message.tool_calls ?? [];
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    expect(() => {
      JSON.parse((call as { function: { arguments: string } }).function.arguments);
    }).not.toThrow();
  });

  test('JSON comes as asked for', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, age: { type: 'integer' } },
      required: ['city', 'age'],
      additionalProperties: false,
    };
    for (const response_format of [
      { type: 'json_object' as const },
      { type: 'json_schema' as const, json_schema: { name: 'place', schema, strict: true } },
    ]) {
      const { choices } = await clientOf().chat.completions.create({
        model,
        messages: hello,
        response_format,
      });
      expect(JSON.parse(choices[0]?.message.content ?? '')).toBeTypeOf('object');
    }
  });

  test('a picture is seen, and one at an address is passed on unopened', async () => {
    let visits = 0;
    const host = createServer((_request, response) => {
      visits += 1;
      response.end();
    });
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    const near = `127.0.0.1:${(host.address() as AddressInfo).port}`;
    const pictures = [
      [pixel, 'a picture (`image/png`), 70 bytes, **1 × 1** pixels'],
      ['http://169.254.169.254/latest/meta-data', 'a picture from **169.254.169.254**'],
      [`http://${near}/x.png`, `a picture from **${near}**`],
    ] as const;
    const own = await newCustomer();
    for (const [url, seen] of pictures) {
      const content = [
        { type: 'text' as const, text: 'What is this?' },
        { type: 'image_url' as const, image_url: { url } },
      ];
      const { choices } = await clientOf(own.key).chat.completions.create({
        model,
        messages: [{ role: 'user', content }],
        max_tokens: 200,
      });
      expect(choices[0]?.message.content).toContain(seen);
      const [sent] = (await upstreamRuns(own.accountId)).slice(-1);
      expect(sent?.body).toMatchObject({ messages: [{ role: 'user', content }] });
    }
    host.close();
    expect(visits).toBe(0);
  });

  test('probabilities, stops and lengths go through', async () => {
    const { choices } = await clientOf().chat.completions.create({
      model,
      messages: hello,
      logprobs: true,
      top_logprobs: 2,
      max_completion_tokens: 5,
      stop: ['zebra'],
    });
    expect(choices[0]?.finish_reason).toBe('length');
    expect(choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2);
  });

  test.each([
    ['Summarise the meeting of 2026-11-27.', 'openai/gpt-4o-mini', /^An everyday question/, {}],
    ['Sort a list in Python.', 'anthropic/claude-sonnet-4.5', /^You asked about code/, {}],
    ['Solve 2x + 3 = 7.', 'openai/o4-mini', /^You asked about mathematics/, {}],
    [
      'What is it like in Paris?',
      'openai/gpt-4.1-mini',
      /^Tools are in play/,
      { tools: [weather] },
    ],
    [
      [
        { type: 'text' as const, text: 'What is this?' },
        { type: 'image_url' as const, image_url: { url: pixel } },
      ],
      'google/gemini-2.5-flash',
      /^You sent an image/,
      {},
    ],
  ])('a router chooses, and says why: %j', async (content, chosen, reason, others) => {
    const { data, response } = await clientOf()
      .chat.completions.create({
        model: 'oneai/auto',
        messages: [{ role: 'user', content }],
        max_tokens: 20,
        ...others,
      })
      .withResponse();
    expect(data.model).toBe(chosen);
    expect(response.headers.get('x-oneai-route-reason')).toMatch(reason);
  });

  test('a model that fails is replaced by the next', async () => {
    const { data, response } = await clientOf()
      .chat.completions.create({
        model: 'sandbox/unavailable',
        models: ['sandbox/fast'],
        messages: hello,
        max_tokens: 20,
      } as Parameters<OpenAI['chat']['completions']['create']>[0] & { stream?: false })
      .withResponse();
    expect(data.model).toBe('sandbox/fast');
    expect(response.headers.get('x-oneai-models')).toBe('sandbox/unavailable,sandbox/fast');
  });

  test('models are listed and found by ids with slashes', async () => {
    const models = await clientOf().models.list();
    expect(models.data.map(({ id }) => id)).toContain('openai/gpt-4o');
    expect(await clientOf().models.retrieve('openai/gpt-4o')).toMatchObject({
      id: 'openai/gpt-4o',
    });
    await expect(clientOf().models.retrieve('nobody/none')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  test('vectors come as numbers, and are charged', async () => {
    const before = await booksOf(customer.accountId);
    const { data, usage } = await clientOf().embeddings.create({
      model: 'openai/text-embedding-3-small',
      input: ['one text', 'another text'],
      dimensions: 8,
    });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
    const after = await booksOf(customer.accountId);
    expect(usage).toMatchObject({ cost: (after.charged - before.charged) / 1e9 });
    expect(after.charged).toBeGreaterThan(before.charged);
  });

  test('responses work, in one piece and as a stream, with tools', async () => {
    const whole = await clientOf().responses.create({
      model,
      input: 'Say hello',
      max_output_tokens: 40,
    });
    expect(whole.output_text).toMatch(/\w/);
    const stream = clientOf().responses.stream({
      model,
      input: 'Say hello',
      max_output_tokens: 40,
    });
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(whole.output_text);
    const { name, description, parameters } = weather.function;
    const called = await clientOf().responses.create({
      model,
      input: 'The weather?',
      tools: [{ type: 'function', name, description, parameters, strict: false }],
      tool_choice: 'required',
    });
    const call = called.output.find((item) => item.type === 'function_call');
    expect(call).toMatchObject({ name: 'get_weather' });
    const answered = await clientOf().responses.create({
      model,
      input: [
        { role: 'user', content: 'The weather?' },
        call!,
        {
          type: 'function_call_output',
          call_id: (call as { call_id: string }).call_id,
          output: 'sunny',
        },
      ],
      max_output_tokens: 20,
    });
    expect(answered.output_text).toMatch(/\w/);
  });

  test('errors are the ones it knows', async () => {
    const wrong = `${customer.key.slice(0, -1)}${customer.key.endsWith('0') ? '1' : '0'}`;
    await expect(
      clientOf(wrong).chat.completions.create({ model, messages: hello }),
    ).rejects.toBeInstanceOf(Sdk.AuthenticationError);
    await expect(
      clientOf().chat.completions.create({ model: 'nobody/none', messages: hello }),
    ).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    await expect(
      clientOf().chat.completions.create({ model, messages: [] }),
    ).rejects.toBeInstanceOf(Sdk.BadRequestError);
    const poor = await newCustomer({ credits: 0 });
    await expect(
      clientOf(poor.key).chat.completions.create({ model, messages: hello }),
    ).rejects.toMatchObject({ status: 402, code: 'insufficient_credits' });
  });

  test.each([
    ['by us', 2, 1],
    ['by the SDK once we gave up', 4, 2],
  ])('what passes is tried again %s, and paid once', async (_who, failures, calls) => {
    const own = await newCustomer();
    const counted = countingFetch();
    const client = clientOf(own.key, { maxRetries: 2, fetch: counted.fetch });
    const { choices } = await client.chat.completions.create({
      model: 'sandbox/flaky',
      messages: [{ role: 'user', content: `Try ${crypto.randomUUID()}` }],
      max_tokens: 20,
      ...{ sandbox: { fail_first: failures } },
    });
    expect(choices[0]?.message.content).toMatch(/\w/);
    expect(counted.calls).toBe(calls);
    const runs = await upstreamRuns(own.accountId);
    expect(runs.map(({ outcome }) => outcome)).toEqual([
      ...Array.from({ length: failures }, () => 'refused'),
      'completed',
    ]);
    const { charged, receipts } = await settled(own.accountId);
    expect(receipts).toBe(calls);
    expect(charged).toBe(priceOf(runs.at(-1)!));
    expect(await ledgerCharges(own.accountId)).toBe(charged);
  });

  test('too little money clamps the answer, and says so', async () => {
    const poor = await newCustomer({ credits: 1 });
    const { data, response } = await clientOf(poor.key)
      .chat.completions.create({ model, messages: hello, max_tokens: 100_000 })
      .withResponse();
    expect(response.headers.get('x-oneai-clamped')).toBe('true');
    expect(data.usage).toMatchObject({ is_clamped: true });
    const [run] = await upstreamRuns(poor.accountId);
    expect(run?.body).toMatchObject({
      max_tokens: Number(response.headers.get('x-oneai-max-tokens')),
    });
    await setCredits(poor.accountId, 0);
  });

  test('whoever leaves stops the call, and pays for what was produced', async () => {
    const own = await newCustomer();
    const controller = new AbortController();
    const stream = await clientOf(own.key).chat.completions.create(
      { model: 'sandbox/long-200k', messages: hello, stream: true, ...atOnce },
      { signal: controller.signal },
    );
    let seen = 0;
    for await (const _ of stream) if ((seen += 1) === 5) controller.abort();
    const books = await settled(own.accountId);
    const [run] = await upstreamRuns(own.accountId);
    expect(run).toMatchObject({ outcome: 'aborted', aborted: { billing: 'stopped' } });
    expect(books.charged).toBeGreaterThan(0);
    expect(books.held).toBe(0);
    expect(run!.completion_tokens).toBeLessThan(20_000);
  });

  test('where hanging up saves nothing, the answer is read to its end and charged', async () => {
    const own = await newCustomer();
    const stream = await clientOf(own.key).chat.completions.create({
      model: 'sandbox/keeps-billing',
      messages: hello,
      stream: true,
      ...atOnce,
      max_tokens: 60,
    });
    for await (const _ of stream) break;
    const books = await settled(own.accountId);
    const [run] = await upstreamRuns(own.accountId);
    expect(run).toMatchObject({ outcome: 'completed' });
    expect(books.charged).toBeGreaterThan(0);
  });

  test('a timeout of the SDK ends the call upstream too', async () => {
    const own = await newCustomer();
    const slow = clientOf(own.key, { timeout: 700 }).chat.completions.create({
      model: 'sandbox/slow',
      messages: hello,
      ...atOnce,
    });
    await expect(slow).rejects.toBeInstanceOf(Sdk.APIConnectionTimeoutError);
    const books = await settled(own.accountId);
    expect(books.held).toBe(0);
    expect((await upstreamRuns(own.accountId))[0]?.outcome).toBe('aborted');
  });
});
