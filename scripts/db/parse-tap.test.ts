import { expect, test } from 'vitest';
import { complaintsAbout } from './parse-tap.ts';

const output = (...texts: string[]) => texts.map((text, index) => ({ text, line: index + 1 }));

test('a file whose assertions all hold gives no complaint', () => {
  expect(complaintsAbout(output('1..2', '', 'ok 1 - one', 'ok 2'))).toEqual([]);
});

test('the plan may come last', () => {
  expect(complaintsAbout(output('ok 1 - one', '1..1'))).toEqual([]);
});

test('a failure is told with its line, its sentence and its diagnostics', () => {
  const failed = 'not ok 1 - one is two\n# Failed test 1: "one is two"\n#         have: 1';
  expect(complaintsAbout(output('1..1', failed, '# Looks like you failed 1 test of 1'))).toEqual([
    [
      'line 2: one is two',
      '# Failed test 1: "one is two"',
      '#         have: 1',
      '# Looks like you failed 1 test of 1',
    ].join('\n  '),
  ]);
});

test('fewer or more assertions than planned are a complaint', () => {
  expect(complaintsAbout(output('1..2', 'ok 1 - one'))).toEqual(['planned 2 assertions, ran 1']);
  expect(complaintsAbout(output('1..1', 'ok 1', 'ok 2'))).toEqual(['planned 1 assertions, ran 2']);
});

test('no plan, two plans, no assertion and a missing number are complaints', () => {
  expect(complaintsAbout(output('ok 1 - one'))).toEqual(['expected one plan, found 0']);
  expect(complaintsAbout(output('1..1', 'ok 1', '1..1'))).toEqual(['expected one plan, found 2']);
  expect(complaintsAbout(output('1..0'))).toEqual(['nothing was asserted']);
  expect(complaintsAbout(output('1..2', 'ok 1', 'ok 3'))).toEqual([
    'line 3: assertion 2 calls itself 3',
  ]);
});

test('a skipped or postponed assertion is a complaint', () => {
  expect(complaintsAbout(output('1..2', 'ok 1 - later # TODO soon', 'ok 2 # SKIP no'))).toEqual([
    'line 2: skipped, not tested: later # TODO soon',
    'line 3: skipped, not tested: # SKIP no',
  ]);
  expect(complaintsAbout(output('1..1', 'ok 1 - the #todo tag is found'))).toEqual([]);
});
