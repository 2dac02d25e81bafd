import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Behaviour } from './behaviour.ts';
import { sendSteps } from './stream.ts';
import type { Step } from './wire.ts';

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A stream of numbered frames into memory, and what has arrived so far. */
function start(count: number, pace: { delayMs: number; frameMs: number }) {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const wire = new PassThrough();
  response.assignSocket(wire as unknown as Socket);
  response.write('begin\n');
  let text = '';
  wire.on('data', (part: Buffer) => (text += part.toString()));
  const sent = { frames: 0, tokens: 0, reasoningTokens: 0 };
  const ended = sendSteps(response, steps(count), pace as Behaviour, sent);
  return { sent, ended, comments: () => text.split('PROCESSING').length - 1 };
}

function* steps(count: number): Generator<Step> {
  for (let at = 0; at < count; at += 1) {
    yield { bytes: `frame ${at}\n`, tokens: 1, reasoningTokens: 0 };
  }
  yield { bytes: 'end', tokens: 0, reasoningTokens: 0, then: 'end' };
}

test('frames keep to their timetable', async () => {
  const { sent } = start(10, { delayMs: 100, frameMs: 5 });
  await vi.advanceTimersByTimeAsync(99);
  expect(sent.frames).toBe(0);
  for (let frames = 1; frames <= 5; frames += 1) {
    await vi.advanceTimersByTimeAsync(frames === 1 ? 1 : 5);
    expect(sent.frames).toBe(frames);
  }
});

test('half milliseconds add up instead of being rounded away', async () => {
  const { sent } = start(1000, { delayMs: 0, frameMs: 2.5 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(sent.frames).toBeGreaterThanOrEqual(400);
  expect(sent.frames).toBeLessThanOrEqual(402);
});

test('a long wait is filled with comments, a short one is not', async () => {
  const slow = start(2, { delayMs: 3500, frameMs: 1500 });
  await vi.advanceTimersByTimeAsync(3499);
  expect(slow.comments()).toBe(3);
  await vi.advanceTimersByTimeAsync(1500);
  expect([slow.sent.frames, slow.comments()]).toEqual([1, 4]);
  const quick = start(2, { delayMs: 900, frameMs: 900 });
  await vi.advanceTimersByTimeAsync(2700);
  expect([quick.sent.frames, quick.comments()]).toEqual([3, 0]);
});
