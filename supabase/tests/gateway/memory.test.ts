// More at once than a worker can hold: some is refused for a moment, nothing is lost, and what runs
// beside it goes on.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { base, ledgerCharges, newCustomer, settled, upstreamRuns } from './customer.ts';

/** In the form of a key and with its checksum, which is no secret. */
function forgedKey(nth: number): string {
  const body = `sk-oneai-${String(nth).padStart(64, '0')}`;
  return body + createHash('sha256').update(body).digest('hex').slice(0, 8);
}

const asking = (content: unknown, more: object = {}) =>
  JSON.stringify({
    model: 'sandbox/fast',
    messages: [{ role: 'user', content }],
    max_tokens: 5,
    ...more,
  });
/** As near to twenty megabytes as a picture comes. */
const largeWith = (more: object) =>
  asking(
    [
      {
        type: 'image_url',
        image_url: { url: `data:image/png;base64,${'A'.repeat(19_900_000)}` },
      },
      { type: 'text', text: 'Что это?' },
    ],
    more,
  );
const large = largeWith({});

interface Said {
  status: number;
  code: string | undefined;
  retryAfter: number;
  finish: string | undefined;
  cost: number | null | undefined;
}

interface Answer {
  error?: { code: string };
  choices?: { finish_reason: string }[];
  usage?: { cost: number | null };
}

async function post(key: string, body: string): Promise<Said> {
  const response = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body,
  });
  const { error, choices, usage } = (await response.json()) as Answer;
  return {
    status: response.status,
    code: error?.code,
    retryAfter: Number(response.headers.get('retry-after') ?? 0),
    finish: choices?.[0]?.finish_reason,
    cost: usage?.cost,
  };
}

/** A stream that takes seconds, to run beside something. Returns whether it came to its end. */
async function streamBeside(key: string): Promise<boolean> {
  const response = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: asking('Say hello', { stream: true, max_tokens: 60, sandbox: { frame_ms: 100 } }),
  });
  return (await response.text()).trimEnd().endsWith('data: [DONE]');
}

const sixteen = <Value>(one: (nth: number) => Promise<Value>) =>
  Promise.all(Array.from({ length: 16 }, (_, nth) => one(nth)));

test('sixteen times twenty megabytes from somebody with a forged key', async () => {
  const customer = await newCustomer();
  const beside = streamBeside(customer.key);
  for (const { status, code } of await sixteen((nth) => post(forgedKey(nth), large))) {
    expect([status, code]).toEqual([401, 'invalid_api_key']);
  }
  expect(await beside).toBe(true);
});

/** A stream of a large body that goes on until it is left. Once it has begun, its body is held. */
async function holdRoom(key: string): Promise<() => void> {
  const sandbox = { fault: 'comments-forever', generation_misses: 0 };
  const response = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: largeWith({ stream: true, sandbox }),
  });
  expect(response.status).toBe(200);
  // By the answer itself: one that nobody holds on to may be collected, and is then left.
  return () => void response.body!.cancel();
}

test('sixteen times twenty megabytes of a customer: what finds no room is told so, and asks again', async () => {
  const customer = await newCustomer();
  // Two are held, and there is no room for a third.
  const leave = [await holdRoom(customer.key), await holdRoom(customer.key)];
  const { status, code, retryAfter } = await post(customer.key, large);
  expect([status, code]).toEqual([503, 'server_busy']);
  expect(retryAfter).toBeGreaterThan(0);
  for (const one of leave) one();

  const beside = streamBeside(customer.key);
  const untilTaken = async (): Promise<Said> => {
    const said = await post(customer.key, large);
    if (said.status === 200) return said;
    expect([said.status, said.code]).toEqual([503, 'server_busy']);
    expect(said.retryAfter).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, said.retryAfter * 1000));
    return untilTaken();
  };
  const answers = await sixteen(untilTaken);
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(await beside).toBe(true);

  const books = await settled(customer.accountId);
  expect(books).toMatchObject({ receipts: 19, held: 0 });
  expect(await upstreamRuns(customer.accountId)).toHaveLength(19);
  expect(await ledgerCharges(customer.accountId)).toBe(books.charged);
});

/** Each token comes with the twenty that were likely: a few thousand of them are megabytes. */
const verbose = (bytes: number) =>
  asking('Say much', {
    max_tokens: bytes,
    logprobs: true,
    top_logprobs: 20,
    sandbox: { length: bytes, frame_ms: 0, tokens_per_frame: 20, generation_misses: 0 },
  });

test('answers in one piece that are too large together: each is whole, or there is none and it is free', async () => {
  const [customer, other] = [await newCustomer({ credits: 10_000_000 }), await newCustomer()];
  const beside = streamBeside(other.key);
  const said = await sixteen(() => post(customer.key, verbose(16_000)));
  for (const { status, code, finish } of said) {
    expect(status === 200 ? finish : code).toBe(status === 200 ? 'stop' : 'server_busy');
  }
  const costs = said.map(({ cost }) => Math.round((cost ?? 0) * 1e9));
  expect(costs.filter((cost) => cost > 0)).not.toEqual([]);
  expect(await beside).toBe(true);
  const books = await settled(customer.accountId);
  expect(books).toMatchObject({ held: 0, receipts: 16 });
  expect(books.charged).toBe(costs.reduce((sum, cost) => sum + cost));
});

test('an answer in one piece that is too large by itself is cut as by its length, and paid so far', async () => {
  const customer = await newCustomer({ credits: 10_000_000 });
  const { status, finish } = await post(customer.key, verbose(80_000));
  expect([status, finish]).toEqual([200, 'length']);
  const books = await settled(customer.accountId);
  const [run] = await upstreamRuns(customer.accountId);
  expect(run!.outcome).not.toBe('completed');
  expect(books.charged).toBe(Math.ceil(Number(run!.charged) * 1.2));
  expect(books.charged).toBeGreaterThan(0);
});
