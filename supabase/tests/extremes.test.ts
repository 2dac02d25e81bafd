// Every argument of every function of api, and every field of the JSON it takes, at its worst:
// the answer is a sane one or an error with a stable reason, and no balance moves by it.
import type { TransactionSql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type TestDatabase } from './database.ts';
import { calls } from './extremes-calls.ts';
import { account, type Call, paidFor, setUp, text } from './extremes-setup.ts';
import { attempt } from './matrix.ts';

const megabyte = 'x'.repeat(1_000_000);

const texts = [
  'null',
  ...[
    '',
    ' ',
    '0',
    '-1',
    'NaN',
    'Infinity',
    '1e308',
    "'; drop table private.wallets; --",
    '%',
    '*',
  ],
  ...['\u0001', '\u202e', '😀'.repeat(100), '\\', 'x'.repeat(201), megabyte, '😀'.repeat(250_000)],
].map((one) => (one === 'null' ? one : text(one)));

const whole = ['0', '1', '-1', '2147483647', '-2147483648'];
const big = ['2147483648', '9007199254740991', '9007199254740992', '9007199254740993'].concat([
  '9223372036854775807',
  '-9223372036854775808',
  '-9007199254740992',
]);

/** Deeper than any JSON that means something. */
const deep = `${'['.repeat(1000)}${']'.repeat(1000)}`;

/** JSON values for a field that wants something else. */
const odd = [
  ...['null', 'true', '[]', '{}', '[1]', '0', '-1', '1.5', '1e308', '-1e308'],
  ...['2147483647', '2147483648', '9007199254740991', '9007199254740993'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '9'.repeat(1000)],
  ...['""', '"NaN"', '"Infinity"', '"-1"', '"1e308"', '"1"'],
  JSON.stringify(megabyte),
];

const extremes: Record<string, string[]> = {
  text: texts,
  bigint: [...whole, ...big].map(text).concat('null'),
  integer: whole.map(text).concat('null'),
  boolean: ['true', 'false', 'null'],
  uuid: ['null', text('00000000-0000-0000-0000-000000000000'), 'gen_random_uuid()'],
  'text[]': [
    ...['null', "'{}'", "'{null}'", `'{""}'`, "'{{a,b},{c,d}}'", "'{*}'", "'[5:5]={acme/small}'"],
    ...["array_fill('acme/small'::text, array[100000])", `array[${text(megabyte)}]`],
    ...["'{acme/small,null}'", "'{oneai/}'", "'{oneai/none}'", "'{acme/small,oneai/auto}'"],
  ],
  'bigint[]': [
    ...['null', "'{}'", "'{null}'", "'{0}'", "'{-1}'", "'{1,1}'", "'{{1,2},{3,4}}'", "'[5:5]={1}'"],
    ...["'{9007199254740991}'", "'{9007199254740992}'", "'{9223372036854775807}'"],
    ...["'{-9223372036854775808}'", "'{1,null}'", 'array_fill(1::bigint, array[100000])'],
  ],
  'uuid[]': [
    ...['null', "'{}'", "'{null}'", 'array[gen_random_uuid(), null]'],
    ...[
      'array_fill(gen_random_uuid(), array[2, 2])',
      'array_fill(gen_random_uuid(), array[100000])',
    ],
  ],
  json: [...odd, deep].map(text).concat('null'),
  jsonb: [...odd, deep, '{"data": []}'].map(text).concat('null'),
  date: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '2028-02-29']
    .map(text)
    .concat('null'),
  'timestamp with time zone': [
    'infinity',
    '-infinity',
    '4713-01-01 BC',
    '294276-12-31',
    '1970-01-01',
  ]
    .map(text)
    .concat('null'),
};

const reasons = new Set(
  [
    'invalid_input',
    'not_found',
    'conflict',
    'forbidden',
    'unauthorized',
    'insufficient_credits',
  ].concat(['too_large', 'rate_limited', 'quota_exceeded', 'upstream_unavailable', 'append_only']),
);

let database: TestDatabase;
beforeAll(async () => {
  database = await openDatabase();
  await database.owner.unsafe(setUp);
});
afterAll(() => database[Symbol.asyncDispose]());

interface Wallet {
  balance: bigint;
  held: bigint;
}

/** What the wallet says, and whether it and its books agree; all in one row. */
async function walletOf(tx: TransactionSql): Promise<Wallet> {
  const [row] = await tx<{ balance: string; held: string; sound: boolean }[]>`
    select balance_micros as balance, balances.held_micros as held,
      balances.held_micros between 0 and balance_micros
      and balance_micros = (select sum(amount_micros) from private.transactions)
      and balance_micros = (select sum(remaining_micros) from private.lots)
      and balances.held_micros = (
        select coalesce(sum(amount_micros), 0) from private.holds
        where id not in (select hold_id from private.resolutions)
      ) as sound
    from private.balances`;
  if (!row?.sound) throw new Error('The wallet and its books do not agree.');
  return { balance: BigInt(row.balance), held: BigInt(row.held) };
}

function statementOf(name: string, args: Record<string, string>): string {
  const list = Object.entries(args).map(([arg, value]) => `${arg} => ${value}`);
  return `select * from api.${name}(${list.join(', ')})`;
}

/** Every call that differs from the sound one in a single argument or field. */
async function* variants(tx: TransactionSql, name: string, { sound, fields }: Call) {
  const types = await tx<{ arg: string; type: string }[]>`
    select arg, format_type(type, null) as type
    from pg_proc, unnest(proargnames[1:pronargs], proargtypes::oid[]) as args (arg, type)
    where oid = ${`api.${name}`}::regproc`;
  for (const { arg, type } of types) {
    for (const value of extremes[type] ?? []) {
      yield {
        label: `${arg} => ${value}`,
        statement: statementOf(name, { ...sound, [arg]: `${value}::${type}` }),
      };
    }
  }
  for (const [arg, paths] of Object.entries(fields ?? {})) {
    for (const path of paths) {
      for (const value of odd) {
        const spoilt = `jsonb_set(${sound[arg] ?? ''}::jsonb, '{${path}}', ${text(value)}::jsonb)`;
        yield {
          label: `${arg}.${path} = ${value}`,
          statement: statementOf(name, { ...sound, [arg]: spoilt }),
        };
      }
    }
  }
}

describe('at its worst', () => {
  test('every function of api is tried, with every argument it has', async () => {
    const functions = await database.owner<{ name: string; args: string[] }[]>`
      select proname as name, coalesce(proargnames[1:pronargs], array[]::text[]) as args from pg_proc
      where pronamespace = 'api'::regnamespace order by proname`;
    const tried = Object.entries(calls).map(([name, { sound }]) => ({
      name,
      args: Object.keys(sound),
    }));
    const sorted = tried.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    expect(sorted).toEqual(functions.map(({ name, args }) => ({ name, args })));
  });

  test('every type of theirs has its extremes', async () => {
    const types = await database.owner<{ type: string }[]>`
      select distinct format_type(type, null) as type
      from pg_proc, unnest(proargtypes::oid[]) as type where pronamespace = 'api'::regnamespace`;
    expect(types.map(({ type }) => type).filter((type) => !extremes[type])).toEqual([]);
  });

  // Over a thousand calls for the longest of them.
  const patience = { timeout: 600_000 };
  test.for(Object.entries(calls))(
    '%s answers or refuses by its reason',
    patience,
    async ([name, call]) => {
      const wrong: string[] = [];
      const undone = new Error('What was given is taken back.');
      const trying = database.owner.begin(async (tx) => {
        if (call.given) await tx.unsafe(call.given);
        const before = await walletOf(tx);
        const check = async (label: string, statement: string) => {
          const shown = label.length > 90 ? `${label.slice(0, 90)}…` : label;
          const outcome = await attempt(tx, call.who, statement, async (inner) => {
            const after = await walletOf(inner);
            // Only ending a run may take something: never more than that run's hold.
            const taken = before.balance - after.balance;
            const most = ['finish_run', 'finish_answer', 'finish_call'].includes(name)
              ? before.held
              : 0n;
            // And only a payment may give something: never more than it paid for.
            const least = name === 'note_entities' ? -paidFor : 0n;
            if (taken < least || taken > most) wrong.push(`${shown}: took ${taken}`);
          });
          if (!('code' in outcome)) return true;
          const refused = /^PT4\d\d$/.test(outcome.code) && reasons.has(outcome.message);
          if (!refused) wrong.push(`${shown}: ${outcome.code} ${outcome.message.slice(0, 120)}`);
          return false;
        };
        const passed = await check('the sound call', statementOf(name, call.sound));
        expect(wrong).toEqual([]);
        // No catalogue is sound enough to be let through here: it has tests of its own.
        expect(passed).toBe(name !== 'sync_models');
        for await (const { label, statement } of variants(tx, name, call))
          await check(label, statement);
        throw undone;
      });
      await trying.catch((error: unknown) => {
        if (error !== undone) throw error;
      });
      expect(wrong).toEqual([]);
    },
  );

  test('a code of more credits than a wallet can hold is refused', async () => {
    await database.owner.begin(async (tx) => {
      const statement = statementOf('redeem_code', { account_id: account, code: `'REAL-CODE'` });
      const outcome = await attempt(tx, 'owner', statement);
      expect('code' in outcome && /^PT4\d\d$/.test(outcome.code) ? 'refused' : outcome).toBe(
        'refused',
      );
    });
  });
});
