import type { UsageDay } from '#lib/api/usage-log.ts';
import type { Receipt } from '#lib/api/usage.ts';
import { microsPerCredit } from '#lib/credits.ts';
import { toCsv } from './csv.ts';

/** What ids are called. */
export interface Names {
  keyName: (id: string | null) => string;
  memberName: (id: string) => string;
}

const credits = (micros: number) => micros / microsPerCredit;

export function daysCsv(rows: readonly UsageDay[], names: Names): string {
  const head = [
    'day',
    'model',
    'key',
    'member',
    'requests',
    'failed',
    'prompt_tokens',
    'completion_tokens',
    'credits',
    'mean_ms',
  ];
  return toCsv(
    head,
    rows.map((row) => [
      row.day,
      row.model_id,
      names.keyName(row.key_id),
      names.memberName(row.user_id),
      row.requests,
      row.errors,
      row.prompt_tokens,
      row.completion_tokens,
      credits(row.charged_micros),
      Math.round(row.latency_ms / Math.max(1, row.requests)),
    ]),
  );
}

export function receiptsCsv(receipts: readonly Receipt[], names: Names): string {
  const head = [
    'finished_at',
    'call',
    'request_id',
    'model',
    'asked_for',
    'key',
    'member',
    'outcome',
    'error',
    'prompt_tokens',
    'completion_tokens',
    'credits',
    'cost_label',
    'ledger_line',
    'first_token_ms',
    'ms',
  ];
  return toCsv(
    head,
    receipts.map((receipt) => [
      receipt.finished_at,
      receipt.run_id,
      receipt.request_id,
      receipt.model_id,
      receipt.requested_model,
      names.keyName(receipt.key_id),
      names.memberName(receipt.user_id),
      receipt.outcome,
      receipt.error_code,
      receipt.prompt_tokens,
      receipt.completion_tokens,
      credits(receipt.charged_micros),
      receipt.cost_label,
      receipt.transaction_id,
      receipt.first_token_ms,
      receipt.latency_ms,
    ]),
  );
}
