import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { startScratch } from './scratch.ts';

const scratchModule = join(import.meta.dirname, 'scratch.ts');

test('a clone has the rows and settings of what it was cloned from, and nothing flows back', async () => {
  await using scratch = await startScratch();
  const first = await scratch.database('first', 'bootstrap');
  const one = postgres(first.url('postgres'), { max: 1 });
  await one`create table public.notes (text text)`;
  await one.end();

  const second = await scratch.database('second', first);
  const two = postgres(second.url('postgres'), { max: 1 });
  await two`insert into notes values ('second')`;
  expect(await two`select current_setting('search_path') as path`).toEqual([
    { path: '"$user", public, extensions' },
  ]);
  await two.end();

  const again = postgres(first.url('postgres'), { max: 1 });
  expect(await again`select text from notes`).toEqual([]);
  await again.end();
});

test('a server is gone with its files once stopped', async () => {
  const scratch = await startScratch();
  const sql = postgres(scratch.url, { max: 1 });
  const [row] = await sql<{ folder: string }[]>`select current_setting('data_directory') as folder`;
  await sql.end();
  await scratch.stop();
  expect(existsSync(row?.folder ?? '/')).toBe(false);
});

test('a process that ends without stopping its server leaves neither it nor its files', async () => {
  const script = `
    const { startScratch } = await import(${JSON.stringify(scratchModule)});
    const { default: postgres } = await import('postgres');
    const { url } = await startScratch();
    const sql = postgres(url, { max: 1 });
    const [row] = await sql\`select current_setting('data_directory') as folder\`;
    console.log(row.folder);
    throw new Error('a bug');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  await once(child, 'close');
  const folder = printed.trim();
  expect(folder).toMatch(/oneai-scratch-.+\/data$/);
  expect(existsSync(folder)).toBe(false);
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args=']);
  expect(stdout).not.toContain(folder);
});
