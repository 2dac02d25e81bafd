export interface FrameCutter {
  /**
   * The frames that are whole now, each with the blank line that ends it: parts of the chunk where
   * they can be. What the cutter holds back it copies.
   */
  push(chunk: Uint8Array): Uint8Array[];
  /** What came after the last whole frame. */
  rest(): Uint8Array;
}

const lineFeed = 10;
const carriageReturn = 13;

/**
 * Cuts an event stream into frames wherever its chunks were cut. No byte is changed, added or lost:
 * the frames and the rest, put together, are the stream. A frame beyond the limit is an error.
 */
export function createFrameCutter(maxFrameBytes: number): FrameCutter {
  let parts: Uint8Array[] = [];
  let held = 0;
  let lineIsEmpty = true;
  let afterReturn = false;
  let linesEndInBoth = false;
  /** The frame is over, but for the line feed that belongs to its last carriage return. */
  let wantsLineFeed = false;

  function take(tail: Uint8Array): Uint8Array {
    if (parts.length === 0) return tail;
    const frame = concatBytes([...parts, tail]);
    parts = [];
    held = 0;
    return frame;
  }

  return {
    push(chunk) {
      const frames: Uint8Array[] = [];
      let start = 0;
      const cut = (end: number) => {
        frames.push(take(chunk.subarray(start, end)));
        start = end;
        lineIsEmpty = true;
        wantsLineFeed = false;
      };
      const nextFeed = finder(chunk, lineFeed);
      const nextReturn = finder(chunk, carriageReturn);
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at];
        if (byte === lineFeed && afterReturn) {
          afterReturn = false;
          linesEndInBoth = true;
          if (wantsLineFeed) cut(at + 1);
          continue;
        }
        if (wantsLineFeed) cut(at);
        afterReturn = byte === carriageReturn;
        if (byte !== lineFeed && byte !== carriageReturn) {
          lineIsEmpty = false;
          // Most bytes are text, of which only the end of its line matters.
          at = Math.min(nextFeed(at), nextReturn(at)) - 1;
        } else if (!lineIsEmpty) lineIsEmpty = true;
        else if (afterReturn && linesEndInBoth) wantsLineFeed = true;
        else cut(at + 1);
      }
      if (start < chunk.length) {
        parts.push(chunk.slice(start));
        held += chunk.length - start;
        if (held > maxFrameBytes) throw new Error(`a frame is larger than ${maxFrameBytes} bytes`);
      }
      return frames;
    },
    rest: () => take(new Uint8Array()),
  };
}

/** Where a byte is next, from places that only go forward; the end of the chunk if it is nowhere. */
function finder(chunk: Uint8Array, byte: number): (from: number) => number {
  let next = -1;
  return (from) => {
    if (next < from) next = chunk.indexOf(byte, from);
    if (next < 0) next = chunk.length;
    return next;
  };
}

/** In bytes of its own, even if there is one part only. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
