import { setTimeout as sleep } from 'node:timers/promises';
import { type FunctionProcess, startFunctionProcess } from './function-process.ts';

export interface EdgeFunction {
  name: string;
  /** The process that answers now; waits while it restarts, rejects when it cannot start. */
  process(): Promise<FunctionProcess>;
  pids(): number[];
  /** Takes the code as it is now; requests under way finish on the old code. */
  reload(): void;
  stop(): Promise<void>;
}

interface Options {
  name: string;
  start: (say: (line: string) => void) => ReturnType<typeof startFunctionProcess>;
  say: (line: string) => void;
  /** Told of what a developer must see: a function that does not start, or that crashed. */
  alert: (message: string) => void;
  changed: () => void;
}

const stopLimitMs = 5_000;
const reloadLimitMs = 35_000;
const steadyAfterMs = 10_000;

/** Keeps one function running: restarts it when it ends, sooner at first and then less often. */
export function superviseFunction(options: Options): EdgeFunction {
  const { name, start, say, alert, changed } = options;
  const running = new Set<FunctionProcess>();
  const stopped = new AbortController();
  let generation = 0;
  let failures = 0;
  let current = launch(0);

  function launch(delayMs: number): Promise<FunctionProcess> {
    generation += 1;
    const launched = begin(generation, delayMs);
    launched.catch(() => {});
    return launched;
  }

  async function begin(mine: number, delayMs: number): Promise<FunctionProcess> {
    await sleep(delayMs, undefined, { signal: stopped.signal });
    try {
      const process = await start(say);
      running.add(process);
      changed();
      void watch(process, mine, Date.now());
      return process;
    } catch (error) {
      if (mine === generation && !stopped.signal.aborted) {
        alert(`Function ${name} does not start: ${(error as Error).message}`);
        void retry(mine);
      }
      throw error;
    }
  }

  async function watch(process: FunctionProcess, mine: number, startedAt: number): Promise<void> {
    const said = await process.ended;
    running.delete(process);
    changed();
    if (mine !== generation || stopped.signal.aborted) return;
    failures = Date.now() - startedAt > steadyAfterMs ? 0 : failures + 1;
    alert(`Function ${name} ended and is started again. ${said}`);
    current = launch(backoffMs());
  }

  /** The error stays the answer until the function starts; a change of its files is tried at once. */
  async function retry(mine: number): Promise<void> {
    failures += 1;
    await sleep(backoffMs(), undefined, { signal: stopped.signal }).catch(() => {});
    if (mine !== generation || stopped.signal.aborted) return;
    current = launch(0);
  }

  const backoffMs = () => (failures <= 1 ? 0 : Math.min(2_000, 50 * 2 ** failures));

  return {
    name,
    process: () => current,
    pids: () => [...running].map((process) => process.pid),
    reload() {
      const old = [...running];
      failures = 0;
      current = launch(0);
      for (const process of old) void process.drain(reloadLimitMs);
    },
    async stop() {
      stopped.abort();
      await current.catch(() => {});
      await Promise.all([...running].map((process) => process.drain(stopLimitMs)));
    },
  };
}
