import type { UsageDay } from '#lib/api/usage-log.ts';
import { microsPerCredit } from '#lib/credits.ts';
import type { Group, Measure } from './usage-view.ts';

export interface Sums {
  requests: number;
  errors: number;
  promptTokens: number;
  completionTokens: number;
  chargedMicros: number;
  latencyMs: number;
  firstTokenMs: number;
  firstTokens: number;
}

export interface GroupSums extends Sums {
  id: string;
}

/** A part of every bar: one model, key or member, or all the small ones together. */
export interface Series {
  id: string;
  values: number[];
}

/** The id of all that is not among the largest. */
export const others = '…';
/** The id of what was done in the chat, without a key. */
export const chat = 'chat';

function nothing(): Sums {
  return {
    requests: 0,
    errors: 0,
    promptTokens: 0,
    completionTokens: 0,
    chargedMicros: 0,
    latencyMs: 0,
    firstTokenMs: 0,
    firstTokens: 0,
  };
}

function add(sums: Sums, row: UsageDay): void {
  sums.requests += row.requests;
  sums.errors += row.errors;
  sums.promptTokens += row.prompt_tokens;
  sums.completionTokens += row.completion_tokens;
  sums.chargedMicros += row.charged_micros;
  sums.latencyMs += row.latency_ms;
  sums.firstTokenMs += row.first_token_ms;
  sums.firstTokens += row.first_tokens;
}

export function sumOf(rows: readonly UsageDay[]): Sums {
  const sums = nothing();
  for (const row of rows) add(sums, row);
  return sums;
}

export function groupOf(row: UsageDay, group: Group): string {
  return { model: row.model_id, key: row.key_id ?? chat, member: row.user_id }[group];
}

/** In seconds for the mean time, otherwise in its own unit. */
export function measureOf(sums: Sums, measure: Measure): number {
  switch (measure) {
    case 'credits':
      return sums.chargedMicros / microsPerCredit;
    case 'requests':
      return sums.requests;
    case 'tokens':
      return sums.promptTokens + sums.completionTokens;
    case 'errors':
      return sums.errors;
    case 'latency':
      return sums.requests === 0 ? 0 : sums.latencyMs / sums.requests / 1000;
  }
}

/** By what they cost, the dearest first; then by requests. */
export function sumGroups(rows: readonly UsageDay[], group: Group): GroupSums[] {
  const all: Record<string, GroupSums> = {};
  for (const row of rows) {
    const id = groupOf(row, group);
    add((all[id] ??= { id, ...nothing() }), row);
  }
  return Object.values(all).toSorted(
    (one, other) => other.chargedMicros - one.chargedMicros || other.requests - one.requests,
  );
}

/** A value a day for each of the largest groups and one for the rest. A mean is not split. */
export function seriesOf(
  rows: readonly UsageDay[],
  days: readonly string[],
  group: Group,
  measure: Measure,
  most = 5,
): Series[] {
  const largest = sumGroups(rows, group)
    .toSorted((one, other) => measureOf(other, measure) - measureOf(one, measure))
    .filter((sums) => measureOf(sums, measure) > 0);
  const named = measure === 'latency' ? [] : largest.slice(0, most).map(({ id }) => id);
  const rest = largest.length > named.length ? [others] : [];
  const cells: Record<string, Sums> = {};
  for (const row of rows) {
    const id = groupOf(row, group);
    add((cells[`${named.includes(id) ? id : others} ${row.day}`] ??= nothing()), row);
  }
  return [...named, ...rest].map((id) => ({
    id,
    values: days.map((day) => {
      const cell = cells[`${id} ${day}`];
      return cell ? measureOf(cell, measure) : 0;
    }),
  }));
}

/** The end of an axis that reaches a value: 1, 2, 2.5 or 5 times a power of ten. */
export function axisEnd(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= value) ?? 10;
  return step * power;
}
