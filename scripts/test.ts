// npm test: everything a release needs, the quick and telling parts first.
import { runParts } from './run-parts.ts';

const names = [
  'check',
  'db:check',
  'db:advisors',
  'test:scripts',
  'test:db',
  'test:functions',
  'test:web',
  'test:e2e',
];
const passed = await runParts(names.map((name) => ({ name, command: `npm run --silent ${name}` })));
process.exitCode = passed ? 0 : 1;
