import { StackError } from './stack-error.ts';

interface Stoppable {
  /** Rejects when it can no longer go on. */
  failed?: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Runs a command to its end: whatever asks it to stop, every part is stopped before the process
 * exits. A failure that a person can act on is one sentence; any other is a bug and shows its stack.
 */
export async function runUntilStopped(
  start: (alert: (message: string) => void) => Promise<Stoppable>,
): Promise<void> {
  let running: Stoppable | undefined;
  let asked = false as boolean;
  let exitCode = 0;

  const stop = async () => {
    if (!running) return;
    await running.stop().catch((error: unknown) => fail(error));
    process.exit(exitCode);
  };
  const ask = () => {
    if (asked) return;
    asked = true;
    void stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);

  const fail = (error: unknown) => {
    exitCode = 1;
    console.error(explain(error));
  };
  // A part that fails in the background must not leave the others behind.
  process.on('uncaughtException', (error) => {
    fail(error);
    ask();
  });

  try {
    running = await start((message) => console.error(message));
  } catch (error) {
    fail(error);
    process.exit(exitCode);
  }
  if (asked) await stop();
  running.failed?.catch((error: unknown) => {
    fail(error);
    ask();
  });
}

function explain(error: unknown): string {
  if (error instanceof StackError) return error.message;
  const { code, path, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'ENOSPC') return 'The disk is full; free some space and start again.';
  if (code === 'EADDRINUSE') {
    return `Port ${port} is in use. Stop what uses it, or choose others with --port.`;
  }
  if (code === 'EACCES' || code === 'EROFS') return `${path ?? 'A folder'} cannot be written.`;
  if (code?.startsWith('ERR_PARSE_ARGS')) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
