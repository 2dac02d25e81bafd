import { type LedgerLine, parseLine } from './ledger-line.ts';
import {
  addHeader,
  addMore,
  addTransaction,
  addWallet,
  type LedgerState,
  startLedger,
} from './ledger-state.ts';

export interface LedgerSummary {
  accountId: string;
  transactions: number;
  pages: number;
  /** What each kind of transaction came to, in micro-credits. */
  totals: Record<string, bigint>;
  balanceMicros: bigint;
  heldMicros: bigint;
  debtMicros: bigint;
  openLots: number;
  openHolds: number;
  lastHash: string;
}

/** Right, with what it came to; or wrong, with the first line that is and a sentence on why. */
export type LedgerVerdict =
  { isRight: true; summary: LedgerSummary } | { isRight: false; line: number; problem: string };

/** Recomputes an exported ledger from its lines alone. */
export async function verifyLedger(
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<LedgerVerdict> {
  const ledger = startLedger();
  let summary: LedgerSummary | undefined;
  let number = 0;
  for await (const source of lines) {
    number += 1;
    const line = parseLine(source);
    const problem =
      typeof line === 'string' ? line : (outOfPlace(ledger, line) ?? add(ledger, line));
    if (problem !== undefined) return { isRight: false, line: number, problem };
    if (typeof line === 'object' && line.type === 'wallet') {
      summary = {
        accountId: ledger.accountId,
        transactions: ledger.sequence,
        pages: ledger.pages,
        totals: Object.fromEntries(ledger.totals),
        balanceMicros: ledger.balance,
        heldMicros: BigInt(line.held_micros),
        debtMicros: ledger.debt,
        openLots: line.open_lots.length,
        openHolds: line.open_holds.length,
        lastHash: ledger.hash,
      };
    }
  }
  if (summary) return { isRight: true, summary };
  const problem =
    number === 0
      ? 'The file is empty.'
      : `The file ends after transaction ${ledger.sequence}, before the line of the wallet: it was cut off.`;
  return { isRight: false, line: number + 1, problem };
}

function outOfPlace(ledger: LedgerState, line: LedgerLine): string | undefined {
  if (ledger.expects === 'nothing') return 'The ledger ended with the line before.';
  if (ledger.expects === 'header' && line.type !== 'header') {
    return 'A page starts with a header, and here is none.';
  }
  if (ledger.expects === 'page' && line.type === 'header') {
    return 'A page starts before the one before has ended.';
  }
  return undefined;
}

function add(ledger: LedgerState, line: LedgerLine): string | undefined {
  switch (line.type) {
    case 'header':
      return addHeader(ledger, line);
    case 'transaction':
      return addTransaction(ledger, line);
    case 'more':
      return addMore(ledger, line);
    case 'wallet':
      return addWallet(ledger, line);
  }
}
