// npm run bench: every bench there is, one after the other, so that none disturbs another.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runParts } from '../run-parts.ts';

const root = join(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const names = Object.keys(scripts).filter((name) => name.startsWith('bench:'));
const passed = await runParts(
  names.map((name) => ({ name, command: `npm run --silent ${name}` })),
  { jobs: 1 },
);
process.exitCode = passed ? 0 : 1;
