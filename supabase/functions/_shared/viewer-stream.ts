/**
 * The way to whoever watches a run. Sending never waits: a viewer that has left is not missed, and
 * one that falls too far behind is let go without an end, so that it knows to resume.
 */
export function createViewerStream(maxBytesBehind: number, left: () => void) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      cancel() {
        controller = undefined;
        left();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxBytesBehind }),
  );
  return {
    stream,
    send(bytes: Uint8Array | undefined) {
      if (!controller || !bytes) return;
      if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
      controller.error(new Error('the viewer reads too slowly'));
      controller = undefined;
    },
    /** The first end counts. */
    close(last: Uint8Array | undefined) {
      const open = controller;
      if (!open) return;
      if (last) open.enqueue(last);
      // Sending may be what tells that the viewer has left.
      if (!controller) return;
      controller = undefined;
      open.close();
    },
  };
}
