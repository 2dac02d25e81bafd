// Every fault that the sandbox knows, through the gateway: status, body and charge. Streams and
// answers in one piece; what the customer was told is what the books say.
import { describe, expect, test } from 'vitest';
import {
  base,
  booksOf,
  newCustomer,
  priceOf,
  setCredits,
  settled,
  upstreamRuns,
} from './customer.ts';
import { holdAgainstDocument, recordingFetch } from './recorder.ts';
import { STATUS_FAULTS, WIRE_FAULTS } from '../../../scripts/sandbox/openrouter/behaviour.ts';

holdAgainstDocument();

interface Outcome {
  status: number;
  /** The code of the error, wherever it came. */
  code?: string;
  /** A stream that ended as it should. */
  done: boolean;
  text: string;
  cost?: number | null;
}

/** The request asks for 60 tokens; the faults hit after five frames. */
async function call(key: string, fault: string, stream: boolean): Promise<Outcome> {
  const response = await recordingFetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'sandbox/fast',
      messages: [{ role: 'user', content: `Say something about ${fault}` }],
      max_tokens: 60,
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      sandbox: { fault, generation_misses: 0 },
    }),
  });
  const body = await response.text();
  if (response.headers.get('content-type') !== 'text/event-stream') {
    const answer = JSON.parse(body) as Answer;
    const text = answer.choices?.[0]?.message?.content ?? '';
    const told = answer.error ? { code: answer.error.code } : {};
    return {
      status: response.status,
      done: !answer.error,
      text,
      cost: answer.usage?.cost,
      ...told,
    } as Outcome;
  }
  const chunks = [...body.matchAll(/^data: (\{.*\})$/gm)].map(
    (one) => JSON.parse(one[1]!) as Answer,
  );
  const error = chunks.find((chunk) => chunk.error)?.error;
  return {
    status: response.status,
    done: body.trimEnd().endsWith('data: [DONE]'),
    text: chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join(''),
    cost: chunks.find((chunk) => chunk.usage)?.usage?.cost,
    ...(error ? { code: error.code } : {}),
  } as Outcome;
}

interface Answer {
  error?: { code: string };
  usage?: { cost: number | null };
  choices?: { message?: { content: string }; delta?: { content?: string | null } }[];
}

/** What a fault comes to. `charge`: nothing, the whole answer, or the part that came. */
interface Expected {
  stream: { status: number; code?: string };
  whole: { status: number; code?: string };
  charge: { stream: 'none' | 'whole' | 'part'; whole: 'none' | 'whole' };
}

const refused = (status: number, code: string): Expected => ({
  stream: { status, code },
  whole: { status, code },
  charge: { stream: 'none', whole: 'none' },
});
const fine: Expected = {
  stream: { status: 200 },
  whole: { status: 200 },
  charge: { stream: 'whole', whole: 'whole' },
};
/** It broke off in the middle: a stream is paid as far as it came, and nothing else is. */
const broken = (status: number, code: string, charge: 'none' | 'part'): Expected => ({
  stream: { status: 200, code },
  whole: { status, code },
  charge: { stream: charge, whole: 'none' },
});
const unavailable = refused(503, 'upstream_unavailable');

const expected: Record<string, Expected> = {
  'bad-request': refused(400, 'upstream_rejected'),
  unauthorized: unavailable,
  'out-of-credits': unavailable,
  moderated: refused(403, 'content_policy_violation'),
  timeout: unavailable,
  'too-large': refused(413, 'request_too_large'),
  'rate-limited': unavailable,
  'server-error': unavailable,
  'bad-gateway': unavailable,
  unavailable,
  refuse: unavailable,
  drop: unavailable,
  html: unavailable,
  'die-mid-stream': broken(502, 'upstream_broken', 'part'),
  'end-early': broken(502, 'upstream_broken', 'part'),
  'error-chunk': broken(502, 'upstream_failed', 'none'),
  empty: {
    stream: { status: 200, code: 'empty_answer' },
    whole: { status: 502, code: 'empty_answer' },
    charge: { stream: 'none', whole: 'none' },
  },
  'no-usage': fine,
  'usage-twice': fine,
  'no-done': fine,
  'duplicate-finish': fine,
  'billed-more': fine,
  'no-generation': fine,
  'broken-json': fine,
  'split-utf8': fine,
  crlf: fine,
  cr: fine,
  'no-space': fine,
  'multi-line-data': fine,
  'huge-frame': fine,
};
/** They cost a minute each of waiting, which the stream core's own tests shorten. */
const silent = ['hang', 'hang-after-headers', 'hang-mid-stream', 'comments-forever'];

test('no fault is forgotten', () => {
  const known = [...Object.keys(STATUS_FAULTS), ...Object.keys(WIRE_FAULTS)].sort();
  expect([...Object.keys(expected), ...silent].sort()).toEqual(known);
});

describe.concurrent.each(['stream', 'whole'] as const)('faults, %s', (kind) => {
  test.for(Object.entries(expected))('%s', async ([fault, wanted], { expect }) => {
    const customer = await newCustomer();
    const outcome = await call(customer.key, fault, kind === 'stream');
    const { code, status } = wanted[kind];
    expect({ status: outcome.status, code: outcome.code }).toEqual({ status, code });
    expect(outcome.done).toBe(code === undefined);

    const books = await settled(customer.accountId);
    const runs = await upstreamRuns(customer.accountId);
    const last = runs.at(-1);
    expect(books.held).toBe(0);
    expect(100_000e6 - books.balance).toBe(books.charged);
    if (wanted.charge[kind] === 'none') expect(books.charged).toBe(0);
    else {
      // By what the upstream took, or less where it took more than it said.
      const atCost = priceOf(last!);
      const isDearer = fault === 'billed-more';
      if (isDearer) expect(books.charged).toBeLessThan(atCost);
      else expect(books.charged).toBe(atCost);
      expect(books.charged).toBeGreaterThan(0);
    }
    if (outcome.cost) expect(Math.round(outcome.cost * 1e9)).toBe(books.charged);
    await setCredits(customer.accountId, 0);
    expect((await booksOf(customer.accountId)).balance).toBe(0);
  });
});
