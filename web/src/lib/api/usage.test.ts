import { expect, test } from 'vitest';
import type { Client } from '#lib/supabase.ts';
import { previewCost } from './usage.ts';

/** What the database is asked. */
async function asked(model: string, text: string): Promise<unknown> {
  let features: unknown;
  const answer = { abortSignal: () => ({ throwOnError: () => ({ data: null }) }) };
  const rpc = (_name: string, args: { features: unknown }) => {
    ({ features } = args);
    return answer;
  };
  const shape = { prompt_bytes: 1, messages: 1 };
  const { signal } = new AbortController();
  await previewCost({ rpc } as unknown as Client, 'account', model, shape, text, signal);
  return features;
}

test('a preset is chosen by how the text begins, without what Postgres cannot take', async () => {
  expect(await asked('oneai/auto', 'a\0b\ud83e')).toEqual({ text: 'ab\ufffd' });
  expect(await asked('oneai/auto', `${'a'.repeat(7999)}🦊`)).toEqual({
    text: `${'a'.repeat(7999)}\ufffd`,
  });
});

test('another model is what it is, whatever the text', async () => {
  expect(await asked('openai/gpt-4o', 'a')).toEqual({});
});
