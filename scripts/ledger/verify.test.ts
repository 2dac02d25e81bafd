import { execFile } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runSql } from '../db/run-sql.ts';
import { startScratch } from '../db/scratch.ts';
import { canonicalJson } from './canonical-json.ts';
import { exportLedger } from './fixtures/export-ledger.ts';
import { readLines } from './read-lines.ts';
import {
  changed,
  fieldsOf,
  type Line,
  plausible,
  seeded,
  withCheck,
} from './fixtures/tampering.ts';
import { verifyLedger } from './verify-ledger.ts';
import { writeLongLedger } from './fixtures/write-long-ledger.ts';

let lines: Line[];
let onePage: Line[];
let busy: Line[];
let balanceMicros: bigint;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oneai-ledger-'));
  await using scratch = await startScratch();
  const database = await scratch.database('ledger', 'migrations');
  const sql = postgres(database.url('postgres'), { max: 1, onnotice: () => {} });
  const story = readFileSync(join(import.meta.dirname, 'fixtures/story.sql'), 'utf8');
  await runSql(sql, 'story.sql', story);
  const [account] = await sql<{ id: string }[]>`select pg_temp.account() as id`;
  lines = await exportLedger(sql, account!.id, 3);
  onePage = await exportLedger(sql, account!.id);
  const [wallet] = await sql<{ balance_micros: string }[]>`
    select balance_micros from private.wallets where account_id = ${account!.id}`;
  balanceMicros = BigInt(wallet!.balance_micros);
  // Credits come in while the ledger is fetched, a grant after every page.
  busy = await exportLedger(
    sql,
    account!.id,
    3,
    (after) =>
      sql`select private.grant_credits(${account!.id}, 7, 'bonus', ${`late:${after}`}, 'Late', 'system')`,
  );
  await sql.end();
});
afterAll(() => rmSync(folder, { recursive: true }));

const asLines = (list: Line[]) => list.map((line) => JSON.stringify(line));

async function problemOf(list: Line[]): Promise<{ line: number; problem: string } | undefined> {
  const verdict = await verifyLedger(asLines(list));
  return verdict.isRight ? undefined : { line: verdict.line, problem: verdict.problem };
}

async function summaryOf(list: Line[]) {
  const verdict = await verifyLedger(asLines(list));
  if (!verdict.isRight) throw new Error(`line ${verdict.line}: ${verdict.problem}`);
  return verdict.summary;
}

const kindOf = (line: Line) => String(line.kind ?? line.type);
const types = (list: Line[]) => list.map(kindOf);

describe('a real ledger', () => {
  test('is right, on one page and on many', async () => {
    const whole = await summaryOf(onePage);
    expect(whole).toMatchObject({ pages: 1, openHolds: 1, debtMicros: 0n, balanceMicros });
    expect(await summaryOf(lines)).toEqual({ ...whole, pages: 4 });
  });

  test('is right when it grew while its pages were fetched', async () => {
    const whole = await summaryOf(onePage);
    const grown = await summaryOf(busy);
    expect(grown.pages).toBeGreaterThan(4);
    expect(grown.transactions).toBe(whole.transactions + grown.pages - 1);
    expect(grown.balanceMicros).toBe(whole.balanceMicros + 7n * BigInt(grown.pages - 1));
  });

  test('holds everything that can happen to a credit, a debt that was paid included', () => {
    const kinds = ['grant', 'charge', 'refund', 'expiry', 'adjustment', 'reversal'];
    expect(types(onePage)).toEqual(expect.arrayContaining(kinds));
    const payment = onePage.find((line) => line.fact === 'payment:pay_2');
    expect(payment?.allocations).toHaveLength(1);
    const wallet = onePage.at(-1);
    expect(wallet).toMatchObject({ type: 'wallet', debt_micros: 0 });
    expect(wallet?.open_holds).toHaveLength(1);
  });
});

describe('a field that was changed', () => {
  // Nothing in the chain or the sums depends on these: only a line's own check guards them.
  const guardedByCheckOnly =
    /^(header\.exported_at|\w+\.(id|refers_to|reason|author|created_at|lot\.(source|priority|expires_at))|wallet\.open_holds\.\d+\.(id|created_at|expires_at))$/;
  const seed = Number(process.env.SEED ?? 20261121);

  test('is named by its line, whatever the field', async () => {
    const random = seeded(seed);
    for (const [index, line] of lines.entries()) {
      for (const path of fieldsOf(line)) {
        const forged = changed(line, path, (old) => plausible(old, random));
        const found = await problemOf(lines.with(index, forged));
        expect(found?.line, `seed ${seed}: ${kindOf(line)}.${path.join('.')}`).toBe(index + 1);
      }
    }
  });

  test('is found even when the check was made anew, if money depends on it', async () => {
    const random = seeded(seed);
    const unseen = new Set<string>();
    let tried = 0;
    for (const [index, line] of lines.entries()) {
      for (const path of fieldsOf(line)) {
        if (path[0] === 'check') continue;
        tried += 1;
        const forged = withCheck(changed(line, path, (old) => plausible(old, random)));
        const found = await problemOf(lines.with(index, forged));
        if (!found) unseen.add(`${String(line.type)}.${path.join('.')}`);
        else expect(found.line).toBeGreaterThan(index);
      }
    }
    expect(tried).toBeGreaterThan(150);
    expect([...unseen].filter((field) => !guardedByCheckOnly.test(field))).toEqual([]);
    expect(unseen).toContain('transaction.reason');
  });

  test('is found when it is left out, added or of another kind', async () => {
    for (const [index, line] of lines.entries()) {
      for (const name of Object.keys(line)) {
        const { [name]: _, ...without } = line;
        const odd = [withCheck(without), { ...line, [name]: [] }, { ...line, [name]: 'other' }];
        odd.push(withCheck({ ...line, [name]: 2 ** 53 }), withCheck({ ...line, [name]: 0.5 }));
        odd.push(withCheck({ ...line, [name]: { length: 1 } }));
        for (const forged of odd) {
          if (canonicalJson(forged) === canonicalJson(line)) continue;
          expect((await problemOf(lines.with(index, forged)))?.line).toBe(index + 1);
        }
      }
      const extra = withCheck({ ...line, note: 'added' });
      expect((await problemOf(lines.with(index, extra)))?.line).toBe(index + 1);
    }
  });
});

describe('lines that are not as they were', () => {
  test('a line is missing', async () => {
    for (const index of lines.keys()) {
      const found = await problemOf(lines.toSpliced(index, 1));
      expect(found?.line, types(lines)[index]).toBe(index + 1);
    }
  });

  test('a line is there twice', async () => {
    for (const [index, line] of lines.entries()) {
      const found = await problemOf(lines.toSpliced(index, 0, line));
      expect(found?.line, kindOf(line)).toBe(index + 2);
    }
  });

  test('two lines have changed places', async () => {
    for (let index = 1; index < lines.length; index += 1) {
      const swapped = lines.with(index - 1, lines[index]!).with(index, lines[index - 1]!);
      expect((await problemOf(swapped))?.line, types(lines)[index]).toBe(index);
    }
  });

  test('a page is missing, or of another account', async () => {
    const starts = lines.flatMap((line, index) => (line.type === 'header' ? [index] : []));
    const [, second = 0, third = 0] = starts;
    expect(await problemOf(lines.toSpliced(second, third - second))).toEqual({
      line: second + 1,
      problem: 'A page after transaction 3 is missing: this one follows 6.',
    });
    const other = withCheck({
      ...lines[second],
      account_id: '00000000-0000-4000-8000-000000000000',
    });
    expect((await problemOf(lines.with(second, other)))?.problem).toMatch(/another account/);
  });

  test('the tail was cut and the end written anew: an earlier page still knew better', async () => {
    const cut = lines.findIndex((line) => line.type === 'more');
    const last = lines[cut - 1]!;
    const wallet = withCheck({
      ...lines.at(-1),
      transaction_count: last.sequence,
      last_hash: last.hash,
      balance_micros: last.balance_micros,
    });
    expect(await problemOf([...lines.slice(0, cut), wallet])).toEqual({
      line: cut + 1,
      problem: `The ledger has ${String(lines[0]!.transaction_count)} transactions, but 3 were shown.`,
    });
  });
});

test('a lot of another name is found by its expiry, though every sum is kept', async () => {
  // Lots are not in the chain, but the fact of an expiry is, and it names the lot that lapsed.
  const expiry = onePage.findIndex((line) => line.kind === 'expiry');
  const [{ lot_id: lapsed }] = onePage[expiry]?.allocations as [{ lot_id: number }];
  const renamed = (line: Line) =>
    withCheck(
      JSON.parse(JSON.stringify(line), function (this: object, key: string, value: unknown) {
        const isLot = key === 'lot_id' || (key === 'id' && !('sequence' in this));
        return isLot && value === lapsed ? lapsed + 1000 : value;
      }) as Line,
    );
  expect(await problemOf(onePage.map(renamed))).toEqual({
    line: expiry + 1,
    problem: 'The fact names another lot than lapsed, or what was not left of it.',
  });
});

describe('npm run ledger:verify', () => {
  const run = (args: string[], flags: string[] = []) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const script = join(import.meta.dirname, 'verify.ts');
      execFile(process.execPath, [...flags, script, ...args], (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
  const written = (name: string, content: string | Uint8Array) => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  const textOf = (list: Line[]) => list.map((line) => `${JSON.stringify(line)}\n`).join('');

  test('says what a right ledger came to', async () => {
    const { code, stdout } = await run([written('right.ndjson', textOf(lines))]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^The ledger of account [0-9a-f-]{36} is right\.\n11 transactions on 4 pages/,
    );
    expect(stdout).toMatch(/held +\d+\.\d{6}, by 1 open call/);
    expect(stdout).toContain(`The chain ends with ${String(lines.at(-1)?.last_hash)}.`);
  });

  test('cut off anywhere, it is not right', async () => {
    const whole = textOf(onePage);
    const random = seeded(7);
    for (let nth = 0; nth < 200; nth += 1) {
      const end = Math.floor(random() * (whole.length - 1));
      const file = written('cut.ndjson', whole.slice(0, end));
      const verdict = await verifyLedger(readLines(createReadStream(file)));
      expect(verdict.isRight, `cut at ${end}`).toBe(false);
    }
    const { code, stderr } = await run([written('cut.ndjson', textOf(onePage.slice(0, 5)))]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /cut\.ndjson, line 6: The file ends after transaction 4, before the line/,
    );
  });

  test('refuses what is no ledger in one sentence', async () => {
    const cases: [string, string | Uint8Array, RegExp][] = [
      ['empty', '', /line 1: The file is empty\.\n$/],
      ['blank', '\n', /line 1: This is not a line of JSON/],
      ['text', 'hello\n', /line 1: This is not a line of JSON/],
      ['list', '[]\n', /line 1: This is not a line of a ledger/],
      ['odd', '{"type": "__proto__"}\n', /line 1: This line says neither/],
      ['binary', new Uint8Array([0xff, 0xfe, 0x00]), /cannot be read as lines of text/],
    ];
    for (const [name, content, expected] of cases) {
      const { code, stderr, stdout } = await run([written(name, content)]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(expected);
    }
    expect((await run([join(folder, 'nowhere')])).stderr).toMatch(/nowhere cannot be read/);
    expect((await run([])).stderr).toBe('Say which file: npm run ledger:verify -- FILE\n');
  });

  test('reads 100,000 transactions without keeping them', async () => {
    const file = join(folder, 'long.ndjson');
    await writeLongLedger(file, 100_000);
    const { code, stdout, stderr } = await run([file], ['--max-old-space-size=24']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('100000 transactions on 200 pages');
  });
});
