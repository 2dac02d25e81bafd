import { createContext } from 'svelte';
import type { ConversationActions } from '#lib/chat/conversation-actions.ts';
import { Thread, type ThreadNews } from '#lib/chat/thread.svelte.ts';
import type { Client } from '#lib/supabase.ts';

const kept = 6;

/**
 * The conversations that are open in this tab. An answer goes on while one reads another
 * conversation, and what was read last is there at once when one comes back to it.
 */
export class Desk {
  readonly actions: ConversationActions;
  /** Waits for a model to be picked for something other than the next message. */
  picking = $state.raw<((model: string) => void) | null>(null);
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is shown from it
  #threads = new Map<string, Thread>();
  #read = $state.raw<Thread | null>(null);
  #client: Client;
  #news: ThreadNews;
  #usualModel: () => string;

  constructor(
    client: Client,
    actions: ConversationActions,
    news: ThreadNews,
    usualModel: () => string,
  ) {
    this.#client = client;
    this.actions = actions;
    this.#news = news;
    this.#usualModel = usualModel;
  }

  /** What the next message of the conversation that is read will be answered by. */
  get model(): string {
    return this.#read?.model ?? this.#read?.conversation?.model_id ?? this.#usualModel();
  }

  set model(model: string) {
    if (this.#read) this.#read.model = model;
  }

  /** A conversation that does not exist yet: its first message makes it. */
  begin(accountId: string, isTemporary: boolean): Thread {
    const id = crypto.randomUUID();
    const options = { id, accountId, isTemporary, model: this.#usualModel() };
    return this.#lay(new Thread(this.#client, this.#news, options));
  }

  /** One that exists, or has just been begun here. */
  open(id: string, accountId: string): Thread {
    const known = this.#threads.get(id);
    if (known) return this.#lay(known);
    const thread = new Thread(this.#client, this.#news, { id, accountId });
    void thread.load();
    return this.#lay(thread);
  }

  pickModel(onpick: (model: string) => void): void {
    this.picking = onpick;
  }

  #lay(thread: Thread): Thread {
    // There is no way back to it, so nobody would read what it goes on to say.
    if (this.#read !== thread && this.#read?.isTemporary) this.#read.close();
    this.#read = thread;
    this.#threads.delete(thread.id);
    this.#threads.set(thread.id, thread);
    for (const [id, old] of this.#threads) {
      if (this.#threads.size <= kept) break;
      if (!old.live) this.#threads.delete(id);
    }
    return thread;
  }

  close(): void {
    for (const thread of this.#threads.values()) thread.close();
  }
}

export const [getDesk, setDesk] = createContext<Desk>();
