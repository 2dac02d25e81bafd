import { readFrame } from '../_shared/frame-facts.ts';
import { assertEquals } from '../_shared/testing.ts';
import { createCompletion } from './completion.ts';
import { messagesDialect } from './messages-dialect.ts';

Deno.test('a refusal is not lost: it is the text of the message', () => {
  const head = {
    runId: 'run',
    created: 1,
    answering: () => 'a/b',
    request: { includeUsage: true, fields: {} },
    maxTokens: 9,
    isClamped: false,
  };
  const choice = { index: 0, delta: { refusal: 'I cannot.' }, finish_reason: 'content_filter' };
  const data = JSON.stringify({ id: 'gen-1', model: 'a/b', choices: [choice] });
  const bytes = new TextEncoder().encode(`data: ${data}\n\n`);
  const end = { error: null, receipt: null, requestId: 'the-id' };

  const told = String(messagesDialect.stream(head).frame(bytes, readFrame(bytes)));
  assertEquals(told.includes('"delta":{"type":"text_delta","text":"I cannot."}'), true);
  const writer = messagesDialect.collect(head, createCompletion());
  writer.frame(bytes, readFrame(bytes));
  const { content, stop_reason } = messagesDialect.whole(writer.state(), end);
  assertEquals([content, stop_reason], [[{ type: 'text', text: 'I cannot.' }], 'refusal']);
});
