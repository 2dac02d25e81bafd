import { RequestError } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import { digest } from '../_shared/digest.ts';
import { readKeyHash } from './api-key.ts';

const body = `sk-oneai-${'a1'.repeat(32)}`;
const key = body + (await digest(body)).slice(0, 8);

async function codeOf(headers: Record<string, string>, query = ''): Promise<string> {
  try {
    return await readKeyHash(new Request(`http://x/gateway/v1/models${query}`, { headers }));
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

Deno.test('a key is known by its hash, however it is sent', async () => {
  const hash = await digest(key);
  assertEquals(await codeOf({ authorization: `Bearer ${key}` }), hash);
  assertEquals(await codeOf({ authorization: `bearer ${key}` }), hash);
  assertEquals(await codeOf({ 'x-api-key': key }), hash);
  assertEquals(await codeOf({ authorization: `Bearer ${key}`, 'x-api-key': key }), hash);
});

Deno.test('a mistyped one is refused by its checksum alone', async () => {
  for (const wrong of [`${key.slice(0, -1)}g`, key.slice(1), key.toUpperCase(), key + key, '']) {
    // deno-lint-ignore no-await-in-loop
    assertEquals(await codeOf({ authorization: `Bearer ${wrong}` }), 'unauthorized');
  }
  const swapped = key.replace('a1a1', '1aa1');
  assertEquals(await codeOf({ authorization: `Bearer ${swapped}` }), 'unauthorized');
  assertEquals(await codeOf({ authorization: `Bearer ${key}`, 'x-api-key': 'x' }), 'unauthorized');
});

Deno.test('a key in the address is refused, beside a good one too', async () => {
  const good = { authorization: `Bearer ${key}` };
  for (const query of [`?key=1`, `?anything=${key}`, `/${key}`]) {
    // deno-lint-ignore no-await-in-loop
    assertEquals(await codeOf(good, query), 'unauthorized');
  }
});
