// The whole handler against the sandbox, with a database that only remembers: what it is asked, in
// which order, and what becomes of an upstream that falls silent, for which a stack would wait minutes.
// deno-lint-ignore-file no-await-in-loop -- one after the other, so that a failure says which
import { digest } from '../_shared/digest.ts';
import { failure } from '../_shared/errors.ts';
import type { Limits } from '../_shared/metered-stream.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { startSandboxProcess } from '../_shared/sandbox-process.ts';
import { assertEquals } from '../_shared/testing.ts';
import { handleGateway } from './handler.ts';
import { createMemoryRoom } from '../_shared/memory-room.ts';

const body = `sk-oneai-${'0'.repeat(64)}`;
const key = body + (await digest(body)).slice(0, 8);

const verdict = {
  allowed: true,
  run_id: '0190a000-0000-7000-8000-000000000000',
  is_replay: false,
  model_ids: ['sandbox/fast'],
  max_tokens: 60,
  is_clamped: false,
  hold_micros: 1000,
  rate_limit: null,
  rate_remaining: null,
  hour_limit: null,
  hour_remaining: null,
  day_limit: null,
  day_remaining: null,
  quota_limit: null,
  quota_remaining: null,
  route_reason: null,
  max_prompt_usd: null,
  max_completion_usd: null,
};

interface Asked {
  name: string;
  shape?: { prompt_bytes: number };
  report?: { outcome: string; error_code: string | null };
  closing?: { state: string | null; error_code: string | null };
}

interface Wish {
  limits?: Partial<Limits>;
  /** More of the body. */
  more?: object;
  /** The same, as it is written. */
  raw?: string;
  /** The caller is gone before the database has answered. */
  leaves?: boolean;
  aliveMs?: number;
  /** With an Idempotency-Key, for an answer of so many characters. */
  maxKeptChars?: number;
  /** For an answer in one piece. */
  maxWholeChars?: number;
  roomBytes?: number;
  address?: string;
  model?: string;
}

async function ask(
  url: string,
  fault: string | null,
  stream: boolean,
  {
    limits,
    more,
    raw,
    leaves,
    aliveMs,
    maxKeptChars,
    maxWholeChars,
    roomBytes,
    address = 'chat/completions',
    model = 'sandbox/fast',
  }: Wish = {},
) {
  const caller = new AbortController();
  const asked: Asked[] = [];
  const work: Promise<unknown>[] = [];
  const rpc = ((name: string, { shape, report, closing }: Omit<Asked, 'name'>) => {
    asked.push({
      name,
      ...(shape ? { shape } : {}),
      ...(report ? { report } : {}),
      ...(closing ? { closing } : {}),
    });
    if (name === 'is_key') return Promise.resolve(true);
    if (leaves) caller.abort();
    if (name === 'start_call') {
      const started = { verdict: { ...verdict, model_ids: [model] }, account_id: 'the-account' };
      return Promise.resolve(started);
    }
    return Promise.resolve(name === 'keep_call' ? false : null);
  }) as Rpc;
  const request = new Request(`http://x/gateway/v1/${address}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      ...(maxKeptChars === undefined ? {} : { 'idempotency-key': 'one' }),
    },
    body: JSON.stringify({
      model: 'sandbox/fast',
      messages: [{ role: 'user', content: 'hello' }],
      stream,
      sandbox: { fault, frame_ms: 1 },
      ...more,
    }).replace(/}$/, raw === undefined ? '}' : `,${raw}}`),
    signal: caller.signal,
  });
  const response = await handleGateway(request, {
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
    openRouterUrl: url,
    openRouterKey: 'the-key',
    fetch,
    rpc,
    room: createMemoryRoom(roomBytes),
    keepAlive: (promise) => void work.push(promise),
    ...(limits ? { limits } : {}),
    firstByteMs: 300,
    ...(aliveMs === undefined ? {} : { aliveMs }),
    ...(maxKeptChars === undefined ? {} : { maxKeptChars }),
    ...(maxWholeChars === undefined ? {} : { maxWholeChars }),
  });
  const text = await response.text();
  await Promise.all(work);
  return { status: response.status, headers: response.headers, text, asked };
}

const codeOf = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code;

interface Whole {
  choices?: { finish_reason: string; message: { content: string } }[];
  stop_reason?: string;
  content?: { text: string }[];
  incomplete_details?: { reason: string };
  output?: { content?: { text: string }[] }[];
}

/** Why an answer ended, and whether the upstream said so itself, and with it what was used. */
function finishOf(text: string): [reason: string, isTold: boolean] {
  const { choices, usage } = JSON.parse(text) as {
    choices: { finish_reason: string }[];
    usage: object | null;
  };
  return [String(choices[0]?.finish_reason), usage !== null];
}

Deno.test('a gateway over the sandbox', async (test) => {
  const sandbox = await startSandboxProcess();
  try {
    await test.step('asks the database once before a call and once after it', async () => {
      for (const stream of [true, false]) {
        const { status, asked } = await ask(sandbox.url, null, stream);
        assertEquals([status, asked.map(({ name }) => name)], [200, ['start_call', 'finish_call']]);
      }
    });
    await test.step('stops a call whose caller left before it began', async () => {
      for (const stream of [true, false]) {
        const { asked } = await ask(sandbox.url, null, stream, { leaves: true });
        assertEquals(asked.at(-1)?.report?.outcome, 'stopped');
      }
    });
    await test.step('names what was left out, whatever words the caller had for it', async () => {
      const provider = { '€\r\nset-cookie: a=b': 1, ['x'.repeat(100_000)]: 1 };
      const { status, headers } = await ask(sandbox.url, null, false, { more: { provider } });
      const ignored = headers.get('x-oneai-ignored');
      assertEquals([status, ignored?.slice(0, 27)], [200, 'provider.???set-cookie: a=b']);
      assertEquals([ignored?.length, headers.has('set-cookie')], [1000, false]);
    });
    await test.step('keeps an answer in one piece unless it is too large to go with its bill', async () => {
      const small = await ask(sandbox.url, null, false, { maxKeptChars: 10_000 });
      assertEquals(small.asked.at(-1)?.closing?.error_code, null);
      assertEquals(typeof small.asked.at(-1)?.closing?.state, 'string');
      const large = await ask(sandbox.url, null, false, { maxKeptChars: 100 });
      assertEquals(large.status, 200);
      assertEquals(large.asked.at(-1)?.report?.outcome, 'completed');
      assertEquals(large.asked.at(-1)?.closing, { state: null, error_code: 'too_large' });
    });
    await test.step('sets aside for a prompt as it is sent, whose numbers may have grown', async () => {
      const numbers = Array.from({ length: 400 }, () => '1e20').join();
      const tool = `{"type":"function","function":{"name":"f","parameters":{"enum":[${numbers}]}}}`;
      const { asked } = await ask(sandbox.url, null, false, { raw: `"tools":[${tool}]` });
      const sent = (await sandbox.requests('user=the-account')).at(-1);
      const written = JSON.stringify(sent?.body?.['tools']).length;
      assertEquals(written > 8000, true);
      assertEquals((asked[0]?.shape?.prompt_bytes ?? 0) >= written, true);
    });
    await test.step('cuts an answer in one piece that is too large for it, and it is paid', async () => {
      const more = { logprobs: true, top_logprobs: 5, max_tokens: 60 };
      const whole = await ask(sandbox.url, null, false, { more });
      assertEquals(finishOf(whole.text), ['length', true]);
      const cut = await ask(sandbox.url, null, false, { more, maxWholeChars: 2000 });
      assertEquals([cut.status, finishOf(cut.text)], [200, ['length', false]]);
      assertEquals(cut.text.length < whole.text.length / 2, true);
      assertEquals(cut.asked.at(-1)?.report?.outcome, 'stopped');
    });
    // It says something and no more, so that what has come by then is certain.
    const late = { wholeMs: 500, flushMs: 20 };
    for (const { address, more, endOf } of [
      {
        address: 'chat/completions',
        more: {},
        endOf: ({ choices }: Whole) => [choices?.[0]?.finish_reason, choices?.[0]?.message.content],
      },
      {
        address: 'messages',
        more: { max_tokens: 60 },
        endOf: ({ stop_reason, content }: Whole) => [stop_reason, content?.[0]?.text],
      },
      {
        address: 'responses',
        more: { input: 'hello', messages: undefined, max_tokens: undefined, max_output_tokens: 60 },
        endOf: ({ incomplete_details, output }: Whole) => [
          incomplete_details?.reason,
          output?.[0]?.content?.[0]?.text,
        ],
      },
    ]) {
      const reasons = ['length', 'max_tokens', 'max_output_tokens'];
      await test.step(`${address}: cuts an answer in one piece that is late, and it is paid`, async () => {
        for (const wish of [
          { model: 'sandbox/fast' },
          // Hanging up does not end its bill.
          { model: 'sandbox/keeps-billing' },
          // It was too large before, and read on for its bill.
          { model: 'sandbox/keeps-billing', maxWholeChars: 10 },
        ]) {
          const given = { ...wish, address, more, limits: late, maxKeptChars: 1_000_000 };
          const { status, text, asked } = await ask(sandbox.url, 'hang-mid-stream', false, given);
          const [reason, said = ''] = endOf(JSON.parse(text) as Whole);
          assertEquals([status, reasons.includes(reason ?? ''), said !== ''], [200, true, true]);
          const { report, closing } = asked.at(-1) ?? {};
          assertEquals([report?.outcome, report?.error_code], ['stopped', null]);
          // Whoever repeats the request is given the same.
          assertEquals(closing?.error_code, null);
          assertEquals(closing?.state?.includes(JSON.stringify(said)), true);
        }
      });
    }
    await test.step('has nothing of a late answer in one piece, and it is free', async () => {
      for (const fault of ['hang', 'hang-after-headers']) {
        const limits = { ...late, wholeMs: 100 };
        const { status, text, asked } = await ask(sandbox.url, fault, false, { limits });
        assertEquals([status, codeOf(text)], [504, 'run_too_long']);
        assertEquals(asked.at(-1)?.report?.outcome, 'failed');
      }
    });
    await test.step('has no room for an answer in one piece, and it is free', async () => {
      const more = { logprobs: true, top_logprobs: 5, max_tokens: 60 };
      const lacking = await ask(sandbox.url, null, false, { more, roomBytes: 20_000 });
      assertEquals([lacking.status, codeOf(lacking.text)], [503, 'server_busy']);
      assertEquals(lacking.headers.get('retry-after'), '2');
      assertEquals(lacking.asked.at(-1)?.report?.outcome, 'failed');
    });
    await test.step('says that it lives while it waits for the first byte', async () => {
      const limits = { flushMs: 20 };
      const { asked } = await ask(sandbox.url, 'hang', true, { limits, aliveMs: 50 });
      assertEquals(asked.filter(({ name }) => name === 'keep_call').length > 1, true);
    });
    const limits = { idleMs: 300, stallMs: 300, flushMs: 50 };
    for (const fault of ['hang', 'hang-after-headers', 'hang-mid-stream', 'comments-forever']) {
      const isMidway = fault === 'hang-mid-stream' || fault === 'comments-forever';
      const code = isMidway ? 'upstream_silent' : 'upstream_timeout';
      await test.step(`${fault}: a stream`, async () => {
        const { status, text, asked } = await ask(sandbox.url, fault, true, { limits });
        assertEquals([status, text.includes(`"code":"${code}"`)], [isMidway ? 200 : 504, true]);
        assertEquals(text.includes('[DONE]'), false);
        // What came is paid; where nothing came, nothing is.
        assertEquals(asked.at(-1)?.report?.outcome, isMidway ? 'stopped' : 'failed');
      });
      await test.step(`${fault}: an answer in one piece`, async () => {
        const { status, text, asked } = await ask(sandbox.url, fault, false, { limits });
        assertEquals([status, text.includes(`"code":"${code}"`)], [504, true]);
        assertEquals(asked.at(-1)?.report?.outcome, 'failed');
      });
    }
  } finally {
    await sandbox.stop();
  }
});

const embed = () =>
  new Request('http://x/gateway/v1/embeddings', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'sandbox/embed', models: ['sandbox/other'], input: 'hello' }),
  });

Deno.test(
  'the bill of vectors is tried until the database takes it, and they are given either way',
  async () => {
    const receipt = { charged_micros: 5_000_000, cost_label: 'reported' };
    for (const [failures, cost] of [
      [0, 0.005],
      [2, 0.005],
      [9, null],
    ] as const) {
      let reports = 0;
      const response = await handleGateway(embed(), {
        env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
        openRouterUrl: 'http://upstream',
        openRouterKey: 'the-key',
        rpc: ((name: string) => {
          if (name === 'start_call') return Promise.resolve({ verdict, account_id: 'the-account' });
          reports += 1;
          if (reports <= failures) return Promise.reject(failure('upstream_unavailable'));
          return Promise.resolve(receipt);
        }) as Rpc,
        fetch: (() =>
          Promise.resolve(
            Response.json({ data: [], usage: { prompt_tokens: 1 } }),
          )) as unknown as typeof fetch,
        room: createMemoryRoom(),
        keepAlive: () => {},
        limits: { finishTries: 3, finishBackoffMs: 1 },
      });
      const { usage } = (await response.json()) as { usage: { cost: number | null } };
      assertEquals([response.status, usage.cost], [200, cost]);
      assertEquals(response.headers.get('x-oneai-ignored'), 'models');
      assertEquals(reports, Math.min(failures + 1, 3));
    }
  },
);

Deno.test('vectors that take long are waited for, and say so', async () => {
  const asked: string[] = [];
  const deps = {
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
    openRouterUrl: 'http://upstream',
    openRouterKey: 'the-key',
    rpc: ((name: string) => {
      asked.push(name);
      return Promise.resolve(name === 'start_call' ? { verdict, account_id: 'the-account' } : null);
    }) as Rpc,
    // It answers once the database has heard of it twice.
    fetch: (async () => {
      while (asked.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      return Response.json({ data: [], usage: { prompt_tokens: 1 } });
    }) as typeof fetch,
    room: createMemoryRoom(),
    keepAlive: () => {},
    aliveMs: 10,
  };
  assertEquals((await handleGateway(embed(), deps)).status, 200);
  assertEquals(asked.at(-1), 'finish_call');
  assertEquals(new Set(asked.slice(1, -1)), new Set(['touch_run']));
});
