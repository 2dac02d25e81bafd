import { expect, test } from 'vitest';
import { type CallDraft, callOf } from './playground-call.ts';

const draft: CallDraft = {
  model: 'oneai/auto',
  messages: [{ id: 1, role: 'user', content: 'Hello' }],
  stream: false,
  maxTokens: '',
  temperature: '',
  topP: '',
  stop: '',
};

test('what is not set is not sent', () => {
  expect(callOf(draft).body).toEqual({
    model: 'oneai/auto',
    messages: [{ role: 'user', content: 'Hello' }],
  });
});

test('what is set is sent as it was typed, right or wrong', () => {
  const { body } = callOf({
    ...draft,
    stream: true,
    maxTokens: ' 20 ',
    temperature: '0',
    topP: 'much',
    stop: 'END\n\nSTOP',
  });
  expect(body).toMatchObject({
    max_tokens: 20,
    temperature: 0,
    top_p: 'much',
    stop: ['END', 'STOP'],
    stream: true,
    stream_options: { include_usage: true },
  });
});
