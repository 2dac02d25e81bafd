import { AsyncLocalStorage } from 'node:async_hooks';
import { format } from 'node:util';
import type { Log } from './log.ts';

const callers = new AsyncLocalStorage<Log>();
let diverted = false;

/**
 * Runs work of @supabase/lite, which prints every refused request with its stack: what it prints
 * goes into the part's log. Prints of anything else are left alone.
 */
export function quietly<T>(log: Log, work: () => T): T {
  if (!diverted) divert();
  return callers.run(log, work);
}

function divert(): void {
  diverted = true;
  for (const level of ['error', 'warn', 'info', 'log'] as const) {
    const print = console[level].bind(console);
    console[level] = (...values: unknown[]) => {
      const log = callers.getStore();
      if (log) log.info('library', { said: format(...values).slice(0, 2000) });
      else print(...values);
    };
  }
}
