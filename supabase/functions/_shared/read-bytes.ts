import { failure, RequestError } from './errors.ts';
import { concatBytes } from './sse-frames.ts';

/** The body of a request, bounded in size, and in time to what an honest client takes. */
export async function readBytes(
  { headers, body }: Request,
  { maxBytes, maxMs }: { maxBytes: number; maxMs: number },
): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (!body) return new Uint8Array();
  const reader = body.getReader();
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    void reader.cancel().catch(() => {});
  }, maxMs);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      // deno-lint-ignore no-await-in-loop
      const { done, value } = await reader.read();
      if (isLate) throw tooSlow();
      if (done) break;
      size += value.length;
      if (size > maxBytes) {
        void reader.cancel().catch(() => {});
        throw tooLarge(maxBytes);
      }
      parts.push(value);
    }
  } finally {
    clearTimeout(late);
  }
  return concatBytes(parts) as Uint8Array<ArrayBuffer>;
}

function tooLarge(maxBytes: number) {
  return failure('too_large', `The body is larger than ${maxBytes} bytes.`, 'Send less.');
}

function tooSlow() {
  return new RequestError({
    status: 408,
    code: 'request_timeout',
    detail: 'The body did not come in time.',
    hint: 'Send it faster.',
  });
}

/** Without recursion: what it looks for would break that. */
export function isDeeperThan(root: unknown, most: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > most) return true;
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null
        ? Object.values(value).filter((one) => typeof one === 'object' && one !== null)
        : [],
    );
  }
  return false;
}
