/** Sends an answer in one piece, after the time its generation takes, faults included. */
import type { ServerResponse } from 'node:http';
import type { Behaviour } from './behaviour.ts';

const BLANK = '\n         \n';
const BLANK_EVERY_MS = 1000;

/** `settle` runs before the last byte leaves. Resolves with false when the reader hung up first. */
export function sendWhole(
  response: ServerResponse,
  answer: object,
  { fault, delayMs, frameMs, tokensPerFrame }: Behaviour,
  tokens: number,
  settle: () => void,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  response.writeHead(200, { 'content-type': 'application/json' });

  let isOver = false;
  const finish = (heard: boolean): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    clearInterval(idle);
    resolve(heard);
  };
  // Like OpenRouter, white space keeps a slow answer's connection alive; JSON readers skip it.
  const idle = setInterval(() => response.write(BLANK), BLANK_EVERY_MS);
  const wait = delayMs + Math.ceil(tokens / Math.max(1, tokensPerFrame)) * frameMs;
  const timer = setTimeout(send, wait);
  response.once('close', () => finish(false));
  return promise;

  function send(): void {
    const text = JSON.stringify(answer);
    const half = Buffer.from(text).subarray(0, Math.floor(Buffer.byteLength(text) / 2));
    if (fault !== 'comments-forever') clearInterval(idle);
    switch (fault) {
      case 'comments-forever':
        return;
      case 'hang-mid-stream':
        response.write(half);
        return;
      case 'die-mid-stream':
        settle();
        response.write(half, () => {
          response.socket?.destroy();
          finish(true);
        });
        return;
      case 'end-early':
      case 'broken-json':
        settle();
        response.end(half, () => finish(true));
        return;
      case 'error-chunk':
        settle();
        response.end(JSON.stringify(failed(answer)), () => finish(true));
        return;
      default:
        settle();
        response.end(text, () => finish(true));
    }
  }
}

/** An error while generating keeps status 200, as the headers may have been sent already. */
function failed(answer: object): object {
  const error = { code: 502, message: 'Provider disconnected unexpectedly' };
  const message = { role: 'assistant', content: '', refusal: null, reasoning: null };
  const reasons = { finish_reason: 'error', native_finish_reason: 'error' };
  return {
    ...answer,
    error,
    choices: [{ index: 0, ...reasons, error, message }],
    usage: undefined,
  };
}
