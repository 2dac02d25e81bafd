/** A stream of chat completions as its reader sees it. */
export interface SeenStream {
  firstMs: number;
  frames: number;
  isWhole: boolean;
}

/** The sandbox model that is made for measuring: fifty frames, five milliseconds apart. */
export const steady = { model: 'sandbox/steady', frames: 50 };

export async function openStream(
  url: string,
  headers: Record<string, string>,
): Promise<SeenStream> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      model: steady.model,
      stream: true,
      max_tokens: 1000,
      messages: [{ role: 'user', content: 'And on' }],
    }),
  });
  if (!response.ok || !response.body) {
    throw new Error(`${response.status} ${await response.text()}`);
  }
  let firstMs = Number.NaN;
  let frames = 0;
  let rest = '';
  let isWhole = false;
  const decoder = new TextDecoder();
  for await (const bytes of response.body as ReadableStream<Uint8Array>) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      if (part.startsWith('data: [DONE]')) isWhole = true;
      if (!/"content":"[^"]/.test(part)) continue;
      if (frames === 0) firstMs = performance.now() - startedAt;
      frames += 1;
    }
  }
  return { firstMs, frames, isWhole };
}

export function percentile(numbers: number[], part: number): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
