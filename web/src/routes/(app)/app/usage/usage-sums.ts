import type { Measure, UsageSums } from '#lib/api/usage-log.ts';
import { microsPerCredit } from '#lib/credits.ts';

/** A part of every bar: one model, key or member, or all the small ones together. */
export interface Series {
  id: string;
  values: number[];
}

/** The id of all that is not among the largest. */
export const others = '…';
/** The id of what was done in the chat, without a key. */
export const chat = 'chat';

/** What the database counts one of, in the unit it is shown in: credits, and seconds. */
const units: Partial<Record<Measure, number>> = { credits: microsPerCredit, latency: 1000 };

/** A value a day, the empty days too, for each line of the chart and one for the rest. */
export function seriesOf(
  { lines, chart }: Pick<UsageSums, 'lines' | 'chart'>,
  days: readonly string[],
  measure: Measure,
): Series[] {
  const cells = new Map(chart.map(({ day, id, value }) => [`${day} ${id ?? others}`, value]));
  const rest = chart.some(({ id }) => id === null) ? [others] : [];
  return [...lines, ...rest].map((id) => ({
    id,
    values: days.map((day) => (cells.get(`${day} ${id}`) ?? 0) / (units[measure] ?? 1)),
  }));
}

/** The end of an axis that reaches a value: 1, 2, 2.5 or 5 times a power of ten. */
export function axisEnd(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= value) ?? 10;
  return step * power;
}
