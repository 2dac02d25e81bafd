import { createContext } from 'svelte';
import {
  type Filters,
  type Folder,
  type Listed,
  getConversation,
  listConversations,
  listFolders,
} from '#lib/api/chat.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import { Turns } from '#lib/turns.ts';

export const noFilters: Filters = {
  fromAt: null,
  toAt: null,
  model: null,
  folderId: null,
  archived: false,
};

const pageSize = 40;

/** The list beside the chat: as much of it as was scrolled to, by what was searched and filtered. */
export class Conversations {
  items = $state.raw<readonly Listed[]>([]);
  folders = $state.raw<readonly Folder[]>([]);
  query = $state.raw('');
  filters = $state.raw<Filters>(noFilters);
  isLoading = $state.raw(true);
  isComplete = $state.raw(false);
  problem = $state.raw<Explained | null>(null);
  readonly isFiltered = $derived(
    this.query !== '' || Object.entries(this.filters).some(([, value]) => Boolean(value)),
  );

  #client: Client;
  #accountId: string | null = null;
  #turns = new Turns();
  #folderTurns = new Turns();
  #changing = 0;
  #isStale = false;

  constructor(client: Client) {
    this.#client = client;
  }

  async open(accountId: string): Promise<void> {
    if (accountId === this.#accountId) return;
    // What was typed before the account was known is searched for in it.
    if (this.#accountId) {
      this.query = '';
      this.filters = noFilters;
      this.items = [];
      this.folders = [];
    }
    this.#accountId = accountId;
    await Promise.all([this.reload(), this.loadFolders()]);
  }

  async loadFolders(): Promise<void> {
    if (!this.#accountId) return;
    const isLatest = this.#folderTurns.begin();
    try {
      const folders = await listFolders(this.#client, this.#accountId);
      if (isLatest()) this.folders = folders;
    } catch (error) {
      if (isLatest()) this.problem = explain(error);
    }
  }

  async find(query: string, filters: Filters = this.filters): Promise<void> {
    this.query = query;
    this.filters = filters;
    await this.reload();
  }

  /** From the start. What is shown stays until the answer is there, so nothing flickers. */
  async reload(): Promise<void> {
    await this.#read(null);
  }

  async more(): Promise<void> {
    if (this.isLoading || this.isComplete || this.problem) return;
    await this.#read(this.items.at(-1)?.cursor ?? null);
  }

  /**
   * Makes a change that the list shows already. What is read while it is being made may not know of
   * it, and would take it back: whatever was to be read meanwhile is read after it.
   */
  async during<T>(change: () => Promise<T>): Promise<T> {
    this.#changing += 1;
    if (this.isLoading) this.#postpone();
    try {
      return await change();
    } finally {
      this.#changing -= 1;
      if (this.#changing === 0 && this.#isStale) void this.reload();
    }
  }

  #postpone(): void {
    this.#turns.begin();
    this.#isStale = true;
    this.isLoading = true;
  }

  async #read(cursor: string | null): Promise<void> {
    if (!this.#accountId) return;
    if (this.#changing > 0) return this.#postpone();
    const isLatest = this.#turns.begin();
    this.#isStale = false;
    this.isLoading = true;
    this.problem = null;
    const { query, filters } = this;
    try {
      const page = await listConversations(
        this.#client,
        this.#accountId,
        query.trim(),
        filters,
        cursor,
        pageSize,
      );
      // Meanwhile something else was asked for.
      if (!isLatest()) return;
      // One that was used meanwhile has moved to the top and is listed already.
      const fresh = page.filter(({ id }) => !this.get(id));
      this.items = cursor ? [...this.items, ...fresh] : page;
      this.isComplete = page.length < pageSize;
    } catch (error) {
      if (isLatest()) this.problem = explain(error);
    } finally {
      if (isLatest()) this.isLoading = false;
    }
  }

  /** Looks a few times whether a conversation has its title by now. */
  async awaitTitle(id: string): Promise<void> {
    for (const afterMs of [1500, 3000, 6000]) {
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const found = await getConversation(this.#client, id).catch(() => null);
      const shown = this.get(id);
      // Whoever has named it meanwhile is not overruled.
      if (shown?.has_own_title) return;
      if (!found || !shown || found.title === shown.title) continue;
      this.patch(id, { title: found.title });
      return;
    }
  }

  get(id: string): Listed | undefined {
    return this.items.find((item) => item.id === id);
  }

  patch(id: string, change: Partial<Listed>): void {
    this.items = this.items.map((item) => (item.id === id ? { ...item, ...change } : item));
  }

  /** Takes one out of the list; returns how to put it back where it was. */
  remove(id: string): () => void {
    const at = this.items.findIndex((item) => item.id === id);
    const item = this.items[at];
    if (!item) return () => {};
    this.items = this.items.toSpliced(at, 1);
    return () => {
      if (!this.get(id)) this.items = this.items.toSpliced(at, 0, item);
    };
  }
}

export const [getConversations, setConversations] = createContext<Conversations>();
