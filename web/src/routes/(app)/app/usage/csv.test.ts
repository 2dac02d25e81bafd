import { expect, test } from 'vitest';
import { toCsv } from './csv.ts';

test('what would break a cell is quoted', () => {
  expect(
    toCsv([
      ['name', 'n'],
      ['a, "b"\nc', 1.5],
      ['', null],
      [' x ', 0],
    ]),
  ).toBe('name,n\r\n"a, ""b""\nc",1.5\r\n,\r\n" x ",0\r\n');
});

test('what a spreadsheet would run is made a text; numbers stay numbers', () => {
  const hostile = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '|cmd', '%x'];
  const lines = toCsv([hostile]);
  for (const text of hostile) expect(lines).toContain(`'${text}`);
  expect(toCsv([['=HYPERLINK("http://x","y")']])).toBe('"\'=HYPERLINK(""http://x"",""y"")"\r\n');
  expect(toCsv([[-5]])).toBe('-5\r\n');
});
