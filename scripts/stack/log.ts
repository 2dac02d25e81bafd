import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { join } from 'node:path';

export type LogFields = Record<string, unknown>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log of the same folder for another part. */
  part(name: string): Log;
  close(): Promise<void>;
}

const maxBytes = 5_000_000;
/** A busy stack says a thousand lines a second; they are written together. */
const gatherMs = 50;

/** JSON lines in `dir`, one file per part, each kept below twice `maxBytes`. */
export function openLog(dir: string, part = 'stack', files = new Map<string, LogFile>()): Log {
  mkdirSync(dir, { recursive: true });
  const file = files.get(part) ?? openFile(join(dir, `${part}.log`));
  files.set(part, file);
  const write = (level: string, event: string, fields?: LogFields) => {
    file.write(`${JSON.stringify({ at: new Date().toISOString(), level, event, ...fields })}\n`);
  };
  return {
    info: (event, fields) => write('info', event, fields),
    error: (event, fields) => write('error', event, fields),
    part: (name) => openLog(dir, name, files),
    async close() {
      await Promise.all([...files.values()].map((one) => one.close()));
    },
  };
}

interface LogFile {
  write(line: string): void;
  close(): Promise<void>;
}

function openFile(path: string): LogFile {
  let size = existsSync(path) ? statSync(path).size : 0;
  let stream: WriteStream | undefined;
  let broken = false;
  const open = () => {
    const opened = createWriteStream(path, { flags: 'a' });
    // A full disk must not take the stack down with its log.
    opened.on('error', () => {
      broken = true;
    });
    return opened;
  };
  return {
    write(line) {
      if (broken) return;
      if (size > maxBytes) {
        stream?.end();
        renameSync(path, `${path}.1`);
        stream = undefined;
        size = 0;
      }
      stream ??= open();
      size += line.length;
      if (stream.writableCorked === 0) {
        const held = stream;
        held.cork();
        setTimeout(() => held.uncork(), gatherMs);
      }
      stream.write(line);
    },
    close: () =>
      new Promise((resolve) => {
        if (stream && !broken) stream.end(() => resolve());
        else resolve();
      }),
  };
}
