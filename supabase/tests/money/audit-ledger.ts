import { createHash } from 'node:crypto';
import { max, min } from './price.ts';
import type { Allocation, Lot, Snapshot, Transaction, Wallet } from './snapshot.ts';

type Say = (complaint: string) => void;

interface OpenLot {
  lot: Lot;
  remaining: bigint;
}

/** Goes through the books of every account from the first line, with a ledger of its own beside them. */
export function auditLedger(rows: Snapshot, latest: number, say: Say): void {
  for (const wallet of rows.wallets) {
    auditAccount(rows, wallet, latest, (complaint) =>
      say(`account ${wallet.account_id}: ${complaint}`),
    );
  }
  for (const { transaction_id, total, sides } of rows.entries) {
    if (BigInt(total) !== 0n || sides !== '2')
      say(`transaction ${transaction_id}: its ${sides} entries sum to ${total}`);
  }
  if (rows.entries.length !== rows.transactions.length) say('a transaction has no entries');
  const inWallets = rows.wallets.reduce((sum, wallet) => sum + BigInt(wallet.balance_micros), 0n);
  const inBooks = rows.transactions.reduce((sum, one) => sum - BigInt(one.amount_micros), 0n);
  if (inWallets + inBooks !== 0n)
    say(`wallets hold ${inWallets}, our books ${inBooks}: not zero together`);
}

function auditAccount(rows: Snapshot, wallet: Wallet, latest: number, say: Say): void {
  const mine = <T extends { account_id: string }>(all: T[]) =>
    all.filter((one) => one.account_id === wallet.account_id);
  const transactions = mine(rows.transactions);
  const lots = mine(rows.lots);
  const balance = auditChain(wallet, transactions, say);
  const { open, debt } = replayLots(transactions, lots, rows.allocations, latest, say);

  for (const { lot, remaining } of open.values()) {
    if (remaining !== BigInt(lot.remaining_micros))
      say(`lot ${lot.id} has ${lot.remaining_micros} left, its allocations say ${remaining}`);
  }
  if (open.size !== lots.length) say('a lot came from no transaction');
  const left = lots.reduce((sum, lot) => sum + BigInt(lot.remaining_micros), 0n);
  if (left !== balance + debt) say(`lots have ${left}, balance and debt are ${balance} + ${debt}`);
  if (debt !== BigInt(wallet.debt_micros))
    say(`debt is ${wallet.debt_micros}, reversals left ${debt}`);
  const reversed = transactions.filter((one) => one.kind === 'reversal');
  const most = reversed.reduce((sum, one) => sum - BigInt(one.amount_micros), 0n);
  if (debt > most) say(`debt ${debt} is more than all reversals, ${most}`);

  const held = mine(rows.holds).reduce(
    (sum, hold) => sum + (hold.outcome ? 0n : BigInt(hold.amount_micros)),
    0n,
  );
  if (held !== BigInt(wallet.held_micros))
    say(`held is ${wallet.held_micros}, open holds are ${held}`);
  if (left < held) say(`overspent: lots have ${left}, open holds need ${held}`);
  if (balance < held && debt === 0n)
    say(`overspent: balance ${balance}, held ${held}, and no debt`);

  const lapses = lots
    .filter((lot) => lot.remaining_micros !== '0')
    .map((lot) => lot.expires_at ?? Infinity);
  const first = Math.min(Infinity, ...lapses);
  // The lot that is said to pay next is the first that does, or has just been used up.
  const [next] = burn(open, 1n).keys();
  const said = open.get(wallet.next_lot_id ?? '');
  if (said ? said.remaining > 0n && said.lot.id !== next : next !== undefined)
    say(`lot ${wallet.next_lot_id} is said to pay next, it is lot ${next}`);
  if ((wallet.next_expiry_at ?? Infinity) > first && debt === 0n)
    say('a lot lapses before the wallet looks');
}

/** Sequence, running balance and hashes, each computed again. */
function auditChain(wallet: Wallet, transactions: Transaction[], say: Say): bigint {
  let balance = 0n;
  let hash = '';
  transactions.forEach((one, index) => {
    balance += BigInt(one.amount_micros);
    if (one.sequence !== String(index + 1)) say(`line ${index + 1} has the number ${one.sequence}`);
    if (BigInt(one.balance_micros) !== balance)
      say(`line ${one.sequence} shows ${one.balance_micros}, the sum is ${balance}`);
    const said = [
      hash,
      one.account_id,
      one.sequence,
      one.kind,
      one.book,
      one.amount_micros,
      balance,
      one.fact,
    ].join('|');
    if (one.previous_hash !== hash) say(`line ${one.sequence} does not follow the line before`);
    hash = createHash('sha256').update(said).digest('hex');
    if (one.hash !== hash) say(`line ${one.sequence} has another hash than it should`);
  });
  if (BigInt(wallet.balance_micros) !== balance)
    say(`balance is ${wallet.balance_micros}, the sum ${balance}`);
  if (wallet.transaction_count !== String(transactions.length))
    say('the count of transactions is wrong');
  if (wallet.last_hash !== hash) say('the last hash is not that of the last line');
  return balance;
}

/** Burns the lots again, in the order we promise, and compares every allocation. */
function replayLots(
  transactions: Transaction[],
  lots: Lot[],
  allocations: Allocation[],
  latest: number,
  say: Say,
) {
  const open = new Map<string, OpenLot>();
  const born = Map.groupBy(lots, (lot) => lot.transaction_id);
  const paid = Map.groupBy(allocations, (one) => one.transaction_id);
  const books: Record<string, string> = {
    grant: 'issuance',
    charge: 'revenue',
    expiry: 'expiry',
    refund: 'refunds',
    reversal: 'issuance',
    adjustment: 'issuance',
  };
  let debt = 0n;

  for (const one of transactions) {
    const amount = BigInt(one.amount_micros);
    const made = born.get(one.id) ?? [];
    const taken = new Map(
      (paid.get(one.id) ?? []).map((part) => [part.lot_id, BigInt(part.amount_micros)]),
    );
    const total = [...taken.values()].reduce((sum, part) => sum + part, 0n);
    if (one.book !== books[one.kind]) say(`${one.kind} ${one.id} is booked against ${one.book}`);

    if (amount > 0n) {
      if (!['grant', 'refund', 'adjustment'].includes(one.kind))
        say(`${one.kind} ${one.id} gives credits`);
      if (made.length !== 1 || BigInt(made[0]!.amount_micros) !== amount)
        say(`${one.kind} ${one.id} made no lot of ${amount}`);
      for (const lot of made) open.set(lot.id, { lot, remaining: amount });
      if (total > debt) say(`${one.kind} ${one.id} paid ${total} of a debt of ${debt}`);
      debt -= total;
      compare(one, taken, burn(open, total));
      continue;
    }
    if (made.length > 0) say(`${one.kind} ${one.id} takes credits and made a lot`);
    if (one.kind === 'expiry') {
      const [[lotId] = ['']] = taken;
      const found = open.get(lotId);
      const lapsed = found && (found.lot.expires_at ?? Infinity) <= latest;
      if (taken.size !== 1 || total !== -amount || !lapsed)
        say(`expiry ${one.id} took ${total} of ${taken.size} lots`);
      if (debt > 0n) say(`expiry ${one.id} took what could pay a debt of ${debt}`);
      if (found && one.fact !== `expiry:${lotId}:${found.remaining}`)
        say(`expiry ${one.id} has the fact ${one.fact}`);
      compare(one, taken, new Map([[lotId, min(-amount, found?.remaining ?? 0n)]]));
      continue;
    }
    const own = one.kind === 'reversal' ? born.get(one.refers_to ?? '')?.[0]?.id : undefined;
    if (one.kind === 'reversal') debt += -amount - total;
    else if (total !== -amount) say(`${one.kind} ${one.id} of ${-amount} was paid with ${total}`);
    compare(one, taken, burn(open, total, own));
  }
  return { open, debt };

  function compare(one: Transaction, taken: Map<string, bigint>, expected: Map<string, bigint>) {
    const differs = [...new Set([...taken.keys(), ...expected.keys()])].some(
      (lotId) => taken.get(lotId) !== expected.get(lotId),
    );
    if (differs) say(`${one.kind} ${one.id} burnt ${show(taken)} where ${show(expected)} was due`);
    for (const [lotId, part] of taken) {
      const found = open.get(lotId);
      if (found) found.remaining -= part;
      else say(`${one.kind} ${one.id} burnt lot ${lotId}, which was not there`);
      if (found && found.remaining < 0n)
        say(`${one.kind} ${one.id} burnt more of lot ${lotId} than there was`);
    }
  }
}

/** What an amount takes of each lot: a named one first, then by priority, expiry, promotion and age. */
function burn(
  open: Map<string, OpenLot>,
  amount: bigint,
  firstLotId?: string,
): Map<string, bigint> {
  const rank = ({ lot }: OpenLot) => [
    lot.id === firstLotId ? 0 : 1,
    lot.priority,
    lot.expires_at ?? Infinity,
    ['welcome', 'bonus'].includes(lot.source) ? 0 : 1,
    Number(lot.id),
  ];
  const ordered = [...open.values()]
    .filter(({ remaining }) => remaining > 0n)
    .sort((a, b) => {
      const [left, right] = [rank(a), rank(b)];
      const at = left.findIndex((value, index) => value !== right[index]);
      return at < 0 || left[at]! < right[at]! ? -1 : 1;
    });
  const parts = new Map<string, bigint>();
  let owed = amount;
  for (const { lot, remaining } of ordered) {
    if (owed <= 0n) break;
    parts.set(lot.id, max(0n, min(remaining, owed)));
    owed -= remaining;
  }
  return parts;
}

function show(parts: Map<string, bigint>): string {
  return `{${[...parts].map(([lotId, part]) => `${lotId}: ${part}`).join(', ')}}`;
}
