import { AsyncLocalStorage } from 'node:async_hooks';
import { format } from 'node:util';
import type { Log } from './log.ts';

interface Caller {
  log: Log;
  notice: (error: Error) => void;
}

const callers = new AsyncLocalStorage<Caller>();
let diverted = false;

/**
 * Runs work of @supabase/lite, which prints every refused request with its stack: what it prints
 * goes into the part's log, and an error among it is noticed, since the library's answer hides it.
 * Prints of anything else are left alone.
 */
export function quietly<T>(log: Log, work: () => T, notice: Caller['notice'] = () => {}): T {
  if (!diverted) divert();
  return callers.run({ log, notice }, work);
}

function divert(): void {
  diverted = true;
  for (const level of ['error', 'warn', 'info', 'log'] as const) {
    const print = console[level].bind(console);
    console[level] = (...values: unknown[]) => {
      const caller = callers.getStore();
      if (!caller) return print(...values);
      caller.log.info('library', { said: format(...values).slice(0, 2000) });
      for (const value of values) if (value instanceof Error) caller.notice(value);
    };
  }
}
