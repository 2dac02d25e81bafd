import { RequestError } from './errors.ts';

export interface Patience {
  finishTries: number;
  finishBackoffMs: number;
}

/**
 * Reports a run until the database has taken it, with growing pauses. Nothing where it is away for
 * longer, or refuses, which it would do again: the sweep then ends the run by its lease.
 */
export async function settle<Settled>(
  finish: () => Promise<Settled>,
  { finishTries, finishBackoffMs }: Patience,
): Promise<Settled | null> {
  for (let tried = 1; ; tried += 1) {
    try {
      // One try follows the other.
      // deno-lint-ignore no-await-in-loop
      return await finish();
    } catch (error) {
      const isRefused = error instanceof RequestError && error.status < 500;
      if (isRefused || tried >= finishTries) return null;
      const wait = finishBackoffMs * 2 ** (tried - 1);
      // deno-lint-ignore no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
