import type { Sql } from 'postgres';
import { createAuditor, type Entry } from './auditor.ts';
import { type Operation, planBatches, setBudgetTo } from './operations.ts';
import { seededRandom } from './random.ts';
import { type Answer, ask, connect, quote } from './session.ts';
import { readSnapshot } from './snapshot.ts';
import { createWorld, installCatalogue, type World } from './world.ts';

export interface SimulatorOptions {
  /** A database with the schema and the test clock, reached as a superuser, who may sign people up. */
  superuserUrl: string;
  /** The same database, reached as the owner of the schema. */
  ownerUrl: string;
  connections?: number;
  batches?: number;
}

export interface Simulator {
  /** Plays one seed to its end. Seeds of one database are played one after the other. */
  play(seed: number): Promise<Outcome>;
  close(): Promise<void>;
}

export interface Outcome {
  seed: number;
  /** What was wrong, with the batch after which it was seen; empty when all was well. */
  complaints: string[];
  operations: number;
  /** How often each kind of answer came, to show that a seed reaches the corners it is meant for. */
  answers: Map<string, number>;
}

export async function openSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { connections = 32, batches = 5 } = options;
  const superuser = connect(options.superuserUrl, 1);
  const pool = connect(options.ownerUrl, connections);
  await installCatalogue(superuser);
  return {
    async play(seed) {
      const random = seededRandom(seed);
      const world = await createWorld(superuser, seed, random);
      return playWorld(pool, world, seed, planBatches(world, random, batches, connections));
    },
    async close() {
      await Promise.all([pool.end({ timeout: 5 }), superuser.end({ timeout: 5 })]);
    },
  };
}

/** The command that plays a seed again. */
export function replayCommand(seed: number): string {
  return `SEED=${seed} npx vitest run --project db supabase/tests/money/simulator.test.ts`;
}

async function playWorld(
  pool: Sql,
  world: World,
  seed: number,
  batches: ReturnType<typeof planBatches>,
): Promise<Outcome> {
  const auditor = createAuditor();
  const played: Entry[] = [];
  const outcome: Outcome = { seed, complaints: [], operations: 0, answers: new Map() };
  const accountIds = world.accounts.map(({ id }) => id);

  const play = async (operation: Operation, number: number, at: number) => {
    const id = leadsTo(operation, played);
    const answer = await ask(pool, operation.caller, at, operation.statement(id));
    const entry = { number, at, operation, id, answer };
    auditor.note(entry);
    count(outcome.answers, operation, answer);
    if (operation.account) await glance(pool, operation.account.id, number, outcome.complaints);
    return entry;
  };
  const audit = async (at: number, when: string) => {
    const complaints = auditor.audit(await readSnapshot(pool, accountIds), at);
    outcome.complaints.push(...complaints.map((complaint) => `${when}: ${complaint}`));
  };

  let number = -1;
  for (const budget of world.budgets) await play(setBudgetTo(budget), number--, world.start);
  await audit(world.start, 'before the first batch');

  let at = world.start;
  for (const [nth, batch] of batches.entries()) {
    at = batch.at;
    const entries = await Promise.all(
      batch.operations.map((operation, index) => play(operation, outcome.operations + index, at)),
    );
    played.push(...entries);
    outcome.operations += entries.length;
    await audit(at, `after batch ${nth + 1}`);
    if (outcome.complaints.length > 0) return outcome;
  }

  // A quarter of an hour later no worker can be alive: whatever is still held must come free.
  at += 16 * 60_000;
  await must(ask(pool, 'owner', at, 'select private.sweep_runs(1000)'));
  await must(ask(pool, 'owner', at, 'select private.expire_due_lots(1000)'));
  await audit(at, 'in the end');
  outcome.complaints.push(...(await leaks(pool, accountIds, at)));
  return outcome;
}

/** The run, charge or grant that an operation is about: the first of its candidates that led to one. */
function leadsTo(operation: Operation, played: Entry[]): string {
  for (const number of operation.about) {
    const row = played[number]?.answer.rows?.[0];
    const id = operation.kind === 'refund' ? row?.transaction_id : (row?.run_id ?? row?.id);
    if (typeof id === 'string') return id;
  }
  return '';
}

/** A look at one account while others are at work on it: what one statement sees is one moment. */
async function glance(
  pool: Sql,
  accountId: string,
  number: number,
  complaints: string[],
): Promise<void> {
  const [row] = await pool.unsafe<
    { sum: string; lots: string; held: string; balance: string; debt: string; said: string }[]
  >(
    `select balance_micros as balance, debt_micros as debt, held_micros as said,
       (select coalesce(sum(amount_micros), 0)::bigint from private.transactions where account_id = balances.account_id) as sum,
       (select coalesce(sum(remaining_micros), 0)::bigint from private.lots where account_id = balances.account_id) as lots,
       (select coalesce(sum(held_micros), 0)::bigint from private.runs where account_id = balances.account_id) as held
     from private.balances where account_id = ${quote(accountId)}`,
  );
  if (!row) return void complaints.push(`operation ${number}: the wallet of ${accountId} is gone`);
  const [sum, lots, held, balance, debt] = [row.sum, row.lots, row.held, row.balance, row.debt].map(
    BigInt,
  ) as [bigint, bigint, bigint, bigint, bigint];
  const said = BigInt(row.said);
  if (sum !== balance || lots !== balance + debt || held !== said || lots < held) {
    complaints.push(`after operation ${number}: account ${accountId} reads ${JSON.stringify(row)}`);
  }
}

async function leaks(pool: Sql, accountIds: string[], at: number): Promise<string[]> {
  const rows = await readSnapshot(pool, accountIds);
  const complaints = rows.runs
    .filter((run) => run.status !== 'ended')
    .map((run) => `in the end: run ${run.id} never ended`);
  for (const wallet of rows.wallets) {
    if (wallet.held_micros !== '0')
      complaints.push(`in the end: ${wallet.held_micros} are held for nothing`);
    // What lapsed while there is a debt waits for the next grant, to pay it.
    if (wallet.debt_micros !== '0') continue;
    const lapsed = rows.lots.filter(
      (lot) =>
        lot.account_id === wallet.account_id &&
        lot.remaining_micros !== '0' &&
        (lot.expires_at ?? Infinity) <= at,
    );
    if (lapsed.length > 0)
      complaints.push(`in the end: lot ${lapsed[0]!.id} has lapsed and is still there`);
  }
  for (const budget of rows.budgets) {
    if (budget.held_micros !== '0')
      complaints.push(`in the end: a budget holds ${budget.held_micros}`);
  }
  for (const quota of rows.tokenQuotas) {
    if (quota.held_tokens !== '0')
      complaints.push(`in the end: a token quota holds ${quota.held_tokens}`);
  }
  return complaints;
}

function count(answers: Map<string, number>, operation: Operation, answer: Answer): void {
  const name = `${operation.kind} ${nameOf(operation, answer)}`;
  answers.set(name, (answers.get(name) ?? 0) + 1);
}

function nameOf({ kind, facts }: Operation, { error, rows }: Answer): string {
  const first = rows?.[0] as Record<string, string | boolean | undefined> | undefined;
  if (error) return error.code;
  if (kind === 'finish') return String(first?.cost_label ?? 'reconciling');
  if (kind !== 'authorize' && kind !== 'redeem') return 'done';
  if (!first?.allowed) return String(first?.rule);
  if (first.is_replay) return `allowed replay${facts.keyId ? ' by key' : ''}`;
  return `allowed${first.is_clamped ? ' clamped' : ''}`;
}

async function must(answer: Promise<Answer>): Promise<void> {
  const { error } = await answer;
  if (error) throw new Error(`${error.code} ${error.message}`);
}
