import { concatBytes, createFrameCutter } from './sse-frames.ts';
import { assertEquals, assertThrows } from './testing.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Recorded from the sandbox, with what other servers do: comments, CR LF, CR, several lines. */
const recordings: Record<string, string[]> = {
  'line feeds': [
    ': OPENROUTER PROCESSING\n\n',
    'data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"Grüße, 🦊"}}]}\n\n',
    'data: {"choices":[{"index":0,"delta":{"content":"!"}}]}\n\n',
    'data: [DONE]\n\n',
  ],
  'carriage return and line feed': [
    ': waiting\r\n\r\n',
    'data: {"a":1}\r\n\r\n',
    'event: x\r\ndata: 1\r\ndata: 2\r\n\r\n',
    'data: [DONE]\r\n\r\n',
  ],
  'carriage returns': ['data: {"a":1}\r\r', 'data: 1\rdata: 2\r\r', 'data: [DONE]\r\r'],
  'several lines of data': ['data: {\ndata:  "a": 1\ndata: }\n\n', 'data:x\n\n'],
  'blank lines between': ['data: 1\n\n', '\n', '\n', 'data: 2\n\n'],
};

function cutAll(pieces: Uint8Array[]): { frames: string[]; rest: string } {
  const cutter = createFrameCutter(10_000);
  const frames = pieces.flatMap((piece) => cutter.push(piece));
  return {
    frames: frames.map((frame) => decoder.decode(frame)),
    rest: decoder.decode(cutter.rest()),
  };
}

for (const [name, frames] of Object.entries(recordings)) {
  const bytes = encoder.encode(frames.join(''));

  Deno.test(`${name}: cut at every byte, the frames are the same`, () => {
    for (let at = 0; at <= bytes.length; at += 1) {
      const got = cutAll([bytes.subarray(0, at), bytes.subarray(at)]);
      assertEquals(got, { frames, rest: '' });
    }
  });

  Deno.test(`${name}: cut at every two bytes, the frames are the same`, () => {
    for (let one = 0; one <= bytes.length; one += 1) {
      for (let two = one; two <= bytes.length; two += 7) {
        const got = cutAll([bytes.subarray(0, one), bytes.subarray(one, two), bytes.subarray(two)]);
        assertEquals(got, { frames, rest: '' });
      }
    }
  });

  Deno.test(`${name}: byte by byte, the frames are the same`, () => {
    const got = cutAll([...bytes].map((byte) => new Uint8Array([byte])));
    assertEquals(got, { frames, rest: '' });
  });

  Deno.test(`${name}: wherever it breaks off, nothing is lost`, () => {
    for (let at = 0; at <= bytes.length; at += 1) {
      const cutter = createFrameCutter(10_000);
      const parts = [...cutter.push(bytes.subarray(0, at)), cutter.rest()];
      assertEquals(decoder.decode(concatBytes(parts)), decoder.decode(bytes.subarray(0, at)));
    }
  });
}

Deno.test('a frame is there with its last byte, not with the next frame', () => {
  for (const end of ['\n\n', '\r\n\r\n', '\r\r']) {
    const cutter = createFrameCutter(100);
    assertEquals(cutter.push(encoder.encode(`data: 1${end}`)).length, 1);
  }
});

Deno.test('a frame without end is not kept without limit', () => {
  const cutter = createFrameCutter(100);
  cutter.push(encoder.encode('data: '));
  assertThrows(() => cutter.push(new Uint8Array(100).fill(65)), 'larger than 100 bytes');
});
