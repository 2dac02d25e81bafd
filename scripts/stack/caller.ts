import type { Keys } from './keys.ts';
import { type Claims, type JwtFailure, verifyJwt } from './jwt.ts';

/** Who calls the Data API: claims to run with, a token to refuse, or nobody this part knows. */
export type Caller = { claims: Claims } | { failure: JwtFailure } | undefined;

/** `Headers` is one. */
export interface HeaderSource {
  get(name: string): string | null;
}

/**
 * As the platform's gateway has it: the key says at least anonymous or service, a token beside it
 * says who exactly. A secret key in a browser has leaked, and counts for nothing.
 */
export function identifyCaller(headers: HeaderSource, keys: Keys): Caller {
  const apikey = headers.get('apikey');
  const token = /^Bearer\s+(.*)$/i.exec(headers.get('authorization') ?? '')?.[1];
  if (token !== undefined && !token.startsWith('sb_') && token !== apikey) {
    const result = verifyJwt(token, keys.jwtSecret);
    if ('failure' in result) return result;
    if (roleOfKey(headers, apikey, keys) === undefined) return undefined;
    return result;
  }
  const role = roleOfKey(headers, apikey, keys);
  return role === undefined ? undefined : { claims: { role } };
}

function roleOfKey(headers: HeaderSource, apikey: string | null, keys: Keys): string | undefined {
  if (apikey === keys.publishable) return 'anon';
  const fromBrowser = /^\s*Mozilla\//.test(headers.get('user-agent') ?? '');
  return apikey === keys.secret && !fromBrowser ? 'service_role' : undefined;
}
