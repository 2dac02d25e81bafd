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

export interface JsonLimits {
  maxDepth: number;
  /** Objects, lists and texts, names included. */
  maxParts: number;
}

export const usualJsonLimits: JsonLimits = { maxDepth: 100, maxParts: 500_000 };

const [quote, backslash] = [0x22, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Whether JSON is deeper, or of more parts, than anybody needs. Looked at before it is parsed: a few
 * megabytes of empty objects would take more memory than the whole function has.
 */
export function isTooInvolved(json: Uint8Array, { maxDepth, maxParts }: JsonLimits): boolean {
  let depth = 0;
  let parts = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === closeList || byte === closeObject) depth -= 1;
    if (byte !== quote && byte !== openList && byte !== openObject) continue;
    if (byte === quote) at = endOfText(json, at);
    else depth += 1;
    parts += 1;
    if (depth > maxDepth || parts > maxParts) return true;
  }
  return false;
}

/** Where the text that opens here closes, which a quote after an odd number of backslashes does not. */
function endOfText(json: Uint8Array, opening: number): number {
  for (let end = opening; ;) {
    end = json.indexOf(quote, end + 1);
    if (end < 0) return json.length;
    let escapes = 0;
    while (json[end - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
}
