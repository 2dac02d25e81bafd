import { createHash } from 'node:crypto';
import type { Header, More, Transaction, Wallet } from './ledger-line.ts';

/** What the lines read so far add up to. It grows with the lots of an account, not with its lines. */
export interface LedgerState {
  accountId: string;
  sequence: number;
  hash: string;
  balance: bigint;
  /** What reversed payments took beyond the credits that were there. */
  debt: bigint;
  lots: Map<number, { remaining: bigint; grantedBy: number }>;
  /** What headers said the chain's end would be, until the chain gets there. */
  promised: Map<number, string>;
  totals: Map<string, bigint>;
  pages: number;
  /** What the next line must be. */
  expects: 'header' | 'page' | 'nothing';
  pageEnd: number;
}

export function startLedger(): LedgerState {
  return {
    accountId: '',
    sequence: 0,
    hash: '',
    balance: 0n,
    debt: 0n,
    lots: new Map(),
    promised: new Map(),
    totals: new Map(),
    pages: 0,
    expects: 'header',
    pageEnd: 0,
  };
}

/** A page begins where the one before ended, and speaks of the same account. */
export function addHeader(ledger: LedgerState, header: Header): string | undefined {
  if (ledger.pages > 0 && header.account_id !== ledger.accountId) {
    return 'This page is of another account than the one before.';
  }
  if (header.after_sequence !== ledger.sequence) {
    return `A page after transaction ${ledger.sequence} is missing: this one follows ${header.after_sequence}.`;
  }
  if (header.after_hash !== ledger.hash) {
    return 'The page does not follow the last transaction before it: their hashes differ.';
  }
  if (header.transaction_count < Math.max(ledger.pageEnd, ledger.sequence)) {
    return `The header speaks of ${header.transaction_count} transactions, but more were shown before.`;
  }
  if ((ledger.promised.get(header.transaction_count) ?? header.last_hash) !== header.last_hash) {
    return 'The header names another last hash than one before.';
  }
  ledger.accountId = header.account_id;
  ledger.pages += 1;
  ledger.expects = 'page';
  ledger.pageEnd = header.transaction_count;
  ledger.promised.set(header.transaction_count, header.last_hash);
  return brokenPromise(ledger);
}

/** A transaction follows from the one before, and its lots pay for exactly what it says. */
export function addTransaction(ledger: LedgerState, posted: Transaction): string | undefined {
  if (posted.sequence !== ledger.sequence + 1) {
    return `Transaction ${ledger.sequence + 1} should stand here, not ${posted.sequence}.`;
  }
  if (posted.sequence > ledger.pageEnd) {
    return `The page's header speaks of ${ledger.pageEnd} transactions, and this is one more.`;
  }
  if (posted.previous_hash !== ledger.hash) {
    return 'The chain is broken: the previous hash is not the hash of the transaction before.';
  }
  if (posted.hash !== hashOf(ledger.accountId, posted)) {
    return 'The hash does not match what the transaction says.';
  }
  if (BigInt(posted.balance_micros) !== ledger.balance + BigInt(posted.amount_micros)) {
    return `The balance should be ${ledger.balance + BigInt(posted.amount_micros)} micro-credits, not ${posted.balance_micros}.`;
  }
  if (posted.refers_to === posted.id) return 'The transaction refers to itself.';

  ledger.sequence = posted.sequence;
  ledger.hash = posted.hash;
  ledger.balance = BigInt(posted.balance_micros);
  ledger.totals.set(
    posted.kind,
    (ledger.totals.get(posted.kind) ?? 0n) + BigInt(posted.amount_micros),
  );
  return wrongBook(posted) ?? wrongLots(ledger, posted) ?? brokenPromise(ledger);
}

/** A page that is not the last ends where it says. */
export function addMore(ledger: LedgerState, more: More): string | undefined {
  if (more.through_sequence !== ledger.sequence) {
    return `The page ends after transaction ${ledger.sequence}, but says ${more.through_sequence}.`;
  }
  if (ledger.sequence >= ledger.pageEnd) return 'The line says there is more, but there is not.';
  ledger.expects = 'header';
  return undefined;
}

/** The last line repeats what all the lines before it add up to. */
export function addWallet(ledger: LedgerState, wallet: Wallet): string | undefined {
  ledger.expects = 'nothing';
  if (wallet.account_id !== ledger.accountId) return 'The wallet is of another account.';
  if (ledger.sequence !== ledger.pageEnd || wallet.transaction_count !== ledger.sequence) {
    return `The ledger has ${Math.max(wallet.transaction_count, ledger.pageEnd)} transactions, but ${ledger.sequence} were shown.`;
  }
  if (wallet.last_hash !== ledger.hash) {
    return 'The wallet names another last hash than the chain ends with.';
  }
  return wrongSums(ledger, wallet) ?? wrongRemains(ledger, wallet);
}

function hashOf(accountId: string, posted: Transaction): string {
  const { previous_hash, sequence, kind, book, amount_micros, balance_micros, fact } = posted;
  return createHash('sha256')
    .update(
      [previous_hash, accountId, sequence, kind, book, amount_micros, balance_micros, fact].join(
        '|',
      ),
    )
    .digest('hex');
}

function brokenPromise(ledger: LedgerState): string | undefined {
  const promised = ledger.promised.get(ledger.sequence);
  ledger.promised.delete(ledger.sequence);
  if (promised === undefined || promised === ledger.hash) return undefined;
  return `A header says that transaction ${ledger.sequence} has another hash.`;
}

const booksOf: Record<string, { book: string; gives: boolean; takes: boolean }> = {
  grant: { book: 'issuance', gives: true, takes: false },
  charge: { book: 'revenue', gives: false, takes: true },
  expiry: { book: 'expiry', gives: false, takes: true },
  refund: { book: 'refunds', gives: true, takes: false },
  reversal: { book: 'issuance', gives: false, takes: true },
  adjustment: { book: 'issuance', gives: true, takes: true },
};

function wrongBook(posted: Transaction): string | undefined {
  const rule = booksOf[posted.kind];
  if (posted.book !== rule?.book) return `A ${posted.kind} is never booked against ${posted.book}.`;
  const isRight = posted.amount_micros > 0 ? rule.gives : rule.takes;
  return isRight ? undefined : `A ${posted.kind} of ${posted.amount_micros} has the wrong sign.`;
}

/** Credits that come make a lot and may pay a debt; credits that go come out of lots, or are owed. */
function wrongLots(ledger: LedgerState, posted: Transaction): string | undefined {
  const amount = BigInt(posted.amount_micros);
  if (amount > 0n) {
    if (posted.lot === null) return 'Credits were given, but no lot was made of them.';
    if (BigInt(posted.lot.amount_micros) !== amount) {
      return `The lot should have ${amount} micro-credits, not ${posted.lot.amount_micros}.`;
    }
    if (ledger.lots.has(posted.lot.id)) return `Lot ${posted.lot.id} was made before.`;
    ledger.lots.set(posted.lot.id, { remaining: amount, grantedBy: posted.id });
  } else if (posted.lot !== null) {
    return 'Credits were taken, but a lot was made.';
  }

  let taken = 0n;
  let lastLot = 0;
  for (const { lot_id, amount_micros } of posted.allocations) {
    const lot = ledger.lots.get(lot_id);
    if (!lot) return `Lot ${lot_id} pays, but no transaction before made it.`;
    if (lot_id <= lastLot) return `Lot ${lot_id} is named twice, or out of order.`;
    lastLot = lot_id;
    if (BigInt(amount_micros) > lot.remaining) {
      return `Lot ${lot_id} pays ${amount_micros} micro-credits, but has only ${lot.remaining}.`;
    }
    if (posted.kind === 'expiry' && posted.refers_to !== lot.grantedBy) {
      return `Lot ${lot_id} lapsed, but the expiry refers to another transaction than made it.`;
    }
    if (posted.kind === 'expiry' && posted.fact !== `expiry:${lot_id}:${lot.remaining}`) {
      return 'The fact names another lot than lapsed, or what was not left of it.';
    }
    lot.remaining -= BigInt(amount_micros);
    taken += BigInt(amount_micros);
  }

  if (amount > 0n) {
    if (taken > ledger.debt)
      return `The lots pay a debt of ${taken} micro-credits, but ${ledger.debt} are owed.`;
    ledger.debt -= taken;
  } else if (posted.kind === 'reversal' && taken < -amount) {
    ledger.debt += -amount - taken;
  } else if (taken !== -amount) {
    return `The lots pay ${taken} micro-credits of ${-amount}.`;
  }
  return undefined;
}

function wrongSums(ledger: LedgerState, wallet: Wallet): string | undefined {
  if (BigInt(wallet.balance_micros) !== ledger.balance) {
    return `The wallet should have ${ledger.balance} micro-credits, not ${wallet.balance_micros}.`;
  }
  if (BigInt(wallet.debt_micros) !== ledger.debt) {
    return `The wallet should owe ${ledger.debt} micro-credits, not ${wallet.debt_micros}.`;
  }
  const held = wallet.open_holds.reduce((sum, hold) => sum + BigInt(hold.amount_micros), 0n);
  if (BigInt(wallet.held_micros) !== held) {
    return `The open holds add up to ${held} micro-credits, not ${wallet.held_micros}.`;
  }
  if (held > ledger.balance + ledger.debt) return 'More is held than the lots have.';
  return isRising(wallet.open_holds.map((hold) => hold.id))
    ? undefined
    : 'A hold is named twice, or out of order.';
}

function wrongRemains(ledger: LedgerState, wallet: Wallet): string | undefined {
  if (!isRising(wallet.open_lots.map((lot) => lot.id)))
    return 'A lot is named twice, or out of order.';
  for (const { id, remaining_micros } of wallet.open_lots) {
    const remaining = ledger.lots.get(id)?.remaining ?? 0n;
    if (remaining !== BigInt(remaining_micros)) {
      return `Lot ${id} should have ${remaining} micro-credits left, not ${remaining_micros}.`;
    }
  }
  const shown = new Set(wallet.open_lots.map((lot) => lot.id));
  for (const [id, { remaining }] of ledger.lots) {
    if (remaining > 0n && !shown.has(id)) {
      return `Lot ${id} has ${remaining} micro-credits left, but is not shown.`;
    }
  }
  return undefined;
}

function isRising(ids: (string | number)[]): boolean {
  return ids.every((id, nth) => nth === 0 || id > (ids[nth - 1] ?? id));
}
