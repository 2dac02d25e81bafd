import { AuthApiError, AuthRetryableFetchError, AuthSessionMissingError } from '@supabase/auth-js';
import { describe, expect, test } from 'vitest';
import { explain, isUnreachable } from './errors.ts';

describe('explain', () => {
  test('an Auth error is told by its code, never by its own words', () => {
    const { code, message, next } = explain(
      new AuthApiError('Invalid login credentials', 400, 'invalid_credentials'),
    );
    expect(code).toBe('invalid_credentials');
    expect(message).toBe('That email and password do not match.');
    expect(next).not.toBe('');
  });

  test('a database error of ours shows its sentence and its next step', () => {
    expect(
      explain({
        code: 'PT422',
        message: 'invalid_input',
        details: 'Name is too long: 10240 of at most 80 characters.',
        hint: 'Shorten the name.',
      }),
    ).toEqual({
      code: 'invalid_input',
      message: 'Name is too long: 10240 of at most 80 characters.',
      next: 'Shorten the name.',
    });
  });

  test('a database error without a sentence falls back to ours', () => {
    expect(explain({ code: 'PT403', message: 'forbidden', details: '', hint: '' }).message).toBe(
      'You are not allowed to do that.',
    );
  });

  test('what Postgres itself says is never shown', () => {
    const explained = explain({
      code: '23505',
      message: 'duplicate key value violates unique constraint "profiles_pkey"',
      details: 'Key (user_id)=(42) already exists.',
      hint: '',
    });
    expect(JSON.stringify(explained)).not.toMatch(/profiles_pkey|42\)/);
    expect(explained.message).toBe('Something went wrong on our side.');
  });

  test('a missing session reads as an ended one', () => {
    expect(explain(new AuthSessionMissingError()).message).toBe('Your session has ended.');
  });

  test.each([
    new TypeError('Failed to fetch'),
    new TypeError('NetworkError when attempting to fetch resource.'),
    new TypeError('Load failed'),
    new AuthRetryableFetchError('Failed to fetch', 0),
  ])('a lost connection is told as such: %s', (error) => {
    expect(isUnreachable(error)).toBe(true);
  });

  test('a failing server is not a lost connection', () => {
    expect(isUnreachable(new AuthRetryableFetchError('{}', 503))).toBe(false);
  });

  test('one row that is not there is told like all that is not found', () => {
    const none = { code: 'PGRST116', message: 'Cannot coerce the result to a single JSON object' };
    expect(explain(none).code).toBe('not_found');
  });

  test.each([undefined, null, 'boom', 7, {}, new Error('boom')])(
    '%s has an answer too',
    (error) => {
      expect(explain(error).code).toBe('unexpected');
    },
  );

  test('nothing we say reveals whether an address has an account', () => {
    for (const code of ['user_already_exists', 'email_exists', 'user_not_found']) {
      expect(explain(new AuthApiError('exists', 422, code)).message).toBe(
        'Something went wrong on our side.',
      );
    }
  });
});
