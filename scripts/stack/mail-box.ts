import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface Mail {
  to: string;
  kind: string;
  subject: string;
  html: string;
  text: string;
  link: string;
  code: string;
}

export interface CaughtMail extends Mail {
  id: string;
  at: string;
}

export interface MailBox {
  /** Newest first. */
  list(): CaughtMail[];
  add(mail: Mail): void;
  clear(): void;
}

const kept = 200;

/** The mails this stack would have sent, the last two hundred of them, in one file. */
export function openMailBox(file: string): MailBox {
  let mails: CaughtMail[] = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as CaughtMail[])
    : [];
  const save = () => {
    writeFileSync(`${file}.new`, JSON.stringify(mails), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  return {
    list: () => mails,
    add(mail) {
      mails = [{ id: randomUUID(), at: new Date().toISOString(), ...mail }, ...mails].slice(
        0,
        kept,
      );
      save();
    },
    clear() {
      mails = [];
      save();
    },
  };
}
