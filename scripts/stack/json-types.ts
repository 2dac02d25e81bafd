// How Postgres values become JSON, exactly as PostgREST has Postgres itself write them: the driver
// would round large integers, drop the zeros of a numeric and write timestamps with a space.

interface WireType {
  to: number;
  from: number[];
  serialize: (value: unknown) => unknown;
  parse: (text: string) => unknown;
}

// Not yet in TypeScript's library; part of the language since Node 22.
const { rawJSON } = JSON as JSON & { rawJSON: (text: string) => unknown };

const asIs = (value: unknown) => value;
const asText = (value: unknown) => JSON.stringify(value);

export const jsonTypes: Record<string, WireType> = {
  json: { to: 114, from: [114], serialize: asText, parse: exactJson },
  jsonb: { to: 3802, from: [3802], serialize: asText, parse: exactJson },
  bigint: { to: 20, from: [20], serialize: String, parse: exactNumber },
  numeric: { to: 1700, from: [1700], serialize: String, parse: exactNumber },
  timestamp: { to: 1114, from: [1114], serialize: asIs, parse: isoTimestamp },
  timestamptz: { to: 1184, from: [1184], serialize: asIs, parse: isoTimestamp },
};

/** A number that JavaScript cannot hold, or would write differently; it goes through as it came. */
class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
  toJSON() {
    return rawJSON(this.text);
  }
}

function exactNumber(text: string): unknown {
  const number = Number(text);
  if (String(number) === text) return Number.isFinite(number) ? number : text;
  return /^-?\d/.test(text) ? new ExactNumber(text) : text;
}

const mayLoseDigits = /\d{16}|\.\d*0(?!\d)|\d[eE]/;

function exactJson(text: string): unknown {
  return mayLoseDigits.test(text) ? JSON.parse(text, keepSource) : JSON.parse(text);
}

function keepSource(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && context?.source ? exactNumber(context.source) : value;
}

/** `2026-11-20 23:33:54.45+00` becomes `2026-11-20T23:33:54.45+00:00`; infinity stays a word. */
export function isoTimestamp(text: string): string {
  if (text[10] !== ' ') return text;
  const iso = `${text.slice(0, 10)}T${text.slice(11)}`;
  return /[+-]\d\d$/.test(iso) ? `${iso}:00` : iso;
}
