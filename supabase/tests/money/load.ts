// Everything that may happen to some accounts, by many at once for as long as wanted: calls and their
// ends, refusals, grants, sweeps, expiry, roll-ups, budgets, and admins who edit plans meanwhile.
import type { Sql } from 'postgres';
import { auditLedger } from './audit-ledger.ts';
import { auditLimits } from './audit-limits.ts';
import { auditRuns, tokensBound, usedOf } from './audit-runs.ts';
import { min } from './price.ts';
import type { Random } from './random.ts';
import { type Answer, ask, type Caller, quote, type Row } from './session.ts';
import { readSnapshot, type Snapshot } from './snapshot.ts';
import { startStatement } from './start-statement.ts';

export interface LoadedAccount {
  id: string;
  owner: string;
  key: { id: string; secretHash: string };
}

const models = ['load/a', 'load/b', 'load/free'];
const plans = ['load-1', 'load-2'];

/** Two plans, three models and some teams with money, a key with limits and budgets of their own. */
export async function prepareLoad(superuser: Sql, count: number): Promise<LoadedAccount[]> {
  const id = (kind: number, nth: number) =>
    `00000000-0000-4000-8${kind}00-${String(nth).padStart(12, '0')}`;
  const accounts = Array.from({ length: count }, (_, nth) => ({
    id: id(1, nth),
    owner: id(2, nth),
    key: { id: id(3, nth), secretHash: id(3, nth).replaceAll('-', '').repeat(2) },
  }));
  const rows = (of: (account: LoadedAccount) => string) => accounts.map(of).join(', ');
  await superuser.unsafe(`
    insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
    select id, 'Load', 100000, 4000, 0.00000001, 0.00000002 from unnest(${quote(models)}) as id;
    insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
    values ('load/free', 0, 0, 0), ('load/a', 1, 0.001, 0.001);
    select private.reprice();
    insert into private.plans (id, name, requests_per_minute, requests_per_month, max_cost_micros, monthly_credits_micros, grants_monthly)
    select id, 'Load', 1000000, 1000000000, 1000000, 5000, true from unnest(${quote(plans)}) as id;
    insert into private.plan_models (plan_id, priority, pattern, allowed) select id, 1, '*', true from unnest(${quote(plans)}) as id;
    insert into private.model_quotas (plan_id, pattern, tokens_per_month)
    select id, 'load/a', 1000000000 from unnest(${quote(plans)}) as id;
    insert into auth.users (id, email, raw_user_meta_data)
    values ${rows(({ owner }) => `(${quote(owner)}, '${owner}@example.com', '{"name": "Load"}')`)};
    insert into private.accounts (id, kind, name) values ${rows(({ id }) => `(${quote(id)}, 'team', 'Load')`)};
    insert into private.members (account_id, user_id, role)
    values ${rows(({ id, owner }) => `(${quote(id)}, ${quote(owner)}, 'owner')`)};
    insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
    values ${rows(({ id, owner, key }) => `(${quote(key.id)}, ${quote(id)}, ${quote(owner)}, 'Load', 'sk-oneai-load', '\\x${key.secretHash}')`)};
    insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
    select id, account_id, 1000000, 'Load' from private.api_keys where name = 'Load';
    update private.account_plans set plan_id = 'load-1' where account_id in (select id from private.accounts where name = 'Load');
    select private.grant_credits(id, 200000, 'top_up', 'open:load', 'Load', 'load') from private.accounts where name = 'Load';`);
  return accounts;
}

export interface LoadOptions {
  pool: Sql;
  accounts: LoadedAccount[];
  random: Random;
  clients: number;
  /** The time of the next act, in milliseconds; nothing when it is enough. */
  nextMoment: () => number | undefined;
}

/** What was done how often, and what went wrong: answers that are neither rows nor a typed refusal. */
export interface Loaded {
  counts: Map<string, number>;
  errors: Map<string, number>;
}

export async function playLoad(options: LoadOptions): Promise<Loaded> {
  const { pool, accounts, random, clients, nextMoment } = options;
  const loaded: Loaded = { counts: new Map(), errors: new Map() };
  const client = async () => {
    const open: string[] = [];
    for (let at = nextMoment(); at !== undefined; at = nextMoment()) {
      const act = planAct(random, random.pick(accounts), open);
      const answer = await ask(pool, act.caller ?? 'owner', at, act.text);
      count(loaded.counts, `${act.kind} ${wordOf(answer)}`);
      const { error, rows } = answer;
      if (error && !/^PT4\d\d$/.test(error.code)) {
        count(loaded.errors, `${act.kind}: ${error.code} ${error.message}`);
      }
      if (act.kind === 'authorize' && rows?.[0]?.allowed) open.push(String(rows[0].run_id));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return loaded;
}

/** Lets every call end, and says what is wrong with the rows that are left. */
export async function auditLoad(
  pool: Sql,
  accounts: LoadedAccount[],
  at: number,
): Promise<string[]> {
  const quarter = at + 16 * 60_000;
  for (let left = 1; left > 0;) {
    const [row] = rowsOf(await ask(pool, 'owner', quarter, 'select private.sweep_runs(1000) as n'));
    left = Number(row?.n);
  }
  const rows = await readSnapshot(
    pool,
    accounts.map(({ id }) => id),
  );
  const complaints: string[] = [];
  const say = (complaint: string) => void complaints.push(complaint);
  auditLedger(rows, quarter, say);
  auditRuns(rows, new Map(), say);
  const asked = new Map(rows.runs.map((run) => [run.id, run.requested_model]));
  // Budgets were set anew all the time, and accounts moved between plans: what was allowed at each
  // moment only the simulator can know. What was counted must be right all the same.
  // No rate is near what is done here, and looking for one takes the square of the calls.
  const limits = rows.limits.map((limit) => ({
    ...limit,
    per_minute: null,
    per_hour: null,
    per_day: null,
  }));
  const counted = {
    ...rows,
    limits,
    keyLimits: [],
    budgets: [],
    tokenQuotas: [],
    modelQuotas: [],
  };
  auditLimits(counted, asked, new Map(), new Map(), quarter, say);
  auditTokenSums(rows, say);
  for (const run of rows.runs.filter(({ status }) => status !== 'ended'))
    say(`run ${run.id} never ended`);
  for (const { held_micros } of [...rows.wallets, ...rows.budgets])
    if (held_micros !== '0') say(`${held_micros} are held for nothing`);
  const found = rowsOf(await ask(pool, 'owner', quarter, 'select * from admin.ledger_problems()'));
  return [...complaints, ...found.map((problem) => JSON.stringify(problem))];
}

/** Both plans count the tokens of one model; together they have counted every call of it. */
function auditTokenSums(rows: Snapshot, say: (complaint: string) => void): void {
  const runs = new Map(rows.runs.map((run) => [run.id, run]));
  for (const { account_id } of rows.wallets) {
    const counts = rows.tokenQuotas.filter((quota) => quota.account_id === account_id);
    const sum = counts.reduce((total, quota) => total + BigInt(quota.used_tokens), 0n);
    const wanted = rows.receipts
      .filter((one) => one.account_id === account_id && one.model_id === 'load/a')
      .filter((one) => one.cost_label !== 'none')
      .reduce((total, one) => {
        const { prompt, completion } = usedOf(one);
        return total + min(tokensBound(runs.get(one.run_id)!), (prompt ?? 0n) + (completion ?? 0n));
      }, 0n);
    if (sum !== wanted) say(`token quotas of ${account_id} count ${sum}, receipts ${wanted}`);
    if (counts.some((quota) => quota.held_tokens !== '0'))
      say(`token quotas of ${account_id} hold tokens for nothing`);
  }
}

interface Act {
  kind: string;
  text: string;
  caller?: Caller;
}

function planAct(random: Random, account: LoadedAccount, open: string[]): Act {
  const dice = random.int(1, 100);
  const user = { user: account.owner };
  const id = quote(account.id);
  if (dice <= 36) return authorize(random, account);
  if (dice <= 66 && open.length > 0) return finish(random, open);
  if (dice <= 69)
    return {
      kind: 'touch',
      caller: 'service',
      text: `select api.touch_run(${quote(open.at(-1) ?? account.id)}, 'gen-load')`,
    };
  if (dice <= 71)
    return {
      kind: 'stop',
      caller: user,
      text: `select api.stop_run(${quote(open.at(-1) ?? account.id)})`,
    };
  if (dice <= 76) return money(random, account);
  if (dice <= 86) return schedule(random);
  if (dice <= 90)
    return {
      kind: 'budget',
      caller: user,
      text: `select * from api.set_budget(${id}, ${random.pick([`'key', ${quote(account.key.id)}`, `'member', ${quote(account.owner)}`])},
        ${random.pick(["'day'", "'month'", "'total'"])}, ${random.pick(['null', '500000', '2000000', '100'])})`,
    };
  return edit(random, account);
}

function authorize(random: Random, account: LoadedAccount): Act {
  const byKey = random.chance(0.5);
  const model = random.pick(models);
  const idempotency = random.chance(0.1)
    ? `, idempotency_key => 'again-${random.int(1, 1000)}', request_hash => '${'a'.repeat(64)}'`
    : '';
  return {
    kind: 'authorize',
    caller: byKey ? 'service' : { user: account.owner },
    // Now and then a call that may cost less than it can: a refusal.
    text: startStatement(
      account,
      byKey ? account.key : undefined,
      `models => array[${quote(model)}], shape => '{"prompt_bytes": ${random.int(1, 300)}, "max_tokens": ${random.int(1, 200)}}',
       max_cost_micros => ${random.chance(0.1) ? 1 : 'null'}${idempotency}`,
    ),
  };
}

function finish(random: Random, open: string[]): Act {
  const [runId] = open.splice(random.int(0, open.length - 1), 1);
  // Failures of the same models in every order: their health is shared by all accounts.
  const failed = random.chance(0.1) ? [...models].sort(() => (random.chance(0.5) ? 1 : -1)) : [];
  const report = {
    outcome: random.pick(['completed', 'completed', 'completed', 'stopped', 'failed']),
    attempts: failed.map((model) => ({ model, error: 'overloaded' })),
    used: random.chance(0.1)
      ? undefined
      : { prompt_tokens: random.int(1, 300), completion_tokens: random.int(0, 200) },
    generation_id: random.chance(0.1) ? 'gen-load' : undefined,
    upstream_usd: '1e-8',
  };
  return {
    kind: 'finish',
    caller: 'service',
    text: `select * from api.finish_run(${quote(runId)}, ${quote(report)})`,
  };
}

function money(random: Random, account: LoadedAccount): Act {
  const id = quote(account.id);
  const fact = `load:${random.int(1, 1_000_000_000)}`;
  const expires = random.pick(['null', "private.clock() + interval '1 minute'"]);
  return random.pick([
    {
      kind: 'grant',
      text: `select private.grant_credits(${id}, ${random.int(1, 20_000)}, ${random.pick(["'bonus'", "'top_up'"])}, '${fact}', 'Load', 'load', ${expires})`,
    },
    {
      kind: 'adjust',
      text: `select private.adjust_credits(${id}, ${-random.int(1, 5000)}, '${fact}', 'Load', 'load')`,
    },
    {
      kind: 'reverse',
      text: `select private.reverse_grant(id, 10, '${fact}', 'Load', 'load') from private.transactions
        where account_id = ${id} and kind = 'grant' order by id desc limit 1`,
    },
    {
      kind: 'refund',
      text: `select private.refund_charge(id, 1, '${fact}', 'Load', 'load') from private.transactions
        where account_id = ${id} and kind = 'charge' order by id desc limit 1`,
    },
  ]);
}

function schedule(random: Random): Act {
  const [kind = '', text = ''] = random.pick([
    ['sweep', 'select private.sweep_runs()'],
    ['expire', 'select private.expire_due_lots()'],
    ['roll_up', 'select private.roll_up_usage()'],
    ['books', 'select private.roll_up_books()'],
    ['monthly', 'select private.grant_monthly_credits()'],
    ['forget', 'select private.forget_repeatable_runs(), private.purge_stored_answers()'],
    ['guard', 'select private.measure_guard()'],
    ['claim', 'select * from private.claim_reconciliations()'],
  ]);
  return { kind, text };
}

function edit(random: Random, account: LoadedAccount): Act {
  const id = quote(account.id);
  const usd = `0.0000000${random.int(1, 9)}`;
  const listed = models.map((model) => ({
    id: model,
    name: 'Load',
    context_length: 100_000,
    pricing: { prompt: usd, completion: usd },
  }));
  const [kind = '', text = ''] = random.pick([
    ['plan', `update private.plans set position = position + 1 where id = '${random.pick(plans)}'`],
    ['plans', `update private.plans set position = position + 1 where id like 'load-%'`],
    [
      'move',
      `select private.lock_account(${id});
       update private.account_plans set plan_id = '${random.pick(plans)}' where account_id = ${id}`,
    ],
    ['suspend', `update private.accounts set suspended_at = now() where id = ${id}`],
    ['unsuspend', `update private.accounts set suspended_at = null where name = 'Load'`],
    [
      'override',
      `select private.lock_account(${id});
       insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
       values (${id}, ${id}, 2000000, 'Load') on conflict (subject_id) do update set requests_per_minute = 2000000`,
    ],
    [
      'lift',
      `select private.lock_account(${id});
       delete from private.limit_overrides where subject_id = ${id}`,
    ],
    ['disable', `update private.models set enabled = false where id = '${random.pick(models)}'`],
    ['enable', `update private.models set enabled = true where id like 'load/%'`],
    [
      'reprice',
      `update private.pricing_rules set input_credits_per_1k = ${random.int(1, 9)}::numeric / 1000 where pattern = 'load/a'`,
    ],
    ['sync', `select private.sync_models(${quote({ data: listed })})`],
    [
      'rules',
      `update private.plan_models set priority = priority + 1 where plan_id = '${random.pick(plans)}'`,
    ],
  ]);
  return { kind, text };
}

function wordOf({ error, rows }: Answer): string {
  if (error) return error.code;
  const verdict = rows[0];
  if (verdict?.allowed === undefined) return 'done';
  return verdict.allowed ? 'allowed' : String(verdict.rule);
}

function rowsOf({ rows, error }: Answer): Row[] {
  if (error) throw new Error(`${error.code} ${error.message}`);
  return rows;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
