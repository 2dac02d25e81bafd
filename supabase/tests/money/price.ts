// Prices worked out a second time, in whole numbers: a decimal is kept as a bigint of 10^-40.
const scale = 10n ** 40n;

export interface PriceVersion {
  prompt: bigint;
  completion: bigint;
  cacheRead: bigint;
  cacheWrite: bigint;
  reasoning: bigint;
  audio: bigint;
  image: bigint;
  search: bigint;
  request: bigint;
  minimumMicros: bigint;
}

export interface Shape {
  promptBytes: number;
  messages: number;
  images: number;
  choices: number;
  searches: number;
}

/** What a call used; nothing where the upstream said nothing. */
export type Used = Record<
  | 'prompt'
  | 'completion'
  | 'cacheRead'
  | 'cacheWrite'
  | 'reasoning'
  | 'audio'
  | 'images'
  | 'searches',
  bigint | null
>;

export function readDecimal(text: string): bigint {
  const [, sign, whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (sign === undefined || fraction.length > 40) throw new Error(`Not a price: ${text}`);
  const value = BigInt(whole) * scale + BigInt(fraction.padEnd(40, '0'));
  return sign === '-' ? -value : value;
}

/** The most tokens a prompt of this shape can have. */
export function promptBound(shape: Shape): bigint {
  return BigInt(shape.promptBytes + 16 * shape.messages + 64 + 40_000 * shape.images);
}

/** The most a call can cost whose answers have at most so many tokens. */
export function holdMicros(price: PriceVersion, shape: Shape, maxTokens: number): bigint {
  const dearestInput = max(price.prompt, price.cacheRead, price.cacheWrite, price.audio);
  const fixed = ceilMicros(
    price.request +
      dearestInput * promptBound(shape) +
      price.image * BigInt(shape.images) +
      price.search * BigInt(shape.searches),
  );
  const output = max(price.completion, price.reasoning) * BigInt(shape.choices * maxTokens);
  return ceilMicros(max(fixed, price.minimumMicros) * scale + output);
}

/** What a use costs, before the hold caps it. */
export function chargeMicros(price: PriceVersion, used: Used): bigint {
  const count = (kind: keyof Used) => used[kind] ?? 0n;
  const exact =
    price.request +
    price.prompt *
      max(0n, count('prompt') - count('cacheRead') - count('cacheWrite') - count('audio')) +
    price.cacheRead * count('cacheRead') +
    price.cacheWrite * count('cacheWrite') +
    price.audio * count('audio') +
    price.completion * max(0n, count('completion') - count('reasoning')) +
    price.reasoning * count('reasoning') +
    price.image * count('images') +
    price.search * count('searches');
  return max(price.minimumMicros, ceilMicros(exact));
}

export function max(...values: bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most));
}

export function min(...values: bigint[]): bigint {
  return values.reduce((least, value) => (value < least ? value : least));
}

function ceilMicros(exact: bigint): bigint {
  return (exact + scale - 1n) / scale;
}
