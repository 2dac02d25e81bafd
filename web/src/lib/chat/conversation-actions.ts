import {
  type Listed,
  archiveConversation,
  deleteConversation,
  moveConversation,
  pinConversation,
  renameConversation,
  restoreConversation,
} from '#lib/api/chat.ts';
import { explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import type { Toasts } from '#lib/ui/toasts.svelte.ts';
import type { Conversations } from './conversations.svelte.ts';

/**
 * What can be done to a conversation from the list, the header and the palette. The list shows it at
 * once and goes back if the database refuses; what takes something out of sight can be undone.
 */
export class ConversationActions {
  #client: Client;
  #list: Conversations;
  #toasts: Toasts;

  constructor(client: Client, list: Conversations, toasts: Toasts) {
    this.#client = client;
    this.#list = list;
    this.#toasts = toasts;
  }

  async #attempt(act: () => Promise<void>, putBack: () => void): Promise<boolean> {
    try {
      await this.#list.during(act);
      return true;
    } catch (error) {
      putBack();
      const { message, next } = explain(error);
      this.#toasts.show(`${message} ${next}`, { tone: 'danger' });
      return false;
    }
  }

  /** Changes what the list shows of one; returns how to show what was there before. */
  #patch(id: string, change: Partial<Listed>): () => void {
    const before = this.#list.get(id);
    this.#list.patch(id, change);
    return () => before && this.#list.patch(id, before);
  }

  async rename(id: string, title: string): Promise<boolean> {
    const putBack = this.#patch(id, { title, has_own_title: true });
    return this.#attempt(() => renameConversation(this.#client, id, title), putBack);
  }

  async pin(id: string, pinned: boolean): Promise<void> {
    const putBack = this.#patch(id, { pinned_at: pinned ? new Date().toISOString() : null });
    if (await this.#attempt(() => pinConversation(this.#client, id, pinned), putBack)) {
      await this.#list.reload();
    }
  }

  async move(id: string, folderId: string | null): Promise<void> {
    const putBack = this.#patch(id, { folder_id: folderId });
    const moved = await this.#attempt(() => moveConversation(this.#client, id, folderId), putBack);
    if (!moved) return;
    const folder = this.#list.folders.find((one) => one.id === folderId);
    this.#toasts.show(folder ? `Moved to ${folder.name}.` : 'Taken out of its folder.', {
      tone: 'positive',
    });
    if (this.#list.filters.folderId) await this.#list.reload();
  }

  async archive(id: string, archived: boolean): Promise<boolean> {
    const putBack = this.#list.remove(id);
    const done = await this.#attempt(
      () => archiveConversation(this.#client, id, archived),
      putBack,
    );
    if (!done) return false;
    this.#toasts.show(archived ? 'Archived.' : 'Back in the list.', {
      tone: 'positive',
      action: { label: 'Undo', run: () => void this.#undoArchive(id, archived) },
    });
    return true;
  }

  async #undoArchive(id: string, archived: boolean): Promise<void> {
    await this.#attempt(
      () => archiveConversation(this.#client, id, !archived),
      () => {},
    );
    await this.#list.reload();
  }

  async delete(id: string): Promise<boolean> {
    const putBack = this.#list.remove(id);
    if (!(await this.#attempt(() => deleteConversation(this.#client, id), putBack))) return false;
    this.#toasts.show('Deleted.', {
      action: { label: 'Undo', run: () => void this.restore(id) },
    });
    return true;
  }

  async restore(id: string): Promise<boolean> {
    const done = await this.#attempt(
      () => restoreConversation(this.#client, id),
      () => {},
    );
    await this.#list.reload();
    return done;
  }
}
