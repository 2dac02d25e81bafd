// What nobody should send: it is refused in the API's own words, and costs nobody anything.
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { base, booksOf, type Customer, newCustomer, newKey, sql, stack } from './customer.ts';

let customer: Customer;
beforeAll(async () => {
  customer = await newCustomer();
});

const messages = [{ role: 'user', content: 'hello' }];
const good = { model: 'sandbox/fast', messages, max_tokens: 5 };

async function post(body: string | object, { key = customer.key, path = 'chat/completions' } = {}) {
  const response = await fetch(`${base}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, answer: (await response.json()) as Answer };
}

interface Answer {
  error?: { code: string; message: string; type: string; param: string | null; request_id: string };
  code?: string;
}

describe('who is not let in', () => {
  const attempt = (headers: Record<string, string>, query = '') =>
    fetch(`${base}/chat/completions${query}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(good),
    });

  test('no key, half a key, and keys nobody made', async () => {
    const { key } = customer;
    const last = key.endsWith('0') ? '1' : '0';
    const wrong = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: `Basic ${key}` },
      { authorization: `Bearer ${key.slice(0, -1)}` },
      { authorization: `Bearer ${key.slice(0, -1)}${last}` },
      { authorization: `Bearer ${key}${key}` },
      { authorization: 'Bearer sk-proj-somebody-elses' },
      { authorization: `Bearer ${stack.secretKey}` },
      { 'x-api-key': 'nonsense' },
      { authorization: `Bearer ${key}`, 'x-api-key': 'another' },
    ];
    for (const headers of wrong) {
      const response = await attempt(headers);
      expect([response.status, await response.json()]).toMatchObject([
        401,
        { error: { code: 'invalid_api_key' } },
      ]);
    }
  });

  test('a key in the address, even beside a good one', async () => {
    for (const query of [`?key=${customer.key}`, `?api_key=x`, `?x=${customer.key}`]) {
      const response = await attempt({ authorization: `Bearer ${customer.key}` }, query);
      expect([response.status, await response.json()]).toMatchObject([
        401,
        { error: { code: 'key_in_url' } },
      ]);
    }
  });

  test('a revoked key, an expired one, one without the scope or the model', async () => {
    const revoked = await newKey(customer);
    await customer.rpc('revoke_key', { key_id: revoked.key.id });
    const expired = await newKey(await newCustomer());
    expect(await post(good, { key: expired.secret })).toMatchObject({ status: 200 });
    await sql`
      update private.api_keys set expires_at = now() - interval '1 second' where id = ${expired.key.id}`;
    for (const { secret } of [revoked, expired]) {
      expect(await post(good, { key: secret })).toMatchObject({
        status: 401,
        answer: { error: { code: 'invalid_api_key' } },
      });
    }
    const reading = await newKey(customer, { scopes: ['read'] });
    expect(await post(good, { key: reading.secret })).toMatchObject({
      status: 403,
      answer: { error: { code: 'scope_missing' } },
    });
    const narrow = await newKey(customer, { allowed_models: ['openai/*'] });
    expect(await post(good, { key: narrow.secret })).toMatchObject({
      status: 403,
      answer: { error: { code: 'model_not_allowed', param: 'model' } },
    });
    const spending = await newKey(customer, { scopes: ['completions'] });
    const response = await fetch(`${base}/credits`, {
      headers: { authorization: `Bearer ${spending.secret}` },
    });
    expect(response.status).toBe(403);
  });

  test('a plan without the model', async () => {
    const { key, accountId } = await newCustomer({ plan: 'free' });
    expect(await post({ ...good, model: 'openai/gpt-4' }, { key })).toMatchObject({
      status: 403,
      answer: { error: { code: 'model_not_allowed', param: 'model' } },
    });
    expect(await booksOf(accountId)).toMatchObject({ charged: 0, held: 0, open: 0, receipts: 0 });
  });
});

const refused: Record<string, [body: string | object, status: number, param?: string]> = {
  'no JSON': ['{"model":', 400, 'body'],
  'JSON that is no object': ['[1, 2]', 400, 'body'],
  'no text at all': ['', 400, 'body'],
  'bytes that are no UTF-8': ['{"model": "\ud800"', 400, 'body'],
  'nesting ten thousand deep': [
    `{"model":"sandbox/fast","messages":[],"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    400,
    'body',
  ],
  'twenty megabytes of nothing': [`{"x":[${'{},'.repeat(6_600_000)}1]}`, 400, 'body'],
  'twenty megabytes of numbers': [`{"x":[null,${'1.5,'.repeat(4_900_000)}1]}`, 400, 'body'],
  'no model': [{ messages }, 400, 'model'],
  'a model with a sign that no database holds': [{ ...good, model: 'a\u0000b' }, 400],
  'a model with half a character': [{ ...good, model: 'a\ud800b' }, 400],
  'a model that is a number': [{ ...good, model: 5 }, 400, 'model'],
  'a model nobody has': [{ ...good, model: 'nobody/none' }, 404, 'model'],
  'an endless name of a model': [{ ...good, model: 'x'.repeat(100_000) }, 400, 'model'],
  'a model that makes vectors': [{ ...good, model: 'openai/text-embedding-3-small' }, 404, 'model'],
  'eleven models': [{ ...good, models: Array.from({ length: 11 }, () => 'a/b') }, 400, 'models'],
  'no messages': [{ model: 'sandbox/fast' }, 400, 'messages'],
  'empty messages': [{ ...good, messages: [] }, 400, 'messages'],
  'messages of the wrong kind': [{ ...good, messages: 'hello' }, 400, 'messages'],
  'a role nobody has': [
    { ...good, messages: [{ role: 'god', content: 'x' }] },
    400,
    'messages[0].role',
  ],
  'content that is a number': [
    { ...good, messages: [{ role: 'user', content: 1 }] },
    400,
    'messages[0].content',
  ],
  'negative max_tokens': [{ ...good, max_tokens: -1 }, 400, 'max_tokens'],
  'no tokens': [{ ...good, max_tokens: 0 }, 400, 'max_tokens'],
  'half a token': [{ ...good, max_tokens: 1.5 }, 400, 'max_tokens'],
  'endless tokens': [
    '{"model":"sandbox/fast","messages":[{"role":"user","content":"x"}],"max_tokens":1e400}',
    400,
    'max_tokens',
  ],
  'a thousand answers': [{ ...good, n: 1000 }, 400, 'n'],
  'ten thousand stops': [{ ...good, stop: Array.from({ length: 10_000 }, String) }, 400, 'stop'],
  'a stop that is no text': [{ ...good, stop: [1] }, 400, 'stop[0]'],
  'a temperature of a sun': [{ ...good, temperature: 5800 }, 400, 'temperature'],
  'stream as a text': [{ ...good, stream: 'yes' }, 400, 'stream'],
  'stream options without a stream': [
    { ...good, stream_options: { include_usage: true } },
    400,
    'stream_options',
  ],
  plugins: [{ ...good, plugins: [{ id: 'web' }] }, 400, 'plugins'],
  'a search': [{ ...good, web_search_options: {} }, 400, 'web_search_options'],
  'a search of another kind': [{ ...good, search_parameters: {} }, 400, 'search_parameters'],
  'a voice': [{ ...good, audio: { voice: 'alloy' } }, 400, 'audio'],
  'a tool that is not a function': [
    { ...good, tools: [{ type: 'web_search' }] },
    400,
    'tools[0].type',
  ],
  'sound as an answer': [{ ...good, modalities: ['audio'] }, 400, 'modalities'],
  'a file': [
    { ...good, messages: [{ role: 'user', content: [{ type: 'file', file: {} }] }] },
    400,
    'messages[0].content[0].type',
  ],
  'a picture on this machine': [
    {
      ...good,
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }],
        },
      ],
    },
    400,
    'messages[0].content[0].image_url.url',
  ],
  'a hundred and one pictures': [
    {
      ...good,
      messages: [
        {
          role: 'user',
          content: Array.from({ length: 101 }, () => ({
            type: 'image_url',
            image_url: { url: 'https://x.y/z' },
          })),
        },
      ],
    },
    400,
    'messages[0].content[100].image_url.url',
  ],
};

/** What it costs could not be bounded before the call. */
const withoutBound = [
  'plugins',
  'a search',
  'a search of another kind',
  'a voice',
  'a tool that is not a function',
  'sound as an answer',
  'a file',
];

/** Nothing can be told of it in a sentence: to make a text of it fails. */
const unspeakable = { toString: 1, valueOf: 1 };

const refusedElsewhere: Record<string, [path: string, body: object]> = {
  'a part of an unspeakable type': [
    'chat/completions',
    { ...good, messages: [{ role: 'user', content: [{ type: unspeakable }] }] },
  ],
  'a block of an unspeakable type': [
    'messages',
    { ...good, messages: [{ role: 'user', content: [{ type: unspeakable }] }] },
  ],
  'a picture of an unspeakable type': [
    'messages',
    {
      ...good,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: unspeakable, data: 'x' } },
          ],
        },
      ],
    },
  ],
  'an unspeakable choice of a tool': ['messages', { ...good, tool_choice: { type: unspeakable } }],
  'a choice that every object has': ['messages', { ...good, tool_choice: { type: 'constructor' } }],
  'an item of an unspeakable type': [
    'responses',
    { model: 'sandbox/fast', input: [{ type: unspeakable }] },
  ],
  'arguments that are no text': [
    'responses',
    {
      model: 'sandbox/fast',
      input: [{ type: 'function_call', call_id: 'x', name: 'x', arguments: { a: 1 } }],
    },
  ],
  'vectors of a model with a sign that no database holds': [
    'embeddings',
    { model: 'a\u0000b', input: 'x' },
  ],
};

describe('what is not taken', () => {
  test.each(Object.entries(refusedElsewhere))('%s', async (_name, [path, body]) => {
    expect(await post(body, { path })).toMatchObject({ status: 400 });
  });

  test('a receipt whose id has a sign that no database holds', async () => {
    const headers = { authorization: `Bearer ${customer.key}` };
    const response = await fetch(`${base}/generation?id=a%00b`, { headers });
    expect(response.status).toBe(400);
  });

  test.each(Object.entries(refused))('%s', async (_name, [body, status, param]) => {
    const result = await post(body);
    expect(result).toMatchObject({ status, answer: { error: { param: param ?? null } } });
    expect(result.answer.error?.request_id).toMatch(/^[\w-]{8,}$/);
  });

  test.each(Object.entries(refused).filter(([name]) => withoutBound.includes(name)))(
    '%s: it is the parameter that is not supported',
    async (_name, [body]) => {
      const { answer } = await post(body);
      expect(answer.error?.code).toBe('unsupported_parameter');
    },
  );

  test('none of it was charged, or holds anything', async () => {
    expect(await booksOf(customer.accountId)).toMatchObject({ charged: 0, held: 0, open: 0 });
  });
});

test('25 megabytes are refused before they are read', async () => {
  const body = JSON.stringify({ ...good, messages: [{ role: 'user', content: 'x'.repeat(25e6) }] });
  const { status } = await post(body).catch(() => ({ status: 413 }));
  expect(status).toBe(413);
  const untold = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${customer.key}` },
    body: new Blob([body]).stream(),
    duplex: 'half',
  }).catch(() => null);
  expect(untold?.status ?? 413).toBe(413);
});

test('vectors of more bytes than can be held are not taken, and cost nothing', async () => {
  const own = await newCustomer();
  const body = {
    model: 'openai/text-embedding-3-large',
    input: Array.from({ length: 2048 }, () => 'a'),
  };
  const { status, answer } = await post(body, { key: own.key, path: 'embeddings' });
  expect([status, answer.error?.code]).toEqual([413, 'request_too_large']);
  expect(await booksOf(own.accountId)).toMatchObject({ charged: 0, held: 0, open: 0 });
});

test('halves of characters, text that looks like a frame and odd spaces go through', async () => {
  for (const content of [
    'half \ud800 of one',
    'data: [DONE]\n\ndata: {"id":"x"}',
    '\u2028\u0000\ufeff',
  ]) {
    const { status, answer } = await post({
      ...good,
      model: 'sandbox/echo',
      max_tokens: 60,
      messages: [{ role: 'user', content }],
    });
    expect(status).toBe(200);
    expect(answer).toHaveProperty('usage');
  }
  const stream = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${customer.key}` },
    body: JSON.stringify({
      ...good,
      model: 'sandbox/echo',
      max_tokens: 100,
      stream: true,
      messages: [{ role: 'user', content: 'data: [DONE]\n\ndata: {"id":"x"}' }],
    }),
  });
  const text = await stream.text();
  expect(text.match(/^data: \[DONE\]$/gm)).toHaveLength(1);
});

test('what is not the caller’s to say does not reach the upstream', async () => {
  const own = await newCustomer();
  const response = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${own.key}`,
      'x-request-id': 'evil\tid',
      'x-openrouter-key': 'somebody-elses',
      'http-referer': 'https://evil.example',
    },
    body: JSON.stringify({
      ...good,
      user: 'somebody',
      usage: { include: false },
      transforms: ['middle-out'],
      service_tier: 'priority',
      prediction: { type: 'content', content: 'x' },
      provider: { only: ['sandbox'], max_price: { prompt: 1000 }, api_keys: ['x'] },
      top_k: 3,
      something_new: { x: 1 },
    }),
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('x-request-id')).not.toContain('evil');
  const ignored = response.headers.get('x-oneai-ignored')?.split(',').sort();
  expect(ignored).toEqual([
    'prediction',
    'provider.api_keys',
    'provider.max_price',
    'service_tier',
    'transforms',
    'user',
  ]);
  const seen = await fetch(`${stack.sandboxUrl}/sandbox/requests?user=${own.accountId}`);
  const { data } = (await seen.json()) as { data: { body: Record<string, unknown> }[] };
  const sent = data[0]!.body;
  expect(sent).toMatchObject({
    top_k: 3,
    something_new: { x: 1 },
    user: own.accountId,
    max_tokens: 5,
    provider: { only: ['sandbox'], max_price: { prompt: 1, completion: 2 } },
  });
  for (const name of ['transforms', 'service_tier', 'prediction'])
    expect(sent).not.toHaveProperty(name);
});

test('addresses and methods that are not there are said not to be', async () => {
  const headers = { authorization: `Bearer ${customer.key}` };
  for (const [method, path, status] of [
    ['GET', 'chat/completions', 405],
    ['DELETE', 'models', 405],
    ['PATCH', 'key', 405],
    ['PROPFIND', 'models', 405],
    // Nobody has it: the server in front of us does not read on.
    ['BREW', 'chat/completions', 400],
    ['POST', 'completions', 404],
    ['GET', 'models/../../jobs', 404],
    ['GET', '__proto__', 404],
    ['GET', 'constructor', 404],
    ['GET', '', 404],
  ] as const) {
    const response = await fetch(`${base}/${path}`, { method, headers });
    expect([method, path, response.status]).toEqual([method, path, status]);
    await response.text();
  }
});

test('a body that trickles in is not waited for', async () => {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  const closed = new Promise<string>((resolve) => {
    let said = '';
    socket.setEncoding('utf8').on('data', (text: string) => (said += text));
    socket.on('close', () => resolve(said)).on('error', () => resolve(said));
  });
  socket.write(
    `POST /functions/v1/gateway/v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${customer.key}\r\ncontent-length: 100000\r\n\r\n{"model":`,
  );
  const trickle = setInterval(() => socket.write(' '), 1000);
  const said = await closed;
  clearInterval(trickle);
  expect(said).toMatch(/^HTTP\/1.1 408/);
});
