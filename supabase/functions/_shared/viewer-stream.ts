/** Bytes, or the text that they stand for. */
export type Part = Uint8Array | string;

/** As long as a screen shows one picture: whoever watches sees nothing of the wait. */
const gatherMs = 16;
/** What usually comes in that time. */
const usualBytes = 4096;
const encoder = new TextEncoder();

/**
 * The way to whoever watches a run. Sending never waits: a viewer that has left is not missed, and
 * one that falls too far behind is let go without an end, so that it knows to resume. `left` hears
 * of both.
 */
export function createViewerStream(
  maxBytesBehind: number,
  left: () => void,
  now: () => number = () => performance.now(),
) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  // One buffer for the whole stream: making and collecting one a part would cost more than the part.
  let held = new Uint8Array(usualBytes);
  let size = 0;
  let sentAt = -Infinity;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      cancel: letGo,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxBytesBehind }),
  );

  function hold(part: Part): void {
    // A text takes at most three bytes for each of its units, which is much to keep free for a long one.
    if (typeof part === 'string' && part.length * 3 <= usualBytes) {
      makeRoom(part.length * 3);
      size += encoder.encodeInto(part, held.subarray(size)).written;
      return;
    }
    const bytes = typeof part === 'string' ? encoder.encode(part) : part;
    makeRoom(bytes.length);
    held.set(bytes, size);
    size += bytes.length;
  }

  function makeRoom(more: number): void {
    if (size + more <= held.length) return;
    const larger = new Uint8Array(Math.max(size + more, 2 * held.length));
    larger.set(held.subarray(0, size));
    held = larger;
  }

  function takeHeld(): Uint8Array {
    const bytes = held.length > usualBytes ? held.subarray(0, size) : held.slice(0, size);
    if (held.length > usualBytes) held = new Uint8Array(usualBytes);
    size = 0;
    return bytes;
  }

  function drop(): void {
    controller = undefined;
    leaveQueue(flush);
  }

  function letGo(): void {
    drop();
    left();
  }

  function flush(): void {
    leaveQueue(flush);
    if (!controller || size === 0) return;
    const bytes = takeHeld();
    sentAt = now();
    if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
    controller.error(new Error('the viewer reads too slowly'));
    letGo();
  }

  return {
    stream,
    /**
     * What is not urgent goes out with what comes soon after it: a trip of its own costs as much. The
     * parts are copied, and may be used again.
     */
    send(parts: readonly Part[], isUrgent: boolean) {
      if (!controller || parts.length === 0) return;
      parts.forEach(hold);
      if (isUrgent || now() - sentAt >= gatherMs) flush();
      else joinQueue(flush);
    },
    /** The first end counts. */
    close(last: Part | undefined) {
      const open = controller;
      if (!open) return;
      if (last !== undefined) hold(last);
      if (size > 0) open.enqueue(takeHeld());
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
