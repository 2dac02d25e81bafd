interface Rates {
  requests_per_minute: number | null;
  requests_per_hour: number | null;
  requests_per_day: number | null;
}

/** How often one may call, such as "20 a minute, 500 a day"; nothing where there is no limit. */
export function ratesText(rates: Rates, locale?: string): string {
  const limits = [
    [rates.requests_per_minute, 'a minute'],
    [rates.requests_per_hour, 'an hour'],
    [rates.requests_per_day, 'a day'],
  ] as const;
  return limits
    .flatMap(([limit, span]) => (limit === null ? [] : [`${limit.toLocaleString(locale)} ${span}`]))
    .join(', ');
}
