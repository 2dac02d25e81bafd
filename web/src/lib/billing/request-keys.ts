const prefix = 'purchase:';

/**
 * One key for each thing about to be bought, kept until it was: a second click, another tab and a
 * page that was loaded again all go on with the same purchase rather than beginning another.
 */
export const requestKeys = {
  of(what: string): string {
    const kept = localStorage.getItem(prefix + what);
    if (kept) return kept;
    const made = crypto.randomUUID();
    localStorage.setItem(prefix + what, made);
    return made;
  },
  forget(what: string): void {
    localStorage.removeItem(prefix + what);
  },
};
