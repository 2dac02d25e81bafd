// The customers of the tests, and what their books say.
import postgres from 'postgres';
import { afterAll, inject, vi } from 'vitest';
import * as customers from '../../../scripts/gateway/customer.ts';

export type Customer = customers.Customer;
export type MadeKey = customers.MadeKey;

export const stack = inject('gatewayStack');
export const base = `${stack.url}/functions/v1/gateway/v1`;
export const sql = postgres(stack.databaseUrl, { max: 8, onnotice: () => {} });
afterAll(() => sql.end());

export function newCustomer({ credits = 100_000, plan = 'enterprise' } = {}): Promise<Customer> {
  return customers.makeCustomer({ ...stack, sql }, { credits, plan });
}

export function setCredits(accountId: string, credits: number): Promise<void> {
  return customers.setCredits(sql, accountId, credits);
}

export async function newKey(customer: Customer, settings: object = {}): Promise<MadeKey> {
  const { accountId: account_id } = customer;
  return customer.rpc('create_key', { account_id, name: 'Another', settings });
}

export interface Books {
  balance: number;
  held: number;
  charged: number;
  receipts: number;
  open: number;
}

/** What the account has and was charged, by the ledger and by its receipts. */
export async function booksOf(accountId: string): Promise<Books> {
  const [books] = await sql<Books[]>`
    select
      wallets.balance_micros::float8 as balance, wallets.held_micros::float8 as held,
      (select coalesce(sum(charged_micros), 0)::float8 from api.receipts where account_id = ${accountId}) as charged,
      (select count(*)::int from api.receipts where account_id = ${accountId}) as receipts,
      (select count(*)::int from private.runs where account_id = ${accountId}) as open
    from api.wallets where account_id = ${accountId}`;
  return books!;
}

/** The sum of what the ledger itself took for calls. */
export async function ledgerCharges(accountId: string): Promise<number> {
  const [sum] = await sql<{ charged: number }[]>`
    select coalesce(-sum(amount_micros), 0)::float8 as charged
    from api.transactions where account_id = ${accountId} and kind = 'charge'`;
  return sum!.charged;
}

/** Waits until no call of the account runs any more. */
export async function settled(accountId: string): Promise<Books> {
  return vi.waitFor(
    async () => {
      const books = await booksOf(accountId);
      if (books.open > 0) throw new Error(`${books.open} calls still run`);
      return books;
    },
    { timeout: 90_000, interval: 100 },
  );
}

export interface SandboxRun {
  model: string | null;
  requested: string | null;
  outcome: string;
  charged: string;
  completion_tokens: number;
  prompt_tokens: number;
  body: Record<string, unknown> | null;
  aborted: { billing: string } | null;
}

/** What a call costs whose upstream took this much: a fifth more. */
export function priceOf({ charged }: Pick<SandboxRun, 'charged'>): number {
  return Math.ceil((Number(charged) * 6) / 5);
}

/** What the upstream was asked for an account, and what it charged. */
export async function upstreamRuns(accountId: string): Promise<SandboxRun[]> {
  const response = await fetch(
    `${stack.sandboxUrl}/sandbox/requests?user=${accountId}&limit=100000`,
  );
  return ((await response.json()) as { data: SandboxRun[] }).data;
}
