import type { Lexer, Token, Tokens } from 'marked';
import { imageSource, linkAddress } from './addresses.ts';
import { decodeReferences, dropBidi, nameBidi } from './characters.ts';
import type { MathToken, NoteDefinition, NoteToken } from './lexer.ts';
import type { Block, CodeBlock, Inline, ListItem } from './nodes.ts';

export type BlockToken = Token | MathToken | NoteDefinition;

/** What a label stands for: where a link leads, or a footnote with the source of its text. */
export type Definition =
  { href: string } | { note: NoteDefinition; sources: ReadonlyMap<Token[], string> };

/** Definitions by label, wherever they stand. A footnote's label has a `^` before it. */
export interface Definitions {
  get(label: string): Definition | undefined;
}

/** One top-level block: what was lexed, and what became of it with the definitions known then. */
export interface Converted {
  token: BlockToken;
  block: Block | null;
  /** The labels it asked for, defined or not: it changes when one of these does. */
  labels: ReadonlySet<string>;
  /** The footnotes it refers to, in order. */
  notes: readonly string[];
}

export interface Conversion {
  lexer: Lexer;
  /** The source of inline text, by the array that marked would put its tokens in. */
  sources: ReadonlyMap<Token[], string>;
  definitions: Definitions;
}

/** What marked has queued for its second pass, which is ours. */
export function takeSources(lexer: Lexer): Map<Token[], string> {
  const sources = new Map(lexer.inlineQueue.map(({ src, tokens }) => [tokens, src]));
  lexer.inlineQueue = [];
  return sources;
}

/** Each definition in or under these tokens, in order. The first of a label is the one that counts. */
export function* findDefinitions(
  tokens: readonly BlockToken[],
  sources: ReadonlyMap<Token[], string>,
): Generator<[label: string, definition: Definition]> {
  for (const token of tokens) {
    if (token.type === 'def') {
      yield [(token as Tokens.Def).tag, { href: (token as Tokens.Def).href }];
    } else if (token.type === 'noteDefinition') {
      const note = token as NoteDefinition;
      yield [noteKey(note.label), { note, sources }];
      yield* findDefinitions(note.tokens, sources);
    } else if (token.type === 'blockquote') {
      yield* findDefinitions((token as Tokens.Blockquote).tokens, sources);
    } else if (token.type === 'list') {
      for (const item of (token as Tokens.List).items) yield* findDefinitions(item.tokens, sources);
    }
  }
}

function noteKey(label: string): string {
  return `^${label.toLowerCase()}`;
}

export function convert(token: BlockToken, conversion: Conversion): Converted {
  const labels = new Set<string>();
  const notes: string[] = [];
  const block = new Converter(conversion, labels, notes).block(token);
  return { token, block, labels, notes };
}

class Converter {
  readonly #lexer: Lexer;
  readonly #sources: ReadonlyMap<Token[], string>;
  readonly #definitions: Definitions;
  readonly #labels: Set<string>;
  readonly #notes: string[];

  constructor(conversion: Conversion, labels: Set<string>, notes: string[]) {
    this.#lexer = conversion.lexer;
    this.#sources = conversion.sources;
    this.#definitions = conversion.definitions;
    this.#labels = labels;
    this.#notes = notes;
    this.#lexer.tokens.links = this.#links();
  }

  block(token: BlockToken): Block | null {
    switch (token.type) {
      case 'paragraph':
        return { kind: 'paragraph', children: this.#queued(token as Tokens.Paragraph) };
      case 'text':
        return { kind: 'line', children: this.#queued(token as Tokens.Text) };
      case 'heading':
        return {
          kind: 'heading',
          depth: (token as Tokens.Heading).depth,
          children: this.#queued(token as Tokens.Heading),
        };
      case 'code':
        return codeBlock(token as Tokens.Code);
      case 'blockquote':
        return { kind: 'quote', blocks: this.#blocks((token as Tokens.Blockquote).tokens) };
      case 'list':
        return this.#list(token as Tokens.List);
      case 'table':
        return this.#table(token as Tokens.Table);
      case 'math':
        return {
          kind: 'math',
          tex: (token as MathToken).tex,
          closed: (token as MathToken).closed,
        };
      case 'hr':
        return { kind: 'rule' };
      default:
        // Spaces and definitions: they show nothing where they stand.
        return null;
    }
  }

  #blocks(tokens: readonly Token[]): Block[] {
    return tokens.map((token) => this.block(token)).filter((block) => block !== null);
  }

  #list(token: Tokens.List): Block {
    return {
      kind: 'list',
      ordered: token.ordered,
      start: token.start === '' ? 1 : token.start,
      loose: token.loose,
      items: token.items.map((item): ListItem => ({
        done: item.task ? (item.checked ?? false) : null,
        blocks: this.#blocks(item.tokens),
      })),
    };
  }

  #table(token: Tokens.Table): Block {
    return {
      kind: 'table',
      align: token.align,
      head: token.header.map((cell) => this.#queued(cell)),
      rows: token.rows.map((row) => row.map((cell) => this.#queued(cell))),
    };
  }

  /** Inline text is lexed here and not by marked, so that it can be lexed again. */
  #queued({ tokens }: { tokens?: Token[] | undefined }): Inline[] {
    const source = tokens && this.#sources.get(tokens);
    return source ? this.#inlines(this.#lexer.inlineTokens(source), false) : [];
  }

  #inlines(tokens: readonly Token[], inLink: boolean): Inline[] {
    const inlines: Inline[] = [];
    for (const token of tokens) {
      const inline = this.#inline(token, inLink);
      const last = inlines.at(-1);
      if (inline.kind === 'text' && last?.kind === 'text') last.text += inline.text;
      else inlines.push(inline);
    }
    return inlines;
  }

  #inline(token: Token, inLink: boolean): Inline {
    switch (token.type) {
      case 'strong':
      case 'em':
      case 'del':
        return { kind: token.type, children: this.#inlines(token.tokens ?? [], inLink) };
      case 'codespan':
        return { kind: 'code', text: nameBidi((token as Tokens.Codespan).text) };
      case 'br':
        return { kind: 'break' };
      case 'escape':
        return { kind: 'text', text: (token as Tokens.Escape).text };
      case 'link':
        return this.#link(token as Tokens.Link);
      case 'image':
        return this.#image(token as Tokens.Image);
      case 'math': {
        const { tex, display } = token as MathToken;
        return { kind: 'math', tex, display };
      }
      case 'note':
        return this.#note(token as NoteToken);
      default: {
        const text = decodeReferences(token.raw);
        return { kind: 'text', text: inLink ? dropBidi(text) : text };
      }
    }
  }

  #link(token: Tokens.Link): Inline {
    const href = linkAddress(token.autolink ? token.href : decodeReferences(token.href));
    const children: Inline[] = token.autolink
      ? [{ kind: 'text', text: dropBidi(token.text) }]
      : this.#inlines(token.tokens, true);
    if (href) return { kind: 'link', href, children };
    // An address that leads nowhere we would go is shown as it was written.
    return { kind: 'text', text: dropBidi(token.raw) };
  }

  #image(token: Tokens.Image): Inline {
    const source = imageSource(decodeReferences(token.href));
    return { kind: 'image', alt: plainText(this.#inlines(token.tokens, true)), source };
  }

  #note(token: NoteToken): Inline {
    const key = noteKey(token.label);
    this.#labels.add(key);
    if (!this.#definitions.get(key)) return { kind: 'text', text: token.raw };
    this.#notes.push(key);
    return { kind: 'note', label: key };
  }

  /** The definitions as marked looks them up, and a record of what it looked for. */
  #links(): Lexer['tokens']['links'] {
    const find = (label: string | symbol) => {
      if (typeof label !== 'string') return undefined;
      this.#labels.add(label);
      const definition = this.#definitions.get(label);
      return definition && 'href' in definition
        ? { href: definition.href, title: null }
        : undefined;
    };
    return new Proxy(Object.create(null) as Lexer['tokens']['links'], {
      get: (_, label) => find(label),
      getOwnPropertyDescriptor: (_, label) => {
        const value = find(label);
        return value && { value, configurable: true, enumerable: true };
      },
    });
  }
}

export function plainText(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => {
      switch (inline.kind) {
        case 'text':
        case 'code':
          return inline.text;
        case 'math':
          return inline.tex;
        case 'image':
          return inline.alt;
        case 'break':
          return ' ';
        case 'note':
          return '';
        default:
          return plainText(inline.children);
      }
    })
    .join('');
}

const fence = /^( {0,3})(`{3,}|~{3,})([^\n]*)(?:\n|$)/;

/** A fence that has begun, as far as its first line tells. */
export interface Fence {
  indent: number;
  /** Its opening line, with the line's end. */
  opening: string;
  language: string;
  closing: RegExp;
}

export function openFence(raw: string): Fence | null {
  const [opening, indent = '', marks = '', info = ''] = fence.exec(raw) ?? [];
  if (opening === undefined) return null;
  return {
    indent: indent.length,
    opening,
    language: nameBidi(info.trim().split(/\s/, 1)[0]?.slice(0, 40) ?? ''),
    closing: new RegExp(`(?:^|\\n) {0,3}${marks[0]}{${marks.length},} *(?=\\n|$)`),
  };
}

/** The text of a fenced block, of which `body` is what came after the opening line. */
export function fencedText(body: string, isClosed: boolean): string {
  const text = isClosed ? body.slice(0, body.lastIndexOf('\n') + 1) : body;
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}

function codeBlock(token: Tokens.Code): CodeBlock {
  const opened = token.codeBlockStyle === 'indented' ? null : openFence(token.raw);
  if (!opened) {
    return { kind: 'code', language: '', text: nameBidi(token.text), closed: true };
  }
  const body = token.raw.slice(opened.opening.length).replace(/\n+$/, (end) => end.slice(1));
  const closed = opened.closing.test(body);
  let text = fencedText(closed ? body : token.raw.slice(opened.opening.length), closed);
  if (opened.indent > 0) text = text.replace(new RegExp(`^ {1,${opened.indent}}`, 'gm'), '');
  return { kind: 'code', language: opened.language, text: nameBidi(text), closed };
}
