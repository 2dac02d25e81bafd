import type { Sql } from 'postgres';
import { expect } from 'vitest';
import type { TestDatabase } from '../database.ts';
import { createAuditor, type Entry } from './auditor.ts';
import type { Operation } from './operations.ts';
import { type Answer, ask, connect, isLost, persist, quote, type Row } from './session.ts';
import { readSnapshot } from './snapshot.ts';
import { startStatement } from './start-statement.ts';
import type { Account } from './world.ts';

/** What a call of the stage's model holds: a prompt of at most 116 tokens and one of an answer, a micro each. */
export const holdMicros = 117;

export const now = Date.parse('2028-03-15T12:00:00Z');

export interface Stage {
  sql: Sql;
  account: Account;
  /** Does something for an account as somebody, for the auditor to see. */
  act(
    operation: Partial<Operation> & { kind: Operation['kind']; text: string },
    at?: number,
  ): Promise<Answer>;
  /** The same as the owner of the schema, where only rows are wanted. */
  look(statement: string, at?: number): Promise<Row[]>;
  /** Looks at every row of the account, and says what is wrong. */
  complaints(at?: number): Promise<string[]>;
  /** The same where anything wrong is the test's failure. */
  audit(at?: number): Promise<void>;
}

export interface StageOptions {
  balance: number;
  plan?: { perMinute?: number; perMonth?: number; tokensPerMonth?: number };
}

/** The connections that stages of one database share. */
export interface Pools extends AsyncDisposable {
  superuser: Sql;
  sql: Sql;
}

export function openPools(database: TestDatabase, connections = 40): Pools {
  const superuser = connect(database.url('supabase_admin'), 1);
  const sql = connect(database.url('postgres'), connections);
  return {
    superuser,
    sql,
    async [Symbol.asyncDispose]() {
      await Promise.all([sql.end({ timeout: 5 }), superuser.end({ timeout: 5 })]);
    },
  };
}

let stages = 0;

/** One team with a given amount of money on a plan of its own, and a model that is easy to reckon with. */
export async function openStage(
  { superuser, sql }: Pools,
  { balance, plan = {} }: StageOptions,
): Promise<Stage> {
  const auditor = createAuditor();
  const nth = (stages += 1);
  const id = (kind: number) => `00000000-0000-4000-800${kind}-${String(nth).padStart(12, '0')}`;
  const account: Account = {
    id: id(1),
    callers: [id(2)],
    viewer: id(3),
    keys: [{ id: id(4), secretHash: id(4).replaceAll('-', '').repeat(2), createdBy: id(2) }],
  };
  const [owner, key] = [account.callers[0]!, account.keys[0]!];
  const answer = await ask(
    superuser,
    'owner',
    now,
    `insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
     values ('stage/model', 'Stage', 100000, 4000, 0, 0) on conflict do nothing;
     insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
     select 'stage/model', 1, 0.001, 0.001
     where not exists (select from private.pricing_rules where pattern = 'stage/model');
     insert into private.plans (id, name, requests_per_minute, requests_per_month)
     values ('stage-${nth}', 'Stage', ${quote(plan.perMinute)}, ${quote(plan.perMonth)});
     insert into private.plan_models (plan_id, priority, pattern, allowed) values ('stage-${nth}', 1, '*', true);
     insert into private.model_quotas (plan_id, pattern, tokens_per_month)
     select 'stage-${nth}', 'stage/*', limits.tokens
     from (values (${quote(plan.tokensPerMonth)}::bigint)) as limits (tokens) where limits.tokens is not null;
     insert into auth.users (id, email, raw_user_meta_data) values (${quote(owner)}, '${owner}@example.com', '{"name": "Stage"}');
     insert into private.accounts (id, kind, name) values (${quote(account.id)}, 'team', 'Stage');
     insert into private.members (account_id, user_id, role) values (${quote(account.id)}, ${quote(owner)}, 'owner');
     update private.account_plans set plan_id = 'stage-${nth}' where account_id = ${quote(account.id)};
     insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
     values (${quote(key.id)}, ${quote(account.id)}, ${quote(owner)}, 'Stage', 'sk-oneai-stage', '\\x${key.secretHash}');
     select private.adjust_credits(${quote(account.id)}, amount, 'open:stage', 'Stage', 'stage')
     from (values (${balance}::bigint)) as money (amount) where amount > 0`,
  );
  if (answer.error) throw new Error(answer.error.message);

  const entries: Entry[] = [];
  const stage: Stage = {
    sql,
    account,
    async act({ text, ...operation }, at = now) {
      const full = {
        account,
        caller: 'owner' as const,
        about: [],
        statement: () => text,
        facts: {},
        ...operation,
      };
      const entry = {
        number: entries.length,
        at,
        operation: full,
        id: full.about.join(),
        answer: await ask(sql, full.caller, at, text),
      };
      entries.push(entry);
      if (!isLost(entry.answer)) auditor.note(entry);
      return entry.answer;
    },
    async look(statement, at = now) {
      const { rows, error } = await persist(() => ask(sql, 'owner', at, statement));
      if (error) throw new Error(`${error.code} ${error.message}`);
      return rows;
    },
    async complaints(at = now) {
      return auditor.audit(await readSnapshot(sql, [account.id]), at);
    },
    async audit(at = now) {
      expect(await stage.complaints(at)).toEqual([]);
    },
  };
  return stage;
}

export interface Wish {
  byKey?: boolean;
  idempotencyKey?: string;
  requestHash?: string;
}

/** Asks for one call of the stage's model, by its owner or by its key. */
export function authorize({ account, act }: Stage, wish: Wish = {}, at = now): Promise<Answer> {
  const requestHash = (wish.requestHash ?? 'a').repeat(64);
  const [key, user] = [account.keys[0]!, account.callers[0]!];
  return act(
    {
      kind: 'authorize',
      caller: wish.byKey ? 'service' : { user },
      facts: {
        requestHash,
        ...(wish.byKey && { keyId: key.id }),
        ...(wish.idempotencyKey && { idempotencyKey: wish.idempotencyKey }),
      },
      text: startStatement(
        account,
        wish.byKey ? key : undefined,
        `models => '{stage/model}', shape => '{"prompt_bytes": 36, "max_tokens": 1}',
         idempotency_key => ${quote(wish.idempotencyKey)}, request_hash => ${quote(requestHash)}`,
      ),
    },
    at,
  );
}

/** Reports what became of a run. */
export function finish(
  { act }: Stage,
  runId: string,
  report: Record<string, unknown>,
  at = now,
): Promise<Answer> {
  return act(
    {
      kind: 'finish',
      caller: 'service',
      about: [runId] as unknown as number[],
      facts: { report },
      text: `select * from api.finish_run(${quote(runId)}, ${quote(report)})`,
    },
    at,
  );
}

/** How often each answer came: `allowed`, `replay`, a rule, an error's code, or `done`. */
export function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error, rows } of answers) {
    const verdict = rows?.[0] as
      { allowed?: boolean; is_replay?: boolean; rule?: string } | undefined;
    const word =
      error?.code ??
      (verdict?.allowed === undefined
        ? 'done'
        : !verdict.allowed
          ? String(verdict.rule)
          : verdict.is_replay
            ? 'replay'
            : 'allowed');
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}

/** Until so many connections of this database stand before a lock. */
export function untilWaiting({ sql }: Stage, count: number): Promise<void> {
  return until(async () => {
    const [row] = await sql<{ waiting: number }[]>`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return (row?.waiting ?? 0) >= count;
  });
}

/** Looks until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 3000; look += 1) {
    if (await isSo()) return;
  }
  throw new Error(`It never was so: ${isSo.toString()}`);
}
