// Idempotency-Key: a repeated request joins the running answer or gets the same one again, and is
// charged once, streams included.
import { describe, expect, test } from 'vitest';
import {
  base,
  booksOf,
  type Customer,
  newCustomer,
  newKey,
  settled,
  upstreamRuns,
} from './customer.ts';
import { holdAgainstDocument, recordingFetch } from './recorder.ts';

holdAgainstDocument();

interface Ask {
  key?: string;
  path?: string;
  stream?: boolean;
  more?: object;
}

function ask(customer: Customer, idempotencyKey: string, { key, path, stream, more }: Ask = {}) {
  return recordingFetch(`${base}/${path ?? 'chat/completions'}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key ?? customer.key}`,
      'idempotency-key': idempotencyKey,
    },
    body: JSON.stringify({
      model: 'sandbox/fast',
      messages: [{ role: 'user', content: 'Say hello' }],
      max_tokens: 50,
      stream,
      ...(stream && path !== 'messages' ? { stream_options: { include_usage: true } } : {}),
      ...more,
    }),
  });
}

const dataOf = (text: string) => text.split('\n').filter((line) => /^(data|event):/.test(line));

test.each(['chat/completions', 'messages'])(
  '%s: an answer in one piece is given again, and charged once',
  async (path) => {
    const customer = await newCustomer();
    const first = await ask(customer, 'one', { path });
    const second = await ask(customer, 'one', { path });
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
    expect(await settled(customer.accountId)).toMatchObject({ receipts: 1 });
    expect(await upstreamRuns(customer.accountId)).toHaveLength(1);
  },
);

test.each(['chat/completions', 'messages'])(
  '%s: a stream is given again word for word',
  async (path) => {
    const customer = await newCustomer();
    const first = await (await ask(customer, 'one', { path, stream: true })).text();
    const second = await (await ask(customer, 'one', { path, stream: true })).text();
    expect(dataOf(second)).toEqual(dataOf(first));
    expect(dataOf(first).length).toBeGreaterThan(5);
    expect(await settled(customer.accountId)).toMatchObject({ receipts: 1 });
  },
);

describe.each([
  ['a sign that no database holds', 'x\u0000y'],
  ['half a character', 'x\ud800y'],
])('an answer with %s', (_name, content) => {
  test.each(['chat/completions', 'messages', 'responses'])(
    '%s: is charged, and given again',
    async (path) => {
      const customer = await newCustomer();
      const said =
        path === 'responses'
          ? { input: content, max_output_tokens: 60, messages: undefined, max_tokens: undefined }
          : { messages: [{ role: 'user', content }], max_tokens: 60 };
      const more = { model: 'sandbox/echo', ...said };
      const first = await (await ask(customer, 'whole', { path, more })).json();
      expect(await (await ask(customer, 'whole', { path, more })).json()).toEqual(first);
      const stream = await (await ask(customer, 'stream', { path, stream: true, more })).text();
      const again = await (await ask(customer, 'stream', { path, stream: true, more })).text();
      expect(dataOf(again)).toEqual(dataOf(stream));
      expect(await settled(customer.accountId)).toMatchObject({ receipts: 2 });
      const billed = (await upstreamRuns(customer.accountId)).map(({ charged }) =>
        Math.round(Number(charged) * 1.2),
      );
      expect(billed).toHaveLength(2);
      expect((await booksOf(customer.accountId)).charged).toBe(billed[0]! + billed[1]!);
      expect(billed[0]).toBeGreaterThan(0);
    },
  );
});

test('those who join a running stream get it from its start, and those who left find it whole', async () => {
  const customer = await newCustomer();
  const more = { sandbox: { delay_ms: 300, frame_ms: 60 } };
  const leave = new AbortController();
  const first = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${customer.key}`, 'idempotency-key': 'one' },
    body: JSON.stringify({
      model: 'sandbox/fast',
      messages: [{ role: 'user', content: 'Say hello' }],
      max_tokens: 50,
      stream: true,
      stream_options: { include_usage: true },
      ...more,
    }),
    signal: leave.signal,
  });
  await first.body?.getReader().read();
  leave.abort();
  const joined = await Promise.all(
    Array.from({ length: 5 }, async () =>
      (await ask(customer, 'one', { stream: true, more })).text(),
    ),
  );
  const late = await (await ask(customer, 'one', { stream: true, more })).text();
  for (const text of joined) expect(dataOf(text)).toEqual(dataOf(late));
  expect(late.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect(await settled(customer.accountId)).toMatchObject({ receipts: 1 });
  const [run] = await upstreamRuns(customer.accountId);
  expect(run?.outcome).toBe('completed');
});

test('of many at once, one calls', async () => {
  const customer = await newCustomer();
  const answers = await Promise.all(
    Array.from({ length: 12 }, async () => (await ask(customer, 'one')).json()),
  );
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(await settled(customer.accountId)).toMatchObject({ receipts: 1 });
  expect(await upstreamRuns(customer.accountId)).toHaveLength(1);
});

test('another body, or another address, under the same key is a conflict', async () => {
  const customer = await newCustomer();
  await (await ask(customer, 'one')).text();
  for (const other of [{ more: { temperature: 1 } }, { path: 'messages' }, { stream: true }]) {
    const response = await ask(customer, 'one', other);
    expect(response.status).toBe(409);
    expect(response.headers.get('x-should-retry')).toBe('false');
    const { error } = (await response.json()) as { error: { code: string } };
    expect(error.code).toBe('idempotency_conflict');
  }
});

test('keys of one account share it, other accounts do not', async () => {
  const [customer, stranger] = [await newCustomer(), await newCustomer()];
  const { secret } = await newKey(customer);
  const first = await (await ask(customer, 'one')).json();
  expect(await (await ask(customer, 'one', { key: secret })).json()).toEqual(first);
  const other = await ask(stranger, 'one');
  expect(other.headers.get('idempotent-replayed')).toBeNull();
  expect(((await other.json()) as { id: string }).id).not.toBe((first as { id: string }).id);
});

test('a call that failed cost nothing and may be tried again; one that broke off tells it again', async () => {
  const customer = await newCustomer();
  const failing = { sandbox: { fault: 'unavailable', fail_first: 3 } };
  expect((await ask(customer, 'one', { more: failing })).status).toBe(503);
  expect((await ask(customer, 'one', { more: failing })).status).toBe(200);
  const breaking = {
    stream: true,
    more: { sandbox: { fault: 'die-mid-stream', generation_misses: 0 } },
  };
  const first = await (await ask(customer, 'two', breaking)).text();
  await settled(customer.accountId);
  const before = await booksOf(customer.accountId);
  const second = await (await ask(customer, 'two', breaking)).text();
  const plain = (text: string) =>
    dataOf(text).map((line) => line.replace(/"request_id":"[^"]*"/, ''));
  expect(plain(second)).toEqual(plain(first));
  expect(second).toContain('upstream_broken');
  expect(await booksOf(customer.accountId)).toEqual(before);
});

test('a key that cannot be kept is refused', async () => {
  const customer = await newCustomer();
  for (const key of ['x'.repeat(256), 'with space', 'ümlaut']) {
    const response = await ask(customer, key).catch(() => null);
    if (response) expect(response.status).toBe(400);
  }
});
