import { assertEquals } from './testing.ts';
import { createViewerStream } from './viewer-stream.ts';

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
  for (const text of ['1', '2', '3']) viewer.send([text], false);
  assertEquals([await viewer.next(), await viewer.next()], ['1', '23']);
  viewer.close(undefined);
  assertEquals(await viewer.next(), undefined);
});

Deno.test('what is urgent waits for nothing, and takes along what waits', async () => {
  const viewer = viewerAt({ ms: 0 });
  for (const text of ['1', '2']) viewer.send([text], true);
  viewer.send(['3'], false);
  viewer.send(['4'], true);
  assertEquals([await viewer.next(), await viewer.next(), await viewer.next()], ['1', '2', '34']);
  viewer.close(undefined);
});

Deno.test('what comes after a pause goes out at once', async () => {
  const clock = { ms: 0 };
  const viewer = viewerAt(clock);
  for (const text of ['1', '2', '3']) {
    viewer.send([text], false);
    clock.ms += 16;
  }
  assertEquals([await viewer.next(), await viewer.next(), await viewer.next()], ['1', '2', '3']);
  viewer.close(undefined);
});

Deno.test('the end waits for nothing, and loses nothing', async () => {
  const viewer = viewerAt({ ms: 0 });
  for (const text of ['1', '2']) viewer.send([text], false);
  viewer.close('end');
  viewer.close('again');
  viewer.send(['late'], true);
  assertEquals(
    [await viewer.next(), await viewer.next(), await viewer.next()],
    ['1', '2end', undefined],
  );
});

Deno.test('text and bytes go out as they came in, whatever their size', async () => {
  const viewer = viewerAt({ ms: 0 }, 100_000);
  const text = '🦊ü'.repeat(2000);
  const bytes = new TextEncoder().encode(text);
  viewer.send(['ü🦊', bytes, text], true);
  viewer.send([text.slice(0, 900), text], false);
  viewer.send([bytes, 'z'], false);
  // What was sent is a copy: its reader's buffer is read into again.
  bytes.fill(0);
  viewer.close('end');
  const parts = [await viewer.next(), await viewer.next()];
  assertEquals(parts, [`ü🦊${text}${text}`, `${text.slice(0, 900)}${text}${text}zend`]);
});

Deno.test('one that falls too far behind is let go, and that is told once', async () => {
  let told = 0;
  const viewer = createViewerStream(5, () => (told += 1));
  viewer.send(['12345'], true);
  assertEquals(told, 0);
  viewer.send(['6'], true);
  viewer.send(['7'], true);
  viewer.close('end');
  assertEquals(told, 1);
  const closed = await viewer.stream.getReader().closed.catch((error: Error) => error.message);
  assertEquals(closed, 'the viewer reads too slowly');
});

Deno.test('one that has left keeps nobody waiting', async () => {
  let hasLeft = false;
  const viewer = createViewerStream(1000, () => (hasLeft = true));
  for (const text of ['1', '2']) viewer.send([text], false);
  await viewer.stream.cancel();
  viewer.send(['3'], false);
  viewer.close('end');
  assertEquals(hasLeft, true);
});
