// A database, a Razorpay and the functions between them, in one process and on one clock.
import { createHash } from 'node:crypto';
import type { Sql } from 'postgres';
import {
  type RazorpaySandbox,
  sandboxKeys,
  startRazorpay,
} from '../../../scripts/sandbox/razorpay.ts';
import type { Event } from '../../../scripts/sandbox/razorpay/webhooks.ts';
import { handleBilling } from '../../functions/billing/handler.ts';
import { openRazorpay, type RazorpayClient } from '../../functions/_shared/razorpay.ts';
import { autoTopUps } from '../../functions/jobs/auto-top-ups.ts';
import { sweepPayments } from '../../functions/jobs/sweep-payments.ts';
import { syncPrices } from '../../functions/jobs/sync-prices.ts';
import type { Task } from '../../functions/jobs/tasks.ts';
import { handleWebhook } from '../../functions/razorpay-webhook/handler.ts';
import type { TestDatabase } from '../database.ts';
import { createRpc, tokenOf } from './rpc.ts';

export const env = { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' };

/** Functions log a line for each request; here they would drown the test's own words. */
export function hushLogs(): void {
  console.log = () => {};
}

export interface Desk {
  sql: Sql;
  razorpay: RazorpayClient;
  /** Hands an event to the webhook function as the courier would; gives its status. */
  hear(event: Pick<Event, 'id' | 'body' | 'signature'>): Promise<number>;
  /** A request to functions/billing by somebody. */
  ask(
    userId: string | undefined,
    method: string,
    path: string,
    body?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  call<Result>(name: string, parameters: Record<string, unknown>, userId?: string): Promise<Result>;
  sweep(): Promise<Record<string, unknown>>;
  syncPrices(): Promise<unknown>;
  topUp(): Promise<unknown>;
  /** A statement as the owner at the stage's moment. */
  look<Row extends Record<string, unknown>>(statement: string): Promise<Row[]>;
}

/** What stands between a database and a sandbox; the clock is the sandbox's. */
export function openDesk(database: TestDatabase, sandbox: RazorpaySandbox): Desk {
  const sql = database.connect('postgres', 12);
  const now = () => sandbox.world.clock.now() * 1000;
  const rpc = createRpc(sql, now);
  const razorpay = openRazorpay({
    baseUrl: sandbox.url,
    keyId: sandboxKeys.RAZORPAY_KEY_ID,
    keySecret: sandboxKeys.RAZORPAY_KEY_SECRET,
    timeoutMs: 1_000,
    wait: async () => {},
  });
  const fetchNothing = () => Promise.reject(new TypeError('no network in this test'));
  const run = async (task: Task) =>
    (await task({
      env,
      openRouterUrl: '',
      openRouterKey: '',
      razorpay,
      fetch: fetchNothing,
      rpc,
      requestId: 'a-test',
      signal: new AbortController().signal,
    })) as Record<string, unknown>;

  return {
    sql,
    razorpay,
    async hear({ id, body, signature }) {
      const request = new Request('http://functions/razorpay-webhook', {
        method: 'POST',
        headers: { 'x-razorpay-signature': signature, 'x-razorpay-event-id': id },
        body,
      });
      const secrets = [sandboxKeys.RAZORPAY_WEBHOOK_SECRET];
      return (await handleWebhook(request, { env, secrets, rpc })).status;
    },
    async ask(userId, method, path, body, headers = {}) {
      const request = new Request(`http://functions/billing${path}`, {
        method,
        headers: { ...headers, ...(userId ? { authorization: `Bearer ${tokenOf(userId)}` } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const response = await handleBilling(request, { env, rpc, razorpay, fetch: fetchNothing });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    call: (name, parameters, userId) =>
      rpc(name, parameters, {
        env,
        requestId: 'a-test',
        ...(userId ? { bearer: tokenOf(userId) } : {}),
      }),
    sweep: () => run(sweepPayments),
    syncPrices: () => run(syncPrices),
    topUp: () => run(autoTopUps),
    look: (statement) =>
      sql.begin(async (tx) => {
        await tx`select set_config('tests.now', ${new Date(now()).toISOString()}, true)`;
        return await tx.unsafe(statement);
      }) as never,
  };
}

export async function openSandbox(now: string): Promise<RazorpaySandbox> {
  const sandbox = await startRazorpay({
    port: 0,
    now: Date.parse(now) / 1000,
    webhook: { url: 'http://127.0.0.1:9', secret: sandboxKeys.RAZORPAY_WEBHOOK_SECRET },
  });
  sandbox.world.courier.behave({ mode: 'hold' });
  return sandbox;
}

/** A person with an account, by a number, the same in every database. */
export function personOf(nth: number): { userId: string; accountId: string } {
  const tail = String(nth).padStart(12, '0');
  return {
    userId: `00000000-0000-4000-8001-${tail}`,
    accountId: `00000000-0000-4000-8002-${tail}`,
  };
}

export async function openPeople(sql: Sql, count: number): Promise<void> {
  const nths = Array.from({ length: count }, (_, at) => at + 1);
  await sql`
    insert into auth.users (id, email, raw_user_meta_data)
    select ('00000000-0000-4000-8001-' || lpad(nth::text, 12, '0'))::uuid, 'p' || nth || '@example.com', '{"name": "P"}'
    from unnest(${nths}::int[]) as nth`;
  await sql`
    insert into private.accounts (id, kind, name)
    select ('00000000-0000-4000-8002-' || lpad(nth::text, 12, '0'))::uuid, 'team', 'Team ' || nth
    from unnest(${nths}::int[]) as nth`;
  await sql`
    insert into private.members (account_id, user_id, role)
    select ('00000000-0000-4000-8002-' || lpad(nth::text, 12, '0'))::uuid,
      ('00000000-0000-4000-8001-' || lpad(nth::text, 12, '0'))::uuid, 'owner'
    from unnest(${nths}::int[]) as nth`;
}

/** Everything that must come out the same whatever the order was in which we heard of it, as lines and their hash. */
export async function stateOf(sql: Sql): Promise<{ hash: string; lines: string[] }> {
  const rows = await sql.unsafe<{ line: string }[]>(stateLines);
  const lines = rows.map(({ line }) => line).sort();
  return { hash: createHash('sha256').update(lines.join('\n')).digest('hex'), lines };
}

const stateLines = `
  select concat_ws('|', 'payment', id, account_id, order_id, subscription_id, razorpay_invoice_id, amount_minor, refunded_minor, status,
    is_captured, period_start, period_end, grant_id is not null, reversed_minor, problem) as line from private.payments
  union all
  select concat_ws('|', 'order', id, razorpay_order_id, status, paid_at) from private.orders
  union all
  select concat_ws('|', 'subscription', id, price_id, status, current_start, current_end, charge_at, ended_at, paid_count, method, cancel_wish)
  from private.subscriptions
  union all
  select concat_ws('|', 'refund', razorpay_refund_id, payment_id, amount_minor, status, reversed_at is not null) from private.refunds
  union all
  select concat_ws('|', 'dispute', id, payment_id, amount_minor, deducted_minor, status, reversed_at is not null) from private.disputes
  union all
  select concat_ws('|', 'invoice', account_id, payment_id, razorpay_invoice_id, description, status, amount_minor, tax_minor, period_start, period_end, paid_at)
  from private.invoices
  union all
  select concat_ws('|', 'wallet', account_id, balance_micros, debt_micros) from private.wallets where account_id::text like '00000000-%'
  union all
  select concat_ws('|', 'plan', account_id, plan_id, cycle_anchor) from private.account_plans where account_id::text like '00000000-%'
  union all
  select concat_ws('|', 'granted', account_id, kind, fact, amount_micros) from private.transactions where kind = 'grant' and account_id::text like '00000000-%'
  union all
  select concat_ws('|', 'reversed', account_id, refers_to is not null, sum(amount_micros)) from private.transactions where kind = 'reversal'
  group by account_id, refers_to is not null`;

export function shuffle<Item>(
  items: Item[],
  random: { int(min: number, max: number): number },
): Item[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = random.int(0, at);
    [mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!];
  }
  return mixed;
}

export async function inParallel<Item>(
  items: Item[],
  workers: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}
