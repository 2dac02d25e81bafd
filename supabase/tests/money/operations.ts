// What a seed does, worked out beforehand: the same operations in the same batches every time.
// An operation names earlier ones by their number, and those that the database refused are passed over.
import type { Random } from './random.ts';
import type { Caller } from './session.ts';
import { quote } from './session.ts';
import { startStatement } from './start-statement.ts';
import { type Account, type Budget, models, type World } from './world.ts';

export interface Operation {
  kind:
    | 'authorize'
    | 'finish'
    | 'touch'
    | 'stop'
    | 'claim'
    | 'sweep'
    | 'expire'
    | 'monthly'
    | 'roll_up'
    | 'forget'
    | 'plan'
    | 'grant'
    | 'top_up'
    | 'refund'
    | 'reverse'
    | 'adjust'
    | 'redeem'
    | 'budget'
    | 'revoke'
    | 'reprice';
  account?: Account;
  caller: Caller;
  /** Numbers of earlier operations, of which the first that led to something is meant. */
  about: number[];
  /** The statement, given the id that `about` led to. */
  statement: (id: string) => string;
  /** Figures that the answer and the rows are compared with. */
  facts: Facts;
}

export interface Facts {
  keyId?: string;
  fact?: string;
  amount?: number;
  idempotencyKey?: string;
  requestHash?: string;
  maxCost?: number | null;
  report?: Record<string, unknown>;
  budget?: Budget;
  code?: string;
  /** The arguments cannot be right, and the answer must say so. */
  isHostile?: boolean;
}

export interface Batch {
  at: number;
  operations: Operation[];
}

const nobody = '00000000-0000-4000-8000-000000000000';
const callable = [
  models.fixed,
  models.fixed,
  models.dear,
  models.markup,
  models.minimum,
  models.free,
];
const minute = 60_000;
const leaps = [
  0,
  7000,
  40_000,
  2 * minute,
  20 * minute,
  70 * minute,
  90 * minute,
  24 * 60 * minute,
  20 * 24 * 60 * minute,
];

export function planBatches(world: World, random: Random, batches: number, size: number): Batch[] {
  const earlier = { authorize: [] as number[], finish: [] as number[], grant: [] as number[] };
  const planned: Batch[] = [];
  let at = world.start;
  let number = 0;
  for (let nth = 0; nth < batches; nth += 1) {
    at += random.pick(leaps);
    const operations: Operation[] = [];
    const started = { authorize: [] as number[], finish: [] as number[], grant: [] as number[] };
    for (let one = 0; one < size; one += 1) {
      const operation = planOne(world, random, earlier, number, at);
      if (operation.kind === 'authorize') started.authorize.push(number);
      if (operation.kind === 'finish') started.finish.push(number);
      if (operation.kind === 'grant' || operation.kind === 'top_up') started.grant.push(number);
      operations.push(operation);
      number += 1;
    }
    // Only what an earlier batch began can be meant: within a batch nobody knows who comes first.
    earlier.authorize.push(...started.authorize);
    earlier.finish.push(...started.finish);
    earlier.grant.push(...started.grant);
    planned.push({ at, operations });
  }
  return planned;
}

type Earlier = Record<'authorize' | 'finish' | 'grant', number[]>;

function planOne(
  world: World,
  random: Random,
  earlier: Earlier,
  number: number,
  at: number,
): Operation {
  const account = random.pick(world.accounts);
  const dice = random.int(1, 100);
  if (dice <= 37) return authorize(account, random);
  if (dice <= 65) return finish(earlier, random, number);
  if (dice <= 68)
    return onRun(
      'touch',
      earlier,
      random,
      (id) =>
        `select * from api.touch_run(${quote(id)}, ${random.chance(0.5) ? `'gen-${number}'` : 'null'})`,
    );
  if (dice <= 70)
    return {
      ...onRun('stop', earlier, random, (id) => `select * from api.stop_run(${quote(id)})`),
      caller: { user: account.callers[0]! },
    };
  if (dice <= 72) return asOwner('sweep', 'select private.sweep_runs()');
  if (dice <= 73)
    return { ...asOwner('claim', 'select * from api.claim_reconciliations()'), caller: 'service' };
  if (dice <= 75) return asOwner('expire', 'select private.expire_due_lots()');
  if (dice <= 76) return asOwner('roll_up', 'select private.roll_up_usage()');
  if (dice <= 77) return random.pick(housekeeping(world));
  if (dice <= 81) return grant(account, random, at);
  if (dice <= 84) return topUp(account, random);
  if (dice <= 87) return refund(earlier, random);
  if (dice <= 90) return reverse(earlier, random);
  if (dice <= 92) return adjust(account, random);
  if (dice <= 95) return redeem(world, account, random);
  if (dice <= 97) return setBudget(world, random);
  if (dice <= 98) return revoke(random.pick(account.keys).id, account);
  return reprice(random);
}

function authorize(account: Account, random: Random): Operation {
  const key = random.chance(0.5) ? random.pick(account.keys) : undefined;
  const user = random.chance(0.05) ? account.viewer : random.pick(account.callers);
  const task = random.chance(0.1) ? 'embedding' : 'completion';
  const wanted = Array.from({ length: random.int(1, 3) }, () =>
    random.chance(0.92)
      ? task === 'embedding'
        ? models.vectors
        : random.pick(callable)
      : random.pick([models.barred, models.unpriced, 'sim/nowhere']),
  );
  const shape = {
    prompt_bytes: random.int(1, 200),
    messages: random.int(1, 3),
    images: random.chance(0.04) ? 1 : 0,
    max_tokens: random.chance(0.3) ? null : random.int(1, 400),
    choices: random.pick([1, 1, 1, 2]),
    searches: random.pick([0, 0, 1]),
  };
  const maxCost = random.chance(0.15) ? random.int(100, 3000) : null;
  const repeats = random.chance(0.25);
  const idempotencyKey = repeats ? `again-${random.int(1, 5)}` : undefined;
  const requestHash = (random.chance(0.85) ? 'a' : 'b').repeat(64);
  return {
    kind: 'authorize',
    account,
    caller: key ? 'service' : { user },
    about: [],
    statement: () =>
      startStatement(
        account,
        key,
        `models => ${quote(wanted)}, shape => ${quote(shape)}, task => ${quote(task)}, max_cost_micros => ${quote(maxCost)},
         idempotency_key => ${quote(idempotencyKey)}, request_hash => ${quote(requestHash)}`,
      ),
    facts: {
      maxCost,
      requestHash,
      ...(key && { keyId: key.id }),
      ...(idempotencyKey && { idempotencyKey }),
    },
  };
}

function finish(earlier: Earlier, random: Random, number: number): Operation {
  const report = planReport(random, number);
  return {
    ...onRun(
      'finish',
      earlier,
      random,
      (id) => `select * from api.finish_run(${quote(id)}, ${quote(report)})`,
    ),
    facts: { report, isHostile: report.outcome === 'profited' },
  };
}

function planReport(random: Random, number: number): Record<string, unknown> {
  const some = (most: number) => (random.chance(0.3) ? random.int(0, most) : 0);
  const used = {
    prompt_tokens: random.int(1, 400),
    completion_tokens: random.int(0, 300),
    cache_read_tokens: some(200),
    cache_write_tokens: some(200),
    reasoning_tokens: some(200),
    searches: some(2),
  };
  const hostile = [-1, 1e308, 2 ** 53, '12', null, {}, 2 ** 31, 999_999_999, 1.5];
  const outcome = random.pick(['completed', 'completed', 'completed', 'stopped', 'failed']);
  const model_id = random.pick([...Object.values(models), undefined]);
  const attempts = random.chance(0.2)
    ? [
        { model: random.pick(Object.values(models)), error: 'overloaded' },
        { model: random.pick(Object.values(models)), error: 'timeout' },
      ]
    : undefined;
  const report = { outcome, model_id, attempts, upstream_usd: `${random.int(0, 900)}e-9` };
  switch (random.int(1, 10)) {
    case 1:
    case 2:
      return { ...report, generation_id: `gen-${number}`, produced_bytes: random.int(0, 800) };
    case 3:
      return { ...report, is_reconciled: true, used, generation_id: `gen-${number}` };
    case 4:
      return { ...report, produced_bytes: random.int(0, 4000) };
    case 5:
      return {
        ...report,
        used: {
          ...used,
          prompt_tokens: random.pick(hostile),
          completion_tokens: random.pick(hostile),
          reasoning_tokens: random.pick(hostile),
        },
      };
    case 6:
      return random.chance(0.3)
        ? { ...report, outcome: 'profited' }
        : { ...report, used, upstream_usd: '-5' };
    default:
      return { ...report, used };
  }
}

function onRun(
  kind: Operation['kind'],
  earlier: Earlier,
  random: Random,
  statement: Operation['statement'],
): Operation {
  const recent = earlier.authorize.slice(-40);
  const about = recent.length > 0 ? Array.from({ length: 12 }, () => random.pick(recent)) : [];
  return { kind, caller: 'service', about, statement: (id) => statement(id || nobody), facts: {} };
}

function grant(account: Account, random: Random, at: number): Operation {
  // Few facts for many grants, so that some are repeated, at times with other figures.
  const fact = `grant:${random.int(1, 12)}`;
  const amount = random.chance(0.08) ? random.pick([0, -5, 2 ** 53]) : 800 * random.int(1, 6);
  const expires = random.chance(0.6)
    ? quote(new Date(at + random.int(1, 3000) * minute).toISOString())
    : 'null';
  const source = random.pick(['subscription', 'top_up', 'welcome', 'bonus', 'adjustment']);
  return {
    ...asOwner(
      'grant',
      `select private.grant_credits(${quote(account.id)}, ${amount}, ${quote(source)}, ${quote(fact)}, 'Simulated', 'simulator',
       ${expires}, ${random.pick([50, 100, 100, 200])}::smallint) as id`,
    ),
    account,
    facts: { fact, amount, isHostile: amount <= 0 || amount >= 2 ** 53 },
  };
}

function topUp(account: Account, random: Random): Operation {
  const fact = `payment:${random.int(1, 6)}`;
  const amount = 1000 * random.int(1, 4);
  return {
    ...asOwner(
      'top_up',
      `select private.grant_top_up(${quote(account.id)}, ${amount}, ${quote(fact)}, 'Simulated', 'simulator') as id`,
    ),
    account,
    facts: { fact, amount },
  };
}

function refund(earlier: Earlier, random: Random): Operation {
  const fact = `refund:${random.int(1, 40)}`;
  const amount = random.int(1, 500);
  const about =
    earlier.finish.length > 0 ? Array.from({ length: 20 }, () => random.pick(earlier.finish)) : [];
  return {
    ...asOwner('refund', ''),
    about,
    statement: (id) =>
      `select private.refund_charge(${id || 0}, ${amount}, ${quote(fact)}, 'Simulated', 'simulator') as id`,
    facts: { fact, amount },
  };
}

function reverse(earlier: Earlier, random: Random): Operation {
  const fact = `reversal:${random.int(1, 20)}`;
  const amount = random.int(1, 2500);
  const about =
    earlier.grant.length > 0 ? Array.from({ length: 4 }, () => random.pick(earlier.grant)) : [];
  return {
    ...asOwner('reverse', ''),
    about,
    statement: (id) =>
      `select private.reverse_grant(${id || 0}, ${amount}, ${quote(fact)}, 'Simulated', 'simulator') as id`,
    facts: { fact, amount },
  };
}

function adjust(account: Account, random: Random): Operation {
  const fact = `adjustment:${random.int(1, 12)}`;
  const amount = random.int(-2500, 1500);
  return {
    ...asOwner(
      'adjust',
      `select private.adjust_credits(${quote(account.id)}, ${amount}, ${quote(fact)}, 'Simulated', 'simulator') as id`,
    ),
    account,
    facts: { fact, amount, isHostile: amount === 0 },
  };
}

function redeem(world: World, account: Account, random: Random): Operation {
  const code = random.pick([...world.coupons, 'NO-SUCH-CODE']);
  return {
    ...asOwner('redeem', `select * from api.redeem_code(${quote(account.id)}, ${quote(code)})`),
    account,
    caller: { user: account.callers[0]! },
    facts: { code },
  };
}

/** What the schedule and an admin do beside the calls, all of which must go unnoticed. */
function housekeeping(world: World): Operation[] {
  return [
    asOwner('forget', 'select private.forget_repeatable_runs(), private.purge_stored_answers()'),
    asOwner('monthly', 'select private.grant_monthly_credits()'),
    // A plan that is edited has every account on it work out anew what it may do.
    asOwner(
      'plan',
      `update private.plans set position = position + 1 where id = ${quote(world.plan)}`,
    ),
  ];
}

function setBudget(world: World, random: Random): Operation {
  const planned = random.pick(world.budgets);
  const budget = { ...planned, limit: random.int(0, 9000) };
  return { ...setBudgetTo(budget), facts: { budget } };
}

export function setBudgetTo(budget: Budget): Operation {
  return {
    ...asOwner(
      'budget',
      `select * from api.set_budget(${quote(budget.account.id)}, ${quote(budget.subject)}, ${quote(budget.subjectId)},
       ${quote(budget.period)}, ${budget.limit})`,
    ),
    account: budget.account,
    caller: { user: budget.account.callers[0]! },
    facts: { budget },
  };
}

function revoke(keyId: string, account: Account): Operation {
  return {
    ...asOwner(
      'revoke',
      `select private.lock_account(${quote(account.id)});
       update private.api_keys set revoked_at = coalesce(revoked_at, private.clock()) where id = ${quote(keyId)}`,
    ),
    account,
    facts: { keyId },
  };
}

function reprice(random: Random): Operation {
  const figures = `input_credits_per_1k = ${random.int(1, 9000) / 1000}, output_credits_per_1k = ${random.int(1, 9000) / 1000}`;
  return asOwner(
    'reprice',
    `update private.pricing_rules set ${figures} where pattern = ${quote(models.fixed)}`,
  );
}

function asOwner(kind: Operation['kind'], statement: string): Operation {
  return { kind, caller: 'owner', about: [], statement: () => statement, facts: {} };
}
