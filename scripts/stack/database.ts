import { setTimeout as sleep } from 'node:timers/promises';
import { type Postgres, startPostgres } from './postgres.ts';

export interface Database {
  url: Postgres['url'];
  stop(): Promise<void>;
}

interface Options {
  dataDir: string;
  port: number;
  log: (line: string) => void;
  alert: (message: string) => void;
}

/** Keeps Postgres running: one that dies is started again and recovers from its own log. */
export async function superviseDatabase(options: Options): Promise<Database> {
  const { dataDir, port, log, alert } = options;
  const start = () => startPostgres({ dataDir, port, log });
  const stopped = new AbortController();
  const first = await start();
  let current: Postgres = first;

  async function watch(): Promise<void> {
    for (;;) {
      await current.exited;
      if (stopped.signal.aborted) return;
      alert('Postgres ended and is started again.');
      current = await restart();
    }
  }

  async function restart(): Promise<Postgres> {
    for (let delayMs = 100; ; delayMs = Math.min(delayMs * 2, 5_000)) {
      try {
        return await start();
      } catch (error) {
        // Its children may need a moment to notice; a full disk may be cleared.
        if (stopped.signal.aborted) throw error;
        alert((error as Error).message);
        await sleep(delayMs, undefined, { signal: stopped.signal });
      }
    }
  }

  const watching = watch().catch((error: unknown) => {
    if (!stopped.signal.aborted) alert((error as Error).message);
  });
  return {
    url: first.url,
    async stop() {
      stopped.abort();
      await current.stop();
      await watching;
    },
  };
}
