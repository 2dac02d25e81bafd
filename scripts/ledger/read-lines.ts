/** A longer line is no line of an export: it is refused before it fills the memory. */
const mostCharacters = 64 * 1024 * 1024;

/**
 * The lines of a stream of UTF-8, one at a time. Only a line feed ends a line: what a person wrote
 * into a reason may hold the other characters that Node's own reader would break it at.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    lines[0] = rest + (lines[0] ?? '');
    rest = lines.pop() ?? '';
    if (rest.length > mostCharacters) throw new RangeError('A line is longer than 64 MiB.');
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
