export interface Part {
  text: string;
  isHit: boolean;
}

/** A passage from a search, cut where its hits begin (U+0002) and end (U+0003). */
export function excerptParts(excerpt: string): Part[] {
  const parts: Part[] = [];
  for (const [at, piece] of excerpt.split('\u0002').entries()) {
    const [first = '', ...rest] = piece.split('\u0003');
    // What stands before the first mark is no hit.
    if (first) parts.push({ text: first, isHit: at > 0 });
    if (rest.join('')) parts.push({ text: rest.join(''), isHit: false });
  }
  return parts;
}
