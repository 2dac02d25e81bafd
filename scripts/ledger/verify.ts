// npm run ledger:verify -- FILE: recomputes an exported ledger and names the first line that is wrong.
import { createReadStream } from 'node:fs';
import { runCommand } from '../command.ts';
import { StackError } from '../stack/stack-error.ts';
import { readLines } from './read-lines.ts';
import { type LedgerSummary, verifyLedger } from './verify-ledger.ts';

await runCommand(async () => {
  const [file, ...more] = process.argv.slice(2);
  if (!file || more.length > 0) {
    throw new StackError('Say which file: npm run ledger:verify -- FILE');
  }
  const verdict = await verifyLedger(readLines(createReadStream(file))).catch((error: unknown) => {
    throw new StackError(`${file} cannot be read as lines of text: ${(error as Error).message}`);
  });
  if (!verdict.isRight) throw new StackError(`${file}, line ${verdict.line}: ${verdict.problem}`);
  console.log(describe(verdict.summary));
});

function describe(summary: LedgerSummary): string {
  const { transactions, pages, openLots, openHolds, balanceMicros, heldMicros, debtMicros } =
    summary;
  const totals = Object.entries(summary.totals).map(
    ([kind, micros]) => `  ${kind.padEnd(10)} ${credits(micros)}`,
  );
  return [
    `The ledger of account ${summary.accountId} is right.`,
    `${counted(transactions, 'transaction')} on ${counted(pages, 'page')}, in credits:`,
    ...totals,
    `  ${'balance'.padEnd(10)} ${credits(balanceMicros)}, in ${counted(openLots, 'lot')}`,
    `  ${'held'.padEnd(10)} ${credits(heldMicros)}, by ${counted(openHolds, 'open call')}`,
    ...(debtMicros > 0n ? [`  ${'owed'.padEnd(10)} ${credits(debtMicros)}`] : []),
    `The chain ends with ${summary.lastHash || 'nothing, as it is empty'}.`,
    'Compare that with the last hash the site shows, or with an export you kept.',
  ].join('\n');
}

function credits(micros: bigint): string {
  const digits = String(micros < 0n ? -micros : micros).padStart(7, '0');
  return `${micros < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
