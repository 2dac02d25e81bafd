import { createHash } from 'node:crypto';
import type { Sql } from 'postgres';
import type { Random } from './random.ts';
import { ask, quote } from './session.ts';

export interface Key {
  id: string;
  secretHash: string;
  createdBy: string;
}

export interface Account {
  id: string;
  /** Who may make calls for it, the first of them its owner. */
  callers: string[];
  /** Members that may look and not call. */
  viewer: string;
  keys: Key[];
}

export interface Budget {
  account: Account;
  subject: 'key' | 'member';
  subjectId: string;
  period: 'day' | 'month' | 'total';
  limit: number;
}

export interface World {
  /** When it begins, in milliseconds. */
  start: number;
  plan: string;
  accounts: Account[];
  budgets: Budget[];
  coupons: string[];
}

/** The catalogue all worlds share; what each model costs is drawn anew for every seed. */
export const models = {
  fixed: 'sim/fixed',
  dear: 'sim/dear',
  markup: 'sim/markup',
  minimum: 'sim/minimum',
  free: 'sim/free',
  vectors: 'sim/vectors',
  barred: 'sim/barred',
  unpriced: 'sim/unpriced',
} as const;

/** Edges of months and years, where windows and quotas turn. */
const starts = [
  '2027-12-31T23:40:00Z',
  '2028-02-28T23:50:00Z',
  '2028-03-26T00:30:00Z',
  '2028-05-15T12:00:00Z',
];

export async function installCatalogue(sql: Sql): Promise<void> {
  const rows = Object.values(models).map((id) => {
    const output = id === models.vectors ? 'embeddings' : 'text';
    return `(${quote(id)}, 'Simulated', 100000, 4000, '{${output}}', 0, 0)`;
  });
  await must(
    sql,
    `insert into private.models (id, name, context_tokens, max_output_tokens, output_modalities, prompt_usd, completion_usd)
     values ${rows.join(', ')} on conflict do nothing;
     insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k)
     select id, 1, 1, 1 from private.models where id like 'sim/%'
       and not exists (select from private.pricing_rules where pattern = models.id)`,
  );
}

/** Makes the people, accounts, keys, money and limits of a seed. */
export async function createWorld(sql: Sql, seed: number, random: Random): Promise<World> {
  const start = Date.parse(random.pick(starts));
  const plan = `sim-${seed}`;
  const at = new Date(start).toISOString();
  // Worlds lie at moments of their own, and this one may lie before the one played last.
  await must(
    sql,
    `update private.usage_rollups set through = '-infinity', oldest_run_id = '00000000-0000-0000-0000-000000000000'`,
  );
  await setPrices(sql, random);
  const quota = () => random.int(1000, 6000);
  await must(
    sql,
    `insert into private.plans (id, name, requests_per_minute, requests_per_hour, requests_per_day, requests_per_month, max_cost_micros)
     values (${quote(plan)}, 'Simulated', ${orNull(random, 0.5, 3, 12)}, ${orNull(random, 0.4, 4, 20)},
       ${orNull(random, 0.3, 5, 30)}, ${orNull(random, 0.5, 2, 8)}, ${orNull(random, 0.5, 2500, 9000)});
     insert into private.plan_models (plan_id, priority, pattern, allowed)
     values (${quote(plan)}, 10, ${quote(models.barred)}, false), (${quote(plan)}, 100, '*', true);
     insert into private.model_quotas (plan_id, pattern, tokens_per_month)
     values (${quote(plan)}, 'sim/f*', ${quota()}), (${quote(plan)}, ${quote(models.free)}, ${quota()})`,
    start,
  );

  const accounts: Account[] = [];
  for (const kind of ['personal', 'team', 'team'] as const) {
    accounts.push(await createAccount(sql, kind, { seed, plan, at: start, random }));
  }
  const coupons = await createCoupons(sql, seed, random, at);
  const budgets = accounts.flatMap((account) => planBudgets(account, random));
  return { start, plan, accounts, budgets, coupons };
}

/** Prices small enough that a few calls empty a wallet; every kind of rule is among them. */
async function setPrices(sql: Sql, random: Random): Promise<void> {
  const credits = () => random.int(1, 3000) / 1000;
  const usd = () => `${random.int(1, 9)}.${random.int(1, 999_999)}e-9`;
  const fixed = (model: string, input: number, output: number, minimum = 0) =>
    `(${quote(model)}, null, ${input}, ${output}, ${minimum})`;
  await must(
    sql,
    `update private.models set prompt_usd = ${usd()}, completion_usd = ${usd()}, cache_read_usd = ${usd()},
       cache_write_usd = ${usd()}, reasoning_usd = ${usd()}, request_usd = ${random.int(0, 300)}e-9, search_usd = ${random.int(0, 90)}e-9
     where id = ${quote(models.markup)};
     update private.pricing_rules set
       markup_percent = wanted.markup, input_credits_per_1k = wanted.input, output_credits_per_1k = wanted.output,
       minimum_micros = wanted.minimum
     from (values
       ${fixed(models.fixed, credits(), credits())}, ${fixed(models.dear, 2 + credits(), 4 * credits())},
       ${fixed(models.vectors, credits(), credits())},
       ${fixed(models.minimum, credits() / 10, credits() / 10, random.int(200, 900))},
       (${quote(models.markup)}, ${random.int(0, 400)}.${random.int(1, 99)}, null, null, 0),
       (${quote(models.free)}, 0, null, null, 0)
     ) as wanted (pattern, markup, input, output, minimum)
     where pricing_rules.pattern = wanted.pattern;
     update private.models set prompt_usd = null, completion_usd = null where id = ${quote(models.unpriced)};
     select private.reprice()`,
  );
}

async function createAccount(
  sql: Sql,
  kind: 'personal' | 'team',
  { seed, plan, at, random }: { seed: number; plan: string; at: number; random: Random },
): Promise<Account> {
  const people = Array.from({ length: kind === 'team' ? 4 : 1 }, () => random.uuid());
  const viewer = kind === 'team' ? people.at(-1)! : random.uuid();
  const callers = kind === 'team' ? people.slice(0, -1) : people;
  const id = kind === 'team' ? random.uuid() : undefined;
  const users = people.map(
    (user) => `(${quote(user)}, '${user}@example.com', now(), '{"name": "Sim"}')`,
  );
  const roles = ['owner', 'admin', 'member', 'viewer'];
  const found = await must(
    sql,
    `insert into auth.users (id, email, email_confirmed_at, raw_user_meta_data) values ${users.join(', ')};
     ${
       id
         ? `insert into private.accounts (id, kind, name) values (${quote(id)}, 'team', 'Sim');
            insert into private.members (account_id, user_id, role)
            values ${people.map((user, index) => `(${quote(id)}, ${quote(user)}, ${quote(roles[index])})`).join(', ')};`
         : ''
     }
     select id from private.accounts
     where ${id ? `id = ${quote(id)}` : `personal_user_id = ${quote(people[0])}`}`,
    at,
  );
  const accountId = String(found[0]?.id);
  const keys = Array.from({ length: 3 }, (_, index) => ({
    id: random.uuid(),
    secretHash: createHash('sha256').update(`${seed} ${accountId} ${index}`).digest('hex'),
    createdBy: random.pick(callers),
  }));
  const anchor = random.chance(0.5)
    ? quote(new Date(at - random.int(1, 80) * 86_400_000).toISOString())
    : 'null';
  await must(
    sql,
    `update private.account_plans set plan_id = ${quote(plan)}, cycle_anchor = ${anchor} where account_id = ${quote(accountId)};
     insert into private.api_keys (id, account_id, created_by, name, prefix, hash)
     values ${keys.map((key) => `(${quote(key.id)}, ${quote(accountId)}, ${quote(key.createdBy)}, 'Sim', 'sk-oneai-sim', '\\x${key.secretHash}')`).join(', ')};
     insert into private.limit_overrides (subject_id, account_id, requests_per_minute, max_cost_micros, reason)
     values (${quote(keys[0]!.id)}, ${quote(accountId)}, ${random.int(3, 9)}, ${random.int(1500, 6000)}, 'Simulated');
     select private.adjust_credits(
       account_id, ${random.int(1000, 9000)} - balance_micros, 'open:' || account_id, 'Small money', 'simulator'
     ) from private.wallets where account_id = ${quote(accountId)} and balance_micros > 9000`,
    at,
  );
  return { id: accountId, callers, viewer, keys };
}

async function createCoupons(
  sql: Sql,
  seed: number,
  random: Random,
  at: string,
): Promise<string[]> {
  const codes = ['CREDIT', 'BONUS', 'LAST'].map((name) => `${name}-${seed}`);
  await must(
    sql,
    `insert into private.coupons (code, credits_micros, bonus_percent, lasts, max_redemptions, starts_at) values
     (${quote(codes[0])}, ${random.int(100, 3000)}, null, '1 day', null, ${quote(at)}),
     (${quote(codes[1])}, null, ${random.int(1, 60)}.5, null, 2, ${quote(at)}),
     (${quote(codes[2])}, ${random.int(100, 3000)}, null, null, 1, ${quote(at)})`,
  );
  return codes;
}

function planBudgets(account: Account, random: Random): Budget[] {
  const subjects = [
    { subject: 'key' as const, subjectId: account.keys[1]!.id },
    { subject: 'member' as const, subjectId: random.pick(account.callers) },
  ];
  return subjects.map((subject) => ({
    account,
    ...subject,
    period: random.pick(['day', 'month', 'total'] as const),
    limit: random.int(1000, 12_000),
  }));
}

function orNull(random: Random, probability: number, least: number, most: number): string {
  return random.chance(probability) ? String(random.int(least, most)) : 'null';
}

async function must(sql: Sql, statement: string, at = Date.now()) {
  const answer = await ask(sql, 'owner', at, statement);
  if (answer.error) throw new Error(`${answer.error.message}\n${statement}`);
  return answer.rows;
}
