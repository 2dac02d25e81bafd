import { beforeEach, describe, expect, test, vi } from 'vitest';
import { listKeys } from '#lib/api/keys.ts';
import { listMembers, listReceipts, sumUsage, type UsageSums } from '#lib/api/usage-log.ts';
import type { Receipt } from '#lib/api/usage.ts';
import type { Client } from '#lib/supabase.ts';
import { UsageData } from './usage-data.svelte.ts';
import type { UsageView } from './usage-view.ts';

vi.mock('#lib/api/keys.ts', () => ({ listKeys: vi.fn() }));
vi.mock('#lib/api/usage-log.ts', () => ({
  listMembers: vi.fn(),
  listReceipts: vi.fn(),
  sumUsage: vi.fn(),
}));

const view = { from: '2026-11-01', to: '2026-11-02', model: null, key: null } as UsageView;
const receipt = (run_id: string) => ({ run_id, finished_at: '2026-11-01T00:00:00Z' }) as Receipt;

describe('UsageData', () => {
  beforeEach(() => {
    vi.mocked(listMembers).mockResolvedValue([]);
    vi.mocked(sumUsage).mockResolvedValue({} as UsageSums);
  });

  test('of another filter no receipt stays, also when its first page fails', async () => {
    const data = new UsageData({} as Client);
    vi.mocked(listReceipts).mockResolvedValueOnce([receipt('old')]);
    await data.list('a', view);
    vi.mocked(listReceipts).mockRejectedValueOnce(new TypeError('Failed to fetch'));
    await data.list('a', { ...view, model: 'x' });
    expect(data.receiptsProblem).not.toBeNull();
    vi.mocked(listReceipts).mockResolvedValueOnce([receipt('new')]);
    await data.loadMore();
    expect(data.receipts.map(({ run_id }) => run_id)).toEqual(['new']);
    expect(vi.mocked(listReceipts).mock.lastCall?.[4]).toBeNull();
  });

  test('names that could not be read are no names that are gone, and are read again', async () => {
    const data = new UsageData({} as Client);
    vi.mocked(listKeys).mockRejectedValueOnce(new TypeError('Failed to fetch'));
    await data.loadNames('a');
    expect(data.problem).not.toBeNull();
    expect(data.keyName('k')).toBe('k');
    expect(data.memberName('m')).toBe('m');
    vi.mocked(listKeys).mockResolvedValueOnce([{ id: 'k', name: 'Backend' }] as never);
    await data.sum('a', view);
    await expect.poll(() => data.keyName('k')).toBe('Backend');
    expect(data.keyName('other')).toBe('A key that is gone');
    expect(data.memberName('m')).toBe('Somebody who left');
  });
});
