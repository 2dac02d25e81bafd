import { describe, expect, test } from 'vitest';
import { documents, randomDocument, randomFrom } from './documents.ts';
import type { Document } from './nodes.ts';
import { createMarkdownStream, parse } from './stream.ts';

/** Streams a text as cut, and holds every step against a full parse of what had come. */
function expectSameAsWhole(text: string, cuts: readonly number[], about: string) {
  const stream = createMarkdownStream();
  for (const cut of cuts) {
    const prefix = text.slice(0, cut);
    expect(stream.update(prefix), `${about}, cut at ${cut}: ${JSON.stringify(prefix)}`).toEqual(
      parse(prefix),
    );
  }
}

const everywhere = (text: string) => Array.from({ length: text.length + 1 }, (_, cut) => cut);

function randomCuts(text: string, random: () => number): number[] {
  const cuts = [];
  for (let cut = 0; cut < text.length; cut += 1 + Math.floor(random() ** 3 * 80)) cuts.push(cut);
  return [...cuts, text.length];
}

const blocks = ({ pages }: Document) => pages.flat();

describe('every prefix shows what a full parse of it shows', () => {
  test.for(Object.entries(documents))(
    '%s, cut everywhere',
    { timeout: 120_000 },
    ([name, text]) => {
      expectSameAsWhole(text, everywhere(text), name);
    },
  );

  test('all of them in one, in every order of ten seeds, cut at random', () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const random = randomFrom(seed);
      const text = Object.values(documents)
        .toSorted(() => random() - 0.5)
        .join(random() < 0.5 ? '\n' : '\n\n');
      expectSameAsWhole(text, randomCuts(text, random), `seed ${seed}`);
    }
  }, 120_000);

  test('random pieces of 3,000 seeds, cut at random', () => {
    for (let seed = 0; seed < 3000; seed += 1) {
      const random = randomFrom(seed);
      const text = randomDocument(random, 4 + Math.floor(random() * 60));
      const cuts = seed % 10 === 0 ? everywhere(text) : randomCuts(text, random);
      expectSameAsWhole(text, cuts, `seed ${seed}`);
    }
  }, 120_000);
});

describe('a text that grows', () => {
  const paragraphs = (count: number) =>
    Array.from({ length: count }, (_, index) => `Paragraph ${index} about [one].\n\n`).join('');

  test('what is settled is not made again', () => {
    const stream = createMarkdownStream();
    const text = paragraphs(100);
    const before = blocks(stream.update(text));
    const after = blocks(stream.update(`${text}More`));
    expect(after).toHaveLength(101);
    for (const [index, block] of before.entries()) expect(after[index]).toBe(block);
  });

  test('whole pages of it are the same objects', () => {
    const stream = createMarkdownStream();
    const text = paragraphs(100);
    const { pages } = stream.update(text);
    expect(stream.update(`${text}More`).pages.slice(0, 3)).toEqual(pages.slice(0, 3));
    expect(stream.update(`${text}More`).pages[0]).toBe(pages[0]);
  });

  test('a late definition makes again what asked for it, and nothing else', () => {
    const stream = createMarkdownStream();
    const text = 'Plain.\n\nSee [one].\n\nSee [two].\n\n';
    const [plain, , two] = blocks(stream.update(text));
    const after = blocks(stream.update(`${text}[one]: https://example.com\n`));
    expect(after[0]).toBe(plain);
    expect(after[1]).toMatchObject({
      children: [{ text: 'See ' }, { kind: 'link', href: 'https://example.com/' }, { text: '.' }],
    });
    expect(after[2]).toBe(two);
  });

  test('an open block of code grows, and closes', () => {
    const stream = createMarkdownStream();
    stream.update('```js\nlet a;\n');
    expect(blocks(stream.update('```js\nlet a;\nlet b;'))).toEqual([
      { kind: 'code', language: 'js', text: 'let a;\nlet b;', closed: false },
    ]);
    expect(blocks(stream.update('```js\nlet a;\nlet b;\n```'))).toEqual([
      { kind: 'code', language: 'js', text: 'let a;\nlet b;', closed: true },
    ]);
  });

  test('another beginning starts afresh, and so does less', () => {
    const stream = createMarkdownStream();
    stream.update('# One\n\nTwo\n\n[^1]\n\n[^1]: x');
    expect(stream.update('# Other')).toEqual(parse('# Other'));
    expect(stream.update('# Oth')).toEqual(parse('# Oth'));
    expect(stream.update('')).toEqual({ pages: [], notes: [] });
  });

  test('half an emoji and half a line ending wait', () => {
    expect(parse('a\ud83d')).toEqual(parse('a'));
    const stream = createMarkdownStream();
    stream.update('a\ud83d');
    expect(stream.update('a\ud83d\ude00')).toEqual(parse('a😀'));
  });

  test('footnotes are numbered by their first reference, also when an earlier one is defined late', () => {
    const stream = createMarkdownStream();
    const text = 'A[^a] b[^b].\n\n[^b]: B [^c]\n\n[^c]: C\n\n';
    expect(stream.update(text).notes.map(({ label }) => label)).toEqual(['^b', '^c']);
    expect(stream.update(`${text}[^a]: A`).notes.map(({ label }) => label)).toEqual([
      '^a',
      '^b',
      '^c',
    ]);
  });
});
