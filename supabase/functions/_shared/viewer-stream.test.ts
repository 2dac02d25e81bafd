import { assertEquals } from './testing.ts';
import { createViewerStream } from './viewer-stream.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function viewerAt(clock: { ms: number }, most = 1000) {
  const viewer = createViewerStream(
    most,
    () => {},
    () => clock.ms,
  );
  const reader = viewer.stream.pipeThrough(new TextDecoderStream()).getReader();
  return { ...viewer, next: async () => (await reader.read()).value };
}

Deno.test('what comes soon after something sent goes out together', async () => {
  const viewer = viewerAt({ ms: 0 });
  for (const text of ['1', '2', '3']) viewer.send(bytes(text), false);
  assertEquals([await viewer.next(), await viewer.next()], ['1', '23']);
  viewer.close(undefined);
  assertEquals(await viewer.next(), undefined);
});

Deno.test('what is urgent waits for nothing, and takes along what waits', async () => {
  const viewer = viewerAt({ ms: 0 });
  for (const text of ['1', '2']) viewer.send(bytes(text), true);
  viewer.send(bytes('3'), false);
  viewer.send(bytes('4'), true);
  assertEquals([await viewer.next(), await viewer.next(), await viewer.next()], ['1', '2', '34']);
  viewer.close(undefined);
});

Deno.test('what comes after a pause goes out at once', async () => {
  const clock = { ms: 0 };
  const viewer = viewerAt(clock);
  for (const text of ['1', '2', '3']) {
    viewer.send(bytes(text), false);
    clock.ms += 16;
  }
  assertEquals([await viewer.next(), await viewer.next(), await viewer.next()], ['1', '2', '3']);
  viewer.close(undefined);
});

Deno.test('the end waits for nothing, and loses nothing', async () => {
  const viewer = viewerAt({ ms: 0 });
  for (const text of ['1', '2']) viewer.send(bytes(text), false);
  viewer.close(bytes('end'));
  viewer.close(bytes('again'));
  viewer.send(bytes('late'), true);
  assertEquals(
    [await viewer.next(), await viewer.next(), await viewer.next()],
    ['1', '2end', undefined],
  );
});

Deno.test('one that has left keeps nobody waiting', async () => {
  let hasLeft = false;
  const viewer = createViewerStream(1000, () => (hasLeft = true));
  for (const text of ['1', '2']) viewer.send(bytes(text), false);
  await viewer.stream.cancel();
  viewer.send(bytes('3'), false);
  viewer.close(bytes('end'));
  assertEquals(hasLeft, true);
});
