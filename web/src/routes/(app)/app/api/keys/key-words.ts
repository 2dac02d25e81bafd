import type { Key } from '#lib/api/keys.ts';
import { ratesText } from '#lib/rates-text.ts';
import { scopes } from './key-draft.ts';

export type KeyState = 'active' | 'expired' | 'revoked';

export function stateOf(key: Key, now = Date.now()): KeyState {
  if (key.revoked_at) return 'revoked';
  return key.expires_at && Date.parse(key.expires_at) <= now ? 'expired' : 'active';
}

export function scopesText(key: Key): string {
  if (key.scopes.length === scopes.length) return 'Everything';
  return scopes
    .filter(({ value }) => key.scopes.includes(value))
    .map(({ label }) => label)
    .join(', ');
}

export function modelsText(key: Key): string {
  if (key.allowed_models.includes('*')) return 'All models';
  const [first = '', ...rest] = key.allowed_models;
  return rest.length === 0 ? first : `${first} and ${rest.length} more`;
}

export function limitsText(key: Key, locale?: string): string {
  return ratesText(key, locale) || 'Those of the plan';
}
