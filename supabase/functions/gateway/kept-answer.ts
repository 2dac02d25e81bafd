/** A piece of an answer for the database, by number, so that one that is sent twice counts once. */
export interface KeptPiece {
  number: number;
  body: string;
}

/**
 * What was sent of an answer that is kept for an Idempotency-Key. A piece that was handed out once
 * is never changed: the database may have it although its answer was lost.
 */
export function createKeptAnswer() {
  const decoder = new TextDecoder();
  let fresh = '';
  let made = 0;
  let unsure: KeptPiece[] = [];

  return {
    add(sent: Uint8Array | string | undefined) {
      if (sent !== undefined) fresh += typeof sent === 'string' ? sent : decoder.decode(sent);
    },
    /** Everything that the database may lack. */
    pending(): KeptPiece[] {
      if (fresh !== '') unsure.push({ number: (made += 1), body: fresh });
      fresh = '';
      return [...unsure];
    },
    kept(pieces: KeptPiece[]) {
      unsure = unsure.filter((piece) => !pieces.includes(piece));
    },
  };
}
