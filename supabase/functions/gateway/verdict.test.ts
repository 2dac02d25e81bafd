import type { Verdict } from '../_shared/verdict.ts';
import { assertEquals } from '../_shared/testing.ts';
import { rateHeaders } from './verdict.ts';

const now = Date.parse('2027-03-28T12:00:00Z');
const nothing = {
  rule: null,
  resets_at: null,
  rate_limit: null,
  rate_remaining: null,
  rate_resets_at: '2027-03-28T12:01:00Z',
  hour_limit: null,
  hour_remaining: null,
  day_limit: null,
  day_remaining: null,
  quota_limit: null,
  quota_remaining: null,
  quota_resets_at: null,
} as Verdict;
const told = (known: Partial<Verdict>) => rateHeaders({ ...nothing, ...known }, now);

Deno.test('every window that there is is told, and the one that ends first to the SDKs', () => {
  const known = {
    rate_limit: 20,
    rate_remaining: 19,
    hour_limit: 100,
    hour_remaining: 3,
    day_limit: 1000,
    day_remaining: 500,
    quota_limit: 5000,
    quota_remaining: 2,
    quota_resets_at: '2027-03-29T12:00:00Z',
  };
  assertEquals(told(known), {
    'ratelimit-policy':
      '"minute";q=20;w=60, "hour";q=100;w=3600, "day";q=1000;w=86400, "month";q=5000',
    ratelimit: '"minute";r=19;t=60, "hour";r=3;t=3600, "day";r=500;t=86400, "month";r=2;t=86400',
    'x-ratelimit-limit-requests': '100',
    'x-ratelimit-remaining-requests': '3',
    'x-ratelimit-reset-requests': '3600s',
  });
});

Deno.test('of a full window is told when it has room', () => {
  const full = { rule: 'requests_per_hour', resets_at: '2027-03-28T12:00:30Z' };
  assertEquals(told({ ...full, hour_limit: 100, hour_remaining: 0 }), {
    'ratelimit-policy': '"hour";q=100;w=3600',
    ratelimit: '"hour";r=0;t=30',
    'x-ratelimit-limit-requests': '100',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '30s',
  });
});

Deno.test('where there is no limit nothing is told, and a month is no limit of the SDKs', () => {
  assertEquals(told({}), {});
  assertEquals(told({ quota_limit: 10, quota_remaining: 9 }), {
    'ratelimit-policy': '"month";q=10',
    ratelimit: '"month";r=9',
  });
});
