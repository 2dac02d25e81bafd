/** Messages are made, and left out where nobody looks, so many at a time. */
export const stretchLength = 8;

/** Messages in stretches, by number. Whoever gives a message the same number finds it in the same one. */
export function inStretches<Message>(
  messages: readonly Message[],
  firstNumber = 0,
): Map<number, Message[]> {
  return Map.groupBy(messages, (_, at) => Math.floor((firstNumber + at) / stretchLength));
}

/**
 * The number of the message of a path that is shown first, such that those shown before keep theirs,
 * whatever has come above them: they stay in their stretch, and nothing is made anew.
 */
export function createNumbering(): (path: readonly { id: string }[], first: number) => number {
  let known = { id: '', number: 0 };
  return (path, first) => {
    const at = path.findIndex(({ id }) => id === known.id);
    const number = at < 0 ? 0 : known.number + first - at;
    known = { id: path[first]?.id ?? '', number };
    return number;
  };
}
