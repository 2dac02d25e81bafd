import type { Sql } from 'postgres';
import { StackError } from '../stack/stack-error.ts';

const accounts = 500;
const batch = 250_000;

/**
 * Fills a database with charged calls of accounts that the bench itself does not touch: as many
 * transactions, allocations and receipts, chained and summed as if each had been made by itself.
 * Returns the bytes on disk that one of them takes.
 */
export async function fillHistory(sql: Sql, calls: number): Promise<number> {
  const before = await bytesOf(sql);
  await sql.unsafe(prepare);
  for (let first = 1; first <= calls; first += batch) {
    const last = Math.min(calls, first + batch - 1);
    await sql.unsafe(fill(first, last, calls));
    console.log(`history: ${last} of ${calls} calls`);
  }
  await sql.unsafe(
    `select private.roll_up_usage(); drop table history_calls; drop table history_accounts`,
  );
  const bytes = (await bytesOf(sql)) - before;
  await sql.unsafe('vacuum analyze');
  console.log('history: auditing it');
  const problems = await sql<
    { problem: string }[]
  >`select problem from admin.ledger_problems() limit 5`;
  if (problems.length > 0)
    throw new StackError(
      `The history is not sound: ${problems.map((row) => row.problem).join(' ')}`,
    );
  return bytes / calls;
}

const prepare = `
  create table history_accounts (n int primary key, account_id uuid not null, user_id uuid not null default gen_random_uuid());
  with opened as (
    insert into private.accounts (kind, name) select 'team', 'History' from generate_series(1, ${accounts}) returning id
  )
  insert into history_accounts (n, account_id) select row_number() over () - 1, id from opened;
  select private.grant_credits(account_id, 1000000000000, 'top_up', 'history', 'History', 'bench') from history_accounts;
  create unlogged table history_calls (
    run_id uuid not null, account_id uuid not null, user_id uuid not null, sequence bigint not null, at timestamptz not null,
    micros bigint not null, previous_hash bytea, hash bytea, balance_micros bigint
  );
  -- One link after the other: what the hash of each says begins with that of the one before.
  create function pg_temp.link(previous bytea, said text) returns bytea language sql immutable as
    $$ select sha256(convert_to(encode(previous, 'hex') || '|' || said, 'UTF8')) $$;
  create function pg_temp.chain_step(state bytea, start bytea, said text) returns bytea language sql immutable as
    $$ select pg_temp.link(coalesce(state, start), said) $$;
  create aggregate pg_temp.chain(start bytea, said text) (sfunc = pg_temp.chain_step, stype = bytea)`;

/** Calls of this month up to an hour ago, in the order of their time, taking turns among the accounts. */
function fill(first: number, last: number, calls: number): string {
  return `
    truncate history_calls;
    insert into history_calls (run_id, account_id, user_id, sequence, at, micros)
    select
      private.new_id(moment.at), account_id, user_id, wallets.transaction_count + row_number() over (partition by account_id order by call),
      moment.at, 1000 + call % 9000
    from generate_series(${first}, ${last}) as call
    join history_accounts on n = call % ${accounts}
    join private.wallets using (account_id)
    cross join lateral (
      select date_trunc('month', now(), 'UTC') + (now() - interval '1 hour' - date_trunc('month', now(), 'UTC')) * call / ${calls} as at
    ) as moment;
    update history_calls set
      balance_micros = chained.balance_micros, hash = chained.hash, previous_hash = chained.previous_hash
    from (
      select
        linked.*, lag(linked.hash, 1, linked.last_hash) over in_order as previous_hash
      from (
        select
          said.run_id, said.account_id, said.sequence, said.last_hash, said.balance_micros,
          pg_temp.chain(said.last_hash, concat_ws(
            '|', said.account_id, said.sequence, 'charge', 'revenue', -said.micros, said.balance_micros, 'run:' || said.run_id
          )) over (partition by said.account_id order by said.sequence) as hash
        from (
          select
            history_calls.run_id, account_id, sequence, micros, wallets.last_hash,
            wallets.balance_micros - sum(micros) over (partition by account_id order by sequence) as balance_micros
          from history_calls
          join private.wallets using (account_id)
        ) as said
      ) as linked
      window in_order as (partition by linked.account_id order by linked.sequence)
    ) as chained
    where history_calls.run_id = chained.run_id;
    insert into private.transactions (
      account_id, sequence, kind, book, amount_micros, balance_micros, fact, reason, author, previous_hash, hash, created_at
    )
    select account_id, sequence, 'charge', 'revenue', -micros, balance_micros, 'run:' || run_id, 'bench/model', 'system', previous_hash, hash, at
    from history_calls order by at, run_id;
    insert into private.allocations (transaction_id, lot_id, amount_micros)
    select transactions.id, lots.id, -transactions.amount_micros
    from history_calls
    join private.transactions using (account_id, sequence)
    join private.lots on lots.account_id = history_calls.account_id
    order by transactions.id;
    insert into private.usage_events (
      run_id, account_id, user_id, task, outcome, finish_reason, requested_model, model_id, price_version_id, used, shape, max_tokens,
      held_micros, charged_micros, upstream_micros, cost_label, transaction_id, first_token_ms, latency_ms, started_at, finished_at
    )
    select
      run_id, account_id, user_id, 'completion', 'completed', 'stop', 'bench/model', 'bench/model', models.price_version_id,
      row(500, 300, 0, 0, 0, 0, 0, 0)::private.token_counts, row(2000, 4, 0, 1000, 1, 0)::private.request_shape, 1000,
      20000, micros, 300000, 'reported', transactions.id, 200, 3000, at - interval '3 seconds', at
    from history_calls
    join private.transactions using (account_id, sequence)
    join private.models on models.id = 'bench/model'
    order by run_id;
    update private.lots set remaining_micros = lots.remaining_micros - spent.micros
    from (select account_id, sum(micros) as micros from history_calls group by account_id) as spent
    where lots.account_id = spent.account_id;
    update private.wallets set
      balance_micros = ended.balance_micros, transaction_count = ended.sequence, last_hash = ended.hash
    from (select distinct on (account_id) * from history_calls order by account_id, sequence desc) as ended
    where wallets.account_id = ended.account_id`;
}

async function bytesOf(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select sum(pg_total_relation_size(oid))::float as bytes
    from pg_class where relnamespace = 'private'::regnamespace and relkind in ('r', 'p')`;
  return row?.bytes ?? 0;
}
