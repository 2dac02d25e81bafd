export const microsPerCredit = 1_000_000;

/** An amount as people read it: fine where it is small, whole where it is large. */
export function formatCredits(micros: number, locale?: string): string {
  const credits = micros / microsPerCredit;
  const size = Math.abs(credits);
  if (size > 0 && size < 0.001) return `< ${new Intl.NumberFormat(locale).format(0.001)}`;
  const digits = size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(credits);
}

/** An amount to the last digit: where figures are added up, each rounding would be a wrong sum. */
export function exactCredits(
  micros: number,
  locale?: string,
  signDisplay: 'auto' | 'exceptZero' = 'auto',
): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 6, signDisplay }).format(
    micros / microsPerCredit,
  );
}

/** How many decimals the longest of exact amounts has. */
export function decimalsOf(...amounts: readonly number[]): number {
  return amounts.reduce((most, micros) => {
    let decimals = 6;
    for (let rest = micros; decimals > most && rest % 10 === 0; rest /= 10) decimals -= 1;
    return decimals;
  }, 0);
}

/** A rounded amount with its unit, in the singular where there is exactly one. */
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
