import { failure } from './errors.ts';
import { concatBytes } from './sse-frames.ts';

export interface ByteLimits {
  maxBytes: number;
  maxMs: number;
}

/**
 * The body of a request, bounded in size, and in time to what an honest client takes. `grow` hears
 * how much more of it there will be, as soon as that is known, and may refuse it.
 */
export async function readBytes(
  { headers, body }: Request,
  { maxBytes, maxMs }: ByteLimits,
  grow: (bytes: number) => void | Promise<void> = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const told = Number(headers.get('content-length')) || 0;
  if (told > maxBytes) throw tooLarge(maxBytes);
  await grow(told);
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
      if (isLate) throw failure('request_timeout');
      if (done) break;
      size += value.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      // deno-lint-ignore no-await-in-loop
      if (size > told) await grow(Math.min(value.length, size - told));
      parts.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(late);
  }
  return concatBytes(parts) as Uint8Array<ArrayBuffer>;
}

function tooLarge(maxBytes: number) {
  return failure('too_large', `The body is larger than ${maxBytes} bytes.`, 'Send less.');
}

export interface JsonLimits {
  maxDepth: number;
  /** Objects, lists, texts, names, numbers and words. */
  maxParts: number;
}

export const usualJsonLimits: JsonLimits = { maxDepth: 100, maxParts: 500_000 };

const [quote, backslash] = [0x22, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const [blank, comma, colon] = [0x20, 0x2c, 0x3a];
const [exponent, capital] = [0x65, 0x20];
const signs = [quote, openList, closeList, openObject, closeObject, comma, colon];

export interface JsonMeasure {
  parts: number;
  /** Numbers with an exponent, which may be longer when they are written again: 1e20 has 21 digits. */
  exponents: number;
}

/**
 * Of how many parts JSON is; nothing where it is deeper, or of more, than anybody needs. Looked at
 * before it is parsed: a few megabytes of empty objects would take more memory than the whole
 * function has.
 */
export function measureJson(
  json: Uint8Array,
  { maxDepth, maxParts }: JsonLimits,
): JsonMeasure | undefined {
  let depth = 0;
  let parts = 0;
  let exponents = 0;
  let isInWord = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] as number;
    const isWord = isOfWord(byte);
    const isBeginning = isWord && !isInWord;
    if (isInWord && (byte | capital) === exponent && isDigit(json[at - 1])) exponents += 1;
    isInWord = isWord;
    if (byte === closeList || byte === closeObject) depth -= 1;
    if (byte !== quote && byte !== openList && byte !== openObject && !isBeginning) continue;
    if (byte === quote) at = endOfText(json, at);
    else if (!isBeginning) depth += 1;
    parts += 1;
    if (depth > maxDepth || parts > maxParts) return undefined;
  }
  return { parts, exponents };
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Of a number, of true, of false or of null: what is neither a blank nor a sign of JSON. */
function isOfWord(byte: number): boolean {
  return byte > blank && !signs.includes(byte);
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
