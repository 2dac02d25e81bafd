import {
  chargeMicros,
  holdMicros,
  max,
  min,
  type PriceVersion,
  promptBound,
  readDecimal,
  type Shape,
  type Used,
} from './price.ts';
import type { Hold, Receipt, Run, Snapshot } from './snapshot.ts';

type Say = (complaint: string) => void;

/** What only the row of a call says, which goes when the call ends; kept from when it was seen. */
export interface Seen {
  run: Run;
  prices: Map<string, PriceVersion>;
}

/** Every run has one hold; every ended one has one resolution and one receipt, at the right price. */
export function auditRuns(rows: Snapshot, seen: Map<string, Seen>, say: Say): void {
  const holds = new Map(rows.holds.map((hold) => [hold.id, hold]));
  const receipts = Map.groupBy(rows.receipts, (receipt) => receipt.run_id);
  const prices = new Map(rows.prices.map((row) => [row.id!, readPrice(row)]));
  const charges = new Map(
    rows.transactions.filter((one) => one.kind === 'charge').map((one) => [one.fact, one]),
  );
  const limits = new Map(rows.limits.map((one) => [one.account_id, one]));
  const keyLimits = new Map(rows.keyLimits.map((one) => [one.key_id, one]));

  if (rows.holds.length !== rows.runs.length)
    say(`${rows.runs.length} runs have ${rows.holds.length} holds`);
  for (const run of rows.runs) {
    const complain: Say = (complaint) => say(`run ${run.id}: ${complaint}`);
    const hold = holds.get(run.id);
    const mine = receipts.get(run.id) ?? [];
    if (!hold) {
      complain('has no hold');
      continue;
    }
    if (run.price_version_ids) seen.set(run.id, { run: seen.get(run.id)?.run ?? run, prices });
    const before = seen.get(run.id);
    if (before) auditConstancy(before.run, run, complain);
    const promised = before?.run.price_version_ids ?? [mine[0]?.price_version_id ?? ''];
    const known = before?.prices ?? prices;
    const dearest = max(
      ...promised.map((id) => holdMicros(known.get(id)!, shapeOf(run), run.max_tokens)),
    );
    // Of a call that came and went between two audits only one of its prices is known.
    const held = BigInt(hold.amount_micros);
    if (before ? held !== dearest : held < dearest)
      complain(`holds ${hold.amount_micros}, its bound is ${dearest}`);
    if (hold.amount_micros !== run.held_micros) complain('says another hold than it has');
    const caps = [limits.get(run.account_id)?.max_cost, keyLimits.get(run.key_id ?? '')?.max_cost];
    for (const cap of caps) {
      if (cap && BigInt(hold.amount_micros) > BigInt(cap))
        complain(`holds ${hold.amount_micros}, over the cap of ${cap}`);
    }

    if (run.status !== 'ended') {
      if (hold.outcome || mine.length > 0)
        complain(`is ${run.status} and was ${hold.outcome} with ${mine.length} receipts`);
      continue;
    }
    if (!hold.outcome || mine.length !== 1)
      complain(`has ended: ${hold.outcome ?? 'unresolved'}, ${mine.length} receipts`);
    if (mine[0]) auditReceipt(before?.run ?? run, hold, mine[0], known, complain);
    const charge = charges.get(`run:${run.id}`);
    charges.delete(`run:${run.id}`);
    if ((charge?.id ?? null) !== hold.transaction_id)
      complain('was charged by another transaction than it names');
    if (charge && BigInt(charge.amount_micros) !== -BigInt(hold.charged_micros ?? 0))
      complain('was charged another amount than it says');
  }
  for (const fact of charges.keys()) say(`a charge is for no ended run: ${fact}`);
  auditDays(rows, say);
}

function auditReceipt(
  run: Run,
  hold: Hold,
  receipt: Receipt,
  prices: Map<string, PriceVersion>,
  say: Say,
): void {
  const used = usedOf(receipt);
  const produced = (used.completion ?? 0n) > 0n || run.task === 'embedding';
  const isCharged = ['completed', 'stopped'].includes(receipt.outcome) && produced;
  const wanted = isCharged
    ? min(BigInt(hold.amount_micros), chargeMicros(prices.get(receipt.price_version_id)!, used))
    : 0n;
  if (BigInt(receipt.charged_micros) !== wanted)
    say(`was charged ${receipt.charged_micros}, the formula says ${wanted}`);
  if (receipt.charged_micros !== hold.charged_micros)
    say('has a receipt over another amount than its resolution');
  if (BigInt(receipt.charged_micros) > BigInt(hold.amount_micros))
    say('was charged more than it held');
  if ((receipt.cost_label === 'none') === isCharged) say(`is labelled ${receipt.cost_label}`);
  const outcome = receipt.outcome === 'expired' ? 'expired' : isCharged ? 'settled' : 'released';
  if (hold.outcome !== outcome) say(`was ${hold.outcome} where ${outcome} was due`);
  const version = run.price_version_ids?.indexOf(receipt.price_version_id);
  if (version !== undefined && run.model_ids?.[version] !== receipt.model_id)
    say('was charged at a price it was not promised');
  if (receipt.transaction_id !== hold.transaction_id || receipt.held_micros !== hold.amount_micros)
    say('has a receipt of another hold');
  if (receipt.finished_at < run.started_at) say('ended before it began');
}

/** Nothing of what a call was promised changes while it runs, nor in its receipt. */
function auditConstancy(before: Run, now: Run, say: Say): void {
  for (const name of Object.keys(before) as (keyof Run)[]) {
    if (name === 'status' || now[name] === null) continue;
    if (JSON.stringify(now[name]) !== JSON.stringify(before[name]))
      say(`had ${JSON.stringify(before[name])} as its ${name}, now ${JSON.stringify(now[name])}`);
  }
}

function auditDays(rows: Snapshot, say: Say): void {
  const sums = new Map<string, bigint[]>();
  for (const receipt of rows.receipts) {
    const failed = receipt.outcome === 'failed' || receipt.outcome === 'expired';
    const used = usedOf(receipt);
    const parts = [
      1n,
      failed ? 1n : 0n,
      BigInt(receipt.charged_micros),
      used.prompt ?? 0n,
      used.completion ?? 0n,
    ];
    const before = sums.get(receipt.account_id) ?? parts.map(() => 0n);
    sums.set(
      receipt.account_id,
      before.map((sum, index) => sum + parts[index]!),
    );
  }
  for (const day of rows.days) {
    const found = [
      day.requests,
      day.errors,
      day.charged_micros,
      day.prompt_tokens,
      day.completion_tokens,
    ].join();
    const wanted = (sums.get(day.account_id) ?? []).join();
    if (found !== wanted) say(`the days of ${day.account_id} sum to ${found}, not ${wanted}`);
    sums.delete(day.account_id);
  }
  for (const accountId of sums.keys()) say(`the receipts of ${accountId} are in no day`);
}

export function usedOf(receipt: Receipt): Used {
  const count = (name: string) => {
    const value = receipt.used[name];
    return value === null || value === undefined ? null : BigInt(value);
  };
  return {
    prompt: count('prompt_tokens'),
    completion: count('completion_tokens'),
    cacheRead: count('cache_read_tokens'),
    cacheWrite: count('cache_write_tokens'),
    reasoning: count('reasoning_tokens'),
    audio: count('audio_tokens'),
    images: count('images'),
    searches: count('searches'),
  };
}

/** The tokens a run may use at most, as its model's monthly quota counts them. */
export function tokensBound(run: Run): bigint {
  return promptBound(shapeOf(run)) + BigInt(run.max_tokens * run.shape.choices);
}

function shapeOf(run: Run): Shape {
  const { prompt_bytes: promptBytes, messages, images, choices, searches } = run.shape;
  return { promptBytes, messages, images, choices, searches };
}

function readPrice(row: Record<string, string>): PriceVersion {
  const of = (kind: string) => readDecimal(row[`${kind}_micros`]!);
  return {
    prompt: of('prompt'),
    completion: of('completion'),
    cacheRead: of('cache_read'),
    cacheWrite: of('cache_write'),
    reasoning: of('reasoning'),
    audio: of('audio'),
    image: of('image'),
    search: of('search'),
    request: of('request'),
    minimumMicros: BigInt(row.minimum_micros!),
  };
}
