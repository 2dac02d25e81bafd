import { failure } from '../_shared/errors.ts';
import { readFrame } from '../_shared/frame-facts.ts';
import { assertEquals } from '../_shared/testing.ts';
import { chatDialect } from './chat-dialect.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function writer(includeUsage = true) {
  const dialect = chatDialect.stream({
    runId: 'run',
    created: 1,
    answering: () => 'a/b',
    request: { includeUsage, fields: {} },
    maxTokens: 9,
    isClamped: false,
  });
  const send = (frame: string) => {
    const bytes = encoder.encode(frame);
    const out = dialect.frame(bytes, readFrame(bytes));
    return typeof out === 'object' ? decoder.decode(out) : out;
  };
  return { send, end: () => dialect.state() };
}

const head = '{"id":"gen-1","object":"chat.completion.chunk","created":7,"model":"a/b-2026"';
const end = { error: null, receipt: null, requestId: 'the-id' };

Deno.test('a frame goes out as it came, but for its names', () => {
  const { send } = writer();
  // What looks like a name inside a text is a text.
  const text = JSON.stringify('"id":"gen-1", "model":"a/b-2026" é');
  const frame = `data: ${head},"odd" : 1,"choices":[{"index":0,"delta":{"content":${text}}}]}\n\n`;
  const wanted = frame.replace('"gen-1"', '"chatcmpl-run"').replace('"a/b-2026"', '"a/b"');
  assertEquals(send(frame), wanted);
  assertEquals(send(frame), wanted);
  assertEquals(send(': a comment\n\n'), ': a comment\n\n');
});

Deno.test('a frame in odd words is written anew', () => {
  const { send } = writer();
  const frame = `data:{ "id": "gen-1", "model": "a/b-2026", "choices": [{"delta":{"content":"x"}}] }\r\n\r\n`;
  assertEquals(
    send(frame),
    'data: {"id":"chatcmpl-run","model":"a/b","choices":[{"delta":{"content":"x"}}]}\n\n',
  );
});

Deno.test('the end waits for the cost, and the usage only comes to whoever asked', () => {
  const usage = {
    prompt_tokens: 1,
    completion_tokens: 2,
    total_tokens: 3,
    cost: 5,
    is_byok: false,
  };
  for (const asked of [true, false]) {
    const { send, end: state } = writer(asked);
    assertEquals(
      send(`data: ${head},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`),
      undefined,
    );
    assertEquals(send('data: [DONE]\n\n'), undefined);
    const told = chatDialect.endStream(state(), end);
    assertEquals(told.endsWith('data: [DONE]\n\n'), true);
    assertEquals(told.includes('"cost_label":"reconciling"'), asked);
    assertEquals(told.includes('is_byok'), false);
  }
});

Deno.test('usage beside the last words is taken out of them', () => {
  const { send } = writer();
  const out = send(
    `data: ${head},"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"cost":5}}\n\n`,
  );
  assertEquals(out?.includes('"cost"'), false);
  assertEquals(out?.includes('"content":"x"'), true);
});

Deno.test('a stream that failed ends with the error and without an end', () => {
  const { send, end: state } = writer();
  assertEquals(send(`data: ${head},"error":{"code":502},"choices":[]}\n\n`), undefined);
  const told = chatDialect.endStream(state(), { ...end, error: failure('upstream_failed') });
  assertEquals(told.startsWith('data: {"error":{"message"'), true);
  assertEquals(told.includes('[DONE]'), false);
});
