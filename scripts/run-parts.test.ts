import { expect, test } from 'vitest';
import { runParts } from './run-parts.ts';

async function run(commands: Record<string, string>, options = {}) {
  let text = '';
  const parts = Object.entries(commands).map(([name, command]) => ({ name, command }));
  const ok = await runParts(parts, { ...options, print: (more) => (text += more) });
  return { ok, text: text.replace(/\d+\.\d s/g, 'N s') };
}

test('each part that passes is one line, and nothing it said is shown', async () => {
  expect(await run({ one: 'echo chatter', two: 'true' })).toEqual({
    ok: true,
    text: 'passed  one (N s)\npassed  two (N s)\n2 passed, 0 failed\n',
  });
});

test('a failing part is shown in full, and the others still run', async () => {
  expect(await run({ one: 'echo out; echo err >&2; exit 3', two: 'true' })).toEqual({
    ok: false,
    text:
      'failed  one (N s): echo out; echo err >&2; exit 3\nout\nerr\n\n' +
      'passed  two (N s)\n1 passed, 1 failed\n',
  });
});

test('a part of which something passed at the second try only has passed, and is shown in full', async () => {
  const said = "printf 'the error\\n  1 flaky\\n    a.spec.ts\\n  9 passed\\n'";
  expect(await run({ one: said })).toEqual({
    ok: true,
    text:
      'passed  one (N s), at the second try\nthe error\n  1 flaky\n    a.spec.ts\n  9 passed\n\n' +
      '1 passed, 0 failed\n',
  });
});

test('quiet means silent while all is well', async () => {
  expect(await run({ one: 'echo chatter' }, { quiet: true })).toEqual({ ok: true, text: '' });
  expect((await run({ one: 'false', two: 'true' }, { quiet: true })).text).toBe(
    'failed  one (N s): false\n\n\n1 passed, 1 failed\n',
  );
});

test('a part killed by a signal has failed', async () => {
  expect((await run({ one: 'kill -9 $$' })).ok).toBe(false);
});

test('two jobs run two parts side by side', async () => {
  // Each waits for the other's word, so that one after the other would never end.
  const pipe = `/tmp/oneai-parts-${process.pid}`;
  const { ok } = await run(
    {
      make: `mkfifo ${pipe} && echo ready > ${pipe}`,
      take: `while [ ! -p ${pipe} ]; do :; done; cat ${pipe}; rm ${pipe}`,
    },
    { jobs: 2 },
  );
  expect(ok).toBe(true);
});
