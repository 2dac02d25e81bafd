/** Draws a small landscape as a PNG, its colours and hills chosen by the prompt. */
import { crc32, deflateSync } from 'node:zlib';
import { hash } from '../hash.ts';

const SIZE = 256;

export function drawPicture(prompt: string): string {
  const seed = hash(prompt);
  const hue = seed % 360;
  const sunX = 40 + ((seed >>> 9) % 176);
  const sky = color(hue, 0.72);
  const hill = color(hue + 140, 0.45);
  const sun = color(48, 0.7);

  const rows = Buffer.alloc(SIZE * (1 + SIZE * 3));
  for (let y = 0; y < SIZE; y += 1) {
    for (let x = 0; x < SIZE; x += 1) {
      const ridge = 170 + 26 * Math.sin((x + (seed % 97)) / 34) + 10 * Math.sin(x / 11);
      const inSun = (x - sunX) ** 2 + (y - 70) ** 2 < 26 ** 2;
      const base = y > ridge ? hill : inSun ? sun : sky;
      const light = y > ridge ? 1.15 - (y - ridge) / 200 : 0.75 + y / 600;
      base.forEach((channel, at) => {
        rows[y * (1 + SIZE * 3) + 1 + x * 3 + at] = Math.min(255, Math.round(channel * light));
      });
    }
  }

  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const png = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return `data:image/png;base64,${png.toString('base64')}`;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function color(hue: number, lightness: number): [number, number, number] {
  const channel = (offset: number): number => {
    const turn = (offset + hue / 30) % 12;
    const reach = 0.6 * Math.min(lightness, 1 - lightness);
    return 255 * (lightness - reach * Math.max(-1, Math.min(turn - 3, 9 - turn, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}
