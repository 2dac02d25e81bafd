/** What is rendered: plain data, already safe. No node carries markup, every address was checked. */
export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'strong'; children: Inline[] }
  | { kind: 'em'; children: Inline[] }
  | { kind: 'del'; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'break' }
  | { kind: 'link'; href: string; children: Inline[] }
  | { kind: 'image'; alt: string; source: ImageSource }
  | { kind: 'math'; tex: string; display: boolean }
  | { kind: 'note'; label: string };

/** An image of another host is not asked for until somebody wants to see it. */
export type ImageSource =
  { at: 'inline'; url: string } | { at: 'remote'; url: string; host: string } | { at: 'refused' };

export type Align = 'left' | 'center' | 'right' | null;

export interface ListItem {
  /** Of a task list: done or not. */
  done: boolean | null;
  blocks: Block[];
}

export type Block =
  | { kind: 'paragraph'; children: Inline[] }
  /** The text of a tight list item: a paragraph without its margins. */
  | { kind: 'line'; children: Inline[] }
  | { kind: 'heading'; depth: number; children: Inline[] }
  | CodeBlock
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'list'; ordered: boolean; start: number; loose: boolean; items: ListItem[] }
  | { kind: 'table'; align: Align[]; head: Inline[][]; rows: Inline[][][] }
  /** `closed` is false while its end has not come: then its source is shown. */
  | { kind: 'math'; tex: string; closed: boolean }
  | { kind: 'rule' };

export interface CodeBlock {
  kind: 'code';
  language: string;
  text: string;
  closed: boolean;
}

export interface Note {
  label: string;
  blocks: Block[];
}

export interface Document {
  /** The blocks in order, in pages: all but the last never change, so they are compared as one. */
  pages: Block[][];
  /** The footnotes that are referred to, in the order of their first reference. */
  notes: Note[];
}
