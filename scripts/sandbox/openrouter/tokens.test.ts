import { describe, expect, test } from 'vitest';
import { parseChatRequest } from './chat-request.ts';
import { cacheUse, measurePrompt } from './prompt-size.ts';
import { countTokens, firstTokens, MEDIA_TOKENS, tokenEnd } from './tokens.ts';

const TEXTS = [
  '',
  'a',
  'Hello, wonderful world!',
  '      indented\n\n\n\tcode();',
  'çà et là, naïve café',
  '東京タワー',
  '👩‍👩‍👧‍👦🏖️',
  '\ud800 lone surrogates \udc00',
  'पढ़ना',
  `${'long'.repeat(50)} ${' '.repeat(100)}`,
  '\u0000\u0001\u007f',
];

test.each(TEXTS)('%j has no more tokens than bytes', (text) => {
  expect(countTokens(text)).toBeLessThanOrEqual(Buffer.byteLength(text));
});

test.each(TEXTS)('the tokens of %j are its text, and none is empty', (text) => {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; at = tokenEnd(text, at)) {
    tokens.push(text.slice(at, tokenEnd(text, at)));
  }
  expect(tokens.join('')).toBe(text);
  expect(tokens).not.toContain('');
  expect(tokens).toHaveLength(countTokens(text));
});

test('words, spaces and signs are counted as the rule says', () => {
  expect(countTokens('Hello world')).toBe(2);
  expect(countTokens('extraordinary')).toBe(3);
  expect(countTokens('a, b')).toBe(3);
  expect(countTokens('東京')).toBe(2);
  expect(countTokens('👋')).toBe(1);
});

test('a text is cut between tokens', () => {
  expect(firstTokens('one two three', 2)).toBe('one two');
  expect(firstTokens('👋👋', 1)).toBe('👋');
  expect(firstTokens('short', 99)).toBe('short');
});

describe('a prompt', () => {
  const measure = (body: Record<string, unknown>) =>
    measurePrompt(parseChatRequest({ model: 'openai/gpt-4o', ...body }, null));

  test('costs its texts, four tokens per message and three for the reply', () => {
    const messages = [
      { role: 'system', content: 'Be kind' },
      { role: 'user', content: 'Hello world' },
    ];
    expect(measure({ messages }).tokens).toBe(2 + 4 + 2 + 4 + 3);
  });

  test('never has more tokens than its JSON has bytes', () => {
    for (const content of TEXTS) {
      const body = {
        messages: [
          { role: 'user', content },
          { role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: content } }] },
          { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: content }] },
        ],
        tools: [{ type: 'function', function: { name: 'f', description: content } }],
      };
      const { tokens } = measure(body);
      expect(tokens).toBeLessThanOrEqual(Buffer.byteLength(JSON.stringify(body)));
    }
  });

  test('pays a fixed number of tokens for a picture', () => {
    const image = (detail: string) => ({
      type: 'image_url',
      image_url: { url: 'https://example.com/a.png', detail },
    });
    const size = measure({ messages: [{ role: 'user', content: [image('high'), image('low')] }] });
    expect(size.images).toBe(MEDIA_TOKENS.image + MEDIA_TOKENS.image_low);
    expect(size.tokens).toBe(size.images + 4 + 3);
    expect(size.media).toBe(2);
  });
});

describe('the cache', () => {
  const pricing = {
    prompt: '0.000003',
    completion: '0.000015',
    input_cache_read: '0.0000003',
    input_cache_write: '0.00000375',
  };
  const long = 'word '.repeat(2000);
  const use = (messages: unknown[], wanted: number | null = null) =>
    cacheUse(measurePrompt(parseChatRequest({ model: 'm', messages }, null)), pricing, wanted);
  const answer = { role: 'assistant', content: 'yes' };
  const next = { role: 'user', content: 'and now?' };

  test('holds the beginning of a conversation that goes on, in whole blocks', () => {
    const { cached, cacheWrite } = use([{ role: 'user', content: long }, answer, next]);
    expect(cached).toBeGreaterThan(1024);
    expect(cached % 128).toBe(0);
    expect(cacheWrite).toBe(0);
  });

  test('is written where the caller marked it, and read on the next turn', () => {
    const marked = [{ type: 'text', text: long, cache_control: { type: 'ephemeral' } }];
    const first = use([{ role: 'user', content: marked }]);
    const second = use([{ role: 'user', content: marked }, answer, next]);
    expect(first.cached).toBe(0);
    expect(first.cacheWrite).toBeGreaterThan(1024);
    expect(second).toEqual({ cached: first.cacheWrite, cacheWrite: 0 });
  });

  test('is not used for a short or a first prompt', () => {
    expect(use([next, answer, next])).toEqual({ cached: 0, cacheWrite: 0 });
    expect(use([{ role: 'user', content: long }])).toEqual({ cached: 0, cacheWrite: 0 });
  });

  test('holds what a test asks for, but never more than the prompt', () => {
    expect(use([next], 2).cached).toBe(2);
    expect(use([{ role: 'user', content: 'a b' }], 1000).cached).toBe(9);
  });
});
