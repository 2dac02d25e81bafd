import { expect, test } from 'vitest';
import { answerEvents, type AnswerEvent } from './answer-events.ts';

// As functions/chat streams it: our own first event, frames as they came from OpenRouter (one with
// CR LF, one with a comment before it, one spread over lines, one without text), our own last.
const recorded = [
  'event: run\ndata: {"run_id":"r1","answer_id":"a1","model_ids":["openai/gpt-4o-mini"],"route_reason":null}\n\n',
  ': OPENROUTER PROCESSING\n\n',
  'id: 1\ndata: {"id":"gen-1","model":"openai/gpt-4o-mini","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm, "}}]}\n\n',
  'id: 2\r\ndata: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"Grüße "}}]}\r\n\r\n',
  'id: 3\ndata: {"id":"gen-1",\ndata: "choices":[{"index":0,"delta":{"content":"🌍 नमस्ते"}}]}\n\n',
  'data: {"id":"gen-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: {"id":"gen-1","choices":[],"usage":{"cost":0.0001}}\n\n',
  'data: [DONE]\n\n',
  'event: done\ndata: {"status":"complete","finish_reason":"stop","receipt":null,"wallet":null,"limits":null,"error":null}\n\n',
].join('');

function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function read(chunks: Uint8Array[]): Promise<AnswerEvent[]> {
  return Array.fromAsync(answerEvents(streamOf(chunks)));
}

const bytes = new TextEncoder().encode(recorded);

test('frames become text in order, with what was opened before and how it ended after', async () => {
  const events = await read([bytes]);
  expect(events.map(({ kind }) => kind)).toEqual(['run', 'delta', 'delta', 'delta', 'done']);
  expect(events[0]).toMatchObject({ run: { run_id: 'r1', model_ids: ['openai/gpt-4o-mini'] } });
  expect(events[1]).toMatchObject({ number: 1, reasoning: 'Hm, ', model: 'openai/gpt-4o-mini' });
  expect(events[2]).toMatchObject({ number: 2, content: 'Grüße ', reasoning: '' });
  expect(events[3]).toMatchObject({ number: 3, content: '🌍 नमस्ते' });
  expect(events[4]).toMatchObject({ end: { status: 'complete', finish_reason: 'stop' } });
});

test('cut at every byte boundary it reads the same', async () => {
  const whole = await read([bytes]);
  for (let at = 1; at < bytes.length; at++) {
    expect(await read([bytes.slice(0, at), bytes.slice(at)]), `cut at ${at}`).toEqual(whole);
  }
});

test('byte by byte it reads the same', async () => {
  expect(await read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(await read([bytes]));
});

test('a frame that is no JSON is left out and the rest goes on', async () => {
  const broken = recorded.replace('"Grüße "}}]}', '"Grü');
  const events = await read([new TextEncoder().encode(broken)]);
  expect(events.flatMap((event) => (event.kind === 'delta' ? event.number : []))).toEqual([1, 3]);
});

test('a stream that breaks off gives what came whole', async () => {
  const events = await read([bytes.slice(0, recorded.indexOf('id: 3') + 30)]);
  expect(events.map(({ kind }) => kind)).toEqual(['run', 'delta', 'delta']);
});

test('a megabyte in one frame arrives', async () => {
  const text = 'x'.repeat(1_000_000);
  const frame = `id: 1\ndata: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`;
  const [event] = await read([new TextEncoder().encode(frame)]);
  expect(event).toMatchObject({ kind: 'delta', content: text });
});

test('a resumed stream opens with little more than its id', async () => {
  const resumed = 'event: run\ndata: {"run_id":"r1","is_replay":true}\n\n';
  expect(await read([new TextEncoder().encode(resumed)])).toEqual([
    {
      kind: 'run',
      run: {
        run_id: 'r1',
        is_replay: true,
        model_ids: [],
        route_reason: null,
        available_micros: null,
        quota_remaining: null,
        trimmed: null,
      },
    },
  ]);
});
