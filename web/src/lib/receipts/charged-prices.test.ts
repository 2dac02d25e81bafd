import { expect, test } from 'vitest';
import type { PriceVersion, Receipt } from '#lib/api/usage.ts';
import { chargedPrices } from './charged-prices.ts';

const price = {
  prompt_micros: 0.18,
  completion_micros: 720,
  cache_read_micros: 0.09,
  cache_write_micros: 0.225,
  reasoning_micros: 900,
  audio_micros: 50,
  image_micros: 4000,
  search_micros: 12_000_000,
  request_micros: 0,
  minimum_micros: 0,
} as PriceVersion;
const nothing = {
  prompt_tokens: null,
  completion_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  reasoning_tokens: null,
  audio_tokens: null,
  images: null,
  searches: null,
} as Receipt;

test('a charge shows the price of a million of each kind of token that it had', () => {
  const receipt = {
    ...nothing,
    prompt_tokens: 100,
    cache_write_tokens: 5,
    audio_tokens: 0,
    completion_tokens: 20,
  };
  expect(chargedPrices(receipt, price)).toEqual({
    ofMillion: [
      { name: 'Prompt', micros: 180_000 },
      { name: 'Written to cache', micros: 225_000 },
      { name: 'Answer', micros: 720_000_000 },
    ],
    ofOne: [],
  });
});

test('what is priced one by one stands apart, and so does the least', () => {
  const dear = { ...price, request_micros: 1000, minimum_micros: 500 };
  expect(chargedPrices({ ...nothing, images: 2, searches: 1 }, dear)).toEqual({
    ofMillion: [],
    ofOne: [
      { name: 'Each picture', micros: 4000 },
      { name: 'Each search', micros: 12_000_000 },
      { name: 'Each call', micros: 1000 },
      { name: 'At least', micros: 500 },
    ],
  });
});
