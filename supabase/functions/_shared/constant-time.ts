import { digest } from './digest.ts';

/** Whether two secrets are the same, in a time that tells nothing about where they differ. */
export async function isSameSecret(given: string, wanted: string): Promise<boolean> {
  const [one, other] = await Promise.all([digest(given), digest(wanted)]);
  let difference = 0;
  for (let at = 0; at < one.length; at += 1)
    difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}
