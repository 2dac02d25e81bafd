export interface Statement {
  text: string;
  /** The line of the file on which the statement's first word stands, from 1. */
  line: number;
}

// Comments and quoted text first, so that a semicolon inside them is never seen as one.
const token =
  /(?<blank>\s+|--[^\n]*)|(?<block>\/\*)|[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<dollar>\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$)|(?<word>[A-Za-z_][\w$]*)|[^]/gy;

/** Cuts a SQL file into its statements, as psql would: without the semicolons and leading comments. */
export function splitStatements(source: string): Statement[] {
  const statements: Statement[] = [];
  let start = -1;
  let end = 0;
  let depth = 0;
  let lastWord = '';

  const finish = () => {
    if (start >= 0) {
      statements.push({ text: source.slice(start, end), line: lineAt(source, start) });
    }
    start = -1;
    depth = 0;
    lastWord = '';
  };

  token.lastIndex = 0;
  for (let match = token.exec(source); match; match = token.exec(source)) {
    const { blank, block, dollar, word } = match.groups as Record<string, string | undefined>;
    if (blank) continue;
    if (block) {
      token.lastIndex = endOfBlockComment(source, match.index);
      continue;
    }
    if (match[0] === ';' && depth <= 0) {
      finish();
      continue;
    }
    if (start < 0) start = match.index;
    if (dollar) token.lastIndex = endOfDollarQuote(source, match.index, dollar);
    if (match[0] === '(') depth += 1;
    if (match[0] === ')') depth -= 1;
    if (word) {
      // The body of `begin atomic … end` holds semicolons of its own.
      const lower = word.toLowerCase();
      if (lower === 'atomic' && lastWord === 'begin') depth += 1;
      if (depth > 0 && lower === 'case') depth += 1;
      if (depth > 0 && lower === 'end') depth -= 1;
      lastWord = lower;
    }
    end = token.lastIndex;
  }
  finish();
  return statements;
}

export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at >= 0 && at < offset; at = source.indexOf('\n', at + 1)) {
    line += 1;
  }
  return line;
}

function endOfBlockComment(source: string, start: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let match = edge.exec(source); match; match = edge.exec(source)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return source.length;
}

function endOfDollarQuote(source: string, start: number, tag: string): number {
  const close = source.indexOf(tag, start + tag.length);
  return close < 0 ? source.length : close + tag.length;
}
