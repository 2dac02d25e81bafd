/**
 * The sandbox's tokenizer, one rule for every model. A token is
 *   - up to six ASCII letters or digits, with the one space before them, or
 *   - up to eight ASCII white-space characters, or
 *   - one other character.
 *
 * So a text never has more tokens than UTF-8 bytes. A prompt has those of its texts, plus
 * MESSAGE_OVERHEAD for each message's template and REPLY_OVERHEAD once for the answer's opening.
 * Tools, tool calls and a response schema count as their JSON text. Therefore
 *
 *   prompt tokens ≤ bytes of all texts + 4 × messages + 3 ≤ bytes of the request's JSON
 *
 * with one exception: pictures and other media cost the fixed MEDIA_TOKENS, whatever the length of
 * their address, because a short URL may point to a large picture.
 */
export const MESSAGE_OVERHEAD = 4;
export const REPLY_OVERHEAD = 3;

export const MEDIA_TOKENS = {
  image: 1105,
  image_low: 85,
  input_audio: 500,
  file: 1500,
  video_url: 2000,
} as const;

/** A drawn picture, counted as completion tokens. */
export const PICTURE_TOKENS = 1290;

/** Index just past the token that starts at `start`. */
export function tokenEnd(text: string, start: number): number {
  let end = start;
  if (text.charCodeAt(end) === 32 && isWord(text.charCodeAt(end + 1))) end += 1;
  if (isWord(text.charCodeAt(end))) {
    const limit = end + 6;
    while (end < limit && isWord(text.charCodeAt(end))) end += 1;
    return end;
  }
  if (isSpace(text.charCodeAt(start))) {
    const limit = start + 8;
    while (end < limit && isSpace(text.charCodeAt(end))) end += 1;
    return end;
  }
  return start + (text.codePointAt(start)! > 0xffff ? 2 : 1);
}

export function countTokens(text: string): number {
  let tokens = 0;
  for (let at = 0; at < text.length; tokens += 1) at = tokenEnd(text, at);
  return tokens;
}

/** The longest beginning of `text` that has at most `limit` tokens. */
export function firstTokens(text: string, limit: number): string {
  let at = 0;
  for (let tokens = 0; tokens < limit && at < text.length; tokens += 1) at = tokenEnd(text, at);
  return text.slice(0, at);
}

function isWord(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}
