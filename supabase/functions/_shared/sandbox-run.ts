// Runs against a sandbox, for tests: what they stored and sent, and what there was to send.
import { answeringModel } from './answering-model.ts';
import {
  type Batch,
  type Limits,
  type Report,
  type Settled,
  type StreamingRun,
  streamRun,
} from './metered-stream.ts';
import { startSandboxProcess } from './sandbox-process.ts';
import { assertEquals } from './testing.ts';
import { callUpstream } from './upstream-call.ts';

export const sandbox = await startSandboxProcess();
Deno.test.afterAll(() => sandbox.stop());

export const encoder = new TextEncoder();
export const text =
  'Zażółć gęślą jaźń 🦊👩‍👩‍👧, "quoted\\" and \u2028 lines\n\n```ts\nconst a = 1;\n```\n' +
  'ñandú '.repeat(20);
const quick: Partial<Limits> = { flushMs: 15, finishBackoffMs: 1 };
let sessions = 0;

interface Wanted {
  model?: string;
  models?: string[];
  wish?: Record<string, unknown>;
  limits?: Partial<Limits>;
  firstByteMs?: number;
  maxPromptUsd?: number;
  isSteered?: boolean;
  flush?: (batch: Batch, count: number) => Promise<boolean | null>;
  finish?: (count: number) => Promise<Settled<string>>;
}

/** A run against the sandbox, with a database in memory that checks the numbers it is given. */
export function start(wanted: Wanted) {
  const models = wanted.models ?? [wanted.model ?? 'sandbox/fast'];
  const session = `${Deno.pid}-${sessions++}`;
  const upstream: Uint8Array[] = [];
  const stored: string[] = [];
  const reports: Report[] = [];
  let flushes = 0;
  let finishes = 0;
  const store = ({ first, pieces }: Batch) => {
    assertEquals(first <= stored.length + 1, true);
    pieces.forEach((piece, at) => (stored[first - 1 + at] = piece.join(':')));
  };
  const run: StreamingRun<string> = streamRun<string>({
    models,
    isSteered: wanted.isSteered ?? false,
    answering: answeringModel({ model_ids: models, upstream_names: models }),
    open: (signal, failed, mayRetry) =>
      callUpstream(
        {
          url: sandbox.url,
          key: 'sk-of-the-tests',
          body: {
            messages: [{ role: 'user', content: 'Hello' }],
            sandbox: {
              answer: text,
              delay_ms: 0,
              frame_ms: 0,
              tokens_per_frame: 1,
              ...wanted.wish,
            },
          },
          models,
          maxTokens: 100_000,
          maxPromptUsd: wanted.maxPromptUsd ?? 0.000001,
          maxCompletionUsd: wanted.maxPromptUsd ?? '0.000002',
          sessionId: session,
          fetch: recordingFetch(upstream),
          backoffMs: 1,
          patienceMs: 300,
          ...(wanted.firstByteMs ? { firstByteMs: wanted.firstByteMs } : {}),
        },
        signal,
        failed,
        mayRetry,
      ),
    async flush(batch) {
      flushes += 1;
      const answer = await (wanted.flush?.(batch, flushes) ?? false);
      store(batch);
      return answer;
    },
    async finish(report, batch) {
      finishes += 1;
      const settled = await (wanted.finish?.(finishes) ?? { settlement: 'paid', isFinal: true });
      store(batch);
      reports.push(report);
      return settled;
    },
    framing: {
      open: () => encoder.encode('event: run\n\n'),
      frame: (bytes, _facts, number) =>
        number === undefined ? [bytes] : [encoder.encode(`id: ${number}\n`), bytes],
      close: ({ status, error }) =>
        encoder.encode(`event: done\ndata: ${status} ${error?.code}\n\n`),
    },
    limits: { ...quick, ...wanted.limits },
  });
  return {
    run,
    session,
    reports,
    flushes: () => flushes,
    storedText: (kind = 'c') =>
      stored
        .filter((piece) => piece.startsWith(`${kind}:`))
        .map((piece) => piece.slice(2))
        .join(''),
    upstreamText: () => decode(upstream),
  };
}

function recordingFetch(into: Uint8Array[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || !response.body) return response;
    into.length = 0;
    const reader = response.body.getReader();
    const recorded = new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const { done, value } = await reader.read();
        if (value) {
          into.push(value.slice());
          controller.enqueue(value);
        } else if (done) {
          controller.close();
          controller.byobRequest?.respond(0);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(recorded, response);
  };
}

export function decode(parts: Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join('');
}

export async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

/** What the viewer was sent without what was put around it, and the numbers it was given. */
export function unwrap(seen: string) {
  const ids = [...seen.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  const done = /event: done\ndata: (.*)\n\n$/.exec(seen)?.[1];
  const bytes = seen
    .replace(/^event: run\n\n/, '')
    .replace(/event: done\ndata: .*\n\n$/, '')
    .replaceAll(/^id: \d+\n/gm, '');
  return { ids, done, bytes };
}

/** The text in an event stream, read as the standard says. */
export function textIn(stream: string): string {
  return stream
    .split(/\n\n|\r\n\r\n|\r\r/)
    .map((frame) =>
      frame
        .split(/\r\n|\r|\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5))
        .join('\n'),
    )
    .map((data) => {
      try {
        const chunk = JSON.parse(data) as { choices?: { delta?: { content?: string } }[] };
        return chunk.choices?.[0]?.delta?.content ?? '';
      } catch {
        return '';
      }
    })
    .join('');
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
