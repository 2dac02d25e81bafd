export type Cell = string | number | null;

/** A spreadsheet takes a text that begins so for a formula; the apostrophe makes it a text again. */
const formula = /^[\s]*[=+\-@|%\t\r]/;

function cell(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as RFC 4180 has them: lines end in CRLF, and what would break a cell is quoted. */
export function toCsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
