import type { ImageSource } from './nodes.ts';

const schemes = new Set(['http:', 'https:', 'mailto:']);
const smallRaster = /^data:image\/(?:png|jpeg|gif|webp);base64,[a-z0-9+/]+={0,2}$/i;
const maxInlineImage = 64 * 1024;
const maxAddress = 4096;

function parse(address: string): URL | null {
  return address.length <= maxAddress && URL.canParse(address) ? new URL(address) : null;
}

/** The address a link may lead to, or null: an answer has no relative addresses of its own. */
export function linkAddress(address: string): string | null {
  const url = parse(address);
  return url && schemes.has(url.protocol) ? url.href : null;
}

export function imageSource(address: string): ImageSource {
  if (address.length <= maxInlineImage && smallRaster.test(address))
    return { at: 'inline', url: address };
  const url = parse(address);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return { at: 'refused' };
  return { at: 'remote', url: url.href, host: url.host };
}
