import { describe, expect, test } from 'vitest';
import type { Completion } from './completion.ts';
import { framesOf, type FrameOptions, type Head } from './frames.ts';
import { providersOf } from './providers.ts';
import { countTokens, PICTURE_TOKENS } from './tokens.ts';

const head: Head = {
  id: 'gen-1-abcdefghijklmnopqrst',
  created: 1,
  model: 'm',
  provider: providersOf('anthropic/x')[0]!,
};
const thought = 'Let me think about this for a moment.';
const text = 'The answer is 42.';
const call = { name: 'get_weather_forecast', arguments: '{"city":"Paris","days":3}' };
const reasoningTokens = countTokens(thought);
const textTokens = countTokens(text);
const callTokens = countTokens(call.name) + countTokens(call.arguments);

const done: Completion = {
  reasoning: thought,
  text,
  toolCalls: [call, call],
  pictures: ['data:image/png;base64,AA=='],
  finish: 'tool_calls',
  reasoningTokens,
  pictureTokens: PICTURE_TOKENS,
  completionTokens: reasoningTokens + textTokens + 2 * callTokens + PICTURE_TOKENS,
};

describe.each([1, 2, 7, 1000])('in pieces of %i tokens', (tokensPerFrame) => {
  test.each([true, false])('all tokens are accounted for once (thinking hidden: %s)', (hidden) => {
    const options: FrameOptions = { tokensPerFrame, hideReasoning: hidden, topLogprobs: null };
    const frames = [...framesOf(head, done, {}, options)];
    const sum = (key: 'tokens' | 'reasoningTokens'): number =>
      frames.reduce((total, frame) => total + frame[key], 0);
    expect(sum('tokens')).toBe(done.completionTokens);
    expect(sum('reasoningTokens')).toBe(reasoningTokens);
    expect(frames.slice(-2).map(({ kind }) => kind)).toEqual(['finish', 'usage']);
    for (const { json } of frames) expect(() => JSON.parse(json) as unknown).not.toThrow();
  });
});
