import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

export interface Header {
  type: 'header';
  format: string;
  account_id: string;
  exported_at: string;
  after_sequence: number;
  after_hash: string;
  transaction_count: number;
  last_hash: string;
}

export interface Transaction {
  type: 'transaction';
  sequence: number;
  id: number;
  kind: string;
  book: string;
  amount_micros: number;
  balance_micros: number;
  fact: string;
  refers_to: number | null;
  reason: string;
  author: string;
  created_at: string;
  previous_hash: string;
  hash: string;
  lot: Lot | null;
  allocations: Allocation[];
}

export interface Lot {
  id: number;
  source: string;
  priority: number;
  amount_micros: number;
  expires_at: string | null;
}

export interface Allocation {
  lot_id: number;
  amount_micros: number;
}

export interface More {
  type: 'more';
  through_sequence: number;
}

export interface Wallet {
  type: 'wallet';
  account_id: string;
  transaction_count: number;
  last_hash: string;
  balance_micros: number;
  held_micros: number;
  debt_micros: number;
  open_lots: { id: number; remaining_micros: number }[];
  open_holds: { id: string; amount_micros: number; created_at: string; expires_at: string }[];
}

export type LedgerLine = Header | Transaction | More | Wallet;

type Test = (value: unknown) => boolean;
type Shape = Record<string, Test>;

const whole: Test = (value) => Number.isSafeInteger(value);
const count: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const above: Test = (value) => count(value) && value !== 0;
const matches =
  (pattern: RegExp): Test =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const text = matches(/[^]/);
const hash = matches(/^[0-9a-f]{64}$/);
const hashOrNone = matches(/^([0-9a-f]{64})?$/);
const uuid = matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const moment = matches(/^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const orNone =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);
const within =
  (shape: Shape): Test =>
  (value) =>
    firstMisfit(value, shape) === undefined;
const listOf =
  (shape: Shape): Test =>
  (value) =>
    Array.isArray(value) && value.every(within(shape));

const shapes: Record<LedgerLine['type'], Shape> = {
  header: {
    format: (value) => value === 'oneai-ledger/1',
    account_id: uuid,
    exported_at: moment,
    after_sequence: count,
    after_hash: hashOrNone,
    transaction_count: count,
    last_hash: hashOrNone,
  },
  transaction: {
    sequence: above,
    id: above,
    kind: matches(/^(grant|charge|expiry|refund|reversal|adjustment)$/),
    book: matches(/^(issuance|revenue|expiry|refunds)$/),
    amount_micros: (value) => whole(value) && value !== 0,
    balance_micros: whole,
    fact: text,
    refers_to: orNone(above),
    reason: text,
    author: text,
    created_at: moment,
    previous_hash: hashOrNone,
    hash,
    lot: orNone(
      within({
        id: above,
        source: text,
        priority: count,
        amount_micros: above,
        expires_at: orNone(moment),
      }),
    ),
    allocations: listOf({ lot_id: above, amount_micros: above }),
  },
  more: { through_sequence: above },
  wallet: {
    account_id: uuid,
    transaction_count: count,
    last_hash: hashOrNone,
    balance_micros: whole,
    held_micros: count,
    debt_micros: count,
    open_lots: listOf({ id: above, remaining_micros: above }),
    open_holds: listOf({ id: uuid, amount_micros: count, created_at: moment, expires_at: moment }),
  },
};

/** The line of an export that a text is, or a sentence on why it is none. */
export function parseLine(source: string): LedgerLine | string {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return 'This is not a line of JSON: it was cut off or changed.';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'This is not a line of a ledger.';
  }
  const { type, check, ...fields } = value as Record<string, unknown>;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) {
    return 'This line says neither header, transaction, more nor wallet as its type.';
  }
  const misfit = firstMisfit(fields, shapes[type as LedgerLine['type']]);
  if (misfit !== undefined)
    return `The field ${misfit} is missing, unknown or not what it must be.`;
  const line = { ...fields, type };
  const expected = createHash('sha256').update(canonicalJson(line)).digest('hex');
  if (check !== expected)
    return 'The line does not match its own check: something in it was changed.';
  return line as unknown as LedgerLine;
}

/** The name of the first field that should not be there, is missing or holds what it cannot. */
function firstMisfit(value: unknown, shape: Shape): string | undefined {
  if (typeof value !== 'object' || value === null) return '';
  const fields = value as Record<string, unknown>;
  return (
    Object.keys(fields).find((name) => !Object.hasOwn(shape, name)) ??
    Object.entries(shape).find(
      ([name, test]) => !Object.hasOwn(fields, name) || !test(fields[name]),
    )?.[0]
  );
}
