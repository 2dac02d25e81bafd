export const microsPerCredit = 1_000_000;

/** An amount as people read it: fine where it is small, whole where it is large. */
export function formatCredits(micros: number, locale?: string): string {
  const credits = micros / microsPerCredit;
  const size = Math.abs(credits);
  if (size > 0 && size < 0.001) return `< ${new Intl.NumberFormat(locale).format(0.001)}`;
  const digits = size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(credits);
}

/** The same with its unit, in the singular where there is exactly one. */
export function creditsText(micros: number, locale?: string): string {
  const amount = formatCredits(micros, locale);
  return `${amount} ${amount === '1' ? 'credit' : 'credits'}`;
}

/** 128000 as 128K: for sizes of contexts, where the exact figure says less. */
export function formatTokens(tokens: number, locale?: string): string {
  return new Intl.NumberFormat(locale, {
    notation: 'compact',
    maximumFractionDigits: tokens < 10_000 ? 1 : 0,
  }).format(tokens);
}
