import type { Measure } from '#lib/api/usage-log.ts';
import { formatCredits, microsPerCredit } from '#lib/credits.ts';

export function secondsText(ms: number, locale?: string): string {
  return `${(ms / 1000).toLocaleString(locale, { maximumFractionDigits: ms < 10_000 ? 2 : 0 })} s`;
}

/** A figure of a chart with what it counts. */
export function measureText(value: number, measure: Measure, locale?: string): string {
  if (measure === 'credits') return formatCredits(Math.round(value * microsPerCredit), locale);
  if (measure === 'latency') return secondsText(value * 1000, locale);
  return countText(value, locale);
}

/** A count, in short where it is large. */
export function countText(value: number, locale?: string): string {
  return value.toLocaleString(locale, {
    notation: value >= 100_000 ? 'compact' : 'standard',
    maximumFractionDigits: 1,
  });
}

/** The same beside an axis, where there is little room. */
export function axisText(value: number, measure: Measure, locale?: string): string {
  if (measure === 'latency') return secondsText(value * 1000, locale);
  return value.toLocaleString(locale, {
    notation: value >= 10_000 ? 'compact' : 'standard',
    maximumSignificantDigits: 3,
  });
}

export function percentText(part: number, whole: number, locale?: string): string {
  const share = whole === 0 ? 0 : part / whole;
  return share.toLocaleString(locale, { style: 'percent', maximumFractionDigits: 1 });
}
