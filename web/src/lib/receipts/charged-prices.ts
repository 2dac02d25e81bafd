import type { PriceVersion, Receipt } from '#lib/api/usage.ts';

export interface ChargedPrice {
  name: string;
  micros: number;
}

const million = 1_000_000;

/** The prices that made up a charge: of a million tokens of each kind that the call used, and of the rest. */
export function chargedPrices(
  receipt: Receipt,
  price: PriceVersion,
): { ofMillion: ChargedPrice[]; ofOne: ChargedPrice[] } {
  const kinds: [name: string, count: number | null, micros: number][] = [
    ['Prompt', receipt.prompt_tokens, price.prompt_micros],
    ['Read from cache', receipt.cache_read_tokens, price.cache_read_micros],
    ['Written to cache', receipt.cache_write_tokens, price.cache_write_micros],
    ['Audio', receipt.audio_tokens, price.audio_micros],
    ['Answer', receipt.completion_tokens, price.completion_micros],
    ['Reasoning', receipt.reasoning_tokens, price.reasoning_micros],
  ];
  const single: [name: string, count: number | null, micros: number][] = [
    ['Each picture', receipt.images, price.image_micros],
    ['Each search', receipt.searches, price.search_micros],
    ['Each call', 1, price.request_micros],
    ['At least', 1, price.minimum_micros],
  ];
  return {
    // A price may have more digits than a micro-credit; of a million tokens it has none.
    ofMillion: kinds.flatMap(([name, count, micros]) =>
      count ? [{ name, micros: Math.round(micros * million) }] : [],
    ),
    ofOne: single.flatMap(([name, count, micros]) =>
      count && micros > 0 ? [{ name, micros: Math.round(micros) }] : [],
    ),
  };
}
