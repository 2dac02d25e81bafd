import { type Key, listKeys } from '#lib/api/keys.ts';
import {
  listMembers,
  listReceipts,
  listUsageDays,
  type Member,
  type UsageDay,
  type UsageFilter,
} from '#lib/api/usage-log.ts';
import type { Receipt } from '#lib/api/usage.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import type { Group } from './usage-view.ts';
import { chat, others } from './usage-sums.ts';

const pageSize = 25;

/** What the page shows of an account: its daily sums, its receipts, and the names in them. */
export class UsageData {
  rows = $state.raw<readonly UsageDay[] | null>(null);
  isCut = $state(false);
  receipts = $state.raw<readonly Receipt[]>([]);
  hasMore = $state(false);
  isLoadingMore = $state(false);
  keys = $state.raw<readonly Key[]>([]);
  members = $state.raw<readonly Member[]>([]);
  problem = $state.raw<Explained | null>(null);
  #client: Client;
  #accountId = '';
  #filter: UsageFilter | null = null;
  #turn = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  async loadNames(accountId: string): Promise<void> {
    try {
      [this.keys, this.members] = await Promise.all([
        listKeys(this.#client, accountId),
        listMembers(this.#client, accountId),
      ]);
    } catch (error) {
      this.problem = explain(error);
    }
  }

  async load(accountId: string, filter: UsageFilter): Promise<void> {
    const turn = (this.#turn += 1);
    if (accountId !== this.#accountId) this.rows = null;
    this.#accountId = accountId;
    this.#filter = filter;
    this.problem = null;
    try {
      const [days, receipts] = await Promise.all([
        listUsageDays(this.#client, accountId, filter),
        listReceipts(this.#client, accountId, filter, pageSize, null),
      ]);
      if (turn !== this.#turn) return;
      this.rows = days.rows;
      this.isCut = days.isCut;
      this.receipts = receipts;
      this.hasMore = receipts.length === pageSize;
    } catch (error) {
      if (turn === this.#turn) this.problem = explain(error);
    }
  }

  async loadMore(): Promise<void> {
    const filter = this.#filter;
    const last = this.receipts.at(-1);
    if (!filter || !last || this.isLoadingMore) return;
    const turn = this.#turn;
    this.isLoadingMore = true;
    try {
      const more = await listReceipts(this.#client, this.#accountId, filter, pageSize, last);
      if (turn === this.#turn) {
        this.receipts = [...this.receipts, ...more];
        this.hasMore = more.length === pageSize;
      }
    } catch (error) {
      this.problem = explain(error);
    }
    this.isLoadingMore = false;
  }

  /** Every receipt of what is shown, for a file; at most as many as a spreadsheet likes. */
  async allReceipts(most = 50_000): Promise<Receipt[]> {
    const all: Receipt[] = [];
    const size = 1000;
    while (this.#filter && all.length < most) {
      const last = all.at(-1) ?? null;
      const page = await listReceipts(this.#client, this.#accountId, this.#filter, size, last);
      all.push(...page);
      if (page.length < size) break;
    }
    return all;
  }

  keyName(id: string | null): string {
    if (!id || id === chat) return 'Chat';
    return this.keys.find((key) => key.id === id)?.name ?? 'A key that is gone';
  }

  memberName(id: string): string {
    return this.members.find((member) => member.user_id === id)?.name ?? 'Somebody who left';
  }

  /** A model, a key or a member by the name people know it by. */
  name(id: string, group: Group, modelName: (id: string) => string): string {
    if (id === others) return 'The rest';
    if (group === 'model') return modelName(id);
    return group === 'key' ? this.keyName(id) : this.memberName(id);
  }
}
