import type { Key } from '#lib/api/keys.ts';
import type { Call } from '#lib/snippets/call-snippets.ts';
import { matching } from '#lib/model-pattern.ts';

/** A call that a key can make, of the models that there are: the first thing one wants to try with it. */
export function firstCall(
  { scopes, allowed_models }: Pick<Key, 'scopes' | 'allowed_models'>,
  ids: readonly string[],
): Call {
  if (!scopes.includes('completions')) return { method: 'GET', path: '/models' };
  const named = allowed_models.find((pattern) => !pattern.includes('*'));
  const found = allowed_models.flatMap((pattern) => matching(pattern, ids))[0];
  return {
    method: 'POST',
    path: '/chat/completions',
    body: {
      model: allowed_models.includes('*') ? 'oneai/auto' : (named ?? found ?? 'oneai/auto'),
      messages: [{ role: 'user', content: 'Say hello in three languages.' }],
    },
  };
}
