import { Lexer, type MarkedOptions, type Token, type Tokens, Tokenizer } from 'marked';

/** Deeper than anybody writes, shallower than any stack. */
const maxDepth = 24;
// What nobody writes and what makes a parser slow: such text is shown as it is.
const maxMarks = 2000;
const mark = /[*_~`[\]<$@\\]/g;
const longWord = /[!-~]{2000,}/g;
const addressPart = /@|:\/\/|www\./i;
const maxCells = 20_000;
const maxFormula = 8000;

const definitionOpening = /^ {0,3}\[(?!\^)/;
const tableOpening = /^[^\n]+\n([ \t|:-]+)(?=\n|$)/;
const blankLine = /\n[ \t]*(?=\n)/;

/** Lists and quotes nest by recursion, and HTML is text like any other. */
class Blocks extends Tokenizer {
  #depth = 0;

  override html(): undefined {
    return undefined;
  }

  override tag(): undefined {
    return undefined;
  }

  /** A definition ends at a blank line, whatever quote or bracket is open in it. */
  override def(src: string): Tokens.Def | undefined {
    if (!definitionOpening.test(src)) return undefined;
    const end = blankLine.exec(src);
    return super.def(end ? src.slice(0, end.index + 1) : src);
  }

  /** Every row has as many cells as the head, written or not: few characters make many cells. */
  override table(src: string): Tokens.Table | undefined {
    const columns = tableOpening.exec(src)?.[1]!.split('|').length;
    if (!columns) return undefined;
    const end = blankLine.exec(src);
    const rows = (end ? src.slice(0, end.index) : src).split('\n').length;
    if (columns * rows > maxCells) return undefined;
    return super.table(src);
  }

  override blockquote(src: string): Tokens.Blockquote | undefined {
    return this.#nest(() => super.blockquote(src));
  }

  override list(src: string): Tokens.List | undefined {
    return this.#nest(() => super.list(src));
  }

  #nest<T>(lex: () => T): T | undefined {
    if (this.#depth >= maxDepth) return undefined;
    this.#depth += 1;
    try {
      return lex();
    } finally {
      this.#depth -= 1;
    }
  }
}

/** Inline text nests by recursion too. */
class Inlines extends Lexer {
  #depth = 0;

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    if (this.#depth >= maxDepth || (this.#depth === 0 && isTooMuch(src))) {
      tokens.push({ type: 'text', raw: src, text: src });
      return tokens;
    }
    this.#depth += 1;
    try {
      return super.inlineTokens(src, tokens);
    } finally {
      this.#depth -= 1;
    }
  }
}

function isTooMuch(src: string): boolean {
  if (src.length < maxMarks) return false;
  if ((src.match(mark)?.length ?? 0) > maxMarks) return true;
  return src.match(longWord)?.some((word) => addressPart.test(word)) ?? false;
}

export interface MathToken {
  type: 'math';
  raw: string;
  tex: string;
  display: boolean;
  closed: boolean;
}

export interface NoteToken {
  type: 'note';
  raw: string;
  label: string;
}

export interface NoteDefinition {
  type: 'noteDefinition';
  raw: string;
  label: string;
  tokens: Token[];
}

// No formula holds a blank line. None of these can try one stretch of text in two ways.
const inlineMath = [
  /^(\$\$)((?:\\[^]|[^$\\])+?)\$\$/,
  /^(\$)(?![\s$])((?:\\[^]|[^$\\])+?)(?<!\s)\$(?![\d$])/,
  /^(\\\()((?:(?!\\\))[^]){1,4000}?)\\\)/,
  /^(\\\[)((?:(?!\\\])[^]){1,4000}?)\\\]/,
];
const blockMath = [
  { open: /^ {0,3}\$\$/, close: /\$\$[ \t]*(?=\n|$)/, any: '$$' },
  { open: /^ {0,3}\\\[/, close: /\\\][ \t]*(?=\n|$)/, any: '\\]' },
];
const noteReference = /^\[\^([^\s[\]^]{1,100})\]/;
const noteOpening = /^ {0,3}\[\^([^\s[\]^]{1,100})\]:[ \t]*/;
const noteLine = /[^\n]*(?:\n|$)/y;

function lexInlineMath(src: string): MathToken | undefined {
  const first = src.charCodeAt(0);
  if (first !== 36 && first !== 92) return undefined; // $ \
  for (const form of inlineMath) {
    const found = form.exec(src);
    if (!found) continue;
    const [raw, open = '', tex = ''] = found;
    if (blankLine.test(tex) || !tex.trim()) return undefined;
    return {
      type: 'math',
      raw,
      tex: tex.trim(),
      display: open === '$$' || open === '\\[',
      closed: true,
    };
  }
  return undefined;
}

/** A displayed formula on lines of its own. At the very end of a text it may still be unfinished. */
function lexBlockMath(src: string): MathToken | undefined {
  for (const { open, close, any } of blockMath) {
    const opening = open.exec(src)?.[0];
    if (opening === undefined) continue;
    const near = src.slice(0, maxFormula);
    const blank = blankLine.exec(near);
    const body = near.slice(opening.length, blank?.index);
    const closing = close.exec(body);
    if (closing) {
      const tex = body.slice(0, closing.index);
      if (!tex.trim() || tex.includes(any)) return undefined;
      const end = opening.length + closing.index + closing[0].length;
      const raw = src.slice(0, src[end] === '\n' ? end + 1 : end);
      return { type: 'math', raw, tex: tex.trim(), display: true, closed: true };
    }
    if (blank || body.includes(any) || near.length < src.length) return undefined;
    return { type: 'math', raw: src, tex: body.trim(), display: true, closed: false };
  }
  return undefined;
}

const insideNotes = new WeakSet<Lexer>();

/** `[^label]: text`, and what follows indented. None stands in another. */
function lexNoteDefinition(lexer: Lexer, src: string): NoteDefinition | undefined {
  const opening = insideNotes.has(lexer) ? null : noteOpening.exec(src);
  if (!opening) return undefined;
  let end = opening[0].length;
  let wasBlank = false;
  let isFirst = true;
  while (end < src.length) {
    noteLine.lastIndex = end;
    const line = noteLine.exec(src)![0];
    const isBlank = !line.trim();
    const isIndented = /^(?: {2,}|\t)/.test(line);
    const isLazy = !wasBlank && !isBlank && !/^\[\^|^ {0,3}(?:[#>`~*+|-]|\d+[.)])/.test(line);
    if (!isFirst && !isBlank && !isIndented && !isLazy) break;
    isFirst = false;
    wasBlank = isBlank;
    end += line.length;
  }
  const whole = src.slice(0, end);
  // The blank lines after it are not its own: what follows them decides.
  const raw = whole.slice(0, whole.trimEnd().length);
  const text = raw.slice(opening[0].length).replace(/^(?: {2,4}|\t)/gm, '');
  insideNotes.add(lexer);
  const tokens = lexer.blockTokens(text, []);
  insideNotes.delete(lexer);
  return { type: 'noteDefinition', raw, label: opening[1]!, tokens };
}

const tokenizer = new Blocks();

const options = {
  gfm: true,
  tokenizer,
  extensions: {
    renderers: {},
    childTokens: {},
    block: [
      (src: string) => lexBlockMath(src),
      function (this: { lexer: Lexer }, src: string) {
        return lexNoteDefinition(this.lexer, src);
      },
    ],
    inline: [
      (src: string) => lexInlineMath(src),
      (src: string): NoteToken | undefined => {
        const [raw, label] = noteReference.exec(src) ?? [];
        return raw === undefined ? undefined : { type: 'note', raw, label: label! };
      },
    ],
    startBlock: [
      (src: string) => {
        const start = /\n(?= {0,3}(?:\$\$|\\\[|\[\^[^\]\n]+\]:))/.exec(src);
        return start ? start.index + 1 : undefined;
      },
    ],
    startInline: [
      (src: string) => {
        const start = /\$|\\[([]|\[\^/.exec(src);
        return start?.index;
      },
    ],
  },
  hooks: {
    /** Emphasis does not begin or end inside a formula. */
    emStrongMask: (src: string) =>
      src.includes('$')
        ? src.replace(/\$(?![\s$])[^$\n]+?(?<!\s)\$(?![\d$])/g, (formula) =>
            'a'.repeat(formula.length),
          )
        : src,
  },
};

/** A lexer of our dialect: GFM, footnotes and formulas; HTML is text. */
export function createLexer(): Lexer {
  return new Inlines(options as unknown as MarkedOptions<string, string>);
}
