import { type Key, listKeys } from '#lib/api/keys.ts';
import {
  type Group,
  listMembers,
  listReceipts,
  type Member,
  sumUsage,
  type UsageFilter,
  type UsageSums,
} from '#lib/api/usage-log.ts';
import type { Receipt } from '#lib/api/usage.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import { Turns } from '#lib/turns.ts';
import { chat, others } from './usage-sums.ts';
import type { UsageView } from './usage-view.ts';

const pageSize = 25;

/** What the page shows of an account: its sums, its receipts, and the names in them. */
export class UsageData {
  /** With the view they are of: another one is on its way while these are still shown. */
  shown = $state.raw<{ view: UsageView; sums: UsageSums } | null>(null);
  isSumming = $state(false);
  receipts = $state.raw<readonly Receipt[]>([]);
  hasMore = $state(false);
  isListing = $state(false);
  keys = $state.raw<readonly Key[]>([]);
  members = $state.raw<readonly Member[]>([]);
  #hasNames = $state(false);
  problem = $state.raw<Explained | null>(null);
  receiptsProblem = $state.raw<Explained | null>(null);
  #client: Client;
  #accountId = '';
  #filter: UsageFilter | null = null;
  #namesFailed = false;
  #nameTurns = new Turns();
  #sumTurns = new Turns();
  #listTurns = new Turns();

  constructor(client: Client) {
    this.#client = client;
  }

  async loadNames(accountId: string): Promise<void> {
    const isLatest = this.#nameTurns.begin();
    this.#hasNames = false;
    this.#namesFailed = false;
    try {
      const [keys, members] = await Promise.all([
        listKeys(this.#client, accountId),
        listMembers(this.#client, accountId),
      ]);
      if (!isLatest()) return;
      this.keys = keys;
      this.members = members;
      this.#hasNames = true;
    } catch (error) {
      if (!isLatest()) return;
      this.#namesFailed = true;
      this.problem = explain(error);
    }
  }

  async sum(accountId: string, view: UsageView): Promise<void> {
    const isLatest = this.#sumTurns.begin();
    if (accountId !== this.#accountId) {
      this.shown = null;
      this.receipts = [];
    }
    this.#accountId = accountId;
    this.problem = null;
    if (this.#namesFailed) void this.loadNames(accountId);
    this.isSumming = true;
    try {
      const sums = await sumUsage(this.#client, accountId, view, view.group, view.measure);
      if (isLatest()) this.shown = { view, sums };
    } catch (error) {
      if (isLatest()) this.problem = explain(error);
    }
    if (isLatest()) this.isSumming = false;
  }

  async list(accountId: string, filter: UsageFilter): Promise<void> {
    this.#filter = filter;
    // Those of another filter are not what was asked for, also if these do not come.
    this.receipts = [];
    this.hasMore = false;
    await this.#readReceipts(accountId, filter, []);
  }

  async loadMore(): Promise<void> {
    if (!this.#filter || this.isListing) return;
    await this.#readReceipts(this.#accountId, this.#filter, this.receipts);
  }

  async #readReceipts(accountId: string, filter: UsageFilter, before: readonly Receipt[]) {
    const isLatest = this.#listTurns.begin();
    this.isListing = true;
    this.receiptsProblem = null;
    try {
      const last = before.at(-1) ?? null;
      const page = await listReceipts(this.#client, accountId, filter, pageSize, last);
      if (isLatest()) {
        this.receipts = [...before, ...page];
        this.hasMore = page.length === pageSize;
      }
    } catch (error) {
      if (isLatest()) this.receiptsProblem = explain(error);
    }
    if (isLatest()) this.isListing = false;
  }

  keyName(id: string | null): string {
    if (!id || id === chat) return 'Chat';
    return (
      this.keys.find((key) => key.id === id)?.name ?? (this.#hasNames ? 'A key that is gone' : id)
    );
  }

  memberName(id: string): string {
    return (
      this.members.find((member) => member.user_id === id)?.name ??
      (this.#hasNames ? 'Somebody who left' : id)
    );
  }

  /** A model, a key or a member by the name people know it by. */
  name(id: string, group: Group, modelName: (id: string) => string): string {
    if (id === others) return 'The rest';
    if (group === 'model') return modelName(id);
    return group === 'key' ? this.keyName(id) : this.memberName(id);
  }
}
