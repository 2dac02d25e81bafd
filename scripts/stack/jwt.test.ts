import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyJwt } from './jwt.ts';

const secret = 'a-secret-of-the-tests';
const now = Date.UTC(2026, 10, 20);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(claims: unknown, { alg = 'HS256', key = secret } = {}): string {
  const text = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

test('a token signed with the secret gives its claims', () => {
  const claims = { sub: 'someone', exp: now / 1000 + 60 };
  expect(verifyJwt(sign(claims), secret, now)).toEqual({ claims });
});

test.each([
  ['signed with another key', sign({ sub: 'x' }, { key: 'other' })],
  ['that names no algorithm', `${encode({ alg: 'none' })}.${encode({ sub: 'x' })}.`],
  ['that names another algorithm', sign({ sub: 'x' }, { alg: 'HS512' })],
  ['whose claims were changed', sign({ a: 1 }).replace(/\.[^.]+\./, `.${encode({ a: 2 })}.`)],
  ['whose claims are not an object', sign([1])],
  ['of two parts', 'a.b'],
  ['that is no token', 'garbage'],
])('a token %s is refused', (_, token) => {
  expect(verifyJwt(token, secret, now)).toMatchObject({ failure: { code: 'PGRST301' } });
});

test('a token past its time, or before it, is refused as such', () => {
  const expired = sign({ exp: now / 1000 - 31 });
  const early = sign({ nbf: now / 1000 + 31 });
  const wrong = sign({ exp: 'soon' });
  for (const token of [expired, early, wrong]) {
    expect(verifyJwt(token, secret, now)).toMatchObject({ failure: { code: 'PGRST303' } });
  }
});
