import { existsSync, readdirSync, watch } from 'node:fs';
import { join, sep } from 'node:path';
import { type EdgeFunction, superviseFunction } from './edge-function.ts';
import { startFunctionProcess } from './function-process.ts';
import type { Log } from './log.ts';
import { isFree } from './ports.ts';

export interface Functions {
  get(name: string): EdgeFunction | undefined;
  names(): string[];
  pids(): number[];
  stop(): Promise<void>;
}

interface Options {
  root: string;
  /** Each folder in it with an index.ts is a function; `_shared` and the like are not. */
  folder: string;
  firstPort: number;
  env: Record<string, string>;
  watchFiles: boolean;
  log: Log;
  alert: (message: string) => void;
  /** Told whenever the set of running processes is another. */
  changed: (pids: number[]) => void;
}

export async function startFunctions(options: Options): Promise<Functions> {
  const { root, folder, env, log, alert } = options;
  const deno = join(root, 'node_modules/.bin/deno');
  const readable = [folder, join(root, 'node_modules')];
  const nextPort = portsInTurn(options.firstPort);
  const functions = new Map<string, EdgeFunction>();
  const pids = () => [...functions.values()].flatMap((one) => one.pids());

  for (const name of functionNames(folder)) {
    const entry = join(folder, name, 'index.ts');
    const edgeFunction = superviseFunction({
      name,
      start: async (say) =>
        startFunctionProcess({ deno, root, entry, readable, port: await nextPort(), env, say }),
      say: (line) => log.info('said', { function: name, line: line.slice(0, 4000) }),
      alert: (message) => {
        log.error('function', { function: name, message });
        alert(message);
      },
      changed: () => options.changed(pids()),
    });
    functions.set(name, edgeFunction);
  }
  await Promise.allSettled([...functions.values()].map((one) => one.process()));
  const stopWatching = options.watchFiles ? reloadOnChange(folder, functions, log) : () => {};

  return {
    get: (name) => functions.get(name),
    names: () => [...functions.keys()],
    pids,
    async stop() {
      stopWatching();
      await Promise.all([...functions.values()].map((one) => one.stop()));
    },
  };
}

function functionNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[a-z][\w-]*$/i.test(name))
    .filter((name) => existsSync(join(folder, name, 'index.ts')))
    .sort();
}

/** The old process of a function still finishes on its port while the new one starts. */
function portsInTurn(first: number): () => Promise<number> {
  let offset = 0;
  return async () => {
    for (let tried = 0; tried < 90; tried += 1) {
      const port = first + (offset++ % 90);
      if (await isFree(port)) return port;
    }
    throw new Error(`No free port between ${first} and ${first + 89}.`);
  };
}

function reloadOnChange(
  folder: string,
  functions: Map<string, EdgeFunction>,
  log: Log,
): () => void {
  const touched = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const reload = () => {
    const all = [...touched].some((name) => name.startsWith('_'));
    for (const one of functions.values()) {
      if (!all && !touched.has(one.name)) continue;
      log.info('reload', { function: one.name });
      one.reload();
    }
    touched.clear();
  };
  const watcher = watch(folder, { recursive: true }, (_event, file) => {
    if (!file || !/\.(ts|js|mjs|json|sql|txt|md)$/.test(file) || /[._]test\.ts$/.test(file)) return;
    touched.add(file.split(sep)[0] as string);
    // An editor writes a file in several steps.
    clearTimeout(timer);
    timer = setTimeout(reload, 80);
  });
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}
