/** What drawing may take of a frame. As much again goes into layout and paint, the rest is the reader's. */
const budgetMs = 4;
/** A frame that took longer was lost. */
const slowMs = 16;
/** Characters a frame at least: more than any model writes, and a slow machine comes to the end too. */
const least = 200;

/** How much of a text is drawn in one frame, by what was drawn in the last ones and how long it took. */
export function createPace() {
  let perMs = least / budgetMs;
  let slowInARow = 0;
  return {
    get characters(): number {
      // Where even a little takes long, it is not the characters: fewer and larger steps cost less.
      return Math.max(least * 2 ** slowInARow, Math.round(perMs * budgetMs));
    },
    /** Says how long to leave the machine to the reader: what is slow gets a quarter of the time. */
    took(characters: number, ms: number): number {
      // A clock that is too coarse to see a short frame must not promise an endless one.
      perMs += (characters / Math.max(ms, 0.5) - perMs) / 4;
      slowInARow = ms > slowMs ? slowInARow + 1 : 0;
      return ms > slowMs ? 3 * ms : 0;
    },
  };
}
