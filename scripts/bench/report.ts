import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What the value is held against; null where it is only told. */
  bar: number | null;
  better: 'higher' | 'lower';
  peer?: number;
  note?: string;
}

const folder = join(import.meta.dirname, '../../bench/results');

/** Prints a part's figures as a table and keeps them as JSON. A missed bar is told, not hidden. */
export function report(part: string, figures: Figure[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${part}.json`), `${JSON.stringify(figures, null, 2)}\n`);
  console.table(
    figures.map(({ name, value, unit, bar, better, note }) => ({
      name,
      value: `${value.toPrecision(3)} ${unit}`,
      bar: bar === null ? '' : `${better === 'higher' ? '≥' : '≤'} ${bar}`,
      verdict: bar === null ? '' : isMet({ value, bar, better }) ? 'met' : 'MISSED',
      note: note ?? '',
    })),
  );
}

function isMet({ value, bar, better }: { value: number; bar: number; better: string }): boolean {
  return better === 'higher' ? value >= bar : value <= bar;
}
