import { describe, expect, test } from 'vitest';
import { quotaText, resetText } from './limit-words.ts';

const models = [
  { id: 'openai/gpt-4o', name: 'OpenAI: GPT-4o' },
  { id: 'acme/tiny', name: 'Tiny' },
];

/** What each of these patterns is called beside the others. */
function texts(...patterns: string[]): string[] {
  const quotas = patterns.map((pattern) => ({ pattern }));
  return quotas.map((quota) => quotaText(quota, quotas, models));
}

describe('quotaText', () => {
  test('a group is called by what is in it', () => {
    expect(texts('*')).toEqual(['All models']);
    expect(texts('openai/*')).toEqual(['Models of OpenAI']);
    expect(texts('acme/*')).toEqual(['Models of acme']);
    expect(texts('none/*')).toEqual(['Models of none']);
    expect(texts('openai/gpt-4o')).toEqual(['OpenAI: GPT-4o']);
    expect(texts('none/gone')).toEqual(['none/gone']);
    expect(texts('*:free', 'openai/gpt*')).toEqual([
      'Models like *:free',
      'Models like openai/gpt*',
    ]);
  });

  test('what counts elsewhere is not in it', () => {
    expect(texts('*', 'openai/*', 'openai/gpt*', 'openai/gpt-4o')).toEqual([
      'All other models',
      'Other models of OpenAI',
      'Other models like openai/gpt*',
      'OpenAI: GPT-4o',
    ]);
    expect(texts('openai/*', 'acme/*')).toEqual(['Models of OpenAI', 'Models of acme']);
  });
});

describe('resetText', () => {
  test('a day begins at an hour, a month on a day', () => {
    expect(resetText('2027-04-01T10:30:00+00:00', 'month', 'en-GB')).toBe('on 1 April');
    expect(resetText('2027-04-01T00:00:00+00:00', 'day', 'en-GB')).toMatch(/^at \d\d:\d\d$/);
  });
});
