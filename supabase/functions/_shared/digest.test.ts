import { digest } from './digest.ts';
import { assertEquals } from './testing.ts';

Deno.test('a digest is the SHA-256 of the bytes, however many there are', async () => {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  assertEquals(await digest(''), empty);
  const lengths = [1, 55, 56, 64, 16_383, 16_384, 100_000];
  const texts = lengths.map((length) => new Uint8Array(length).map((_, at) => at * 7));
  const wanted = await Promise.all(
    texts.map(async (bytes) =>
      new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex(),
    ),
  );
  assertEquals(await Promise.all(texts.map(digest)), wanted);
  assertEquals(await digest('é'), await digest(new Uint8Array([0xc3, 0xa9])));
});
