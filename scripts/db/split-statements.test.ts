import { expect, test } from 'vitest';
import { splitStatements } from './split-statements.ts';

const texts = (source: string) => splitStatements(source).map((one) => one.text);

test('statements come without their semicolons, comments before them and empty ones', () => {
  expect(texts('-- a; b\nselect 1;;\n/* x; /* nested; */ y; */ select 2 ;\n-- end;\n')).toEqual([
    'select 1',
    'select 2',
  ]);
});

test('a statement knows the line of its first word', () => {
  expect(splitStatements('\n-- note\nselect\n  1;\n\nselect 2').map((one) => one.line)).toEqual([
    3, 6,
  ]);
});

test('semicolons inside quotes belong to the statement', () => {
  expect(texts(`select 'a;''b;', "c;""d;", e'\\';', $$;$$, $tag$ ; $$ ; $tag$; select 2`)).toEqual([
    `select 'a;''b;', "c;""d;", e'\\';', $$;$$, $tag$ ; $$ ; $tag$`,
    'select 2',
  ]);
});

test('a plain string keeps its backslash, so that it does not swallow the rest', () => {
  expect(texts(`select '\\'; select 2`)).toEqual([`select '\\'`, 'select 2']);
});

test('a begin atomic body is one statement, case … end inside it', () => {
  const body =
    'create function f() returns int begin atomic select case when true then 1 end; select 2; end';
  expect(texts(`${body}; select 3`)).toEqual([body, 'select 3']);
});

test('a transaction block is many statements', () => {
  expect(texts('begin; select 1; end;')).toEqual(['begin', 'select 1', 'end']);
});

test('a case expression outside a body does not hold the next statement', () => {
  expect(texts('select case when true then (1) end; select 2')).toEqual([
    'select case when true then (1) end',
    'select 2',
  ]);
});

test('a dollar inside an identifier opens no quote', () => {
  expect(texts('select a$b, $1; select c$')).toEqual(['select a$b, $1', 'select c$']);
});

test('what is never closed is one last statement', () => {
  expect(texts('select $$ ; ')).toEqual(['select $$ ; ']);
});
