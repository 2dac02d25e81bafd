export interface Part {
  text: string;
  isHit: boolean;
}

/** What Markdown sets its text with, and what says nothing in a line of plain text. */
const marks =
  /\*{2,3}|`+|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)|(?<=^|\s)(?:#{1,6}|\||:?-{2,}:?|:-:)(?=\s|$)/g;

/** A passage from a search, cut where its hits begin (U+0002) and end (U+0003). */
export function excerptParts(excerpt: string): Part[] {
  const parts: Part[] = [];
  for (const [at, piece] of excerpt.replace(marks, '').split('\u0002').entries()) {
    const [first = '', ...rest] = piece.split('\u0003');
    // What stands before the first mark is no hit.
    if (first) parts.push({ text: first, isHit: at > 0 });
    if (rest.join('')) parts.push({ text: rest.join(''), isHit: false });
  }
  return parts;
}
