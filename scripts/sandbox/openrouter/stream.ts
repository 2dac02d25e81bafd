/** Sends steps at their pace. Each stream keeps its own timetable, so a late timer is caught up. */
import type { ServerResponse } from 'node:http';
import type { Behaviour } from './behaviour.ts';
import { COMMENT, type Step } from './wire.ts';

export interface Sent {
  frames: number;
  tokens: number;
  reasoningTokens: number;
}

const COMMENT_EVERY_MS = 1000;
/** Frames written in one go when the timetable allows any number of them. */
const BURST = 32;

/** Resolves with whether the stream came to its own end; false when the reader hung up. */
export function sendSteps(
  response: ServerResponse,
  steps: Iterator<Step, void>,
  { delayMs, frameMs }: Behaviour,
  sent: Sent,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let timer: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;
  let isOver = false;
  let due = performance.now() + delayMs;

  const finish = (byItself: boolean): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    clearInterval(idle);
    resolve(byItself);
  };
  const keepAlive = (): void => {
    idle ??= setInterval(() => response.write(COMMENT), COMMENT_EVERY_MS);
  };
  const schedule = (): void => {
    const wait = Math.max(0, due - performance.now());
    if (wait > COMMENT_EVERY_MS) keepAlive();
    timer = setTimeout(send, wait);
  };

  /** Says whether the stream goes on after this step. */
  const perform = (step: Step): boolean => {
    sent.tokens += step.tokens;
    sent.reasoningTokens += step.reasoningTokens;
    if (step.bytes.length > 0) sent.frames += 1;
    switch (step.then) {
      case undefined:
        response.write(step.bytes);
        return true;
      case 'end':
        response.end(step.bytes, () => finish(true));
        return false;
      case 'destroy':
        // Only once the last frame has left: the reader must see the frames before the break.
        response.write(COMMENT, () => {
          response.socket?.destroy();
          finish(true);
        });
        return false;
      case 'comments':
        keepAlive();
    }
    return false;
  };

  const send = (): void => {
    if (isOver) return;
    clearInterval(idle);
    idle = undefined;
    for (let count = 0; count < BURST; count += 1) {
      const { value: step, done } = steps.next();
      if (done || !perform(step)) return;
      due += frameMs;
      if (response.writableNeedDrain) {
        response.once('drain', () => {
          due = Math.max(due, performance.now());
          schedule();
        });
        return;
      }
      if (due > performance.now()) break;
    }
    schedule();
  };

  response.once('close', () => finish(false));
  if (delayMs === 0) send();
  else schedule();
  return promise;
}
