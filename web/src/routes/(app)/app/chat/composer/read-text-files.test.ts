import { expect, test } from 'vitest';
import { readTextFiles } from './read-text-files.ts';

const file = (name: string, ...parts: BlobPart[]) => new File(parts, name);

test('a text file stands in the message under its name', async () => {
  const { added, refused } = await readTextFiles([file('main.py', 'print("hi")\n')]);
  expect(added).toBe('main.py\n```py\nprint("hi")\n```\n');
  expect(refused).toEqual([]);
});

test('a file with fences of its own stays whole', async () => {
  const { added } = await readTextFiles([file('a.md', 'x\n````\ny\n````')]);
  expect(added).toBe('a.md\n`````md\nx\n````\ny\n````\n`````\n');
});

test('a folder is refused by name, and the rest is taken', async () => {
  const folder = file('notes');
  folder.arrayBuffer = () => Promise.reject(new DOMException('', 'NotFoundError'));
  const { added, refused } = await readTextFiles([file('a', 'one'), folder, file('b', 'two')]);
  expect(added).toBe('a\n```\none\n```\n\nb\n```\ntwo\n```\n');
  expect(refused).toEqual(['notes cannot be read. If it is a folder, choose the files in it.']);
});

test('what is no text, empty or too large is refused by name, and the rest is taken', async () => {
  const { added, refused } = await readTextFiles([
    file('photo.png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47)),
    file('zero.bin', Uint8Array.of(65, 0, 66)),
    file('empty.txt', ' \n'),
    file('big.log', 'x'.repeat(600_000)),
    file('note', 'kept'),
  ]);
  expect(added).toBe('note\n```\nkept\n```\n');
  expect(refused.map((line) => line.split(' ')[0])).toEqual([
    'photo.png',
    'zero.bin',
    'empty.txt',
    'big.log',
  ]);
});
