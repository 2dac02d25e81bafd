import { createHmac } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CaughtMail } from './mail-box.ts';
import { type Stack, startStack } from './stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const password = 'correct horse battery';
let people = 0;
const newEmail = () => `person-${(people += 1)}@example.com`;

/** A browser of its own: what it keeps, other clients do not have. */
function browser() {
  const kept = new Map<string, string>();
  return createClient(stack.url, stack.publishableKey, {
    auth: {
      flowType: 'pkce',
      autoRefreshToken: false,
      persistSession: true,
      detectSessionInUrl: false,
      storage: {
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, value) => void kept.set(key, value),
        removeItem: (key) => void kept.delete(key),
      },
    },
  }).auth;
}

async function lastMail(to: string): Promise<CaughtMail> {
  const response = await fetch(`${stack.mailUrl}/api/messages`);
  const mails = (await response.json()) as CaughtMail[];
  const mail = mails.find((one) => one.to === to);
  if (!mail) throw new Error(`no mail for ${to}`);
  return mail;
}

async function follow(link: string): Promise<URL> {
  const response = await fetch(link, { redirect: 'manual' });
  return new URL(response.headers.get('location') ?? '');
}

async function signUp(email = newEmail()) {
  const auth = browser();
  const { data, error } = await auth.signUp({ email, password });
  expect(error).toBeNull();
  return { email, auth, user: data.user, session: data.session };
}

test('a stranger signs up and is in at once', async () => {
  const { session, user, email } = await signUp();
  expect(user?.email).toBe(email);
  expect(session?.access_token).toBeTruthy();
  expect(user?.created_at).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test('a person signs in, refreshes, signs out, and the session is gone everywhere', async () => {
  const { email } = await signUp();
  const [one, other] = [browser(), browser()];
  await other.signInWithPassword({ email, password });
  const { data } = await one.signInWithPassword({ email, password });
  const refreshed = await one.refreshSession();
  expect(refreshed.data.session?.refresh_token).not.toBe(data.session?.refresh_token);
  expect((await one.signOut({ scope: 'global' })).error).toBeNull();
  expect((await other.getUser()).error).toMatchObject({ name: 'AuthSessionMissingError' });
});

test('a wrong password and an unknown address get the same answer', async () => {
  const { email } = await signUp();
  const wrong = await browser().signInWithPassword({ email, password: 'not the password' });
  const unknown = await browser().signInWithPassword({ email: newEmail(), password });
  expect(wrong.error).toMatchObject({ status: 400, code: 'invalid_credentials' });
  expect(unknown.error).toMatchObject({ status: 400, code: 'invalid_credentials' });
  expect(unknown.error?.message).toBe(wrong.error?.message);
});

test('a weak password is refused with its reason', async () => {
  const { error } = await browser().signUp({ email: newEmail(), password: 'short' });
  expect(error).toMatchObject({ status: 422, code: 'weak_password', reasons: ['length'] });
});

test('a name the database refuses is refused in its own words, and nobody is made', async () => {
  const email = newEmail();
  const { data, error } = await browser().signUp({
    email,
    password,
    options: { data: { name: 'x'.repeat(10_000) } },
  });
  expect(error).toMatchObject({ status: 422, code: 'PT422', message: 'invalid_input' });
  expect(data.user).toBeNull();
  expect((await browser().signUp({ email, password })).error).toBeNull();
});

test('a taken address is not told, and its owner gets a link', async () => {
  const { email } = await signUp();
  const { data, error } = await browser().signUp({ email, password: 'another password' });
  expect(error).toBeNull();
  expect(data.session).toBeNull();
  expect(data.user?.email).toBe(email);
  expect((await lastMail(email)).kind).toBe('magic_link');
  expect((await browser().signInWithPassword({ email, password })).error).toBeNull();
});

test('a mail code signs in, once', async () => {
  const email = newEmail();
  expect((await browser().signInWithOtp({ email })).error).toBeNull();
  const { code } = await lastMail(email);
  const { data } = await browser().verifyOtp({ email, token: code, type: 'email' });
  expect(data.session?.user.email).toBe(email);
  const again = await browser().verifyOtp({ email, token: code, type: 'email' });
  expect(again.error).toMatchObject({ status: 403, code: 'otp_expired' });
});

test('a wrong mail code is refused', async () => {
  const email = newEmail();
  await browser().signInWithOtp({ email });
  const { code } = await lastMail(email);
  const token = code === '000000' ? '000001' : '000000';
  const { error } = await browser().verifyOtp({ email, token, type: 'email' });
  expect(error).toMatchObject({ status: 403, code: 'otp_expired' });
});

test('a mail link leads back to the page that asked, in the browser that asked', async () => {
  const email = newEmail();
  const auth = browser();
  const emailRedirectTo = `${stack.siteUrl}/auth/callback?next=/chat`;
  await auth.signInWithOtp({ email, options: { emailRedirectTo } });
  const target = await follow((await lastMail(email)).link);
  expect(target.origin + target.pathname).toBe(`${stack.siteUrl}/auth/callback`);
  expect(target.searchParams.get('next')).toBe('/chat');
  const code = target.searchParams.get('code') ?? '';

  const stolen = await browser().exchangeCodeForSession(code);
  expect(stolen.error).not.toBeNull();
  const { data } = await auth.exchangeCodeForSession(code);
  expect(data.session?.user.email).toBe(email);
});

test('a mail link leads nowhere but to the site', async () => {
  const email = newEmail();
  const options = { emailRedirectTo: 'https://evil.example/steal' };
  await browser().signInWithOtp({ email, options });
  const target = await follow((await lastMail(email)).link);
  expect(target.origin).toBe(stack.siteUrl);
});

test('a used mail link says so', async () => {
  const email = newEmail();
  await browser().signInWithOtp({ email });
  const { link } = await lastMail(email);
  await follow(link);
  const again = await follow(link);
  expect(again.hash).toContain('error_code=otp_expired');
});

test('a forgotten password is set anew, and an unknown address is not told', async () => {
  const { email } = await signUp();
  const auth = browser();
  expect((await auth.resetPasswordForEmail(email)).error).toBeNull();
  expect((await auth.resetPasswordForEmail('nobody@example.com')).error).toBeNull();
  await expect(lastMail('nobody@example.com')).rejects.toThrow('no mail');

  await auth.resetPasswordForEmail(email);
  const target = await follow((await lastMail(email)).link);
  await auth.exchangeCodeForSession(target.searchParams.get('code') ?? '');
  expect((await auth.updateUser({ password: 'a new long password' })).error).toBeNull();
  expect((await browser().signInWithPassword({ email, password })).error).not.toBeNull();
});

test('a new person whom the database refuses is not half made', async () => {
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      if new.email = 'refused@example.com' then raise exception 'no'; end if;
      return new;
    end $$;
    create trigger refuse after insert on auth.users for each row execute function public.refuse()`);
  const response = await fetch(`${stack.url}/auth/v1/signup`, {
    method: 'POST',
    headers: { apikey: stack.publishableKey },
    body: JSON.stringify({ email: 'refused@example.com', password }),
  });
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ error_code: 'unexpected_failure' });
  expect(await sql`select from auth.users where email = 'refused@example.com'`).toHaveLength(0);
  await sql.end();
});

test.each([
  ['forged', (good: string) => resign(good, { key: 'not the secret' })],
  [
    'without an algorithm',
    (good: string) => `${resign(good, { alg: 'none' }).split('.', 2).join('.')}.`,
  ],
  ['garbage', () => 'garbage'],
])('a token that is %s names nobody', async (_, spoil) => {
  const { session } = await signUp();
  const response = await fetch(`${stack.url}/auth/v1/user`, {
    headers: {
      apikey: stack.publishableKey,
      authorization: `Bearer ${spoil(session?.access_token ?? '')}`,
    },
  });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ error_code: 'bad_jwt' });
});

test('a call without a key is refused', async () => {
  const response = await fetch(`${stack.url}/auth/v1/user`);
  expect(response.status).toBe(401);
});

test('the mail page shows what was caught, and forgets it when told', async () => {
  const email = newEmail();
  await browser().signInWithOtp({ email });
  const page = await (await fetch(stack.mailUrl)).text();
  expect(page).toContain(email);
  await fetch(`${stack.mailUrl}/api/messages`, { method: 'DELETE' });
  expect(await (await fetch(stack.mailUrl)).text()).toContain('No mail yet');
});

function resign(token: string, { alg = 'HS256', key = 'x' }): string {
  const header = Buffer.from(JSON.stringify({ alg, typ: 'JWT' })).toString('base64url');
  const text = `${header}.${token.split('.')[1]}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}
