/** What drawing may take of a frame. As much again goes into layout and paint, the rest is the reader's. */
const budgetMs = 4;
/** Characters a frame at least: more than any model writes, and a slow machine comes to the end too. */
const least = 200;

/** How much of a text is drawn in one frame, by what was drawn in the last ones and how long it took. */
export function createPace() {
  let perMs = least / budgetMs;
  return {
    get characters(): number {
      return Math.max(least, Math.round(perMs * budgetMs));
    },
    took(characters: number, ms: number): void {
      // A clock that is too coarse to see a short frame must not promise an endless one.
      perMs += (characters / Math.max(ms, 0.5) - perMs) / 4;
    },
  };
}
