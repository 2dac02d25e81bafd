// Run by bench:stream on Deno: microseconds of CPU a frame takes in the stream core.
import { streamRun } from '../../supabase/functions/_shared/metered-stream.ts';

const count = 200_000;
const framesPerChunk = 4;
const encoder = new TextEncoder();
const chunk = encoder.encode(
  Array.from(
    { length: framesPerChunk },
    (_, at) =>
      `data: {"id":"gen-1763596800-abcdefghij0123456789","object":"chat.completion.chunk","created":1763596800,"model":"openai/gpt-4o-2024-08-06","provider":"OpenAI","choices":[{"index":0,"delta":{"content":" ${at} word","role":"assistant"},"finish_reason":null,"native_finish_reason":null}]}\n\n`,
  ).join(''),
);

async function run(frames: number): Promise<void> {
  let left = frames / framesPerChunk;
  const read = () => Promise.resolve(left-- > 0 ? chunk : undefined);
  const { viewer, ended } = streamRun({
    models: ['openai/gpt-4o'],
    answering: () => 'openai/gpt-4o',
    open: () => Promise.resolve({ read, firstChunk: chunk, generationId: undefined }),
    flush: () => Promise.resolve(false),
    finish: () => Promise.resolve({ settlement: null, isFinal: true }),
    framing: {
      frame: (bytes, _facts, number) => [`id: ${number}\n`, bytes],
      close: () => undefined,
    },
    // All of it is there at once, as it never is: nobody is let go for being behind.
    limits: { maxViewerBytes: Infinity },
  });
  await viewer.pipeTo(new WritableStream());
  await ended;
}

await run(count / 10);
const startedAt = performance.now();
await run(count);
console.log(((performance.now() - startedAt) * 1000) / count);
