import { StackError } from './stack/stack-error.ts';

/** Runs a command's work: a failure that a person can act on is one sentence, any other a stack trace. */
export async function runCommand(work: () => Promise<void> | void): Promise<void> {
  // Leaving by `exit` lets scratch servers be ended; a signal alone would not.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  try {
    await work();
  } catch (error) {
    console.error(error instanceof StackError ? error.message : error);
    process.exitCode = 1;
  }
}
