import { concatBytes } from './sse-frames.ts';

/** As long as a screen shows one picture: whoever watches sees nothing of the wait. */
const gatherMs = 16;

/**
 * The way to whoever watches a run. Sending never waits: a viewer that has left is not missed, and
 * one that falls too far behind is let go without an end, so that it knows to resume.
 */
export function createViewerStream(
  maxBytesBehind: number,
  left: () => void,
  now: () => number = () => performance.now(),
) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let held: Uint8Array[] = [];
  let sentAt = -Infinity;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      cancel() {
        drop();
        left();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxBytesBehind }),
  );

  function drop(): void {
    controller = undefined;
    leaveQueue(flush);
  }

  function flush(): void {
    leaveQueue(flush);
    if (!controller || held.length === 0) return;
    const bytes = concatBytes(held);
    held = [];
    sentAt = now();
    if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
    controller.error(new Error('the viewer reads too slowly'));
    drop();
  }

  return {
    stream,
    /** What is not urgent goes out with what comes soon after it: a trip of its own costs as much. */
    send(bytes: Uint8Array | undefined, isUrgent: boolean) {
      if (!controller || !bytes) return;
      held.push(bytes);
      if (isUrgent || now() - sentAt >= gatherMs) flush();
      else joinQueue(flush);
    },
    /** The first end counts. */
    close(last: Uint8Array | undefined) {
      const open = controller;
      if (!open) return;
      if (last) held.push(last);
      if (held.length > 0) open.enqueue(concatBytes(held));
      // Sending may be what tells that the viewer has left.
      if (!controller) return;
      drop();
      open.close();
    },
  };
}

// All that waits in this worker goes out in one turn, on one timer.
const queue = new Set<() => void>();
let timer: ReturnType<typeof setTimeout>;

function joinQueue(flush: () => void): void {
  if (queue.size === 0) timer = setTimeout(() => queue.forEach((one) => one()), gatherMs);
  queue.add(flush);
}

function leaveQueue(flush: () => void): void {
  if (queue.delete(flush) && queue.size === 0) clearTimeout(timer);
}
