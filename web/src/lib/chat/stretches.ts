/** Messages are made, and left out where nobody looks, so many at a time. */
export const stretchLength = 8;

/** Messages in stretches, by number. Whoever gives a message the same number finds it in the same one. */
export function inStretches<Message>(
  messages: readonly Message[],
  firstNumber = 0,
): Map<number, Message[]> {
  return Map.groupBy(messages, (_, at) => Math.floor((firstNumber + at) / stretchLength));
}
