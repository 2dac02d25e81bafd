import { failure } from './errors.ts';

/** The text of an answer, unless it is larger than we are willing to hold. `grow` may refuse it too. */
export async function readBounded(
  response: Response,
  maxBytes: number,
  grow: (bytes: number) => void = () => {},
): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = '';
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) {
      const detail = `The answer is larger than ${maxBytes} bytes.`;
      throw failure('too_large', detail, 'Ask for less at a time.');
    }
    grow(chunk.length);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
