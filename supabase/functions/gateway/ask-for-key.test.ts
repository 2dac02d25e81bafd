import { failure } from '../_shared/errors.ts';
import type { Rpc, RpcOptions } from '../_shared/rpc.ts';
import { assertEquals } from '../_shared/testing.ts';
import type { Context } from './answer-call.ts';
import { askForKey } from './ask-for-key.ts';

async function limitsAfter(answer: (options: RpcOptions) => unknown) {
  const limits: Record<string, string> = {};
  const rpc = ((_name, _parameters, options) =>
    Promise.resolve().then(() => answer(options))) as Rpc;
  const context = { deps: { rpc }, keyHash: 'hash', requestId: 'id', limits } as unknown as Context;
  const failed = await askForKey(context, 'describe_key').then(
    () => null,
    (error: { code: string }) => error.code,
  );
  return { failed, limits };
}

Deno.test('what the database tells of the minute for reading goes on to the caller', async () => {
  const told = { 'ratelimit-policy': '"minute";q=600;w=60', ratelimit: '"minute";r=598;t=60' };
  const { failed, limits } = await limitsAfter(({ onheaders }) => onheaders?.(new Headers(told)));
  assertEquals(failed, null);
  assertEquals(limits, {
    ...told,
    'x-ratelimit-limit-requests': '600',
    'x-ratelimit-remaining-requests': '598',
    'x-ratelimit-reset-requests': '60s',
  });
});

Deno.test('a minute that is full has none left, and another failure tells nothing', async () => {
  const full = await limitsAfter(() => {
    throw failure('rate_limited');
  });
  assertEquals(full, {
    failed: 'rate_limited',
    limits: {
      ratelimit: '"minute";r=0;t=60',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '60s',
    },
  });
  const unknown = await limitsAfter(() => {
    throw failure('unauthorized');
  });
  assertEquals(unknown, { failed: 'unauthorized', limits: {} });
});
