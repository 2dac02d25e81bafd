import type { OpenedRun } from './answer-events.ts';

/** Text is handed on this often. How much of it is drawn at a time is for what draws it to say. */
const stepMs = 40;

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
    this.#timer ??= setTimeout(() => this.show(), stepMs);
  }

  /** It comes from its start once more. What is shown stays until there is something to show. */
  forget(): void {
    this.frames = 0;
    this.#content = this.#reasoning = '';
  }

  /** What has come so far, shown now. */
  show(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.content = this.#content;
    this.reasoning = this.#reasoning;
  }
}
