import { describe, expect, test } from 'vitest';
import type { Block, Inline } from './nodes.ts';
import { parse } from './stream.ts';

const blocks = (text: string) => parse(text).pages.flat();
const inlines = (text: string): Inline[] => {
  const [block] = blocks(text);
  return block && 'children' in block ? block.children : [];
};
const kinds = (text: string) => blocks(text).map(({ kind }) => kind);

describe('our dialect', () => {
  test('HTML is text', () => {
    expect(inlines('a <b onclick=x>b</b>')).toEqual([
      { kind: 'text', text: 'a <b onclick=x>b</b>' },
    ]);
    expect(kinds('<div>\n\n**x**\n\n</div>')).toEqual(['paragraph', 'paragraph', 'paragraph']);
  });

  test('formulas in all four forms, and money is none', () => {
    expect(inlines('$a_b$ and \\(c\\)').filter(({ kind }) => kind === 'math')).toHaveLength(2);
    expect(kinds('Text:\n$$\na\n- b\n= c\n$$\nmore')).toEqual(['paragraph', 'math', 'paragraph']);
    expect(kinds('\\[\na\n\\]')).toEqual(['math']);
    expect(inlines('from $5 to $10, or $20 (of $30)')).toHaveLength(1);
    expect(inlines('`$a$` and \\$b$').some(({ kind }) => kind === 'math')).toBe(false);
  });

  test('a formula that is not finished is shown as its source, at the end only', () => {
    expect(blocks('$$\nx + ')).toEqual([{ kind: 'math', tex: 'x +', closed: false }]);
    expect(kinds('$$\nx\n\nmore')).toEqual(['paragraph', 'paragraph']);
  });

  test('emphasis does not begin or end inside a formula', () => {
    expect(inlines('*a $b*c$ d*')).toMatchObject([{ kind: 'em' }]);
  });

  test('a link in brackets is a link, as models cite', () => {
    expect(inlines('[[1]](https://example.com)')).toMatchObject([
      { kind: 'link', children: [{ text: '[1]' }] },
    ]);
  });

  test('an address that is not followed is shown as it was written', () => {
    expect(inlines('[x](javascript:alert(1))')).toEqual([
      { kind: 'text', text: '[x](javascript:alert(1))' },
    ]);
  });

  test('character references are what they stand for, and stay text', () => {
    expect(inlines('&lt;b&gt; &#35; &copy; &nope;')).toEqual([
      { kind: 'text', text: '<b> # © &nope;' },
    ]);
  });

  test('what turns text round is dropped from links and named in code', () => {
    expect(inlines('[\u202eabc](https://example.com)')).toMatchObject([
      { children: [{ text: 'abc' }] },
    ]);
    expect(inlines('`a\u202eb`')).toEqual([{ kind: 'code', text: 'a[U+202E]b' }]);
    expect(blocks('```\u202esj\n\u2066\n```')).toMatchObject([
      { language: '[U+202E]sj', text: '[U+2066]' },
    ]);
  });

  test('a definition ends at a blank line, whatever is open in it', () => {
    expect(kinds('[a]: https://example.com\n"open\n\nclosed"')).toEqual(['paragraph', 'paragraph']);
  });
});

describe('too much of it', () => {
  const depth = (block: Block | undefined): number => {
    if (block?.kind === 'quote') return 1 + depth(block.blocks[0]);
    if (block?.kind === 'list') return 1 + depth(block.items[0]?.blocks[0]);
    return 0;
  };

  test('quotes and lists nest so deep and no deeper', () => {
    for (const text of ['> '.repeat(5000), '- '.repeat(5000) + 'a', '> - '.repeat(5000)]) {
      const deepest = depth(blocks(text)[0]);
      expect(deepest).toBeGreaterThan(10);
      expect(deepest).toBeLessThan(50);
    }
  });

  test('a paragraph of nothing but marks is plain text', () => {
    for (const text of ['*a '.repeat(5000), '['.repeat(5000), `${'a'.repeat(5000)}@`]) {
      expect(inlines(text).map(({ kind }) => kind)).toEqual(['text']);
    }
  });

  test('a few characters do not make a million cells', () => {
    const text = `${'|a'.repeat(1000)}\n${'|-'.repeat(1000)}\n${'|b\n'.repeat(1000)}`;
    expect(kinds(text)).toEqual(['paragraph']);
  });
});
