// npm test: everything a release needs, two parts at a time, the long ones first.
import { runParts } from './run-parts.ts';

const names = [
  'test:e2e',
  'test:db',
  'test:gateway',
  'test:scripts',
  'check',
  'test:web',
  'db:check',
  'db:advisors',
  'test:functions',
];
const passed = await runParts(
  names.map((name) => ({ name, command: `npm run --silent ${name}` })),
  { jobs: 2 },
);
process.exitCode = passed ? 0 : 1;
