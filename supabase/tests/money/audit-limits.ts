import { max, min } from './price.ts';
import { tokensBound, usedOf } from './audit-runs.ts';
import type { BudgetRow, Run, Snapshot } from './snapshot.ts';

type Say = (complaint: string) => void;

/** What an audit keeps for the next one, budget by budget. */
export type BudgetMemory = Map<string, { used: bigint }>;

/** Limits that were asked for since the last audit; a budget may have been filled under any of them. */
export type AskedLimits = Map<string, bigint[]>;

export function auditLimits(
  rows: Snapshot,
  models: Map<string, string>,
  memory: BudgetMemory,
  asked: AskedLimits,
  at: number,
  say: Say,
): void {
  auditMonths(rows, at, say);
  auditTokens(rows, models, say);
  auditRates(rows, say);
  for (const budget of rows.budgets) auditBudget(rows, budget, memory, asked, at, say);
}

export function budgetName(accountId: string, subjectId: string, period: string): string {
  return `${accountId} ${subjectId} ${period}`;
}

function auditMonths(rows: Snapshot, at: number, say: Say): void {
  const free = new Set(
    rows.receipts.filter((one) => one.cost_label === 'none').map((one) => one.run_id),
  );
  for (const wallet of rows.wallets) {
    const limit = rows.limits.find((one) => one.account_id === wallet.account_id);
    const month = (moment: number) => monthStart(limit?.cycle_anchor ?? null, moment);
    const name = `${wallet.account_id} ${wallet.month_start}`;
    const mine = rows.runs.filter((run) => run.account_id === wallet.account_id);
    const counted = Map.groupBy(
      mine.filter((run) => !free.has(run.id)),
      (run) => month(run.started_at),
    );
    for (const run of mine) {
      if (run.month_start !== null && run.month_start !== month(run.started_at))
        say(`run ${run.id} began in the month of ${run.month_start}, not of its own start`);
    }
    const counts = counted.get(wallet.month_start)?.length ?? 0;
    if (wallet.month_requests !== String(counts))
      say(`month ${name} counts ${wallet.month_requests} requests, there were ${counts}`);
    const last = Math.max(-Infinity, ...mine.map((run) => run.started_at));
    const isMonth =
      wallet.month_start === -Infinity || month(wallet.month_start) === wallet.month_start;
    if (!isMonth || wallet.month_start > at || month(last) > wallet.month_start)
      say(`month ${name} is none, or not the last in which somebody called`);
    for (const [start, runs] of counted) {
      if (limit?.per_month && runs.length > Number(limit.per_month))
        say(`month ${start} let ${runs.length} requests through, the plan has ${limit.per_month}`);
    }
  }
}

function auditTokens(rows: Snapshot, models: Map<string, string>, say: Say): void {
  const receipts = new Map(rows.receipts.map((receipt) => [receipt.run_id, receipt]));
  const limits = new Map(rows.limits.map((limit) => [limit.account_id, limit]));
  const quotaName = (run: Run) => {
    const limit = limits.get(run.account_id);
    // All models of a run count in one quota; the first is not known of a run whose caller never heard of it.
    const model = models.get(run.id) ?? run.model_ids?.[0] ?? receipts.get(run.id)?.model_id ?? '';
    const quota = limit && quotaOf(rows, limit.plan_id, model);
    if (run.token_quota_id !== null && run.token_quota_id !== quota?.id)
      say(`run ${run.id} counts in token quota ${run.token_quota_id}, not in ${quota?.id}`);
    if (!quota) return '';
    return `${run.account_id} ${quota.id} ${monthStart(limit.cycle_anchor, run.started_at)}`;
  };
  const runs = Map.groupBy(rows.runs, quotaName);
  runs.delete('');
  for (const quota of rows.tokenQuotas) {
    const name = `${quota.account_id} ${quota.model_quota_id} ${quota.period_start}`;
    let held = 0n;
    let used = 0n;
    for (const run of runs.get(name) ?? []) {
      const bound = tokensBound(run);
      const receipt = receipts.get(run.id);
      if (run.held_tokens !== null && bound !== BigInt(run.held_tokens))
        say(`run ${run.id} holds ${run.held_tokens} tokens, its bound is ${bound}`);
      if (!receipt) held += bound;
      else if (receipt.cost_label !== 'none') {
        const { prompt, completion } = usedOf(receipt);
        used += min(bound, (prompt ?? 0n) + (completion ?? 0n));
      }
    }
    const most = BigInt(
      rows.modelQuotas.find((one) => one.id === quota.model_quota_id)!.tokens_per_month,
    );
    if (BigInt(quota.held_tokens) !== held)
      say(`token quota ${name} holds ${quota.held_tokens}, open runs ${held}`);
    if (BigInt(quota.used_tokens) !== used)
      say(`token quota ${name} counts ${quota.used_tokens}, receipts ${used}`);
    if (held + used > most)
      say(`token quota ${name} of ${most} was passed: ${used} used, ${held} held`);
    runs.delete(name);
  }
  for (const name of runs.keys()) say(`no token quota counted the runs of ${name}`);
}

/** The quota of a plan that a model counts in: the one with the longest pattern that fits. */
function quotaOf(rows: Snapshot, planId: string, model: string) {
  return rows.modelQuotas
    .filter((quota) => quota.plan_id === planId && fits(quota.pattern, model))
    .sort((a, b) => b.pattern.length - a.pattern.length || Number(a.id) - Number(b.id))[0];
}

function fits(pattern: string, model: string): boolean {
  const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
  return new RegExp(`^${source}$`).test(model);
}

function auditRates(rows: Snapshot, say: Say): void {
  const windows = [
    ['per_minute', 60_000],
    ['per_hour', 3_600_000],
    ['per_day', 86_400_000],
  ] as const;
  for (const limit of rows.limits) {
    const runs = rows.runs.filter((run) => run.account_id === limit.account_id);
    for (const [rule, length] of windows)
      checkWindow(runs, length, limit[rule], `${limit.account_id} ${rule}`, say);
  }
  for (const limit of rows.keyLimits) {
    const runs = rows.runs.filter((run) => run.key_id === limit.key_id);
    checkWindow(runs, 60_000, limit.per_minute, `key ${limit.key_id} per_minute`, say);
  }
}

function checkWindow(
  runs: Run[],
  length: number,
  most: number | null,
  name: string,
  say: Say,
): void {
  if (most === null) return;
  for (const { started_at: end } of runs) {
    const within = runs.filter((run) => run.started_at > end - length && run.started_at <= end);
    if (within.length > most)
      return say(`${name}: ${within.length} requests where ${most} were allowed`);
  }
}

function auditBudget(
  rows: Snapshot,
  budget: BudgetRow,
  memory: BudgetMemory,
  asked: AskedLimits,
  at: number,
  say: Say,
): void {
  const name = budgetName(budget.account_id, budget.subject_id, budget.period);
  const counts = (one: { account_id: string; user_id: string; key_id: string | null }) =>
    one.account_id === budget.account_id && [one.user_id, one.key_id].includes(budget.subject_id);
  const open = rows.runs.filter((run) => counts(run) && run.status !== 'ended');
  const held = open.reduce((sum, run) => sum + BigInt(run.held_micros), 0n);
  const spent = rows.receipts
    .filter((one) => counts(one) && one.finished_at >= budget.window_start)
    .reduce((sum, one) => sum + BigInt(one.charged_micros), 0n);
  const moments = [
    ...rows.runs.filter(counts).map((run) => run.started_at),
    ...rows.receipts.filter(counts).map((one) => one.finished_at),
  ];
  const window = windowStart(budget.period, Math.max(-Infinity, ...moments));

  if (BigInt(budget.held_micros) !== held)
    say(`budget ${name} holds ${budget.held_micros}, open runs ${held}`);
  if (BigInt(budget.spent_micros) !== spent)
    say(`budget ${name} spent ${budget.spent_micros}, receipts of its window ${spent}`);
  if (budget.window_start < window) say(`budget ${name} missed the beginning of a window`);

  const used = held + (budget.window_start >= windowStart(budget.period, at) ? spent : 0n);
  const before = memory.get(name)?.used ?? 0n;
  const allowed = max(BigInt(budget.limit_micros), before, ...(asked.get(name) ?? []));
  if (used > allowed)
    say(`budget ${name} was passed: ${used} used and held, at most ${allowed} were allowed`);
  memory.set(name, { used });
  asked.set(name, [BigInt(budget.limit_micros)]);
}

/** When the window began that a moment lies in, in UTC. */
function windowStart(period: BudgetRow['period'], at: number): number {
  if (period === 'total' || at === -Infinity) return -Infinity;
  const day = new Date(at).toISOString().slice(0, period === 'day' ? 10 : 7);
  return Date.parse(period === 'day' ? day : `${day}-01`);
}

/** When the month began that a moment lies in: by the calendar, or counted from an anchor's day and hour. */
export function monthStart(anchor: number | null, at: number): number {
  if (!Number.isFinite(at)) return at;
  const first = new Date(anchor ?? 0);
  const moment = new Date(at);
  const begin = (year: number, month: number) => {
    const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    const day = Math.min(first.getUTCDate(), lastDay);
    return Date.UTC(year, month, day) + (first.getTime() % 86_400_000);
  };
  const [year, month] = [moment.getUTCFullYear(), moment.getUTCMonth()];
  return begin(year, month) > at ? begin(year, month - 1) : begin(year, month);
}
