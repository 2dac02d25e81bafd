import { createAnswerPieces } from './answer-pieces.ts';
import type { FrameFacts } from './frame-facts.ts';
import { assertEquals } from './testing.ts';

const text = (content: string, reasoning = ''): FrameFacts => ({
  kind: 'chunk',
  content,
  reasoning,
  hasOutput: true,
});

Deno.test('pieces are numbered from one, reasoning and content together', () => {
  const answer = createAnswerPieces();
  assertEquals(answer.add(text('', 'think')), 1);
  assertEquals(answer.add(text('')), undefined);
  assertEquals(answer.add(text('both', 'at once')), 3);
  assertEquals(answer.pending(), {
    first: 1,
    pieces: [
      ['r', 'think'],
      ['r', 'at once'],
      ['c', 'both'],
    ],
  });
});

Deno.test('what is kept is not pending any more, and numbers go on', () => {
  const answer = createAnswerPieces();
  answer.add(text('a'));
  const { pieces } = answer.pending();
  assertEquals(answer.add(text('b')), 2);
  answer.keep(pieces.length);
  assertEquals(answer.pending(), { first: 2, pieces: [['c', 'b']] });
  assertEquals(answer.add(text('c')), 3);
});

Deno.test('what the database has lost is pending again', () => {
  const answer = createAnswerPieces();
  answer.add(text('a'));
  answer.keep(1);
  answer.add(text('b'));
  answer.forgetKept();
  assertEquals(answer.pending(), {
    first: 1,
    pieces: [
      ['c', 'a'],
      ['c', 'b'],
    ],
  });
});

Deno.test('a character in two halves is kept as one', () => {
  const answer = createAnswerPieces();
  assertEquals(answer.add(text('a\ud83e')), 1);
  assertEquals(answer.add(text('\udd8a!')), 2);
  assertEquals(answer.add(text('\ud83e')), undefined);
  assertEquals(answer.add(text('\udd8a')), 3);
  answer.end();
  assertEquals(answer.pending().pieces, [
    ['c', 'a'],
    ['c', '🦊!'],
    ['c', '🦊'],
  ]);
  assertEquals(answer.bytes(), new TextEncoder().encode('a🦊!🦊').length);
});

Deno.test('what Postgres cannot keep is replaced', () => {
  const answer = createAnswerPieces();
  answer.add(text('a\0b\udd8ac\ud83e'));
  answer.end();
  assertEquals(
    answer
      .pending()
      .pieces.map((piece) => piece[1])
      .join(''),
    'a\ufffdb\ufffdc\ufffd',
  );
});

Deno.test('an answer is as large as its bytes, whatever the length of its pieces', () => {
  const answer = createAnswerPieces();
  const long = 'ü🦊'.repeat(2000);
  for (const piece of ['é', long, 'ü🦊'.repeat(400)]) answer.add(text(piece));
  assertEquals(answer.bytes(), 2 + 2000 * 6 + 400 * 6);
});
