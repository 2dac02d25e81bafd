import { expect, test } from 'vitest';
import type { ImportedConversation } from './imported.ts';
import { batches, sendInBatches } from './send-in-batches.ts';

const conversation = (id: string, bytes = 10): ImportedConversation => ({
  id,
  title: id,
  created_at: null,
  updated_at: null,
  messages: [
    { id: 'm', parent_id: null, role: 'user', content: 'x'.repeat(bytes), created_at: null },
  ],
});

test('a part has at most fifty conversations and four megabytes', () => {
  const many = Array.from({ length: 120 }, (_, at) => conversation(`c${at}`));
  expect(batches(many).map(({ items }) => items.length)).toEqual([50, 50, 20]);
  const large = Array.from({ length: 5 }, (_, at) => conversation(`l${at}`, 1_500_000));
  expect(batches(large).map(({ items }) => items.length)).toEqual([2, 2, 1]);
});

test('the sums are of all parts, and a rejection has its title', async () => {
  const many = [
    ...Array.from({ length: 60 }, (_, at) => conversation(`c${at}`)),
    conversation('huge', 5_000_000),
  ];
  const shares: number[] = [];
  const result = await sendInBatches(
    many,
    async (part) => ({
      imported: part.length - 1,
      duplicates: 0,
      rejected: [{ index: 1, reason: 'It is empty.' }],
    }),
    (share) => shares.push(share),
  );
  expect(result).toEqual({
    imported: 58,
    duplicates: 0,
    rejected: [
      { title: 'c1', reason: 'It is empty.' },
      { title: 'huge', reason: 'It is longer than 4 MB.' },
      { title: 'c51', reason: 'It is empty.' },
    ],
  });
  expect(shares).toEqual([50 / 61, 1]);
});

test('what Postgres cannot keep is left out, wherever it stands', () => {
  const odd = { ...conversation('c\0'), model: 'm\0', title: 'half \ud800', ['\0']: 1 };
  const [part] = batches([{ ...odd, messages: [{ ...odd.messages[0]!, id: '\0m' }] }]);
  expect(part?.items).toEqual([{ ...conversation('c'), model: 'm', title: 'half \ufffd' }]);
  const whole = conversation('🦊 \\u0000');
  expect(batches([whole])[0]?.items).toEqual([whole]);
});
