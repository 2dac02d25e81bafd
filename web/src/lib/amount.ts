import { microsPerCredit } from './credits.ts';

type Read = { value: number; problem: null } | { value: null; problem: string };

/**
 * What somebody typed, in its smallest unit, never through a fraction that a computer rounds; or why
 * it cannot be read. A comma and a point are both decimal signs, and both group thousands somewhere:
 * 1,000 is a thousand to one reader and one to another.
 */
export function readAmount(text: string, decimals: number): Read {
  const [found, whole = '', fraction = ''] =
    /^(\d{1,10})(?:[.,](\d{1,6}))?$/.exec(text.trim()) ?? [];
  if (fraction.length === 3 && whole !== '0') {
    const other = `${whole}.${`${fraction}0`.slice(0, decimals)}`;
    const problem = `That can be read in two ways. Write ${whole}${fraction} or ${other}.`;
    return { value: null, problem };
  }
  if (!found || fraction.length > decimals) {
    return { value: null, problem: 'Write a number, such as 250 or 2.5.' };
  }
  const value = Number(whole) * 10 ** decimals + Number(fraction.padEnd(decimals, '0'));
  return { value, problem: null };
}

/** Credits as typed, in micros. */
export const readCredits = (text: string) => readAmount(text, 6);

/** Credits as a field has them: read from it again they are the same. */
export function creditsField(micros: number): string {
  const text = String(micros / microsPerCredit);
  return /\.\d{3}$/.test(text) ? `${text}0` : text;
}
