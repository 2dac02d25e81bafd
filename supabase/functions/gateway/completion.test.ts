import { assertEquals } from '../_shared/testing.ts';
import { createCompletion } from './completion.ts';
import type { Fields } from './fields.ts';

function wholeOf(...deltas: Fields[]) {
  const completion = createCompletion();
  for (const delta of deltas) completion.add({ choices: [{ index: 0, delta }] });
  return completion.whole().choices[0]?.message;
}

Deno.test('texts grow, and nothing that was said is lost', () => {
  assertEquals(
    wholeOf(
      { role: 'assistant', content: 'Hel' },
      { content: 'lo', brand_new: 'a' },
      { reasoning: 'hm', brand_new: 'b' },
      { images: [1] },
      { images: [2], odd: { x: 1 } },
    ),
    {
      role: 'assistant',
      content: 'Hello',
      refusal: null,
      brand_new: 'ab',
      reasoning: 'hm',
      images: [1, 2],
      odd: { x: 1 },
    },
  );
});

Deno.test('calls of tools grow each at its place', () => {
  const call = (index: number, more: Fields, called: Fields) => ({
    tool_calls: [{ index, ...more, function: called }],
  });
  assertEquals(
    wholeOf(
      { content: '' },
      call(0, { id: 'a', type: 'function' }, { name: 'f', arguments: '' }),
      call(1, { id: 'b', type: 'function' }, { name: 'g', arguments: '{' }),
      call(0, {}, { arguments: '{"x"' }),
      call(1, {}, { arguments: '}' }),
      call(0, {}, { arguments: ':1}' }),
    )?.['tool_calls'],
    [
      { type: 'function', function: { name: 'f', arguments: '{"x":1}' }, id: 'a' },
      { type: 'function', function: { name: 'g', arguments: '{}' }, id: 'b' },
    ],
  );
});

Deno.test('a thought is one thought, closed by its signature', () => {
  const detail = (more: Fields) => ({
    reasoning_details: [{ type: 'reasoning.text', index: 0, ...more }],
  });
  assertEquals(
    wholeOf(detail({ text: 'h' }), detail({ text: 'm' }), detail({ text: '', signature: 's' }))?.[
      'reasoning_details'
    ],
    [{ type: 'reasoning.text', index: 0, text: 'hm', signature: 's' }],
  );
});

Deno.test('several answers are kept apart, with their probabilities', () => {
  const completion = createCompletion();
  const chunk = (index: number, content: string, token: number) =>
    completion.add({
      system_fingerprint: 'fp',
      choices: [{ index, delta: { content }, logprobs: { content: [token], refusal: null } }],
    });
  chunk(1, 'b', 1);
  chunk(0, 'a', 2);
  chunk(1, 'c', 3);
  const { choices, extras } = completion.whole();
  assertEquals(
    choices.map(({ index, message, logprobs }) => [index, message['content'], logprobs]),
    [
      [0, 'a', { content: [2], refusal: null }],
      [1, 'bc', { content: [1, 3], refusal: null }],
    ],
  );
  assertEquals(extras, { system_fingerprint: 'fp' });
});
