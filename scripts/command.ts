import { StackError } from './stack/stack-error.ts';

/** Runs a command's work: a failure that a person can act on is one sentence, any other a stack trace. */
export async function runCommand(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof StackError ? error.message : error);
    process.exitCode = 1;
  }
}
