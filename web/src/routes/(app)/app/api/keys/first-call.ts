import type { Key } from '#lib/api/keys.ts';
import type { Call } from '#lib/snippets/call-snippets.ts';

/** A call that a key can make: the first thing one wants to try with it. */
export function firstCall({
  scopes,
  allowed_models,
}: Pick<Key, 'scopes' | 'allowed_models'>): Call {
  if (!scopes.includes('completions')) return { method: 'GET', path: '/models' };
  const named = allowed_models.find((pattern) => !pattern.includes('*'));
  return {
    method: 'POST',
    path: '/chat/completions',
    body: {
      model: allowed_models.includes('*') ? 'oneai/auto' : (named ?? 'oneai/auto'),
      messages: [{ role: 'user', content: 'Say hello in three languages.' }],
    },
  };
}
