/**
 * Money without floating point. A price string becomes a BigInt count of 10^-24 USD, fine enough
 * for every price OpenRouter lists, so tokens × price is exact. A generation is rounded once, half
 * up, to whole nano-dollars: what it is charged and what `usage.cost` says are that same number,
 * so the sum of all costs equals the sum of all charges to the last digit.
 */
import type { Pricing } from './model.ts';

const DIGITS = 24;
const PER_NANO = 10n ** BigInt(DIGITS - 9);

export interface Usage {
  prompt: number;
  /** Part of `prompt`, read from the provider's cache. */
  cached: number;
  /** Part of `prompt`, written to the provider's cache. */
  cacheWrite: number;
  /** Part of `prompt`, spent on pictures. */
  images: number;
  completion: number;
  /** Part of `completion`, spent on thinking. */
  reasoning: number;
}

/** `"0.0000025"`, `2.5e-6` or `"-1"` as a count of 10^-24 USD; null when it is no number. */
export function parseUsd(value: string | number): bigint | null {
  const match = /^(-?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?$/i.exec(String(value).trim());
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole + fraction === '') return null;
  const shift = DIGITS - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction);
  const amount = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return sign ? -amount : amount;
}

/** What the usage costs, in nano-dollars. A model without a price (`"-1"`) cannot be charged. */
export function costOf(pricing: Pricing, usage: Usage): { total: bigint; prompt: bigint } {
  const price = (kind: keyof Pricing, fallback: bigint): bigint => {
    const listed = pricing[kind];
    return listed === undefined ? fallback : (parseUsd(listed) ?? fallback);
  };
  const input = price('prompt', 0n);
  const output = price('completion', 0n);
  if (input < 0n || output < 0n) throw new RangeError('A model without a price was charged.');

  const plain = usage.prompt - usage.cached - usage.cacheWrite - usage.images;
  const prompt =
    BigInt(plain) * input +
    BigInt(usage.cached) * price('input_cache_read', input) +
    BigInt(usage.cacheWrite) * price('input_cache_write', input) +
    BigInt(usage.images) * price('image', input) +
    price('request', 0n);
  const completion =
    BigInt(usage.completion - usage.reasoning) * output +
    BigInt(usage.reasoning) * price('internal_reasoning', output);
  return { total: roundToNano(prompt + completion), prompt: roundToNano(prompt) };
}

/** As the JSON number on the wire. Exact up to 9 million dollars, where doubles run out. */
export function nanoToUsd(nano: bigint): number {
  return Number(nano) / 1e9;
}

function roundToNano(exact: bigint): bigint {
  return (exact + PER_NANO / 2n) / PER_NANO;
}
