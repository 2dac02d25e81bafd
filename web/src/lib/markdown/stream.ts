import type { Token } from 'marked';
import { nameBidi, normalise } from './characters.ts';
import {
  type BlockToken,
  convert,
  type Conversion,
  type Converted,
  type Definition,
  type Fence,
  fencedText,
  findDefinitions,
  openFence,
  takeSources,
} from './convert.ts';
import { createLexer } from './lexer.ts';
import type { Block, Document, Note } from './nodes.ts';

const pageSize = 32;

/** A whole text at once. What a stream shows is always what this makes of the text so far. */
export function parse(text: string): Document {
  const { tokens, ...lexed } = lex(normalise(text));
  const definitions = new Map<string, Definition>();
  for (const [label, definition] of findDefinitions(tokens, lexed.sources)) {
    if (!definitions.has(label)) definitions.set(label, definition);
  }
  const conversion = { ...lexed, definitions };
  const converted = tokens.map((token) => convert(token, conversion));
  const notes = collectNotes(converted, (label) => convertNote(definitions.get(label), conversion));
  return { pages: paginate(blocksOf(converted)), notes: notes.map(({ note }) => note) };
}

export interface MarkdownStream {
  /** Takes the text as far as it has come. What only extends the last one costs what was added. */
  update(text: string): Document;
}

/**
 * Parses a text that grows. Blocks that nothing to come can change are settled: they are lexed
 * once. Only what follows them, the tail, is lexed again, and of that only what differs is
 * converted. Definitions reach back: a settled block is converted again when a label that it asked
 * for is defined, and only then.
 */
export function createMarkdownStream(): MarkdownStream {
  let growing = createGrowing();
  let seen = '';
  return {
    update(text) {
      if (!text.startsWith(seen)) growing = createGrowing();
      seen = text;
      return growing(text);
    },
  };
}

interface Settled extends Converted {
  conversion: Conversion;
  /** Its place among all blocks. */
  position: number;
}

interface ConvertedNote {
  definition: Definition;
  note: Note;
  labels: ReadonlySet<string>;
  notes: readonly string[];
}

function createGrowing(): (text: string) => Document {
  let consumed = 0;
  /** What follows the settled blocks. */
  let source = '';
  let tail: Converted[] = [];
  let open: (Fence & { bodyStart: number; checked: number }) | null = null;

  /** Only the settled blocks that ask for a label: they alone may have to be converted again. */
  const asking: Settled[] = [];
  const askers = new Map<string, Set<Settled>>();
  const settledDefinitions = new Map<string, Definition>();
  let tailDefinitions = new Map<string, Definition>();
  const definitions = {
    get: (label: string) => settledDefinitions.get(label) ?? tailDefinitions.get(label),
  };
  /** The settled blocks: pages that are full, and the page that is not yet. */
  const full: Block[][] = [];
  let page: Block[] = [];
  let notes: ConvertedNote[] = [];
  /** The same array as long as nothing in it changes. */
  let shownNotes: Note[] = [];

  return (text) => {
    const added = normalise(text.slice(consumed));
    if (text.length > consumed) consumed = text.length - (endsInHalf(text) ? 1 : 0);
    if (added) {
      source += added;
      if (!extendOpenFence()) readTail();
    }
    return {
      pages: [...full, ...paginate([...page, ...blocksOf(tail)])],
      notes: shownNotes,
    };
  };

  /** A long code block is the longest thing that stays open: of it only the new lines are read. */
  function extendOpenFence(): boolean {
    const last = tail.at(-1);
    if (!open || last?.block?.kind !== 'code') return false;
    const line = source.lastIndexOf('\n', open.checked - 1);
    if (open.closing.test(source.slice(line))) return false;
    open.checked = source.length;
    const text = nameBidi(fencedText(source.slice(open.bodyStart), false));
    tail = [...tail.slice(0, -1), { ...last, block: { ...last.block, text } }];
    return true;
  }

  function readTail(): void {
    const { tokens, ...lexed } = lex(source);
    const conversion = { ...lexed, definitions };
    const cut = findCut(source, tokens);
    const { changed, hasNotes } = define(tokens, cut.index, lexed.sources);

    const converted = tokens.map((token, index) => {
      const was = tail[index];
      const isSame =
        was?.token.type === token.type &&
        was.token.raw === token.raw &&
        !hasAny(was.labels, changed);
      return isSame ? { ...was, token } : convert(token, conversion);
    });
    const touchesNotes =
      hasNotes || changed.size > 0 || [...tail, ...converted].some(({ notes }) => notes.length > 0);

    for (const label of changed) for (const block of askers.get(label) ?? []) convertAgain(block);
    for (const block of converted.slice(0, cut.index)) settle(block, conversion);
    tail = converted.slice(cut.index);
    source = source.slice(cut.offset);
    open = findOpenFence();
    if (touchesNotes) readNotes(changed, conversion);
  }

  /** Takes the definitions of a new tail that is settled up to `cut`; says what changed by them. */
  function define(tokens: readonly BlockToken[], cut: number, sources: Conversion['sources']) {
    const before = tailDefinitions;
    const after = new Map<string, Definition>();
    for (const [label, definition] of findDefinitions(tokens, sources)) {
      if (!settledDefinitions.has(label) && !after.has(label)) after.set(label, definition);
    }
    const changed = new Set<string>();
    for (const label of [...before.keys(), ...after.keys()]) {
      if (!isSameTarget(before.get(label), after.get(label))) changed.add(label);
    }
    const hasNotes = [...before.values(), ...after.values()].some((found) => 'note' in found);
    for (const [label] of findDefinitions(tokens.slice(0, cut), sources)) {
      const definition = after.get(label);
      if (!definition) continue;
      settledDefinitions.set(label, definition);
      after.delete(label);
    }
    tailDefinitions = after;
    return { changed, hasNotes };
  }

  function settle(converted: Converted, conversion: Conversion): void {
    const { block, labels } = converted;
    if (!block) return;
    if (labels.size > 0) {
      const position = full.length * pageSize + page.length;
      const settled = { ...converted, conversion, position };
      asking.push(settled);
      for (const label of labels) noteAsker(label, settled);
    }
    page.push(block);
    if (page.length < pageSize) return;
    full.push(page);
    page = [];
  }

  function convertAgain(settled: Settled): void {
    Object.assign(settled, convert(settled.token, settled.conversion));
    for (const label of settled.labels) noteAsker(label, settled);
    const number = Math.floor(settled.position / pageSize);
    const inside = [...(full[number] ?? page)];
    inside[settled.position % pageSize] = settled.block!;
    if (number < full.length) full[number] = inside;
    else page = inside;
  }

  function noteAsker(label: string, settled: Settled): void {
    const known = askers.get(label);
    if (known) known.add(settled);
    else askers.set(label, new Set([settled]));
  }

  function readNotes(changed: ReadonlySet<string>, conversion: Conversion): void {
    const known = new Map(notes.map((note) => [note.note.label, note]));
    notes = collectNotes([...asking, ...tail], (label) => {
      const was = known.get(label);
      const definition = definitions.get(label);
      // What is settled stays the same object.
      const isSame = was && was.definition === definition && !hasAny(was.labels, changed);
      return isSame ? was : convertNote(definition, conversion);
    });
    shownNotes = notes.map(({ note }) => note);
  }

  function findOpenFence(): typeof open {
    const last = tail.at(-1);
    if (last?.block?.kind !== 'code' || last.block.closed) return null;
    const fence = openFence(last.token.raw);
    if (!fence || fence.indent > 0 || !fence.opening.endsWith('\n')) return null;
    if (!source.endsWith(last.token.raw)) return null;
    const bodyStart = source.length - last.token.raw.length + fence.opening.length;
    return { ...fence, bodyStart, checked: source.length };
  }
}

function lex(source: string): Omit<Conversion, 'definitions'> & { tokens: BlockToken[] } {
  const lexer = createLexer();
  const tokens: Token[] = lexer.blockTokens(source, []);
  return { tokens, lexer, sources: takeSources(lexer) };
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last === 13 || (last >= 0xd800 && last <= 0xdbff);
}

function hasAny(labels: ReadonlySet<string>, changed: ReadonlySet<string>): boolean {
  return changed.size > 0 && [...changed].some((label) => labels.has(label));
}

function blocksOf(converted: readonly Converted[]): Block[] {
  return converted.map(({ block }) => block).filter((block) => block !== null);
}

function paginate(blocks: Block[]): Block[][] {
  return Array.from({ length: Math.ceil(blocks.length / pageSize) }, (_, page) =>
    blocks.slice(page * pageSize, (page + 1) * pageSize),
  );
}

/**
 * The last place before which nothing can change any more: a blank line, then a line that is not
 * indented. It ends every paragraph, table, quote and formula, and every list too unless it may
 * be that list's next item.
 */
function findCut(text: string, tokens: BlockToken[]): { index: number; offset: number } {
  let cut = { index: 0, offset: 0 };
  let offset = 0;
  let previous: BlockToken | null = null;
  for (const [index, token] of tokens.entries()) {
    // Where the lexer has put a text together anew, its places are not ours.
    if (!text.startsWith(token.raw, offset)) break;
    if (token.type !== 'space') {
      const mayContinue = previous?.type === 'list' && /[-*+\d]/.test(text[offset]!);
      if (previous && !mayContinue && startsAfterBlankLine(text, offset)) cut = { index, offset };
      previous = token;
    }
    offset += token.raw.length;
  }
  return cut;
}

function startsAfterBlankLine(text: string, offset: number): boolean {
  if (text[offset] === ' ' || text[offset] === '\t' || text[offset - 1] !== '\n') return false;
  let index = offset - 2;
  while (text[index] === ' ' || text[index] === '\t') index -= 1;
  return text[index] === '\n';
}

/** A reference shows whether a footnote is defined, not what it says. */
function isSameTarget(one: Definition | undefined, other: Definition | undefined): boolean {
  if (!one || !other) return one === other;
  if ('href' in one) return 'href' in other && one.href === other.href;
  return 'note' in other;
}

function convertNote(definition: Definition | undefined, conversion: Conversion): ConvertedNote {
  if (!definition || !('note' in definition)) throw new Error('A footnote without a text.');
  const { note, sources } = definition;
  const parts = note.tokens.map((token) => convert(token, { ...conversion, sources }));
  return {
    definition,
    note: {
      label: '',
      blocks: blocksOf(parts),
    },
    labels: new Set(parts.flatMap(({ labels }) => [...labels])),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

/** Numbers follow the first references, those inside footnotes after those of the text. */
function collectNotes(
  blocks: readonly Converted[],
  convertLabel: (label: string) => ConvertedNote,
): ConvertedNote[] {
  const found = new Map<string, ConvertedNote>();
  const queue = blocks.flatMap(({ notes }) => notes);
  for (const label of queue) {
    if (found.has(label)) continue;
    const converted = convertLabel(label);
    found.set(label, { ...converted, note: { ...converted.note, label } });
    queue.push(...converted.notes);
  }
  return [...found.values()];
}
