import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import postgres from 'postgres';
import { complaintsAbout, type TapOutput } from './parse-tap.ts';
import { splitStatements } from './split-statements.ts';

const archive = join(
  import.meta.dirname,
  '../../node_modules/@electric-sql/pglite-pgtap/dist/pgtap.tar.gz',
);
const script = 'share/postgresql/extension/pgtap--1.3.5.sql';

/** Loads pgTAP's functions from npm: plain SQL, so the server's own folder is left as it is. */
export async function loadPgtap(superuserUrl: string): Promise<void> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  const text = fileOfTar(gunzipSync(readFileSync(archive)), script);
  try {
    await sql.begin((tx) => tx.unsafe(`set local search_path = extensions;\n${text}`));
  } finally {
    await sql.end();
  }
}

/** Runs a test file in a transaction that is rolled back, and returns what is wrong; nothing if all is well. */
export async function runPgtap(url: string, text: string): Promise<string[]> {
  const sql = postgres(url, {
    max: 1,
    onnotice: () => {},
    connection: { statement_timeout: 60_000 },
  });
  const statements = splitStatements(text);
  const outputs: TapOutput[] = [];
  try {
    // A file may open and roll back its own transaction, so that other runners can use it as well.
    for (const { text, line } of [{ text: 'begin', line: 1 }, ...statements]) {
      const failure = await sql.unsafe(text).then(
        (rows) => void outputs.push(...printed(rows, line)),
        (error: unknown) => describe(error, line),
      );
      if (failure) return [failure, ...complaintsAbout(outputs)];
    }
  } finally {
    await sql.end();
  }
  const finished = statements.some((one) => /\bfinish\s*\(/i.test(one.text));
  return [...(finished ? [] : ['finish() is never called']), ...complaintsAbout(outputs)];
}

function printed(rows: Iterable<Record<string, unknown>>, line: number): TapOutput[] {
  return [...rows]
    .map((row) => Object.values(row)[0])
    .filter((value) => typeof value === 'string')
    .map((text) => ({ text, line }));
}

function describe(error: unknown, line: number): string {
  if (!(error instanceof postgres.PostgresError)) throw error;
  const { code, message, detail, hint, where } = error;
  const more = [detail, hint, where].filter(Boolean).map((one) => `\n  # ${one}`);
  return `line ${line}: SQL error ${code}: ${message}${more.join('')}`;
}

// A tar file is a row of 512-byte blocks: a header with name and size, then the file itself.
function fileOfTar(tar: Buffer, wanted: string): string {
  for (let at = 0; at < tar.length;) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = parseInt(tar.toString('latin1', at + 124, at + 136), 8) || 0;
    if (name === wanted) return tar.toString('utf8', at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`${wanted} is not in the archive.`);
}
