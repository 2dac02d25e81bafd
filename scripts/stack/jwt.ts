import { createHmac, timingSafeEqual } from 'node:crypto';

export type Claims = Record<string, unknown>;

export interface JwtFailure {
  code: 'PGRST301' | 'PGRST303';
  message: string;
}

export type JwtResult = { claims: Claims } | { failure: JwtFailure };

/**
 * The one algorithm this stack signs with is the one it accepts: a token saying `none`, or any
 * other, is refused before its signature is looked at.
 */
export function verifyJwt(token: string, secret: string, now = Date.now()): JwtResult {
  const parts = token.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3) {
    return refuse(`Expected 3 parts in JWT; got ${parts.length}`);
  }
  if (decode(header)?.['alg'] !== 'HS256') return refuse('No suitable key or wrong key type');
  const given = Buffer.from(signature, 'base64url');
  const wanted = createHmac('sha256', secret).update(`${header}.${payload}`).digest();
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    return refuse('No suitable key was found to decode the JWT');
  }
  const claims = decode(payload);
  if (!claims) return refuse('The payload of the JWT is not an object');
  const seconds = now / 1000;
  const { exp, nbf } = claims;
  if (exp !== undefined && (typeof exp !== 'number' || exp <= seconds - allowedSkew)) {
    return { failure: { code: 'PGRST303', message: 'JWT expired' } };
  }
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf > seconds + allowedSkew)) {
    return { failure: { code: 'PGRST303', message: 'JWT not yet valid' } };
  }
  return { claims };
}

const allowedSkew = 30;

function refuse(message: string): JwtResult {
  return { failure: { code: 'PGRST301', message } };
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return value && typeof value === 'object' && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch {
    return undefined;
  }
}
