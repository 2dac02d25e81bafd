// The other ways in: the AI SDK with its OpenAI-compatible provider, Anthropic's SDK, and curl.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  base,
  type Customer,
  ledgerCharges,
  newCustomer,
  priceOf,
  settled,
  upstreamRuns,
} from './customer.ts';
import { countingFetch, holdAgainstDocument, recordingFetch } from './recorder.ts';

holdAgainstDocument();

const model = 'sandbox/fast';
/** Its record of a call is there when it is first asked for. */
const atOnce = { sandbox: { generation_misses: 0 } };
let customer: Customer;
beforeAll(async () => {
  customer = await newCustomer();
});

/** The one call of somebody who left was hung up upstream, and costs what was produced until then. */
async function expectHungUp({ accountId }: Customer): Promise<number> {
  const books = await settled(accountId);
  const runs = await upstreamRuns(accountId);
  expect(runs.map(({ outcome }) => outcome)).toEqual(['aborted']);
  expect(books).toMatchObject({ held: 0, receipts: 1, charged: priceOf(runs[0]!) });
  expect(await ledgerCharges(accountId)).toBe(books.charged);
  return books.charged;
}

describe('the AI SDK', () => {
  const provider = (key = customer.key, options = {}) =>
    createOpenAICompatible({
      name: 'oneai',
      baseURL: base,
      apiKey: key,
      fetch: recordingFetch,
      includeUsage: true,
      ...options,
    });
  const parameters = {
    type: 'object' as const,
    properties: { city: { type: 'string' as const } },
    required: ['city'],
  };

  test('generates', async () => {
    const { text, usage } = await generateText({
      model: provider()(model),
      prompt: 'Say hello',
      maxOutputTokens: 40,
    });
    expect(text).toMatch(/\w/);
    expect(usage.outputTokens).toBeGreaterThan(0);
  });

  test('streams', async () => {
    const { textStream, usage } = streamText({ model: provider()(model), prompt: 'Say hello' });
    let text = '';
    for await (const part of textStream) text += part;
    expect(text).toMatch(/\w/);
    expect((await usage).totalTokens).toBeGreaterThan(0);
  });

  test('calls tools and goes on with what they answer', async () => {
    const asked: unknown[] = [];
    const { text, steps } = await generateText({
      model: provider()(model),
      prompt: 'What is the weather in Paris?',
      tools: {
        get_weather: tool({
          description: 'The weather of a city',
          inputSchema: jsonSchema<{ city: string }>(parameters),
          execute: (input) => {
            asked.push(input);
            return Promise.resolve({ sunny: true });
          },
        }),
      },
      stopWhen: stepCountIs(3),
    });
    expect(asked.length).toBeGreaterThan(0);
    expect(steps.length).toBeGreaterThan(1);
    expect(text).toMatch(/\w/);
  });

  test('gets the form it asked for, and JSON of any form', async () => {
    const own = await newCustomer();
    const place = { ...parameters, additionalProperties: false };
    const schema = jsonSchema<{ city: string }>(place);
    const { output } = await generateText({
      model: provider(own.key, { supportsStructuredOutputs: true })(model),
      prompt: 'Where is the tower?',
      output: Output.object({ schema }),
    });
    expect(Object.keys(output)).toEqual(['city']);
    const free = await generateText({
      model: provider(own.key)(model),
      prompt: 'Where is the tower?',
      output: Output.json(),
    });
    expect(free.output).toBeTypeOf('object');
    const asked = (await upstreamRuns(own.accountId)).map(({ body }) => body?.['response_format']);
    expect(asked).toMatchObject([
      { type: 'json_schema', json_schema: { schema: place } },
      { type: 'json_object' },
    ]);
  });

  test('tells a refusal as one, and asks no second time', async () => {
    const counted = countingFetch();
    const call = generateText({
      model: provider(undefined, { fetch: counted.fetch })('nobody/none'),
      prompt: 'hello',
    });
    await expect(call).rejects.toMatchObject({ statusCode: 404, isRetryable: false });
    expect(counted.calls).toBe(1);
  });

  test('retries what may pass, and pays once', async () => {
    const own = await newCustomer();
    const counted = countingFetch();
    const { text } = await generateText({
      model: provider(own.key, { fetch: counted.fetch })('sandbox/flaky'),
      prompt: `Try ${crypto.randomUUID()}`,
      maxOutputTokens: 20,
      // We try three times ourselves.
      providerOptions: { oneai: { sandbox: { fail_first: 4 } } },
    });
    expect(text).toMatch(/\w/);
    expect(counted.calls).toBe(2);
    const runs = await upstreamRuns(own.accountId);
    expect(runs.map(({ outcome }) => outcome)).toEqual([
      ...Array.from({ length: 4 }, () => 'refused'),
      'completed',
    ]);
    const books = await settled(own.accountId);
    expect(books).toMatchObject({ receipts: 2, charged: priceOf(runs.at(-1)!) });
    expect(await ledgerCharges(own.accountId)).toBe(books.charged);
  });

  test('leaves in the middle of an answer, and pays for what was produced', async () => {
    const own = await newCustomer();
    const controller = new AbortController();
    const { textStream } = streamText({
      model: provider(own.key)('sandbox/long-200k'),
      prompt: 'Go on',
      abortSignal: controller.signal,
      providerOptions: { oneai: atOnce },
    });
    let seen = 0;
    for await (const _ of textStream) if ((seen += 1) === 5) controller.abort();
    expect(seen).toBeGreaterThanOrEqual(5);
    expect(await expectHungUp(own)).toBeGreaterThan(0);
  });
});

describe("Anthropic's SDK", () => {
  const clientOf = (key = customer.key, options = {}) =>
    new Anthropic({
      apiKey: key,
      baseURL: base.replace(/\/v1$/, ''),
      fetch: recordingFetch,
      maxRetries: 0,
      ...options,
    });
  const hello = [{ role: 'user' as const, content: 'Say hello' }];
  const weather = {
    name: 'get_weather',
    description: 'The weather of a city',
    input_schema: { type: 'object' as const, properties: { city: { type: 'string' } } },
  };

  test('gets a message', async () => {
    const message = await clientOf().messages.create({ model, max_tokens: 40, messages: hello });
    expect(message.content[0]).toMatchObject({ type: 'text' });
    expect(message.usage.output_tokens).toBeGreaterThan(0);
    expect(message.usage).toHaveProperty('cost');
  });

  test('streams the same message', async () => {
    const ask = { model, max_tokens: 40, messages: hello, system: 'Be kind.' };
    const whole = await clientOf().messages.create(ask);
    const final = await clientOf().messages.stream(ask).finalMessage();
    expect(final.content).toEqual(whole.content);
    expect(final.stop_reason).toBe(whole.stop_reason);
    expect(final.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  test('streams thoughts before the answer', async () => {
    const final = await clientOf()
      .messages.stream({
        model: 'anthropic/claude-sonnet-4.5',
        max_tokens: 2000,
        messages: hello,
        thinking: { type: 'enabled', budget_tokens: 1024 },
      })
      .finalMessage();
    expect(final.content.map(({ type }) => type)).toEqual(['thinking', 'text']);
  });

  test('calls tools and takes their answers, with a picture', async () => {
    const ask = { model, max_tokens: 200, tools: [weather], tool_choice: { type: 'any' as const } };
    const whole = await clientOf().messages.create({ ...ask, messages: hello });
    const call = whole.content.find((block) => block.type === 'tool_use');
    expect(call).toMatchObject({ name: 'get_weather' });
    expect(whole.stop_reason).toBe('tool_use');
    const streamed = await clientOf()
      .messages.stream({ ...ask, messages: hello })
      .finalMessage();
    expect(streamed.content.find((block) => block.type === 'tool_use')?.input).toEqual(call?.input);
    const own = await newCustomer();
    const url = 'http://169.254.169.254/latest/meta-data';
    const answered = await clientOf(own.key).messages.create({
      model,
      max_tokens: 200,
      tools: [weather],
      messages: [
        ...hello,
        { role: 'assistant', content: whole.content },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: call!.id, content: 'sunny' },
            {
              type: 'image',
              source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
            },
            { type: 'image', source: { type: 'url', url } },
            { type: 'text', text: 'And now?' },
          ],
        },
      ],
    });
    const [block] = answered.content;
    const text = block?.type === 'text' ? block.text : '';
    expect(text).toContain('1. a picture (`image/png`), 8 bytes');
    expect(text).toContain('2. a picture from **169.254.169.254**');
    const [sent] = await upstreamRuns(own.accountId);
    expect((sent?.body?.['messages'] as unknown[]).slice(-2)).toEqual([
      { role: 'tool', tool_call_id: call!.id, content: 'sunny' },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          { type: 'image_url', image_url: { url } },
          { type: 'text', text: 'And now?' },
        ],
      },
    ]);
  });

  test('gets the form it asked for, and knows each request by its id', async () => {
    const schema = {
      type: 'object' as const,
      properties: { city: { type: 'string' as const } },
      required: ['city'],
    };
    const message = await clientOf().messages.parse({
      model,
      max_tokens: 200,
      messages: hello,
      output_config: { format: { type: 'json_schema', schema } },
    });
    expect(message.content[0]).toMatchObject({ type: 'text' });
    const [block] = message.content;
    expect(JSON.parse(block?.type === 'text' ? block.text : '')).toHaveProperty('city');
    const { _request_id } = await clientOf().messages.create({
      model,
      max_tokens: 5,
      messages: hello,
    });
    expect(_request_id).toMatch(/^[\w-]{8,}$/);
    const refused: unknown = await clientOf()
      .messages.create({ model: 'nobody/none', max_tokens: 1, messages: hello })
      .catch((error: unknown) => error);
    expect(refused instanceof Anthropic.NotFoundError && refused.requestID).toMatch(/^[\w-]{8,}$/);
  });

  test('gets errors it knows, before an answer and within one', async () => {
    await expect(
      clientOf('sk-oneai-nonsense').messages.create({ model, max_tokens: 1, messages: hello }),
    ).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    await expect(
      clientOf().messages.create({ model: 'nobody/none', max_tokens: 1, messages: hello }),
    ).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    const broken = clientOf().messages.stream({
      model: 'sandbox/error-chunk',
      max_tokens: 400,
      messages: hello,
    });
    await expect(broken.finalMessage()).rejects.toThrow(/failed while answering/);
  });

  test('leaves in the middle of a message, and pays for what was produced', async () => {
    const own = await newCustomer();
    const stream = clientOf(own.key).messages.stream({
      model: 'sandbox/long-200k',
      max_tokens: 100_000,
      messages: hello,
      ...atOnce,
    });
    let seen = 0;
    stream.on('text', () => {
      if ((seen += 1) === 5) stream.abort();
    });
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError);
    expect(seen).toBeGreaterThanOrEqual(5);
    expect(await expectHungUp(own)).toBeGreaterThan(0);
  });

  test('gives up after its timeout, which ends the call upstream too', async () => {
    const own = await newCustomer();
    const slow = clientOf(own.key, { timeout: 700 }).messages.create({
      model: 'sandbox/slow',
      max_tokens: 400,
      messages: hello,
      ...atOnce,
    });
    await expect(slow).rejects.toBeInstanceOf(Anthropic.APIConnectionTimeoutError);
    await expectHungUp(own);
  });
});

describe('curl', () => {
  const curl = async (...args: string[]) =>
    (await promisify(execFile)('curl', ['--silent', '--no-buffer', ...args])).stdout;
  const body = (more: object) =>
    JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...more });
  const authorized = () => ['-H', `authorization: Bearer ${customer.key}`];

  test('gets an answer and a stream that ends', async () => {
    const url = `${base}/chat/completions`;
    const whole = await curl(url, ...authorized(), '-d', body({ max_tokens: 10 }));
    expect(JSON.parse(whole)).toMatchObject({ object: 'chat.completion' });
    const stream = await curl(url, ...authorized(), '-d', body({ max_tokens: 10, stream: true }));
    expect(stream.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });

  test('finds the receipt of a call, what the key may do and what the account has', async () => {
    const answer = await curl(
      `${base}/chat/completions`,
      ...authorized(),
      '-d',
      body({ max_tokens: 9 }),
    );
    const { id, usage } = JSON.parse(answer) as { id: string; usage: { cost: number } };
    const url = `${base}/generation?id=${id}`;
    const { data } = JSON.parse(await curl(url, ...authorized())) as {
      data: { total_cost: number };
    };
    expect(data.total_cost).toBe(usage.cost);
    for (const path of ['key', 'credits', 'generation?id=' + id, 'models']) {
      const response = await recordingFetch(`${base}/${path}`, {
        headers: { authorization: `Bearer ${customer.key}` },
      });
      expect(response.status).toBe(200);
    }
    const other = await newCustomer();
    const theirs = await curl(url, '-H', `authorization: Bearer ${other.key}`);
    expect(JSON.parse(theirs)).toMatchObject({ error: { code: 'not_found' } });
  });

  test('is told what is left of its limits, whatever becomes of the request', async () => {
    const { key } = await newCustomer();
    const left = async (path: string, sent?: string, more: Record<string, string> = {}) => {
      const response = await recordingFetch(`${base}/${path}`, {
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more },
        ...(sent ? { method: 'POST', body: sent } : {}),
      });
      await response.arrayBuffer();
      const { headers, status } = response;
      const told = headers.get('ratelimit')?.match(/"minute";r=(\d+)/)?.[1];
      expect(headers.get('x-ratelimit-remaining-requests'), path).toBe(told);
      expect(headers.get('ratelimit-policy'), path).toMatch(/^"minute";q=\d+;w=60/);
      return [status, Number(told)];
    };
    const [, first] = await left('chat/completions', body({ max_tokens: 3 }));
    const call = 'chat/completions';
    const broken = body({ max_tokens: 3, sandbox: { fault: 'bad-request' } });
    const named = { 'idempotency-key': 'limits' };
    const whole = body({ max_tokens: 3 });
    expect(await left(call, body({ model: 'nobody/none' }))).toEqual([404, first! - 1]);
    const [refused, afterRefused] = await left(call, broken);
    expect([refused! >= 400, afterRefused]).toEqual([true, first! - 2]);
    expect(await left(call, whole, named)).toEqual([200, first! - 3]);
    expect(await left(call, whole, named)).toEqual([200, first! - 4]);
    expect(await left(call, body({ max_tokens: 4 }), named)).toEqual([409, first! - 4]);
    expect(await left('models')).toEqual([200, 599]);
    expect(await left('models/nobody/none')).toEqual([404, 598]);
    expect(await left('generation?id=none')).toEqual([404, 597]);
  });

  test('asks for the head alone, and sends a body of no told length', async () => {
    const head = await curl('--head', `${base}/models`, ...authorized());
    expect(head).toMatch(/^HTTP\/1.1 200/);
    const sent = body({ max_tokens: 10 });
    const chunked = ['-H', 'transfer-encoding: chunked', '-d', sent];
    const whole = await curl(`${base}/chat/completions`, ...authorized(), ...chunked);
    expect(JSON.parse(whole)).toMatchObject({ object: 'chat.completion' });
  });

  test('is told that vectors are made anew for an Idempotency-Key, and what a browser may read', async () => {
    const response = await recordingFetch(`${base}/embeddings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${customer.key}`, 'idempotency-key': 'once' },
      body: JSON.stringify({ model: 'openai/text-embedding-3-small', input: 'x', dimensions: 2 }),
    });
    expect(response.headers.get('x-oneai-ignored')).toBe('Idempotency-Key');
    const readable = response.headers.get('access-control-expose-headers')?.split(', ');
    expect(readable).toEqual(
      expect.arrayContaining(['request-id', 'x-should-retry', 'retry-after']),
    );
  });

  test('that is killed stops its call', async () => {
    const own = await newCustomer();
    const ask = body({ model: 'sandbox/long-200k', stream: true, ...atOnce });
    const killed = curl(
      '--max-time',
      '2',
      `${base}/chat/completions`,
      '-H',
      `authorization: Bearer ${own.key}`,
      '-d',
      ask,
    );
    await expect(killed).rejects.toMatchObject({ code: 28 });
    expect(await expectHungUp(own)).toBeGreaterThan(0);
  });
});
