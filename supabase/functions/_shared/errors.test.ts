import { errorResponse, failure, fromDatabase } from './errors.ts';
import { assertEquals } from './testing.ts';

Deno.test('a refusal of the database keeps its status, code and words', () => {
  const error = fromDatabase(402, {
    code: 'PT402',
    message: 'insufficient_credits',
    details: 'You have 3 credits.',
    hint: 'Top up.',
  });
  assertEquals(
    [error.status, error.code, error.detail, error.hint],
    [402, 'insufficient_credits', 'You have 3 credits.', 'Top up.'],
  );
});

Deno.test('a code of ours that is not in the table still goes through', () => {
  const error = fromDatabase(410, { code: 'PT410', message: 'gone_for_good', details: 'Gone.' });
  assertEquals([error.status, error.code, error.detail], [410, 'gone_for_good', 'Gone.']);
});

Deno.test('what the database says of itself is not passed on', () => {
  const leaky = { code: '23505', message: 'duplicate key value violates "users_email"' };
  const error = fromDatabase(409, leaky);
  assertEquals([error.status, error.code], [500, 'internal_error']);
  assertEquals(JSON.stringify(error).includes('users_email'), false);
});

for (const [status, code, expected] of [
  [401, 'PGRST301', 'unauthorized'],
  [403, '42501', 'forbidden'],
  [401, '42501', 'unauthorized'],
  [500, '57014', 'upstream_unavailable'],
  [503, 'PGRST001', 'upstream_unavailable'],
  [400, '22P02', 'invalid_input'],
  [400, '22P05', 'invalid_input'],
  [400, '22003', 'internal_error'],
] as const) {
  Deno.test(`${code} with status ${status} is ${expected}`, () => {
    assertEquals(fromDatabase(status, { code }).code, expected);
  });
}

Deno.test('an answer has the shape of the site, its status and the id of the request', async () => {
  const response = errorResponse(failure('not_found'), 'the-id-of-it');
  assertEquals(response.status, 404);
  assertEquals(response.headers.get('x-request-id'), 'the-id-of-it');
  assertEquals(response.headers.get('access-control-allow-origin'), '*');
  assertEquals(await response.json(), {
    error: {
      code: 'not_found',
      message: 'There is no such thing here.',
      hint: 'Check the address.',
      request_id: 'the-id-of-it',
    },
  });
});

Deno.test('an error nobody foresaw tells the caller nothing of itself', async () => {
  const response = errorResponse(new Error('password=hunter2'), 'the-id-of-it');
  assertEquals(response.status, 500);
  assertEquals((await response.text()).includes('hunter2'), false);
});
