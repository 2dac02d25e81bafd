import { expect, test } from 'vitest';
import { chunkLines, pieces, type Piece } from './highlight.ts';

const lines = (count: number) =>
  Array.from({ length: count }, (_, line) => `line ${line}\n`).join('');
const textOf = (chunks: Piece[][]) =>
  chunks
    .flat()
    .map(([text]) => text)
    .join('');

test('code is cut into chunks of lines, and nothing is lost', () => {
  for (const text of ['', 'one', 'one\n', '\n\n\n', lines(chunkLines), lines(3 * chunkLines + 7)]) {
    expect(textOf(pieces(text, null))).toBe(text);
  }
  expect(pieces(lines(3 * chunkLines + 7), null)).toHaveLength(4);
});

test('colours stay on what they were made for, and what came after is plain', () => {
  const text = lines(chunkLines + 2);
  const coloured: Piece[][] = [
    [[lines(chunkLines), 'hljs-comment']],
    [[text.slice(lines(chunkLines).length), 'hljs-string']],
  ];
  const colours = { text, chunks: coloured };
  expect(pieces(text, colours)).toEqual(coloured);
  const more = pieces(`${text}more`, colours);
  expect(more[0]).toBe(coloured[0]);
  expect(more[1]).toEqual([...coloured[1]!, ['more', null]]);
  expect(textOf(pieces('other', colours))).toBe('other');
});
