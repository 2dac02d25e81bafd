import { failure, RequestError } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import { ApiError, describeError, invalid, knownError } from './api-error.ts';

Deno.test('an error has the shape of the SDK that asked', () => {
  const error = invalid('n', 'n is too large.', 'Ask for less.');
  assertEquals(describeError(error, 'openai', 'the-id'), {
    status: 400,
    headers: {},
    body: {
      error: {
        message: 'n is too large. Ask for less.',
        type: 'invalid_request_error',
        param: 'n',
        code: 'invalid_input',
        request_id: 'the-id',
      },
    },
  });
  assertEquals(describeError(error, 'anthropic', 'the-id').body, {
    type: 'error',
    error: {
      type: 'invalid_request_error',
      message: 'n is too large. Ask for less.',
      code: 'invalid_input',
      param: 'n',
    },
    request_id: 'the-id',
  });
});

Deno.test('a rule of the database gives the code, a moment the time to wait', () => {
  const retryAt = new Date(Date.now() + 30_000).toISOString();
  const refused = new RequestError({ ...failure('quota_exceeded'), retryAt });
  const error = new ApiError(refused, { rule: 'key_budget' });
  const { status, headers, body } = describeError(error, 'openai', 'the-id');
  assertEquals([status, (body['error'] as { code: string }).code], [429, 'budget_exceeded']);
  assertEquals(headers, { 'retry-after': '30', 'x-should-retry': 'false' });
});

Deno.test('too many requests that only read are told to wait as well', () => {
  const { headers } = describeError(failure('rate_limited'), 'openai', 'the-id');
  assertEquals(headers, { 'retry-after': '60' });
});

Deno.test('an error nobody foresaw tells nothing of itself', () => {
  const { status, body } = describeError(knownError(new Error('hunter2')), 'openai', 'the-id');
  assertEquals(status, 500);
  assertEquals(JSON.stringify(body).includes('hunter2'), false);
});
