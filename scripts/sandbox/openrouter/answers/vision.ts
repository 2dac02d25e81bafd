/** Says what was received when a prompt comes with pictures or files. */
import type { Media } from '../chat-request.ts';

export function describeMedia(media: Media[]): string {
  const lines = media.map((item, at) => `${at + 1}. ${describe(item)}`);
  const things = media.length === 1 ? 'one attachment' : `${media.length} attachments`;
  return `I received ${things} with your message:

${lines.join('\n')}

A real vision model would now tell you what is to be seen. The sandbox has no eyes, but it can confirm that everything arrived whole.`;
}

function describe({ kind, source }: Media): string {
  if (kind === 'file') return `a file named **${source.slice(0, 80).toWellFormed()}**`;
  if (kind === 'input_audio') return 'a sound recording';
  if (kind === 'video_url') return 'a video';
  const inline = /^data:([\w/+.-]+);base64,/.exec(source);
  if (!inline) {
    const host = URL.canParse(source) ? new URL(source).host : 'an address I cannot read';
    return `a picture from **${host}**`;
  }
  const bytes = Buffer.from(source.slice(inline[0].length), 'base64');
  const size = dimensions(bytes);
  const shape = size ? `, **${size.width} × ${size.height}** pixels` : '';
  return `a picture (\`${inline[1]}\`), ${bytes.length.toLocaleString('en')} bytes${shape}`;
}

/** Read from the headers of PNG, GIF and JPEG. */
function dimensions(bytes: Buffer): { width: number; height: number } | null {
  if (bytes.length > 24 && bytes.toString('latin1', 1, 4) === 'PNG') {
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  if (bytes.length > 10 && bytes.toString('latin1', 0, 3) === 'GIF') {
    return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  }
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return null;
}
