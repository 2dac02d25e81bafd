import { expect, test } from 'vitest';
import { costOf, nanoToUsd, parseUsd, type Usage } from './money.ts';

const nothing: Usage = {
  prompt: 0,
  cached: 0,
  cacheWrite: 0,
  images: 0,
  completion: 0,
  reasoning: 0,
};

test('a price keeps all its digits', () => {
  expect(parseUsd('0.00000008333333333333334')).toBe(83_333_333_333_333_340n);
  expect(parseUsd(2.5e-7)).toBe(parseUsd('0.00000025'));
  expect(parseUsd('-1')).toBe(-(10n ** 24n));
  expect(parseUsd('3')).toBe(3n * 10n ** 24n);
});

test.each(['', '.', 'free', '1,5', 'NaN', 'Infinity', '0x10'])('%j is no price', (text) => {
  expect(parseUsd(text)).toBeNull();
});

test('tokens times price is exact', () => {
  const pricing = { prompt: '0.00001', completion: '0.00003' };
  const usage = { ...nothing, prompt: 1_234_567, completion: 7_654_321 };
  expect(costOf(pricing, usage)).toEqual({ total: 241_975_300_000n, prompt: 12_345_670_000n });
});

test('a cost is rounded once, half up, to whole nano-dollars', () => {
  const pricing = { prompt: '0.0000000325', completion: '0.0000000002' };
  expect(costOf(pricing, { ...nothing, prompt: 3 }).total).toBe(98n);
  expect(costOf(pricing, { ...nothing, prompt: 1 }).total).toBe(33n);
  expect(costOf(pricing, { ...nothing, prompt: 1, completion: 4 }).total).toBe(33n);
  expect(costOf(pricing, { ...nothing, prompt: 1, completion: 5 }).total).toBe(34n);
});

test('cache, pictures, thinking and the request have their own prices', () => {
  const pricing = {
    prompt: '0.000003',
    completion: '0.000015',
    input_cache_read: '0.0000003',
    input_cache_write: '0.00000375',
    image: '0.000001',
    internal_reasoning: '0.00002',
    request: '0.005',
  };
  const usage = {
    prompt: 1000,
    cached: 400,
    cacheWrite: 100,
    images: 200,
    completion: 50,
    reasoning: 20,
  };
  // 300 × 3000 + 400 × 300 + 100 × 3750 + 200 × 1000 + 5,000,000 = 6,595,000 for the prompt,
  // 30 × 15000 + 20 × 20000 = 850,000 for the completion.
  expect(costOf(pricing, usage)).toEqual({ total: 7_445_000n, prompt: 6_595_000n });
});

test('without prices of their own they cost as much as other tokens', () => {
  const pricing = { prompt: '0.000001', completion: '0.000002' };
  const usage = { prompt: 10, cached: 4, cacheWrite: 1, images: 2, completion: 6, reasoning: 3 };
  expect(costOf(pricing, usage).total).toBe(22_000n);
});

test('a model without a price is never charged', () => {
  const priceless = { prompt: '-1', completion: '-1' };
  expect(() => costOf(priceless, { ...nothing, prompt: 1 })).toThrow(RangeError);
});

test('nano-dollars survive the way through a JSON number', () => {
  for (const nano of [1n, 98n, 140_000n, 123_456_789_012_345n]) {
    const sent = JSON.parse(JSON.stringify(nanoToUsd(nano))) as number;
    expect(BigInt(Math.round(sent * 1e9))).toBe(nano);
  }
});
