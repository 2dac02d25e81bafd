// What a call costs in the database: authorise and finish against what the same server can do at
// best, in interleaved rounds of one run, so that a noisy machine is noisy for all of them.
// It needs pgbench: apt-get install postgresql-contrib (or postgresql-15).
//
// --history N   the same beside a database that has N charged calls behind it
// --seeds N     plays N more seeds of the simulator than the tests do
// --soak M      M minutes of all kinds of work at once, and an audit of what is left
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import postgres from 'postgres';
import { runCommand } from '../command.ts';
import { type Scratch, startScratch } from '../db/scratch.ts';
import { StackError } from '../stack/stack-error.ts';
import { fillHistory } from './ledger-history.ts';
import { playSeeds } from './ledger-seeds.ts';
import { soak } from './ledger-soak.ts';
import { type Figure, report } from './report.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '16' },
    accounts: { type: 'string', default: '50' },
    history: { type: 'string', default: '0' },
    seeds: { type: 'string', default: '0' },
    soak: { type: 'string', default: '0' },
  },
});
const clients = Number(values.clients);
const accounts = Number(values.accounts);
const history = Number(values.history);
const seeds = Number(values.seeds);
const soakMinutes = Number(values.soak);

const oneRow = 'update pgbench_branches set bbalance = bbalance + 1 where bid = 1;\n';

/** The shape of a published ledger: two locked accounts, one transfer, two entries. */
const transferTables = `
  create table transfer_accounts (id int primary key, balance bigint not null default 0, version bigint not null default 0);
  create table transfers (id bigint generated always as identity primary key, from_id int not null, to_id int not null,
    amount bigint not null, created_at timestamptz not null default now());
  create table transfer_entries (id bigint generated always as identity primary key, account_id int not null, transfer_id bigint not null,
    amount bigint not null, balance bigint not null, version bigint not null);
  create index on transfer_entries (account_id);
  create index on transfer_entries (transfer_id);
  insert into transfer_accounts (id) select generate_series(1, ${accounts});
  create function transfer(from_id int, to_id int, amount bigint) returns bigint language plpgsql as $$
  declare
    new_id bigint;
    side record;
  begin
    perform from transfer_accounts where id in (transfer.from_id, transfer.to_id) order by id for update;
    insert into transfers (from_id, to_id, amount) values (transfer.from_id, transfer.to_id, transfer.amount) returning id into new_id;
    for side in select * from (values (transfer.from_id, -transfer.amount), (transfer.to_id, transfer.amount)) as sides (id, moved) loop
      with moved as (
        update transfer_accounts set balance = balance + side.moved, version = version + 1
        where id = side.id returning id, balance, version
      )
      insert into transfer_entries (account_id, transfer_id, amount, balance, version)
      select id, new_id, side.moved, balance, version from moved;
    end loop;
    return new_id;
  end $$;
`;
const transfer = `\\set a random(1, ${accounts})
\\set b 1 + :a % ${accounts}
select transfer(:a, :b, 5);
`;

const run = (account: string) => `\\set n ${account}
select (private.authorize_run(row(account_id, user_id, null, 'completion', '{bench/model}', row(2000, 4, 0, 1000, 1, 0)::private.request_shape, null, null, null, null)::private.run_request)).run_id from bench_accounts where n = :n \\gset
select (private.finish_run(:run_id::uuid, row('completed', 'bench/model', 'gen-bench', 'stop', null, row(500, 300, 0, 0, 0, 0, 0, 0), null, 0.0003, '[]', 200, false)::private.run_report)).charged_micros;
`;

const benchAccounts = `
  insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
  values ('bench/model', 'Bench', 128000, 16000, 0.00000015, 0.0000006);
  select private.reprice();
  create table bench_accounts (n int primary key, account_id uuid not null, user_id uuid not null);
  insert into auth.users (id, email) select gen_random_uuid(), 'bench' || n || '@example.com' from generate_series(1, ${accounts}) as n;
  insert into bench_accounts
  select row_number() over (), account_id, user_id from private.members;
  -- A plan with a limit of every kind, too wide to stop the bench: a rate, a month, a price cap.
  insert into private.plans (id, name, requests_per_minute, requests_per_month, max_cost_micros)
  values ('bench', 'Bench', 2000000000, 2000000000, 1000000000000);
  insert into private.plan_models (plan_id, priority, pattern, allowed) values ('bench', 1, '*', true);
  update private.account_plans set plan_id = 'bench';
  select private.grant_credits(account_id, 1000000000000000, 'top_up', 'bench', 'bench', 'bench') from bench_accounts;
`;

await runCommand(async () => {
  await using scratch = await startScratch({ durable: true });
  const folder = mkdtempSync(join(tmpdir(), 'oneai-bench-'));
  try {
    const ours = (await scratch.database('bench_ours', 'migrations')).url('postgres');
    const peer = (await scratch.database('bench_peer', 'bootstrap')).url('postgres');
    await execute(ours, benchAccounts);
    const old = history > 0 ? await prepareHistory(scratch) : undefined;
    await pgbench(peer, ['--initialize', '--quiet', '--scale=20']);
    await execute(peer, transferTables);
    const script = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return `--file=${join(folder, name)}`;
    };
    const loads = {
      simpleUpdate: [peer, '--builtin=simple-update'],
      oneRow: [peer, script('one-row', oneRow)],
      transfer: [peer, script('transfer', transfer)],
      many: [ours, script('many', run(`random(1, ${accounts})`))],
      hot: [ours, script('hot', run('1'))],
      ...(old && {
        oldMany: [old.url, script('many', run(`random(1, ${accounts})`))],
        oldHot: [old.url, script('hot', run('1'))],
      }),
    };
    const seen: Record<string, Load[]> = {};
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [name, [url = '', what = '']] of Object.entries(loads))
        (seen[name] ??= []).push(await measure(url, what));
      console.log(`round ${round + 1} of ${values.rounds}`);
    }
    const rate = (name: string) =>
      median(seen[name]?.map((load) => load.transactionsPerSecond) ?? []);
    const late = (name: string) => median(seen[name]?.map((load) => load.p99Ms) ?? []);
    // A transaction of ours is two calls: one authorises, one finishes.
    const many = 2 * rate('many');
    const hot = 2 * rate('hot');
    const figures: Figure[] = [
      {
        name: `authorise and finish, ${accounts} accounts / simple-update`,
        value: many / rate('simpleUpdate'),
        unit: 'ratio',
        bar: 0.5,
        better: 'higher',
        peer: rate('simpleUpdate'),
        note: `${many.toFixed(0)} calls/s at ${clients} clients; the peer is pgbench's simple-update`,
      },
      {
        name: 'authorise and finish, one hot account / one-row update',
        value: hot / rate('oneRow'),
        unit: 'ratio',
        bar: 0.5,
        better: 'higher',
        peer: rate('oneRow'),
        note: `${hot.toFixed(0)} calls/s at ${clients} clients; the peer updates one row`,
      },
      {
        name: "a published ledger's transfer / simple-update",
        value: rate('transfer') / rate('simpleUpdate'),
        unit: 'ratio',
        bar: null,
        better: 'higher',
        note: `${rate('transfer').toFixed(0)} transfers/s, for comparison: no hold, limit, price or receipt`,
      },
      {
        name: `p99 of both calls of a run, ${accounts} accounts`,
        value: late('many'),
        unit: 'ms',
        bar: null,
        better: 'lower',
      },
      {
        name: 'p99 of both calls of a run, one hot account',
        value: late('hot'),
        unit: 'ms',
        bar: null,
        better: 'lower',
      },
      {
        name: 'bytes on disk a run',
        value: await bytesPerRun(ours),
        unit: 'bytes',
        bar: null,
        better: 'lower',
        note: 'every table and index of schema private, divided by runs',
      },
    ];
    if (old) {
      const beside = `${history} charged calls of other accounts`;
      for (const [name, label] of [
        ['Many', `${accounts} accounts`],
        ['Hot', 'one hot account'],
      ] as const) {
        const small = rate(name.toLowerCase());
        figures.push({
          name: `the same with a history, ${label}`,
          value: rate(`old${name}`) / small,
          unit: 'ratio',
          bar: 0.8,
          better: 'higher',
          peer: 2 * small,
          note: `${(2 * rate(`old${name}`)).toFixed(0)} calls/s beside ${beside}; the peer has none`,
        });
      }
      figures.push({
        name: 'bytes on disk a charged call of the history',
        value: old.bytesPerCall,
        unit: 'bytes',
        bar: null,
        better: 'lower',
        note: beside,
      });
    }
    if (seeds > 0) figures.push(await playSeeds(scratch, seeds));
    if (soakMinutes > 0) figures.push(...(await soak(scratch, soakMinutes)));
    report('ledger', figures);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The same database again, with calls behind it. */
async function prepareHistory(scratch: Scratch): Promise<{ url: string; bytesPerCall: number }> {
  const url = (await scratch.database('bench_history', 'migrations')).url('postgres');
  await execute(url, benchAccounts);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return { url, bytesPerCall: await fillHistory(sql, history) };
  } finally {
    await sql.end();
  }
}

interface Load {
  transactionsPerSecond: number;
  p99Ms: number;
}

async function measure(url: string, what: string): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'oneai-pgbench-'));
  try {
    const output = await pgbench(url, [
      '--no-vacuum',
      '--protocol=prepared',
      `--client=${clients}`,
      '--jobs=2',
      `--time=${values.seconds}`,
      '--log',
      `--log-prefix=${join(folder, 'times')}`,
      what,
    ]);
    const tps = /tps = ([\d.]+)/.exec(output)?.[1];
    if (!tps) throw new StackError(`pgbench gave no figure: ${output.slice(-500)}`);
    return { transactionsPerSecond: Number(tps), p99Ms: p99Of(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** pgbench logs a line a transaction; the third word is what it took, in microseconds. */
function p99Of(folder: string): number {
  const times = readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
    .map((line) => Number(line.split(' ')[2]))
    .sort((a, b) => a - b);
  return (times[Math.floor(times.length * 0.99)] ?? 0) / 1000;
}

async function pgbench(url: string, args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('pgbench', [...args, url], { maxBuffer: 1e7 });
    return stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === 'ENOENT')
      throw new StackError(
        'This bench needs pgbench. Install it: apt-get install postgresql-contrib',
      );
    throw new StackError(`pgbench failed: ${(stderr ?? String(error)).slice(-1000)}`);
  }
}

async function execute(url: string, text: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

async function bytesPerRun(url: string): Promise<number> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql<{ bytes: number }[]>`
      select (sum(pg_total_relation_size(oid)) / (select count(*) from private.usage_events))::float as bytes
      from pg_class where relnamespace = 'private'::regnamespace and relkind in ('r', 'p')`;
    return row?.bytes ?? 0;
  } finally {
    await sql.end();
  }
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
