// Every saved query of Studio, run as it is on a database in which something has happened.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row, RowList, TransactionSql } from 'postgres';
import { describe, expect } from 'vitest';
import { runSql } from '../../scripts/db/run-sql.ts';
import { splitStatements } from '../../scripts/db/split-statements.ts';
import { test } from './database.ts';

const folder = join(import.meta.dirname, '../snippets');
const placeholder = '00000000-0000-0000-0000-000000000000';

/** What a snippet's answer must show, given what happened before. */
const expected: Record<string, (rows: Row[], tx: TransactionSql) => unknown> = {
  'audit-ledger.sql': async (rows, tx) => {
    expect(rows).toEqual([]);
    expect(await tx`select problems from private.ledger_audits`).toEqual([{ problems: '0' }]);
  },
  'change-price.sql': (rows) =>
    expect(rows).toMatchObject([
      { model: 'openai/gpt-3.5-turbo', input_credits_per_1k: '0.65', input_margin_percent: '30.0' },
    ]),
  'explain-charge.sql': (rows) => {
    const said = rows.map((row) => String(row.what)).join('\n');
    expect(said).toMatch(/^someone@example\.com of Someone called openai\/gpt-3\.5-turbo/);
    expect(said).toContain('2.1 credits were charged (reported)');
  },
  'find-charge.sql': (rows) =>
    expect(rows).toMatchObject([{ user_email: 'someone@example.com', charged_credits: '2.1' }]),
  'find-payment.sql': (rows) =>
    expect(rows).toMatchObject([
      { amount: 'GBP 5.00', bought: 'Starter package', granted_credits: '10000' },
    ]),
  'grant-credits.sql': (rows) =>
    expect(rows).toMatchObject([{ kind: 'grant', credits: '100', author: 'admin:Your Name' }]),
  'health.sql': (rows) =>
    expect(rows.filter((row) => row.is_well === false)).toMatchObject([
      { name: 'Ledger', state: 'never audited' },
      // Here is neither pg_cron nor the ticker of the local stack.
      { name: 'Schedules', state: 'nothing runs them' },
    ]),
  'make-coupon.sql': (rows) =>
    expect(rows).toMatchObject([{ code: 'SPRING-500', credits: '500', works_now: true }]),
  'margin-this-month.sql': (rows) =>
    expect(rows).toMatchObject([{ charged_usd: '0.002100', upstream_usd: '0.001000' }]),
  'pause-upstream.sql': (rows) => expect(rows).toMatchObject([{ is_paused: true }]),
  'override-limits.sql': (rows) =>
    expect(rows).toMatchObject([{ requests_per_minute: 200, requests_per_hour: null }]),
  'refund-charge.sql': (rows) => expect(rows).toMatchObject([{ kind: 'refund', credits: '2.1' }]),
  'refund-payment.sql': async (rows, tx) => {
    expect(rows).toMatchObject([{ payment_id: 'pay_00000000000000', status: 'captured' }]);
    expect(await tx`select amount_minor, status from private.refunds`).toEqual([
      { amount_minor: '500', status: 'asked' },
    ]);
  },
  'replay-webhooks.sql': (rows) =>
    expect(rows).toMatchObject([{ event_id: 'evt_dead', state: 'dead' }]),
  'revoke-key.sql': (rows) =>
    expect(rows).toMatchObject([{ key: 'Leaked', revoked_since: expect.any(Date) as Date }]),
  'set-plan.sql': (rows) => expect(rows).toMatchObject([{ plan: 'Pro' }]),
  'stuck-runs.sql': (rows) =>
    expect(rows).toMatchObject([{ account: 'Someone', held_credits: '2.48' }]),
  'suspend-account.sql': (rows) =>
    expect(rows).toMatchObject([{ account: 'Someone', suspended_since: expect.any(Date) as Date }]),
  'switch-model.sql': (rows) => expect(rows).toMatchObject([{ is_enabled: false }]),
  'take-credits.sql': (rows) =>
    expect(rows).toMatchObject([{ kind: 'adjustment', credits: '-25' }]),
  'unsuspend-account.sql': (rows) =>
    expect(rows).toMatchObject([{ account: 'Someone', suspended_since: null }]),
};

describe.concurrent('a snippet', () => {
  const files = readdirSync(folder).sort();

  test('is each of these', () => {
    expect(files).toEqual(Object.keys(expected).sort());
  });

  test.for(files)('%s says what it does, and does it', async (file, { database }) => {
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text).toMatch(/^-- [A-Z][^\n]{3,40}\n--\n(-- [^\n]*\n)/);
    await database.owner.begin(async (tx) => {
      const runId = await something(tx);
      if (file === 'unsuspend-account.sql') {
        await tx`select admin.suspend_account('someone@example.com', 'A test', 'Test')`;
      }
      if (file === 'stuck-runs.sql') await tx`select tests.travel('20 minutes')`;
      let answer: RowList<Row[]> | undefined;
      for (const statement of splitStatements(text.replaceAll(placeholder, runId))) {
        answer = await tx.unsafe(statement.text);
      }
      await expected[file]?.([...(answer ?? [])], tx);
    });
  });
});

/** Somebody makes one call that is charged, and one that is still open. */
async function something(tx: TransactionSql): Promise<string> {
  await runSql(
    tx,
    'something.sql',
    readFileSync(join(import.meta.dirname, 'fixtures/someone.sql'), 'utf8'),
  );
  const [call] = await tx<{ id: string }[]>`
    select hold_id as id from private.resolutions where transaction_id is not null`;
  return call!.id;
}
