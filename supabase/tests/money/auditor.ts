// The auditor never calls the product. It reads raw rows, keeps what was answered, and works
// everything out again: what it says is a list of complaints, empty when all is well.
import { auditLedger } from './audit-ledger.ts';
import { type AskedLimits, auditLimits, budgetName } from './audit-limits.ts';
import { auditRuns, type Seen } from './audit-runs.ts';
import type { Operation } from './operations.ts';
import type { Answer, Row } from './session.ts';
import type { Receipt, Run, Snapshot, Transaction } from './snapshot.ts';

export interface Entry {
  number: number;
  at: number;
  operation: Operation;
  /** What `about` led to; empty when it led to nothing. */
  id: string;
  answer: Answer;
}

export interface Auditor {
  note(entry: Entry): void;
  /** Looks at everything while nothing moves. */
  audit(rows: Snapshot, at: number): string[];
}

type Kind = Operation['kind'];

/** The errors each operation may answer. Anything else is a bug, whatever the rows say. */
const typed: { [kind in Kind]?: string[] } = {
  finish: ['PT404', 'PT422'],
  grant: ['PT409', 'PT422'],
  top_up: ['PT409'],
  refund: ['PT404', 'PT409'],
  reverse: ['PT404', 'PT409'],
  adjust: ['PT402', 'PT409', 'PT422'],
};

const refusals = new Set([401, 402, 403, 404, 409, 413, 429]);

export function createAuditor(): Auditor {
  const journal: Entry[] = [];
  const memory = new Map<string, { used: bigint }>();
  const asked: AskedLimits = new Map();
  const seen = new Map<string, Seen>();

  return {
    note(entry) {
      journal.push(entry);
      const { budget } = entry.operation.facts;
      if (!budget) return;
      const name = budgetName(budget.account.id, budget.subjectId, budget.period);
      asked.set(name, [...(asked.get(name) ?? []), BigInt(budget.limit)]);
    },
    audit(rows, at) {
      const complaints: string[] = [];
      const say = (complaint: string) => void complaints.push(complaint);
      auditAnswers(journal, rows, say);
      auditLedger(rows, at, say);
      auditRuns(rows, seen, say);
      auditLimits(rows, firstModels(journal), memory, asked, at, say);
      return complaints;
    },
  };
}

type Say = (complaint: string) => void;

function auditAnswers(journal: Entry[], rows: Snapshot, say: Say): void {
  const posted = new Set(rows.transactions.map((one) => one.id));
  const explained = new Set<string>();
  for (const entry of journal) {
    const { kind, facts } = entry.operation;
    const complain: Say = (complaint) => say(`operation ${entry.number} (${kind}): ${complaint}`);
    const { error, rows: answered } = entry.answer;
    if (error) {
      if (!typed[kind]?.includes(error.code))
        complain(`failed with ${error.code} ${error.message}`);
      else if (facts.isHostile && error.code !== 'PT422')
        complain(`answered ${error.code} to figures that cannot be`);
    } else if (facts.isHostile) complain('took figures that cannot be');
    const given = answered?.[0]?.id;
    if (['grant', 'top_up', 'refund', 'reverse', 'adjust'].includes(kind) && answered) {
      explained.add(String(given));
      if (!posted.has(String(given)))
        complain(`answered with the transaction ${String(given)}, which is not there`);
    }
  }
  auditPosts(journal, rows, say);
  auditVerdicts(journal, rows, say);
  auditReports(journal, rows, say);
  auditCodes(journal, rows, explained, say);

  for (const one of rows.transactions) {
    const own = /^(run|expiry|welcome|open|plan)\b/.test(one.fact);
    if (!own && !explained.has(one.id)) say(`nobody asked for transaction ${one.id}, ${one.fact}`);
  }
}

/** A fact is booked once, with the figures of one who asked; all others hear of it or of a conflict. */
function auditPosts(journal: Entry[], rows: Snapshot, say: Say): void {
  const transactions = new Map(rows.transactions.map((one) => [one.id, one]));
  const expected: { [kind in Kind]?: Transaction['kind'] } = {
    grant: 'grant',
    top_up: 'grant',
    refund: 'refund',
    reverse: 'reversal',
    adjust: 'adjustment',
  };
  for (const { number, operation, answer } of journal) {
    const kind = expected[operation.kind];
    const found = transactions.get(String(answer.rows?.[0]?.id));
    if (!kind || !found) continue;
    const amount = (operation.kind === 'reverse' ? -1 : 1) * (operation.facts.amount ?? 0);
    const same =
      found.fact === operation.facts.fact &&
      found.kind === kind &&
      Number(found.amount_micros) === amount;
    const there = !operation.account || found.account_id === operation.account.id;
    if (!same || !there)
      say(
        `operation ${number} was answered with transaction ${found.id}, ${found.kind} ${found.fact} of ${found.amount_micros}`,
      );
  }
  for (const one of rows.transactions) {
    const back = rows.transactions.filter((other) => other.refers_to === one.id);
    const sum = (some: Transaction[]) =>
      some.reduce((total, other) => total + Math.abs(Number(other.amount_micros)), 0);
    const most = Math.abs(Number(one.amount_micros));
    const refunded = sum(back.filter(({ kind }) => kind === 'refund'));
    if (refunded > (one.kind === 'charge' ? most : 0))
      say(`${one.kind} ${one.id} of ${most} was refunded ${refunded}`);
    // When it was last reversed, what had lapsed before was gone already.
    const gone = back.filter(({ kind }) => kind === 'reversal' || kind === 'expiry');
    const taken = sum(gone.slice(0, gone.findLastIndex(({ kind }) => kind === 'reversal') + 1));
    if (taken > (one.kind === 'grant' ? most : 0))
      say(`${one.kind} ${one.id} of ${most} was reversed and lapsed to ${taken}`);
  }
}

/** The model that each run was allowed for first, as its caller was told; a repetition by key is told none. */
function firstModels(journal: Entry[]): Map<string, string> {
  const verdicts = journal
    .filter(({ operation }) => operation.kind === 'authorize')
    .map(({ answer }) => answer.rows?.[0])
    .filter((verdict) => verdict?.allowed && verdict.model_ids);
  return new Map(
    verdicts.map((verdict) => [
      String(verdict?.run_id),
      String((verdict?.model_ids as string[])[0]),
    ]),
  );
}

const day = 86_400_000;

function auditVerdicts(journal: Entry[], rows: Snapshot, say: Say): void {
  const runs = new Map(rows.runs.map((run) => [run.id, run]));
  const asked = journal.filter(({ operation }) => operation.kind === 'authorize');
  const begun = new Map<string, Entry>();
  for (const entry of asked) {
    const verdict = entry.answer.rows?.[0];
    if (!verdict?.allowed || verdict.is_replay) continue;
    const id = String(verdict.run_id);
    if (begun.has(id)) say(`run ${id} was given to somebody who did not begin it`);
    begun.set(id, entry);
  }
  auditRepetitions([...begun.values()], rows, say);

  const revoked = new Map<string, number>();
  for (const { number, at, operation, answer } of journal) {
    const { facts } = operation;
    const complain: Say = (complaint) =>
      say(`operation ${number} (${operation.kind}): ${complaint}`);
    if (operation.kind === 'revoke' && facts.keyId)
      revoked.set(facts.keyId, revoked.get(facts.keyId) ?? at);
    if (operation.kind !== 'authorize' || !answer.rows) continue;
    const verdict = answer.rows[0] ?? {};
    if (!verdict.allowed) {
      const isTyped =
        refusals.has(Number(verdict.status)) &&
        verdict.reason &&
        verdict.rule &&
        verdict.run_id === null;
      if (!isTyped) complain(`was refused without a reason: ${JSON.stringify(verdict)}`);
      continue;
    }
    const run = runs.get(String(verdict.run_id));
    if (!run) {
      complain('was allowed, and there is no run');
      continue;
    }
    if (run.account_id !== operation.account?.id)
      complain('was answered with the run of another account');
    if (verdict.is_replay) {
      // A caller whose connection died as its call began hears of it like this for the first time.
      const first = begun.get(run.id);
      const same =
        !first ||
        (first.operation.facts.idempotencyKey === facts.idempotencyKey &&
          first.operation.facts.requestHash === facts.requestHash);
      const isSameDoor = (run.key_id === null) === (facts.keyId === undefined);
      if (!same || !isSameDoor || !facts.idempotencyKey)
        complain('was answered with the run of another request');
      if (run.started_at <= at - day) complain('was answered with a run of the day before');
      // Who repeats a call by key gets the answer that is kept, and is told nothing else.
      if (verdict.hold_micros !== (facts.keyId ? null : run.held_micros))
        complain('was told of another hold than the first time');
      continue;
    }
    auditVerdict(verdict, run, operation, complain);
    if ((revoked.get(facts.keyId ?? '') ?? Infinity) < at)
      complain('was allowed with a revoked key');
  }
  const told = new Set(asked.map(({ answer }) => String(answer.rows?.[0]?.run_id)));
  for (const run of rows.runs) {
    if (!told.has(run.id)) say(`run ${run.id} was allowed to nobody`);
  }
}

/**
 * Under one idempotency key an account begins one call a day in person, and one by key: there the next
 * may begin as soon as the one before has ended and cost nothing.
 */
function auditRepetitions(begun: Entry[], rows: Snapshot, say: Say): void {
  const receipts = new Map(rows.receipts.map((receipt) => [receipt.run_id, receipt]));
  const keyed = begun.filter(({ operation }) => operation.facts.idempotencyKey);
  const byKey = Map.groupBy(keyed, ({ operation: { account, facts } }) =>
    [account?.id, facts.keyId ? 'by key' : 'in person', facts.idempotencyKey].join(' '),
  );
  for (const [name, entries] of byKey) {
    const ordered = entries.sort((a, b) => a.at - b.at);
    for (const [nth, { at, operation }] of ordered.slice(1).entries()) {
      const before = ordered[nth]!;
      const receipt = receipts.get(String(before.answer.rows?.[0]?.run_id));
      const isFree =
        operation.facts.keyId && receipt?.charged_micros === '0' && receipt.finished_at <= at;
      if (at - before.at < day && !isFree)
        say(`idempotency key ${name} began two calls within a day`);
    }
  }
}

function auditVerdict(verdict: Row, run: Run, { facts }: Operation, complain: Say): void {
  const hold = String(verdict.hold_micros);
  if (hold !== run.held_micros)
    complain(`was told of a hold of ${hold}, the run has ${run.held_micros}`);
  if (verdict.max_tokens !== run.max_tokens || run.max_tokens < 1)
    complain(`was told of ${String(verdict.max_tokens)} tokens`);
  if (BigInt(String(verdict.available_micros)) < 0n)
    complain(`left ${String(verdict.available_micros)} available`);
  if (facts.maxCost && BigInt(hold) > BigInt(facts.maxCost))
    complain(`holds ${hold}, asked for ${facts.maxCost} at most`);
  if (run.key_id !== (facts.keyId ?? null)) complain('runs for another key');
  if (run.model_ids && run.model_ids.join() !== (verdict.model_ids as string[]).join())
    complain(`was told of ${String(verdict.model_ids)}, the run may call ${run.model_ids.join()}`);
}

/** A receipt says what somebody reported, the first time and every time. */
function auditReports(journal: Entry[], rows: Snapshot, say: Say): void {
  const receipts = new Map(rows.receipts.map((receipt) => [receipt.run_id, receipt]));
  const reports = Map.groupBy(
    journal.filter((entry) => entry.operation.kind === 'finish'),
    (entry) => entry.id,
  );
  for (const entry of [...reports.values()].flat()) {
    const told = entry.answer.rows?.[0];
    if (!told) continue;
    const receipt = receipts.get(String(told.run_id));
    const same =
      receipt &&
      (
        [
          'charged_micros',
          'held_micros',
          'outcome',
          'cost_label',
          'model_id',
          'transaction_id',
          'finished_at',
        ] as const
      ).every((name) => told[name] === receipt[name]);
    if (!same || told.run_id !== entry.id)
      say(`operation ${entry.number} (finish) was shown another receipt than was written`);
  }
  for (const receipt of rows.receipts) {
    if (receipt.outcome === 'expired') continue;
    const known = (reports.get(receipt.run_id) ?? []).some((entry) => fits(receipt, entry));
    if (!known) say(`the receipt of run ${receipt.run_id} says what nobody reported`);
  }
}

function fits(receipt: Receipt, entry: Entry): boolean {
  const report = entry.operation.facts.report ?? {};
  const used = (report.used ?? {}) as Record<string, unknown>;
  if (receipt.outcome !== report.outcome || receipt.finished_at !== entry.at) return false;
  // What nobody counted is estimated, unless the call gave nothing at all.
  const isCounted =
    plausible(used.prompt_tokens) !== null &&
    (receipt.task === 'embedding' || plausible(used.completion_tokens) !== null);
  if (!isCounted && report.outcome !== 'failed') return receipt.cost_label !== 'reported';
  if (receipt.cost_label === 'estimated') return false;
  if (receipt.cost_label === 'reconciled' && report.is_reconciled !== true) return false;
  return ['prompt_tokens', 'completion_tokens', 'cache_read_tokens', 'reasoning_tokens'].every(
    (name) => receipt.used[name] === plausible(used[name]),
  );
}

function plausible(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1e9
    ? value
    : null;
}

function auditCodes(journal: Entry[], rows: Snapshot, explained: Set<string>, say: Say): void {
  const transactions = new Map(rows.transactions.map((one) => [one.id, one]));
  const codes = new Set(journal.map((entry) => entry.operation.facts.code));
  for (const coupon of rows.coupons.filter((one) => codes.has(one.code))) {
    const redemptions = rows.redemptions.filter((one) => one.coupon_id === coupon.id);
    if (BigInt(coupon.redemption_count) !== BigInt(coupon.redeemed))
      say(`code ${coupon.code} counts ${coupon.redemption_count} of ${coupon.redeemed}`);
    if (coupon.redemption_count > (coupon.max_redemptions ?? Infinity))
      say(`code ${coupon.code} was redeemed too often`);
    for (const { transaction_id } of redemptions) {
      if (transaction_id === null) {
        if (coupon.credits_micros) say(`code ${coupon.code} was redeemed for nothing`);
        continue;
      }
      const paid = transactions.get(transaction_id);
      const base = transactions.get(paid?.refers_to ?? '');
      const wanted =
        coupon.credits_micros ??
        String(Math.ceil((Number(base?.amount_micros) * Number(coupon.bonus_percent)) / 100));
      if (paid?.amount_micros !== wanted)
        say(`code ${coupon.code} gave ${paid?.amount_micros}, not ${wanted}`);
      if (explained.has(transaction_id))
        say(`code ${coupon.code} gave transaction ${transaction_id} twice`);
      explained.add(transaction_id);
    }
  }
}
