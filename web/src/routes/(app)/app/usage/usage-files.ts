import type { UsageDay } from '#lib/api/usage-log.ts';
import type { Receipt } from '#lib/api/usage.ts';
import { microsPerCredit } from '#lib/credits.ts';
import { type Cell, toCsv } from './csv.ts';

/** What ids are called. */
export interface Names {
  keyName: (id: string | null) => string;
  memberName: (id: string) => string;
}

/** A file with a row for each of something: its columns by name. */
export type Columns<Row> = Readonly<Record<string, (row: Row, names: Names) => Cell>>;

const credits = (micros: number) => micros / microsPerCredit;

export const dayColumns: Columns<UsageDay> = {
  day: (row) => row.day,
  model: (row) => row.model_id,
  key: (row, names) => names.keyName(row.key_id),
  member: (row, names) => names.memberName(row.user_id),
  requests: (row) => row.requests,
  failed: (row) => row.errors,
  prompt_tokens: (row) => row.prompt_tokens,
  completion_tokens: (row) => row.completion_tokens,
  credits: (row) => credits(row.charged_micros),
  mean_ms: (row) => Math.round(row.latency_ms / Math.max(1, row.requests)),
};

export const receiptColumns: Columns<Receipt> = {
  finished_at: (receipt) => receipt.finished_at,
  call: (receipt) => receipt.run_id,
  request_id: (receipt) => receipt.request_id,
  model: (receipt) => receipt.model_id,
  asked_for: (receipt) => receipt.requested_model,
  key: (receipt, names) => names.keyName(receipt.key_id),
  member: (receipt, names) => names.memberName(receipt.user_id),
  outcome: (receipt) => receipt.outcome,
  error: (receipt) => receipt.error_code,
  prompt_tokens: (receipt) => receipt.prompt_tokens,
  completion_tokens: (receipt) => receipt.completion_tokens,
  credits: (receipt) => credits(receipt.charged_micros),
  cost_label: (receipt) => receipt.cost_label,
  ledger_line: (receipt) => receipt.transaction_id,
  first_token_ms: (receipt) => receipt.first_token_ms,
  ms: (receipt) => receipt.latency_ms,
};

interface Reading<Row> {
  columns: Columns<Row>;
  names: Names;
  pageSize: number;
  /** What comes behind a row, or the first of it; fewer than a page means that it is all. */
  readPage: (behind: Row | null, count: number) => Promise<Row[]>;
  onprogress: (rows: number) => void;
  signal: AbortSignal;
}

/** All of it, page by page, as the parts of a file; a page that fails leaves no file at all. */
export async function readCsv<Row>({
  columns,
  names,
  pageSize,
  readPage,
  onprogress,
  signal,
}: Reading<Row>): Promise<{ parts: Blob[]; rows: number }> {
  const parts = [new Blob([toCsv([Object.keys(columns)])])];
  const cells = Object.values(columns);
  let behind: Row | null = null;
  for (let rows = 0; ;) {
    const page: Row[] = await readPage(behind, pageSize);
    signal.throwIfAborted();
    // As blobs, which a browser may keep out of its memory.
    parts.push(new Blob([toCsv(page.map((row) => cells.map((read) => read(row, names))))]));
    rows += page.length;
    onprogress(rows);
    behind = page.at(-1) ?? null;
    if (page.length < pageSize) return { parts, rows };
  }
}
