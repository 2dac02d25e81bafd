import { expect, test } from 'vitest';
import { findModel } from '../catalogue.ts';
import { parseChatRequest } from '../chat-request.ts';
import type { Behaviour } from '../behaviour.ts';
import { composeAnswer } from './compose.ts';

const ORDINARY = { fault: null, answer: null, length: null } as Behaviour;

function answer(content: unknown, before: unknown[] = [], model = 'openai/gpt-4o'): string {
  const messages = [...before, { role: 'user', content }];
  const request = parseChatRequest({ model, messages }, null);
  return composeAnswer(request, findModel(model)!, ORDINARY).text;
}

test.each([
  ['hi there', /^Hello!.*GPT-4o/],
  ['Write a Python function', /```python\n[\s\S]*```/],
  ['How do I sort an array in TypeScript?', /```typescript\n/],
  ['Give me a SQL query for revenue', /```sql\n/],
  ['Make a landing page in HTML', /```html\n<!doctype html>/],
  ['Solve the equation', /\$\$\n[\s\S]*\\frac/],
  ['Compare tea and coffee', /\| \| tea \| coffee \|/],
  ['Draw a mermaid diagram of the login', /```mermaid\nsequenceDiagram/],
  ['Make a checklist for moving house', /- \[ \] /],
  ['Write a long essay about bridges', /^# Write a long essay/],
  ['Translate good morning to French and Hindi', /\| French \|.*\n\| Hindi \|/],
  ['Warum ist der Himmel blau?', /Gern!/],
  ['¿Qué es la luna?', /¡Claro!/],
  ['空はなぜ青いのですか', /もちろん/],
  ['ما هو القمر؟', /بالتأكيد/],
  ['Tell me about the sea', /“Tell me about the sea”/],
])('%j is answered in kind, and signed', (prompt, expected) => {
  const text = answer(prompt);
  expect(text).toMatch(expected);
  expect(text).toMatch(/sandbox speaking in the place of \*\*OpenAI: GPT-4o\*\*/);
});

test.each([
  ['What is 12*34+5^2?', '433'],
  ['(2 + 3) * 4', '20'],
  ['what is 7 / 8 - 1', '-0.125'],
  ['compute 2^3^2', '512'],
])('%j is %s', (prompt, value) => {
  expect(answer(prompt)).toContain(`The value is **${value}**`);
});

test('dividing by nothing is no number, but still an answer', () => {
  expect(answer('what is 1 / 0')).toContain('quadratic');
});

test.each([
  [
    [{ role: 'user', content: 'Why do cats purr?' }],
    'Write a short title for this conversation.',
    'Cats purr',
  ],
  [
    [{ role: 'system', content: 'Write a title for the chat.' }],
    'best hiking trails in Kenya',
    'Best hiking trails Kenya',
  ],
  [[], 'Give this conversation a title:\nUser: how to bake bread\nAssistant: so', 'Bake bread'],
  [[], 'A title for this chat please: ???', 'New conversation'],
])('a title is short and about the conversation', (before, prompt, title) => {
  expect(answer(prompt, before)).toBe(title);
});

test('a picture is described by what is known of it', () => {
  const png =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==';
  const text = answer([{ type: 'image_url', image_url: { url: png } }]);
  expect(text).toContain('`image/png`');
  expect(text).toContain('**5 × 5** pixels');
});

test('the echo says what was said', () => {
  expect(answer('any *text* at all', [], 'sandbox/echo')).toBe('any *text* at all');
});

test('hostile and odd prompts are answered', () => {
  for (const prompt of [
    '',
    '\ud800',
    '|'.repeat(500),
    '$$$',
    '((((1+',
    '<script>',
    'a'.repeat(200_000),
  ]) {
    expect(answer(prompt).isWellFormed()).toBe(true);
    expect(answer(`compare ${prompt} and ${prompt}`)).not.toBe('');
  }
});
