import { failure } from '../_shared/errors.ts';
import { readFrame } from '../_shared/frame-facts.ts';
import { assertEquals } from '../_shared/testing.ts';
import { createCompletion } from './completion.ts';
import type { Fields } from './fields.ts';
import { responsesDialect } from './responses-dialect.ts';

const head = {
  runId: 'run',
  created: 1,
  answering: () => 'a/b',
  request: { includeUsage: true, fields: {} },
  maxTokens: 9,
  isClamped: false,
};
const end = { error: null, receipt: null, requestId: 'the-id' };
const encoder = new TextEncoder();

/** The same answer as a stream of events, and in one piece. */
function tell(...choices: Fields[]) {
  const frames = choices.map((choice) =>
    encoder.encode(`data: ${JSON.stringify({ id: 'gen-1', model: 'a/b', choices: [choice] })}\n\n`),
  );
  const stream = responsesDialect.stream(head);
  const text = frames.map((bytes) => String(stream.frame(bytes, readFrame(bytes)))).join('');
  const whole = responsesDialect.collect(head, createCompletion());
  for (const bytes of frames) whole.frame(bytes, readFrame(bytes));
  return {
    events: eventsOf(text + responsesDialect.endStream(stream.state(), end)),
    stream,
    whole: responsesDialect.whole(whole.state(), end),
  };
}

function eventsOf(text: string): Fields[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Fields);
}

const outputOf = (events: Fields[]) => (events.at(-1)?.['response'] as Fields)['output'];

Deno.test('a refusal is told as one, in a stream and in one piece', () => {
  const { events, whole } = tell(
    { index: 0, delta: { refusal: 'I can' } },
    { index: 0, delta: { refusal: 'not.' }, finish_reason: 'stop' },
  );
  assertEquals(
    events.map(({ type }) => type),
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.refusal.delta',
      'response.refusal.delta',
      'response.refusal.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ],
  );
  const content = [{ type: 'refusal', refusal: 'I cannot.' }];
  const item = { type: 'message', role: 'assistant', status: 'completed', content };
  assertEquals(outputOf(events), [{ id: 'msg_run_0', ...item }]);
  assertEquals(whole['output'], outputOf(events));
});

Deno.test('a stream tells how likely its words are, like an answer in one piece', () => {
  const likely = (token: string) => ({ token, logprob: -1, bytes: [], top_logprobs: [] });
  const { events, whole } = tell(
    { index: 0, delta: { content: 'a' }, logprobs: { content: [likely('a')] } },
    {
      index: 0,
      delta: { content: 'b' },
      logprobs: { content: [likely('b')] },
      finish_reason: 'stop',
    },
  );
  const deltas = events.filter(({ type }) => type === 'response.output_text.delta');
  assertEquals(
    deltas.map(({ logprobs }) => logprobs),
    [[likely('a')], [likely('b')]],
  );
  const done = events.find(({ type }) => type === 'response.output_text.done');
  assertEquals(done?.['logprobs'], [likely('a'), likely('b')]);
  assertEquals(whole['output'], outputOf(events));
});

Deno.test('an error within a stream is found by SDKs that look for either of its shapes', () => {
  const { stream } = tell({ index: 0, delta: { content: 'a' } });
  const broken = { ...end, error: failure('upstream_failed') };
  const [event] = eventsOf(responsesDialect.endStream(stream.state(), broken));
  const nested = event?.['error'] as Fields;
  assertEquals([event?.['type'], event?.['code']], ['error', 'upstream_failed']);
  assertEquals([nested['code'], nested['message']], ['upstream_failed', event?.['message']]);
});
