import { changeExclusions } from '#lib/api/exclusions.ts';
import { explain } from '#lib/errors.ts';
import { matching } from '#lib/model-pattern.ts';
import type { Client } from '#lib/supabase.ts';
import type { Toasts } from '#lib/ui/toasts.svelte.ts';
import type { Workspace } from '#lib/workspace.svelte.ts';

/** What Auto leaves out for the person, and how that changes. */
export class Exclusions {
  /** What is being saved. */
  pending = $state.raw<readonly string[]>([]);
  /** What was done last, for those who do not see it. */
  news = $state('');
  #client: Client;
  #workspace: Workspace;
  #toasts: Toasts;
  #last: Promise<unknown> = Promise.resolve();

  readonly patterns = $derived.by(() => this.#workspace.profile?.exclusions ?? []);

  constructor(client: Client, workspace: Workspace, toasts: Toasts) {
    this.#client = client;
    this.#workspace = workspace;
    this.#toasts = toasts;
  }

  /** The pattern that leaves a model out beside its own name. */
  coveredBy(id: string): string | undefined {
    return this.patterns.find((pattern) => pattern !== id && matching(pattern, [id]).length > 0);
  }

  /** Whoever excludes all means each: its own name is not kept beside that. */
  exclude(pattern: string, name: string): Promise<void> {
    const removed = matching(pattern, this.patterns).filter((one) => one !== pattern);
    return this.#change(pattern, { added: [pattern], removed }, `Excluded: ${name}.`);
  }

  takeBack(pattern: string, name: string): Promise<void> {
    return this.#change(pattern, { removed: [pattern] }, `Taken back: ${name}.`);
  }

  #change(
    pattern: string,
    change: { added?: string[]; removed?: string[] },
    news: string,
  ): Promise<void> {
    this.pending = [...this.pending, pattern];
    // One after the other, so that the last answer knows of all changes.
    const done = this.#last.then(async () => {
      try {
        this.#workspace.profile = await changeExclusions(this.#client, change);
        this.news = news;
      } catch (error) {
        const { message, next } = explain(error);
        this.#toasts.show(`${message} ${next}`, { tone: 'danger' });
      }
      this.pending = this.pending.filter((one) => one !== pattern);
    });
    this.#last = done;
    return done;
  }
}
