// What the tests of the functions share. The standard library lives where a closed network cannot
// reach, and these two are all that is needed of it; node:assert compares deeply and shows why not.
import { deepStrictEqual, throws } from 'node:assert/strict';

export const assertEquals: (actual: unknown, expected: unknown) => void = deepStrictEqual;

export function assertThrows(act: () => unknown, message: string): void {
  throws(act, (error: Error) => {
    if (error.message.includes(message)) return true;
    throw new Error(`"${error.message}" does not say "${message}"`);
  });
}
