import { lineAt, splitStatements } from './split-statements.ts';

export interface Problem {
  line: number;
  text: string;
}

const unread =
  /--[^\n]*|\/\*[^]*?\*\/|(?<![\w$])[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<![\w$])\$(\w*)\$[^]*?\$\1\$/g;

/** Blanks what is not code: comments and quoted text. The body of a function is code like the rest. */
function codeOf(source: string): string {
  return source.replace(unread, (text, tag: string | undefined, at: number) => {
    const isBody = tag !== undefined && /\b(?:as|do)\s+$/.test(source.slice(0, at));
    if (!isBody) return text.replace(/[^\n]/g, '_');
    const quote = `$${tag}$`;
    return quote + codeOf(text.slice(quote.length, -quote.length)) + quote;
  });
}

/** House rules that no parser checks. A schema file is held to all of them, other SQL to its form. */
export function styleProblems(source: string, kind: 'schema' | 'other'): Problem[] {
  const code = codeOf(source);
  const problems = [...formProblems(source, code)];
  if (kind === 'schema')
    problems.push(...openingProblems(source), ...functionProblems(source, code));
  return problems.sort((a, b) => a.line - b.line);
}

function* formProblems(source: string, code: string): Generator<Problem> {
  for (const { 0: word, index } of code.matchAll(
    /(?<![\w$])[A-Za-z]\w*[A-Z]\w*|(?<![\w$])[A-Z]\w*/g,
  )) {
    yield { line: lineAt(code, index), text: `${word} is written in small letters` };
  }
  for (const [index, text] of source.split('\n').entries()) {
    const line = index + 1;
    if (text.includes('\t')) yield { line, text: 'a tab: indent by two spaces' };
    if (/\s$/.test(text)) yield { line, text: 'a space at the end of the line' };
  }
  for (const [index, text] of code.split('\n').entries()) {
    const indent = /^ */.exec(text)?.[0].length ?? 0;
    if (indent % 2 === 1) yield { line: index + 1, text: 'indented by an odd number of spaces' };
  }
  if (!source.endsWith('\n')) yield { line: lineAt(source, source.length), text: 'no line end' };
}

function* openingProblems(source: string): Generator<Problem> {
  const opening = /^(?:--.*\n)*/.exec(source)?.[0].split('\n').length ?? 1;
  if (opening - 1 < 3 || opening - 1 > 6) {
    yield { line: 1, text: 'opens with 3 to 6 lines on what it owns and what it never does' };
  }
}

function* functionProblems(source: string, code: string): Generator<Problem> {
  for (const { text, line } of splitStatements(source)) {
    const [, name] = /^create (?:or replace )?function ([\w.]+)/.exec(text) ?? [];
    if (!name) continue;
    const head = text.split(/^as \$|^begin atomic|^return /m)[0] ?? text;
    // A body that is not a text is bound to what it names when it is made.
    const isBound = !/^as \$/m.test(text);
    const missing = [
      /^language \w+$/m.test(head) ? '' : 'language',
      /^(?:volatile|stable|immutable)$/m.test(head) ? '' : 'volatility',
      /^security (?:definer|invoker)$/m.test(head) ? '' : 'security',
      isBound || /^set search_path = ''$/m.test(head) ? '' : 'search path',
    ].filter(Boolean);
    if (missing.length > 0) {
      yield { line, text: `${name} does not state its ${missing.join(', ')}, each on a line` };
    }
    if (/^security definer$/m.test(head) && !/^--.*\nsecurity definer$/m.test(head)) {
      yield { line, text: `${name} runs as its owner, and no comment above that says why` };
    }
    if (name !== 'private.fail') yield* raises(code, line, text.split('\n').length);
  }
}

// A bare `raise` only passes on what was caught, and a warning stops nobody.
function* raises(code: string, start: number, count: number): Generator<Problem> {
  const lines = code.split('\n').slice(start - 1, start - 1 + count);
  for (const [index, text] of lines.entries()) {
    if (/(?<![\w.])raise\b(?!\s*;|\s+warning\b)/.test(text)) {
      yield { line: start + index, text: 'only private.fail raises' };
    }
  }
}
