// Somebody with an account, credits and keys, made by the calls that the site makes.
import postgres from 'postgres';
import { afterAll, inject, vi } from 'vitest';

export const stack = inject('gatewayStack');
export const base = `${stack.url}/functions/v1/gateway/v1`;
export const sql = postgres(stack.databaseUrl, { max: 8, onnotice: () => {} });
afterAll(() => sql.end());

export interface Customer {
  userId: string;
  accountId: string;
  /** A key that may do everything, and its id. */
  key: string;
  keyId: string;
  rpc<T>(name: string, body: object): Promise<T>;
}

interface MadeKey {
  secret: string;
  key: { id: string };
}

let made = 0;

export async function newCustomer({ credits = 100_000, plan = 'enterprise' } = {}) {
  const email = `customer-${process.pid}-${(made += 1)}-${Date.now()}@example.com`;
  const signedUp = await fetch(`${stack.url}/auth/v1/signup`, {
    method: 'POST',
    headers: { apikey: stack.publishableKey },
    body: JSON.stringify({ email, password: 'a long password' }),
  });
  const { access_token: token, user } = (await signedUp.json()) as {
    access_token: string;
    user: { id: string };
  };
  const rpc = async <T>(name: string, body: object): Promise<T> => {
    const response = await fetch(`${stack.url}/rest/v1/rpc/${name}`, {
      method: 'POST',
      headers: {
        apikey: stack.publishableKey,
        authorization: `Bearer ${token}`,
        'content-profile': 'api',
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${name}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const [member] = await sql<{ account_id: string }[]>`
    select account_id from private.members where user_id = ${user.id}`;
  const accountId = member!.account_id;
  await setCredits(accountId, credits);
  await sql`update private.account_plans set plan_id = ${plan} where account_id = ${accountId}`;
  const { secret, key } = await rpc<MadeKey>('create_key', { account_id: accountId, name: 'Test' });
  return { userId: user.id, accountId, key: secret, keyId: key.id, rpc } satisfies Customer;
}

/** Exactly this many credits, whatever the account had. */
export async function setCredits(accountId: string, credits: number): Promise<void> {
  await sql.begin(async (tx) => {
    const [wallet] = await tx<{ balance: string }[]>`
      select balance_micros as balance from private.require_wallet(${accountId})`;
    const change = BigInt(Math.round(credits * 1e6)) - BigInt(wallet!.balance);
    const fact = `test:${crypto.randomUUID()}`;
    if (change > 0n) {
      await tx`select private.grant_credits(${accountId}, ${String(change)}, 'top_up', ${fact}, 'Test', 'tests', null)`;
    } else if (change < 0n) {
      await tx`select private.adjust_credits(${accountId}, ${String(change)}, ${fact}, 'Test', 'tests')`;
    }
  });
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

/** What the upstream was asked for an account, and what it charged. */
export async function upstreamRuns(accountId: string): Promise<SandboxRun[]> {
  const response = await fetch(
    `${stack.sandboxUrl}/sandbox/requests?user=${accountId}&limit=100000`,
  );
  return ((await response.json()) as { data: SandboxRun[] }).data;
}
