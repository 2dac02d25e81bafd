import { expect, test } from 'vitest';
import type { Client } from '#lib/supabase.ts';
import { finishSignIn } from './finish-sign-in.ts';

function come(search: string) {
  const codes: string[] = [];
  const exchangeCodeForSession = async (code: string) => {
    codes.push(code);
    return { error: null };
  };
  const client = { auth: { exchangeCodeForSession } } as unknown as Client;
  return {
    codes,
    came: finishSignIn(client, new URL(`https://oneai.example/auth/callback${search}`)),
  };
}

test('a code is exchanged for a session', async () => {
  const { codes, came } = come('?code=abc&next=/app');
  expect(await came).toBe('signed in');
  expect(codes).toEqual(['abc']);
});

test.for([
  '?message=Confirmation+link+accepted.+Please+proceed+to+confirm+link+sent+to+the+other+email',
  '#message=Confirmation+link+accepted',
])(
  'the first of two links of a new address signs nobody in and is no failure: %s',
  async (search) => {
    const { codes, came } = come(search);
    expect(await came).toBe('half confirmed');
    expect(codes).toEqual([]);
  },
);

test.for(['', '#access_token=stolen', '?error=access_denied&error_code=otp_expired'])(
  'nothing else is a way in: %s',
  async (search) => {
    await expect(come(search).came).rejects.toMatchObject({ code: 'otp_expired' });
  },
);
