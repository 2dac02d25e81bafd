// A stack with people on it who may ask as much as they like, and eyes on its database and upstream.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { createJobCaller } from '../stack/job-caller.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { type Person, signUp } from './chat-client.ts';

export interface SandboxRequest {
  at: string;
  outcome: string;
  charged: string;
  completion_tokens: number;
  aborted: { after_ms: number; billing: 'stopped' | 'continued' } | null;
}

export interface Ended {
  run_id: string;
  outcome: string;
  cost_label: string;
  charged_micros: number;
  upstream_micros: number | null;
  completion_tokens: number | null;
}

/** A run that ended or was charged for, by the session that it was upstream. */
export interface Booked {
  session: string;
  outcome: string | null;
  ledger_micros: number;
}

export interface StoredMessage {
  run_id: string;
  status: string;
  content: string;
  reasoning: string;
  error_code: string | null;
}

type Backend = Pick<
  Stack,
  'url' | 'publishableKey' | 'secretKey' | 'databaseUrl' | 'env' | 'dataDir' | 'stop'
>;

export async function startChatStack(start?: () => Promise<Backend>) {
  const alerts: string[] = [];
  const stack = await (start?.() ?? startStack({ alert: (message) => alerts.push(message) }));
  const sql = postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
  const stop = async () => {
    await sql.end();
    await stack.stop();
  };
  try {
    await createJobCaller(stack.url, stack.secretKey)('sync-models');
  } catch (error) {
    await stop();
    throw error;
  }
  let people = 0;
  return {
    ...stack,
    sql,
    alerts,
    async person(): Promise<Person> {
      people += 1;
      const person = await signUp(stack, `chat-${people}@example.com`);
      await sql`update private.account_plans set plan_id = 'enterprise' where account_id = ${person.accountId}`;
      await sql`
        insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
        values (${person.accountId}, ${person.accountId}, 2000000000, 'chat tests')`;
      await sql`select private.grant_credits(${person.accountId}, 1000000000000, 'top_up', 'chat tests', 'chat tests', 'chat tests')`;
      return person;
    },
    /** What was asked upstream for a conversation; its title is a session of its own. */
    async asked(conversationId: string): Promise<SandboxRequest[]> {
      return sandboxRequests(stack, conversationId);
    },
    async messages(runIds: string[]): Promise<StoredMessage[]> {
      return sql<StoredMessage[]>`
        select run_id, status, content, reasoning, error_code from private.messages where run_id = any(${runIds})`;
    },
    async receipts(runIds: string[]): Promise<Ended[]> {
      return sql<Ended[]>`
        select run_id, outcome, cost_label, charged_micros::float8, upstream_micros::float8,
          (used).completion_tokens::float8
        from private.usage_events where run_id = any(${runIds})`;
    },
    /** Receipts beside what the ledger itself took; a charge for nothing known is a row of its own. */
    async booked({ accountId }: Person): Promise<Booked[]> {
      return sql<Booked[]>`
        with charges as (
          select fact, amount_micros from private.transactions
          where account_id = ${accountId} and kind = 'charge'
        ),
        ended as (
          select 'run:' || run_id as fact, run_id, outcome from private.usage_events
          where account_id = ${accountId}
        )
        select
          coalesce(
            messages.conversation_id::text, replace(asked.idempotency_key, 'title:', 'title-'), fact
          ) as session,
          ended.outcome, coalesce(-charges.amount_micros, 0)::float8 as ledger_micros
        from ended
        full join charges using (fact)
        left join private.messages on messages.run_id = ended.run_id
        left join private.repeatable_runs as asked on asked.run_id = ended.run_id`;
    },
    async heldMicros({ accountId }: Person): Promise<number> {
      const [wallet] = await sql<{ held: number }[]>`
        select held_micros::float8 as held from private.balances where account_id = ${accountId}`;
      return wallet?.held ?? -1;
    },
    /** Lets the leases of runs lapse that nobody works on, until the scheduled work has ended them all. */
    async untilEnded(runIds: string[]): Promise<void> {
      for (;;) {
        await sql`
          update private.runs set lease_until = now() - interval '1 second' where id = any(${runIds})`;
        const [left] = await sql<{ runs: number; messages: number }[]>`
          select
            cardinality(${runIds}::uuid[]) - (
              select count(distinct run_id) from private.usage_events where run_id = any(${runIds})
            )::int as runs,
            (
              select count(*) from private.messages where run_id = any(${runIds}) and status = 'streaming'
            )::int as messages`;
        if (left?.runs === 0 && left.messages === 0) return;
        await sleep(500);
      }
    },
    /** The process that answers for functions/chat now. */
    chatPid(): number | undefined {
      const holder = JSON.parse(readFileSync(join(stack.dataDir, 'holder.json'), 'utf8')) as {
        children: { pid: number }[];
      };
      return holder.children
        .map(({ pid }) => pid)
        .find((pid) => commandOf(pid).includes('functions/chat/index.ts'));
    },
    stop,
  };
}

export type ChatStack = Awaited<ReturnType<typeof startChatStack>>;

async function sandboxRequests({ env }: Backend, session: string): Promise<SandboxRequest[]> {
  const origin = new URL(env['OPENROUTER_BASE_URL'] ?? '').origin;
  const response = await fetch(`${origin}/sandbox/requests?session_id=${session}`);
  return ((await response.json()) as { data: SandboxRequest[] }).data;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** A small generator with a seed, so that a run that fails can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Does the work of every item, a few at a time. */
export async function inParallel<Item>(
  items: readonly Item[],
  workers: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++] as Item);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}
