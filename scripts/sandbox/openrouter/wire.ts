/** Turns chunks into the bytes of an event stream, faults included. */
import type { Behaviour } from './behaviour.ts';
import type { Frame } from './frames.ts';

export interface Step {
  bytes: string | Buffer;
  tokens: number;
  reasoningTokens: number;
  /** What becomes of the connection after these bytes; nothing: it goes on. */
  then?: 'destroy' | 'silence' | 'comments' | 'end';
}

export const COMMENT = ': OPENROUTER PROCESSING\n\n';

const SILENT = { tokens: 0, reasoningTokens: 0 };

/** How the faults in the middle of a stream leave the connection. */
const BREAKS = {
  'hang-mid-stream': 'silence',
  'comments-forever': 'comments',
  'die-mid-stream': 'destroy',
  'end-early': 'end',
  'error-chunk': 'end',
} as const;

export function* stepsOf(
  frames: Iterable<Frame>,
  { fault, afterFrames }: Behaviour,
  errorJson: string,
): Generator<Step, void> {
  const encode = encoderFor(fault);
  let sent = 0;
  let broken = false;
  for (const frame of frames) {
    const { kind, json, tokens, reasoningTokens } = frame;
    const isTurn = sent === afterFrames || kind !== 'content';
    if (fault !== null && fault in BREAKS && isTurn) {
      const bytes = fault === 'error-chunk' ? encode(errorJson) : '';
      yield { bytes, ...SILENT, then: BREAKS[fault as keyof typeof BREAKS] };
      return;
    }
    if (fault === 'broken-json' && isTurn && !broken) {
      broken = true;
      yield { bytes: `data: ${json.slice(0, json.length / 2)}\n\n`, ...SILENT };
    }
    if (kind === 'content') sent += 1;
    if (kind === 'usage' && fault === 'no-usage') continue;

    const bytes = encode(json);
    if (fault === 'split-utf8') yield* splitInsideCharacter(Buffer.from(bytes), frame);
    else yield { bytes, tokens, reasoningTokens };
    const isTwice =
      (kind === 'usage' && fault === 'usage-twice') ||
      (kind === 'finish' && fault === 'duplicate-finish');
    if (isTwice) yield { bytes, ...SILENT };
  }
  yield { bytes: fault === 'no-done' ? '' : encode('[DONE]'), ...SILENT, then: 'end' };
}

function encoderFor(fault: Behaviour['fault']): (data: string) => string {
  switch (fault) {
    case 'crlf':
      return (data) => `data: ${data}\r\n\r\n`;
    case 'cr':
      return (data) => `data: ${data}\r\r`;
    case 'no-space':
      return (data) => `data:${data}\n\n`;
    case 'multi-line-data':
      return (data) => `${multiLine(data)}\n\n`;
    default:
      return (data) => `data: ${data}\n\n`;
  }
}

/** Joined with line feeds, as the standard has it, the lines are the same JSON again. */
function multiLine(data: string): string {
  if (data === '[DONE]') return `data: ${data}`;
  const pretty = JSON.stringify(JSON.parse(data), null, 1);
  return pretty
    .split('\n')
    .map((line) => `data: ${line}`)
    .join('\n');
}

/** Two writes with the cut after the first byte of a character that has several, if there is one. */
function* splitInsideCharacter(bytes: Buffer, frame: Frame): Generator<Step> {
  const lead = bytes.findIndex((byte) => byte >= 0xc0);
  const cut = lead < 0 ? Math.floor(bytes.length / 2) : lead + 1;
  yield { bytes: bytes.subarray(0, cut), ...SILENT };
  const { tokens, reasoningTokens } = frame;
  yield { bytes: bytes.subarray(cut), tokens, reasoningTokens };
}
