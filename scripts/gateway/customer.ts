// A customer with an account, credits and a key, made by the calls that the site makes; for the tests
// and benches of the gateway.
import type { Sql } from 'postgres';

/** A stack that runs, and a pool of its owner's connections. */
export interface Backend {
  url: string;
  publishableKey: string;
  sql: Sql;
}

export interface Customer {
  userId: string;
  accountId: string;
  /** A key that may do everything, and its id. */
  key: string;
  keyId: string;
  rpc<T>(name: string, body: object): Promise<T>;
}

export interface MadeKey {
  secret: string;
  key: { id: string };
}

export async function makeCustomer(
  backend: Backend,
  { credits, plan }: { credits: number; plan: string },
): Promise<Customer> {
  const { url, publishableKey, sql } = backend;
  const signedUp = await fetch(`${url}/auth/v1/signup`, {
    method: 'POST',
    headers: { apikey: publishableKey },
    body: JSON.stringify({
      email: `${crypto.randomUUID()}@example.com`,
      password: 'a long password',
    }),
  });
  const { access_token: token, user } = (await signedUp.json()) as {
    access_token: string;
    user: { id: string };
  };
  const rpc = async <T>(name: string, body: object): Promise<T> => {
    const response = await fetch(`${url}/rest/v1/rpc/${name}`, {
      method: 'POST',
      headers: {
        apikey: publishableKey,
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
  await setCredits(sql, accountId, credits);
  await sql`update private.account_plans set plan_id = ${plan} where account_id = ${accountId}`;
  const { secret, key } = await rpc<MadeKey>('create_key', { account_id: accountId, name: 'Test' });
  return { userId: user.id, accountId, key: secret, keyId: key.id, rpc };
}

/** Exactly this many credits, whatever the account had. */
export async function setCredits(sql: Sql, accountId: string, credits: number): Promise<void> {
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
