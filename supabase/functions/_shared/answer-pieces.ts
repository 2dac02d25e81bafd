import type { FrameFacts } from './frame-facts.ts';
import { endsInHalf, storableText } from './storable-text.ts';

/** A piece of an answer as it is kept: content or reasoning, and its text. */
export type Piece = [kind: 'c' | 'r', text: string];

/**
 * The text of an answer so far, in numbered pieces, and how many of them the database has. All of
 * it stays here to the end: a database that crashed may have lost what it had kept.
 */
export function createAnswerPieces() {
  const half = { c: '', r: '' };
  const pieces: Piece[] = [];
  let kept = 0;
  let bytes = 0;

  function push(kind: 'c' | 'r', text: string): void {
    pieces.push([kind, storableText(text)]);
    bytes += sizeOf(text);
  }

  /** A character may come in two halves, in two frames: the first waits for the second. */
  function addText(kind: 'c' | 'r', delta: string): boolean {
    if (delta === '') return false;
    const text = half[kind] + delta;
    half[kind] = endsInHalf(text) ? text.slice(-1) : '';
    const whole = half[kind] ? text.slice(0, -1) : text;
    if (whole !== '') push(kind, whole);
    return whole !== '';
  }

  return {
    bytes: () => bytes,
    /** Returns the number of the frame's last piece, if it has any. */
    add({ reasoning, content }: FrameFacts): number | undefined {
      const hasReasoning = addText('r', reasoning);
      const hasContent = addText('c', content);
      return hasReasoning || hasContent ? pieces.length : undefined;
    },
    /** Nothing comes any more: a half that still waits is kept as what it is, damaged. */
    end() {
      for (const kind of ['r', 'c'] as const) if (half[kind]) push(kind, half[kind]);
      half.c = half.r = '';
    },
    pending: () => ({ first: kept + 1, pieces: pieces.slice(kept) }),
    keep(count: number) {
      kept += count;
    },
    forgetKept() {
      kept = 0;
    },
  };
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(4096);

/** In bytes. A frame's text is short, and not worth a buffer of its own. */
function sizeOf(text: string): number {
  if (text.length * 3 > scratch.length) return encoder.encode(text).length;
  return encoder.encodeInto(text, scratch).written;
}
