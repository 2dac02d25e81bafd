import { readFrame } from './frame-facts.ts';
import { assertEquals } from './testing.ts';

const read = (text: string) => readFrame(new TextEncoder().encode(text));
const chunk = (value: unknown) => read(`data: ${JSON.stringify(value)}\n\n`);

Deno.test('text, reasoning, ids and the provider are read', () => {
  const facts = chunk({
    id: 'gen-1',
    model: 'openai/gpt-4o-2024-08-06',
    provider: 'OpenAI',
    choices: [{ index: 0, delta: { content: 'a', reasoning: 'b' }, finish_reason: null }],
  });
  assertEquals(facts, {
    kind: 'chunk',
    generationId: 'gen-1',
    model: 'openai/gpt-4o-2024-08-06',
    provider: 'OpenAI',
    content: 'a',
    reasoning: 'b',
    hasOutput: true,
  });
});

Deno.test('usage is read in the words of the report', () => {
  const facts = chunk({
    choices: [],
    usage: {
      prompt_tokens: 11,
      completion_tokens: 7,
      cost: 1.5e-7,
      prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 2, audio_tokens: 1 },
      completion_tokens_details: { reasoning_tokens: 4 },
      server_tool_use: { web_search_requests: 5 },
    },
  });
  assertEquals(facts.usage, {
    used: {
      prompt_tokens: 11,
      completion_tokens: 7,
      cache_read_tokens: 3,
      cache_write_tokens: 2,
      audio_tokens: 1,
      reasoning_tokens: 4,
      searches: 5,
    },
    upstreamUsd: '1.5e-7',
  });
});

Deno.test('only the first choice is text, any choice is output', () => {
  const facts = chunk({ choices: [{ index: 1, delta: { content: 'other' } }] });
  assertEquals([facts.content, facts.hasOutput], ['', true]);
});

Deno.test('a tool call, a picture and a refusal are output, a role is not', () => {
  const outputOf = (delta: unknown) => chunk({ choices: [{ delta }] }).hasOutput;
  assertEquals(outputOf({ tool_calls: [{ index: 0 }] }), true);
  assertEquals(outputOf({ images: [{}] }), true);
  assertEquals(outputOf({ refusal: 'no' }), true);
  assertEquals(outputOf({ role: 'assistant', content: '', tool_calls: [] }), false);
});

Deno.test('an error is read with its code', () => {
  assertEquals(chunk({ error: { code: 502, message: 'gone' } }).error, {
    status: 502,
    message: 'gone',
  });
  assertEquals(chunk({ error: 'odd' }).error, { status: undefined, message: 'unknown' });
});

for (const [text, kind] of [
  [': OPENROUTER PROCESSING\n\n', 'blank'],
  ['\n', 'blank'],
  ['event: ping\n\n', 'blank'],
  ['data:\n\n', 'blank'],
  ['data: [DONE]\n\n', 'end'],
  ['data:[DONE]\r\n\r\n', 'end'],
  ['data: {"choices":[{"del\n\n', 'broken'],
  ['data: 7\n\n', 'broken'],
  ['data: null\n\n', 'broken'],
  ['data: {"choices":7}\n\n', 'chunk'],
  ['data: {"choices":[null,7,{}]}\n\n', 'chunk'],
] as const) {
  Deno.test(`${JSON.stringify(text)} is ${kind}`, () => assertEquals(read(text).kind, kind));
}

for (const text of [
  'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
  'data:{"choices":[{"delta":{"content":"x"}}]}\n\n',
  'data: {"choices":[{"delta":{"content":"x"}}]}\r\n\r\n',
  'data: {"choices":[{"delta":{"content":"x"}}]}\r\r',
  'id: 7\ndata: {"choices":\ndata: [{"delta":{"content":"x"}}]}\n\n',
  ': a comment\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n',
]) {
  Deno.test(`the text of ${JSON.stringify(text)} is read`, () => {
    assertEquals(read(text).content, 'x');
  });
}
