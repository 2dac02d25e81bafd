import type { OpenedRun } from './answer-events.ts';

/**
 * Text is shown this often at most, and less often where showing it takes long: three quarters of
 * the time belong to the reader's own keys and scrolling.
 */
const shortestMs = 40;
const longestMs = 400;

/** An answer while it comes. Its text grows in steps, so that a thousand frames are not a thousand renders. */
export class LiveAnswer {
  readonly id: string;
  content = $state.raw('');
  reasoning = $state.raw('');
  run = $state.raw<OpenedRun | null>(null);
  model = $state.raw<string | null>(null);
  /** The attempt to reach it again, while the connection is lost. */
  waiting = $state.raw(0);
  isStopping = $state.raw(false);
  thoughtMs = $state.raw<number | null>(null);
  frames = 0;
  #content = '';
  #reasoning = '';
  #thinkingSince: number | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #costMs = 0;

  constructor(id: string) {
    this.id = id;
  }

  add(number: number, content: string, reasoning: string): void {
    this.frames = number;
    this.#content += content;
    this.#reasoning += reasoning;
    if (reasoning) this.#thinkingSince ??= performance.now();
    if (content && this.#thinkingSince !== null && this.thoughtMs === null) {
      this.thoughtMs = performance.now() - this.#thinkingSince;
    }
    this.#timer ??= setTimeout(
      () => this.#showTimed(),
      Math.min(longestMs, Math.max(shortestMs, this.#costMs * 3)),
    );
  }

  #showTimed(): void {
    const began = performance.now();
    this.show();
    // The frame after next: by then it is parsed, laid out and painted.
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.#costMs = performance.now() - began;
      }),
    );
  }

  /** What has come so far, shown now. */
  show(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.content = this.#content;
    this.reasoning = this.#reasoning;
  }
}
