import { assertEquals, assertThrows } from './testing.ts';
import { readEnv, requireEnv } from './env.ts';

const source = (values: Record<string, string>) => ({ get: (name: string) => values[name] });
const url = { SUPABASE_URL: 'http://api' };

Deno.test('the named keys are taken before the older single ones', () => {
  const env = readEnv(
    source({
      ...url,
      SUPABASE_PUBLISHABLE_KEYS: '{"default":"new-public"}',
      SUPABASE_SECRET_KEYS: '{"default":"new-secret"}',
      SUPABASE_ANON_KEY: 'old-public',
      SUPABASE_SERVICE_ROLE_KEY: 'old-secret',
    }),
  );
  assertEquals(env, {
    supabaseUrl: 'http://api',
    publishableKey: 'new-public',
    secretKey: 'new-secret',
  });
});

Deno.test('the older keys serve where the named ones are not set', () => {
  const env = readEnv(source({ ...url, SUPABASE_ANON_KEY: 'p', SUPABASE_SERVICE_ROLE_KEY: 's' }));
  assertEquals([env.publishableKey, env.secretKey], ['p', 's']);
});

Deno.test('what is missing is named in one sentence', () => {
  assertThrows(() => readEnv(source(url)), 'SUPABASE_ANON_KEY is not set.');
  assertThrows(() => requireEnv('A_NAME', source({ A_NAME: '' })), 'A_NAME is not set.');
});

Deno.test('keys that are not readable are said to be', () => {
  for (const broken of ['not json', '{}', '{"other":"key"}']) {
    const values = { ...url, SUPABASE_PUBLISHABLE_KEYS: broken };
    assertThrows(() => readEnv(source(values)), 'holds no key named "default"');
  }
});
