/** What reading and drawing may take together, some in one frame and the rest in the next. */
const budgetMs = 4;
/** What took longer was too long for whoever reads or types meanwhile. */
const slowMs = 16;
/** Characters at a time at least: more than any model writes, and a slow machine comes to the end too. */
const least = 200;

/** How much of a text is drawn at a time, by how long the last times took. */
export function createPace() {
  let perMs = least / budgetMs;
  let slowInARow = 0;
  return {
    get characters(): number {
      return Math.max(least * 2 ** slowInARow, Math.round(perMs * budgetMs));
    },
    /** Says how long to leave the machine to the reader: what is slow gets a quarter of the time. */
    took(characters: number, readMs: number, drawMs: number): number {
      const ms = readMs + drawMs;
      // A clock that is too coarse to see a short frame must not promise an endless one.
      perMs += (characters / Math.max(ms, 0.5) - perMs) / 4;
      // What is slow to read is read again from where it begins: fewer and larger steps cost less.
      // Drawing is no reason, for its cost grows with the step.
      slowInARow = readMs > slowMs ? slowInARow + 1 : 0;
      return ms > slowMs ? 3 * ms : 0;
    },
  };
}
