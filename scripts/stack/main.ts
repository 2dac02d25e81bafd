import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultPort } from './ports.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { type StackOptions, startStack } from './stack.ts';
import { StackError } from './stack-error.ts';

const home = join(import.meta.dirname, '../../.stack');

/** The options of `npm run stack` and `npm run dev`. */
export function readArguments(args: string[]): StackOptions {
  const { values } = parseArgs({
    args,
    options: {
      fresh: { type: 'boolean', default: false },
      port: { type: 'string', default: String(defaultPort) },
      data: { type: 'string', default: home },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1024 || port > 65_000) {
    throw new StackError(`--port takes a number from 1024 to 65000, not "${values.port}".`);
  }
  return { fresh: values.fresh, port, dataDir: values.data, announceIn: home };
}

if (import.meta.main) {
  await runUntilStopped(async (alert) => {
    const stack = await startStack({ ...readArguments(process.argv.slice(2)), alert });
    console.log(`The backend is ready.

  API       ${stack.url}
  Mails     ${stack.mailUrl}
  Postgres  ${stack.databaseUrl}

Its keys are in ${join(stack.dataDir, 'env')}. Ctrl-C stops it.`);
    return stack;
  });
}
