// Runs inside Deno before a function's own code, and gives it what the platform's runtime has:
// EdgeRuntime.waitUntil, and time to finish before it is ended. Nothing else may be added here, or
// a function could come to rely on something the platform lacks.

interface Server {
  shutdown(): Promise<void>;
}
interface DenoRuntime {
  serve(...options: unknown[]): Server;
  exit(code: number): never;
  addSignalListener(signal: string, listener: () => void): void;
  stdin: { readable: AsyncIterable<unknown> };
  stdout: { writeSync(bytes: Uint8Array): number };
}
interface EdgeRuntime {
  waitUntil<T>(work: Promise<T>): Promise<T>;
}
const runtime = globalThis as unknown as {
  Deno: DenoRuntime;
  EdgeRuntime: EdgeRuntime;
  dispatchEvent(event: Event): boolean;
};
const deno = runtime.Deno;

const drainLimitMs = 30_000;
const servers: Server[] = [];
const pending = new Set<Promise<unknown>>();

const serve = deno.serve;
deno.serve = (...options) => {
  const server = serve(...options);
  if (servers.length === 0) void endWithTheStack();
  servers.push(server);
  deno.stdout.writeSync(new TextEncoder().encode('\0serving\n'));
  return server;
};

runtime.EdgeRuntime = {
  waitUntil(work) {
    pending.add(work);
    const forget = () => pending.delete(work);
    work.then(forget, (error: unknown) => {
      forget();
      console.error('waitUntil:', error);
    });
    return work;
  },
};

let draining = false;
async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  setTimeout(() => deno.exit(0), drainLimitMs);
  runtime.dispatchEvent(new Event('beforeunload'));
  await Promise.allSettled(servers.map((server) => server.shutdown()));
  while (pending.size > 0) await Promise.allSettled([...pending]);
  deno.exit(0);
}

deno.addSignalListener('SIGTERM', () => void drain());

// The stack holds the other end: when it is killed outright, this ends too. Begun only once the
// function serves, because Deno waits for a preload's reads before it runs the function.
async function endWithTheStack(): Promise<void> {
  for await (const _ of deno.stdin.readable) continue;
  await drain();
}
