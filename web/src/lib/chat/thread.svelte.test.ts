import { expect, test, vi } from 'vitest';
import { startAnswer } from '#lib/api/chat.ts';
import type { Client } from '#lib/supabase.ts';
import { Thread } from './thread.svelte.ts';

vi.mock('#lib/api/chat.ts', () => ({
  getConversation: vi.fn(),
  listMessages: vi.fn(),
  resumeAnswer: vi.fn(),
  selectBranch: vi.fn(),
  startAnswer: vi.fn(),
  stopRun: vi.fn(),
}));
vi.mock('#lib/api/usage.ts', () => ({ getReceipts: vi.fn() }));

/** How often the page hears that a message was kept whose answer was refused like this. */
async function keptAfter(error: Record<string, unknown>): Promise<number> {
  vi.mocked(startAnswer).mockResolvedValueOnce(Response.json({ error }, { status: 429 }));
  const stored = vi.fn();
  const news = { opened: vi.fn(), ended: vi.fn(), settled: vi.fn(), stored };
  const thread = new Thread({} as Client, news, { id: 'a-thread', accountId: 'an-account' });
  thread.send('Hello', ['sandbox/steady']);
  await vi.waitFor(() => expect(thread.failures.size).toBe(1));
  await vi.waitFor(() => expect(thread.live).toBe(null));
  return stored.mock.calls.length;
}

test('a refused message is kept when the answer says so, whichever rule it was', async () => {
  for (const rule of ['balance', 'account', null]) {
    expect(await keptAfter({ code: 'refused', rule, stored: true })).toBe(1);
    expect(await keptAfter({ code: 'refused', rule, stored: false })).toBe(0);
    expect(await keptAfter({ code: 'refused', rule })).toBe(0);
  }
});
