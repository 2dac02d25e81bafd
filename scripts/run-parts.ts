import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export interface Part {
  name: string;
  command: string;
}

export interface RunOptions {
  /** How many run at once. */
  jobs?: number;
  /** Parts that pass are not mentioned. */
  quiet?: boolean;
  print?: (text: string) => void;
}

const root = join(import.meta.dirname, '..');
const binaries = join(root, 'node_modules/.bin');

/**
 * Runs every part, whatever becomes of the others; shows in full what a failing one said, and one
 * that needed a second try, which is a bug to be found.
 */
export async function runParts(parts: Part[], options: RunOptions = {}): Promise<boolean> {
  const {
    jobs = 1,
    quiet = false,
    print = (text: string) => void process.stdout.write(text),
  } = options;
  const waiting = [...parts];
  let failed = 0;

  const worker = async (): Promise<void> => {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const started = performance.now();
      const { code, output } = await run(part.command);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      if (code !== 0) failed += 1;
      if (code !== 0)
        print(`failed  ${part.name} (${seconds} s): ${part.command}\n${output.trim()}\n\n`);
      else if (isFlaky(output))
        print(`passed  ${part.name} (${seconds} s), at the second try\n${output.trim()}\n\n`);
      else if (!quiet) print(`passed  ${part.name} (${seconds} s)\n`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, () => worker()));

  if (!quiet || failed > 0) print(`${parts.length - failed} passed, ${failed} failed\n`);
  return failed === 0;
}

/** As Playwright tells it. */
const isFlaky = (output: string) => /^ +\d+ flaky$/m.test(output);

function run(command: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, {
      cwd: root,
      shell: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }),
        PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}`,
      },
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', (error) => resolve({ code: 1, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}
