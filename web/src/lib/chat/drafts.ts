const prefix = 'draft:';

/** A conversation that has not begun has no address yet: each account has one draft for all of those. */
export const newDraft = (accountId: string) => `new:${accountId}`;

/** What was typed and not sent yet, by conversation. A draft goes when its message is kept elsewhere. */
export const drafts = {
  read(id: string): string {
    try {
      return localStorage.getItem(prefix + id) ?? '';
    } catch {
      return '';
    }
  },
  write(id: string, text: string): void {
    try {
      if (text) localStorage.setItem(prefix + id, text);
      else localStorage.removeItem(prefix + id);
    } catch {
      // Storage is full or switched off: the draft then lasts as long as the page.
    }
  },
};
