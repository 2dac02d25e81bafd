/** A mail we have just sent, so that the page that takes its code knows what it is for. */
export interface PendingCode {
  email: string;
  kind: 'email' | 'recovery';
  next: string;
}

const key = 'pending-code';

/** In the tab's storage, not in the address: an email has no place in a history or a log. */
export const pendingCode = {
  read(): PendingCode | null {
    const stored = sessionStorage.getItem(key);
    return stored ? (JSON.parse(stored) as PendingCode) : null;
  },
  write(pending: PendingCode): void {
    sessionStorage.setItem(key, JSON.stringify(pending));
  },
  clear(): void {
    sessionStorage.removeItem(key);
  },
};
