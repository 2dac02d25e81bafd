import type { LedgerLine } from '#lib/api/billing.ts';

type ReadPage = (afterSequence: number) => Promise<LedgerLine[]>;

/** The whole ledger as lines of JSON, page after page until the one that ends with the wallet. */
export async function exportLedger(
  readPage: ReadPage,
  onprogress: (transactions: number) => void,
): Promise<string> {
  const lines: string[] = [];
  for (let after = 0; ;) {
    const page = await readPage(after);
    lines.push(...page.map((line) => JSON.stringify(line)));
    const last = page.at(-1);
    if (last?.type === 'wallet') return `${lines.join('\n')}\n`;
    // Anything else than a page that says where it ends would be a file with a hole in it.
    const through = last?.type === 'more' ? last.through_sequence : undefined;
    if (through === undefined || through <= after) throw new Error('The export broke off.');
    after = through;
    onprogress(after);
  }
}
