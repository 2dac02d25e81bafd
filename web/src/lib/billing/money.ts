export const currencies = ['INR', 'USD', 'GBP', 'EUR', 'KES'] as const;
export type Currency = (typeof currencies)[number];

const euroRegions = new Set(
  'AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK'.split(' '),
);
const byRegion: Record<string, Currency> = { IN: 'INR', GB: 'GBP', KE: 'KES' };

/** The currency somebody most likely thinks in, by the languages of their browser. */
export function guessCurrency(languages: readonly string[]): Currency {
  for (const language of languages) {
    const region = regionOf(language);
    if (!region) continue;
    return byRegion[region] ?? (euroRegions.has(region) ? 'EUR' : 'USD');
  }
  return 'USD';
}

function regionOf(language: string): string | undefined {
  try {
    const locale = new Intl.Locale(language);
    // English alone says nothing about where: likely subtags would make an American of everybody.
    return locale.language === 'en' ? locale.region : locale.maximize().region;
  } catch {
    return undefined;
  }
}

export function isCurrency(value: unknown): value is Currency {
  return currencies.includes(value as Currency);
}

/** All our currencies have hundredths; they are left out where there are none. */
export function moneyText(minor: number, currency: string, locale?: string): string {
  return new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    trailingZeroDisplay: 'stripIfInteger',
  }).format(minor / 100);
}

/** A timestamp of the Data API, which may have a space and a short offset in it, as a day. */
export function dayText(moment: string | null | undefined, locale?: string): string {
  return moment ? momentOf(moment).toLocaleDateString(locale, { dateStyle: 'long' }) : '';
}

export function momentOf(moment: string): Date {
  return new Date(moment.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
}
