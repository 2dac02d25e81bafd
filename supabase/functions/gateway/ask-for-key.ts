import { RequestError } from '../_shared/errors.ts';
import type { Context } from './answer-call.ts';

/** Asks what a key may know. Such requests have a minute of their own, of which the database tells. */
export async function askForKey<Result>(
  { deps, keyHash, requestId, limits }: Context,
  name: string,
  parameters: Record<string, unknown> = {},
): Promise<Result> {
  const onheaders = (headers: Headers) => Object.assign(limits, minuteHeaders(headers));
  const options = { env: deps.env, requestId, onheaders };
  try {
    return await deps.rpc<Result>(name, { key_hash: keyHash, ...parameters }, options);
  } catch (error) {
    if (error instanceof RequestError && error.code === 'rate_limited') {
      Object.assign(limits, minuteHeaders(new Headers({ ratelimit: '"minute";r=0;t=60' })));
    }
    throw error;
  }
}

function minuteHeaders(headers: Headers): Record<string, string> {
  const policy = headers.get('ratelimit-policy');
  const state = headers.get('ratelimit');
  const limit = /;q=(\d+)/.exec(policy ?? '')?.[1];
  const [, left, wait] = /;r=(\d+);t=(\d+)/.exec(state ?? '') ?? [];
  return {
    ...(policy === null ? {} : { 'ratelimit-policy': policy }),
    ...(state === null ? {} : { ratelimit: state }),
    ...(limit === undefined ? {} : { 'x-ratelimit-limit-requests': limit }),
    ...(left === undefined ? {} : { 'x-ratelimit-remaining-requests': left }),
    ...(wait === undefined ? {} : { 'x-ratelimit-reset-requests': `${wait}s` }),
  };
}
