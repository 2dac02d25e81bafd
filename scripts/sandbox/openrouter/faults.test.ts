import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Behaviour, type Fault, STATUS_FAULTS, WIRE_FAULTS } from './behaviour.ts';
import {
  ask,
  chunksOf,
  eventsOf,
  type Raw,
  soon,
  startTestSandbox,
  type TestSandbox,
  textOf,
} from './test-client.ts';
import { stepsOf } from './wire.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

const ANSWER = 'one two three four five six seven eight';
let session = 0;

/** A stream with the fault, and what was charged for it. */
async function suffer(
  fault: Fault,
  more: Record<string, unknown> = {},
  until?: (text: string) => boolean,
): Promise<Raw & { charged: number; outcome: string }> {
  session += 1;
  const session_id = `fault-${session}`;
  const wish = { fault, after_frames: 3, tokens_per_frame: 1, answer: ANSWER, ...more };
  const result = await sandbox.raw(ask('hi', { stream: true, session_id, sandbox: wish }), until);
  await soon(async () => (await runOf(session_id))?.outcome).not.toBe('open');
  const { charged, outcome } = (await runOf(session_id))!;
  return { ...result, charged: Number(charged), outcome };
}

async function runOf(session_id: string) {
  return (await sandbox.runs(`session_id=${session_id}`)).at(-1);
}

/** gpt-4o: 8 prompt tokens and so many completion tokens, in nano-dollars. */
const cost = (tokens: number): number => 8 * 2_500 + tokens * 10_000;
const WHOLE = cost(8);

describe('instead of an answer', () => {
  test.each(Object.entries(STATUS_FAULTS))('%s is status %i and free', async (fault, status) => {
    const { text, charged, outcome, ...result } = await suffer(fault as Fault);
    expect(result.status).toBe(status);
    expect(JSON.parse(text)).toMatchObject({ error: { code: status } });
    expect([charged, outcome]).toEqual([0, 'refused']);
  });

  test('a rate limit says when to come back', async () => {
    const early = await suffer('rate-limited');
    const late = await suffer('rate-limited', { retry_after: 30 });
    expect([early.headers['retry-after'], late.headers['retry-after']]).toEqual(['1', '30']);
    expect(JSON.parse(late.text)).toMatchObject({
      error: { message: 'Provider returned error', metadata: { provider_name: 'OpenAI' } },
    });
    expect((await suffer('unavailable', { retry_after: 5 })).headers['retry-after']).toBe('5');
  });

  test('refuse is no answer at all', async () => {
    expect(await suffer('refuse')).toMatchObject({ end: 'no answer', charged: 0 });
  });

  test('drop is headers without a body', async () => {
    const result = await suffer('drop');
    expect(result).toMatchObject({ status: 200, end: 'cut', text: '', charged: 0 });
  });

  test('html is a page with status 200', async () => {
    const { status, headers, text, charged } = await suffer('html');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toContain('<!doctype html>');
    expect(charged).toBe(0);
  });

  test('hang answers nothing, until the caller gives up', async () => {
    const gaveUp = new AbortController();
    const body = JSON.stringify(ask('hi', { session_id: 'hung', sandbox: { fault: 'hang' } }));
    const asked = fetch(`${sandbox.base}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer k' },
      body,
      signal: gaveUp.signal,
    });
    await soon(async () => (await runOf('hung'))?.fault).toBe('hang');
    gaveUp.abort();
    await expect(asked).rejects.toThrow();
    await soon(async () => (await runOf('hung'))?.outcome).toBe('aborted');
    expect((await runOf('hung'))?.charged).toBe('0');
  });

  test('hang-after-headers sends headers and nothing else', async () => {
    const result = await suffer('hang-after-headers', {}, () => true);
    expect(result).toMatchObject({ status: 200, text: '', charged: 0, outcome: 'aborted' });
  });
});

describe('in the middle', () => {
  const frames = ({ text }: Raw): number => chunksOf(text).length;

  test('die-mid-stream breaks after so many frames, which are charged', async () => {
    const result = await suffer('die-mid-stream');
    expect(result).toMatchObject({ end: 'cut', charged: cost(3), outcome: 'broken' });
    expect(frames(result)).toBe(3);
    expect((await suffer('die-mid-stream', { after_frames: 0 })).charged).toBe(0);
  });

  test('a break that comes later than the answer is long still comes', async () => {
    const result = await suffer('die-mid-stream', { after_frames: 1000 });
    expect(result.end).toBe('cut');
    expect(textOf(chunksOf(result.text))).toBe(ANSWER);
  });

  test('end-early looks complete, but has no finish and no end mark', async () => {
    const result = await suffer('end-early');
    expect(result).toMatchObject({ end: 'complete', charged: cost(3) });
    expect(frames(result)).toBe(3);
    expect(result.text).not.toContain('[DONE]');
  });

  test('error-chunk ends with a top-level error and is free', async () => {
    const result = await suffer('error-chunk');
    const last = chunksOf(result.text).at(-1)!;
    expect(last.error).toEqual({ code: 502, message: 'Provider disconnected unexpectedly' });
    expect(last.choices[0]!.finish_reason).toBe('error');
    expect(result).toMatchObject({ status: 200, end: 'complete', charged: 0 });
  });

  test('hang-mid-stream falls silent', async () => {
    const three = (text: string): boolean => eventsOf(text).length === 3;
    const result = await suffer('hang-mid-stream', {}, three);
    expect(result).toMatchObject({ end: 'cut', charged: cost(3), outcome: 'aborted' });
  });

  test('comments-forever keeps talking without saying anything', async () => {
    const kept = (text: string): boolean => text.split(': OPENROUTER').length === 3;
    const result = await suffer('comments-forever', {}, kept);
    expect(frames(result)).toBe(3);
    expect(result).toMatchObject({ end: 'cut', outcome: 'aborted' });
  });
});

describe('an unusual ending', () => {
  const count = ({ text }: Raw, what: 'usage' | 'finish'): number =>
    chunksOf(text).filter(({ usage, choices }) =>
      what === 'usage' ? usage : choices[0]?.finish_reason,
    ).length;

  test.each([
    ['no-usage', 0, 1],
    ['usage-twice', 2, 1],
    ['duplicate-finish', 1, 2],
    ['no-done', 1, 1],
  ] as const)('%s: %i usages and %i finishes, charged once', async (fault, usages, finishes) => {
    const result = await suffer(fault);
    expect([count(result, 'usage'), count(result, 'finish')]).toEqual([usages, finishes]);
    expect(result.text.includes('[DONE]')).toBe(fault !== 'no-done');
    expect(result).toMatchObject({ end: 'complete', charged: WHOLE });
    expect(textOf(chunksOf(result.text))).toBe(ANSWER);
  });

  test('empty is a blank finish without content, and free', async () => {
    const result = await suffer('empty', { answer: '' });
    const chunks = chunksOf(result.text);
    expect(textOf(chunks)).toBe('');
    expect(chunks[0]!.choices[0]).toMatchObject({
      finish_reason: null,
      native_finish_reason: null,
    });
    expect(chunks.at(-1)!.usage).toMatchObject({ completion_tokens: 0, cost: 0 });
    expect(result.charged).toBe(0);
  });

  test('billed-more is charged half as much again as the stream said', async () => {
    const result = await suffer('billed-more');
    const { id, usage } = chunksOf(result.text).at(-1)!;
    await sandbox.get(`/api/v1/generation?id=${id}`);
    const record = await sandbox.get<{ data: { total_cost: number } }>(
      `/api/v1/generation?id=${id}`,
    );
    expect(usage!.cost).toBe(WHOLE / 1e9);
    expect(result.charged).toBe((WHOLE * 3) / 2);
    expect(record.body.data.total_cost).toBe(result.charged / 1e9);
  });

  test('no-generation leaves no record', async () => {
    const { text } = await suffer('no-generation');
    const path = `/api/v1/generation?id=${chunksOf(text)[0]!.id}`;
    for (let look = 0; look < 3; look += 1) expect((await sandbox.get(path)).status).toBe(404);
  });
});

describe('an unusual form', () => {
  test.each(['crlf', 'cr', 'no-space', 'multi-line-data'] as const)(
    '%s is read by the standard like any other',
    async (fault) => {
      const odd = await suffer(fault);
      const even = await sandbox.stream(ask('hi', { sandbox: { answer: ANSWER } }));
      expect(textOf(chunksOf(odd.text))).toBe(textOf(even));
      expect(eventsOf(odd.text).at(-1)).toBe('[DONE]');
      expect(chunksOf(odd.text).at(-1)!.usage).toEqual(even.at(-1)!.usage);
      expect(odd.charged).toBe(WHOLE);
    },
  );

  test('and is really unusual', async () => {
    expect((await suffer('crlf')).text).toMatch(/^data: .*\r\n\r\n/m);
    expect((await suffer('cr')).text).toMatch(/data: \[DONE\]\r\r$/);
    expect((await suffer('no-space')).text).toMatch(/^data:\{/m);
    expect((await suffer('multi-line-data')).text).toMatch(/^data: {2}"id": /m);
  });

  test('broken-json has one frame that is cut off, and goes on', async () => {
    const { text, end, charged } = await suffer('broken-json');
    const broken = eventsOf(text).filter((data) => data !== '[DONE]' && !isJson(data));
    const sound = eventsOf(text)
      .filter(isJson)
      .map((data) => `data: ${data}\n\n`);
    expect(broken).toHaveLength(1);
    expect(textOf(chunksOf(sound.join('')))).toBe(ANSWER);
    expect([end, charged]).toEqual(['complete', WHOLE]);
  });

  test('split-utf8 cuts writes inside characters, and loses none', async () => {
    const answer = '東京🏖️é'.repeat(10);
    const { text } = await suffer('split-utf8', { answer });
    expect(textOf(chunksOf(text))).toBe(answer);

    const frame = { kind: 'content', json: '"京"', tokens: 1, reasoningTokens: 0 } as const;
    const behaviour = { fault: 'split-utf8', afterFrames: 5 } as Behaviour;
    const [first, second] = [...stepsOf([frame], behaviour, '')].map(({ bytes }) => bytes);
    expect(String(first)).toMatch(/\ufffd$/);
    expect(Buffer.concat([first as Buffer, second as Buffer]).toString()).toBe('data: "京"\n\n');
  });

  test('huge-frame is one frame with a megabyte', async () => {
    const wish = { fault: 'huge-frame', tokens_per_frame: 1_000_000 };
    const { text } = await sandbox.raw({
      ...ask('hi', { stream: true, sandbox: wish }),
      model: 'sandbox/fast',
    });
    const sizes = eventsOf(text).map((data) => data.length);
    expect(Math.max(...sizes)).toBeGreaterThan(1_000_000);
  });
});

describe('without streaming', () => {
  const whole = (fault: Fault): Promise<Raw> =>
    sandbox.raw(ask('hi', { sandbox: { fault, answer: ANSWER } }));

  test('a dying answer is cut, and an early end is half of the JSON', async () => {
    expect((await whole('die-mid-stream')).end).toBe('cut');
    const early = await whole('end-early');
    expect(early.end).toBe('complete');
    expect(isJson(early.text)).toBe(false);
  });

  test('an error while generating keeps status 200', async () => {
    const { status, text } = await whole('error-chunk');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      error: { code: 502 },
      choices: [{ finish_reason: 'error', message: { content: '' } }],
    });
  });

  test('usage can be missing, and the connection can break before any byte', async () => {
    expect(JSON.parse((await whole('no-usage')).text)).not.toHaveProperty('usage');
    expect((await whole('refuse')).end).toBe('no answer');
    expect((await whole('drop')).end).toBe('cut');
  });
});

describe('fail_first', () => {
  const statuses = async (body: Record<string, unknown>, times: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let at = 0; at < times; at += 1) seen.push((await sandbox.chat(body)).status);
    return seen;
  };
  const wish = { fault: 'unavailable', fail_first: 2 };

  test('hits the first attempts of a session, whatever the model', async () => {
    const body = ask('x', { session_id: 's-1', sandbox: wish });
    expect(await statuses({ ...body, model: 'openai/gpt-4' }, 1)).toEqual([503]);
    expect(await statuses(body, 2)).toEqual([503, 200]);
    expect(await statuses({ ...body, session_id: 's-2' }, 1)).toEqual([503]);
  });

  test('without a session counts by prompt', async () => {
    expect(await statuses(ask('alpha', { sandbox: wish }), 3)).toEqual([503, 503, 200]);
    expect(await statuses(ask('beta', { sandbox: wish }), 1)).toEqual([503]);
    expect(await statuses(ask('gamma', { model: 'sandbox/flaky' }), 3)).toEqual([503, 503, 200]);
  });

  test('counts the attempts within one request, so that a fallback answers', async () => {
    const once = { fault: 'rate-limited', fail_first: 1 };
    const { status, body } = await sandbox.chat(
      ask('delta', { models: ['openai/gpt-4'], sandbox: once }),
    );
    expect([status, body.model]).toEqual([200, 'openai/gpt-4']);
  });

  test('is forgotten on reset', async () => {
    expect(await statuses(ask('epsilon', { sandbox: wish }), 3)).toEqual([503, 503, 200]);
    await sandbox.reset();
    expect(await statuses(ask('epsilon', { sandbox: wish }), 1)).toEqual([503]);
  });
});

test('every fault with a name is tried in this file or is a status', async () => {
  const { readFile } = await import('node:fs/promises');
  const source = await readFile(new URL(import.meta.url), 'utf8');
  const untried = Object.keys(WIRE_FAULTS).filter((fault) => !source.includes(`'${fault}'`));
  expect(untried).toEqual([]);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
