import { expect, test } from 'vitest';
import { styleProblems } from './style-problems.ts';

const opening = '-- one: owns\n-- things\n-- and never others.\n';
const schema = (text: string) =>
  styleProblems(opening + text, 'schema').map((one) => `${one.line}: ${one.text}`);
const other = (text: string) =>
  styleProblems(text, 'other').map((one) => `${one.line}: ${one.text}`);

const good = `
create function private.f(a integer)
returns integer
language sql
stable
-- As its owner, because.
security definer
set search_path = ''
as $$
  select 'RAISE' -- Upper Case
$$;
`;

test('a file in the house style has no problems', () => {
  expect(schema(good)).toEqual([]);
});

test('capitals are seen in code and in function bodies, not in text and comments', () => {
  expect(other(`SELECT "Name", 'It''s', E'\\'A' -- B\nfrom t /* C\n D */;\n`)).toEqual([
    '1: SELECT is written in small letters',
  ]);
  expect(other('do $$\nbegin\n  Perform 1;\nend\n$$;\n')).toEqual([
    '3: Perform is written in small letters',
  ]);
});

test('text between dollars is text, wherever it is not a body', () => {
  expect(other("select is(f(), $$FOR VALUES$$, 'x'), $t$FROM$t$;\nselect 1;\n")).toEqual([]);
  expect(other('create function f() as $a$ select $b$X$b$, Y $a$;\nselect Z;\n')).toEqual([
    '1: Y is written in small letters',
    '2: Z is written in small letters',
  ]);
});

test('tabs, trailing and odd spaces and a missing line end are seen; text may hold what it likes', () => {
  expect(other('select\n\t1, \n   2')).toEqual([
    '2: a tab: indent by two spaces',
    '2: a space at the end of the line',
    '3: indented by an odd number of spaces',
    '3: no line end',
  ]);
  expect(other("select '\n   x';\n")).toEqual([]);
});

test('a schema file says first what it owns', () => {
  expect(styleProblems('-- too short\ncreate schema a;\n', 'schema')).toEqual([
    { line: 1, text: 'opens with 3 to 6 lines on what it owns and what it never does' },
  ]);
  expect(styleProblems('-- x\n'.repeat(7), 'schema')).toHaveLength(1);
  expect(styleProblems('-- x\n'.repeat(6), 'schema')).toEqual([]);
});

test('a function states everything about itself', () => {
  const text = good.replace('stable\n', '').replace("set search_path = ''\n", '');
  expect(schema(text)).toEqual([
    '5: private.f does not state its volatility, search path, each on a line',
  ]);
});

test('a body that is bound when it is made needs no search path', () => {
  const text = good.replace(/set search_path[\s\S]*/, "return 'RAISE';\n");
  expect(schema(text)).toEqual([]);
});

test('what runs as its owner says why', () => {
  expect(schema(good.replace('-- As its owner, because.\n', ''))).toEqual([
    '5: private.f runs as its owner, and no comment above that says why',
  ]);
});

test('only private.fail raises', () => {
  const body = good.replace(
    "  select 'RAISE'",
    "  raise exception 'no';\n  raise;\n  raise warning 'so';\n  perform x.raise",
  );
  expect(schema(body)).toEqual(['13: only private.fail raises']);
  expect(schema(body.replace('private.f(', 'private.fail('))).toEqual([]);
});
