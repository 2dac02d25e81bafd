-- export: the ledger of one account as lines of JSON that its owner can keep and check without us.
-- scripts/ledger/verify.ts is the other half: it recomputes every figure from the lines alone.
--
-- The export runs as its caller, so row level security decides who may read which ledger. It
-- never writes, and never leaves out a transaction between the first and the last it shows.

create function private.utc_text(moment timestamptz)
returns text
language sql
stable
security invoker
set search_path = ''
as $$
  select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

comment on function private.utc_text is 'A moment as an export writes it, whatever the session''s time zone.';

create function private.checked_line(content jsonb)
returns jsonb
language sql
immutable
security invoker
set search_path = ''
as $$
  select content || jsonb_build_object('check', encode(sha256(convert_to(content::text, 'UTF8')), 'hex'))
$$;

comment on function private.checked_line is
  'A line of an export with the SHA-256 of itself, so that a slip in any field shows. The chain of hashes proves the money; this guards the rest.';

create function private.transaction_line(posted private.transactions)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'type', 'transaction',
    'sequence', posted.sequence,
    'id', posted.id,
    'kind', posted.kind,
    'book', posted.book,
    'amount_micros', posted.amount_micros,
    'balance_micros', posted.balance_micros,
    'fact', posted.fact,
    'refers_to', posted.refers_to,
    'reason', posted.reason,
    'author', posted.author,
    'created_at', private.utc_text(posted.created_at),
    'previous_hash', encode(posted.previous_hash, 'hex'),
    'hash', encode(posted.hash, 'hex'),
    'lot', (
      select jsonb_build_object(
        'id', lots.id, 'source', lots.source, 'priority', lots.priority, 'amount_micros', lots.amount_micros,
        'expires_at', private.utc_text(lots.expires_at)
      )
      from private.lots
      where lots.transaction_id = posted.id
    ),
    'allocations', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('lot_id', allocations.lot_id, 'amount_micros', allocations.amount_micros)
          order by allocations.lot_id
        ),
        '[]'
      )
      from private.allocations
      where allocations.transaction_id = posted.id
    )
  )
$$;

comment on function private.transaction_line is 'A transaction as an export shows it, with the lot it made and the lots that paid for it.';

create function private.wallet_line(wallet private.balances)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'type', 'wallet',
    'account_id', wallet.account_id,
    'transaction_count', wallet.transaction_count,
    'last_hash', encode(wallet.last_hash, 'hex'),
    'balance_micros', wallet.balance_micros,
    'held_micros', wallet.held_micros,
    'debt_micros', wallet.debt_micros,
    'open_lots', (
      select coalesce(
        jsonb_agg(jsonb_build_object('id', lots.id, 'remaining_micros', lots.remaining_micros) order by lots.id), '[]'
      )
      from private.lots
      where lots.account_id = wallet.account_id and lots.remaining_micros > 0
    ),
    'open_holds', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', runs.id, 'amount_micros', runs.held_micros, 'created_at', private.utc_text(runs.started_at),
            'expires_at', private.utc_text(private.hold_end(runs.started_at))
          )
          order by runs.id
        ),
        '[]'
      )
      from private.runs
      where runs.account_id = wallet.account_id
    )
  )
$$;

comment on function private.wallet_line is 'How an account stands: the last line of an export, with what is left of each lot and every open hold.';

grant execute on function private.utc_text, private.checked_line, private.transaction_line, private.wallet_line
  to authenticated, service_role;

create function api.export_ledger(account_id uuid, after_sequence bigint default 0, max_transactions integer default 500)
returns setof jsonb
language plpgsql
-- Stable, so that all of a page is read at one moment.
stable
security invoker
set search_path = ''
as $$
declare
  wallet private.balances;
  before private.transactions;
  through bigint;
begin
  -- The Data API gives at most 1,000 rows: a page with its first and last line stays whole.
  if export_ledger.max_transactions is null or export_ledger.max_transactions not between 1 and 998 then
    perform private.fail(422, 'invalid_input', 'A page has between 1 and 998 transactions.', 'Ask for the next page with after_sequence.');
  end if;
  select * into wallet from private.balances where balances.account_id = export_ledger.account_id;
  if wallet.account_id is null then
    perform private.fail(404, 'not_found', 'There is no such account.', 'Choose one of your own accounts.');
  end if;
  if export_ledger.after_sequence is null or export_ledger.after_sequence not between 0 and wallet.transaction_count then
    perform private.fail(
      422, 'invalid_input', format('This ledger has %s transactions.', wallet.transaction_count),
      'Start with after_sequence 0, then go on from where a page says it ends.'
    );
  end if;
  if wallet.transaction_count > 0 and not exists (
    select from private.transactions
    where transactions.account_id = export_ledger.account_id and transactions.sequence = 1
  ) then
    perform private.fail(
      403, 'forbidden', 'You may not read the ledger of this account.', 'Ask an owner, admin or billing member for the export.'
    );
  end if;
  through := least(export_ledger.after_sequence + export_ledger.max_transactions, wallet.transaction_count);
  select * into before from private.transactions
  where transactions.account_id = export_ledger.account_id and transactions.sequence = export_ledger.after_sequence;

  return next private.checked_line(jsonb_build_object(
    'type', 'header',
    'format', 'oneai-ledger/1',
    'account_id', wallet.account_id,
    'exported_at', private.utc_text(private.clock()),
    'after_sequence', export_ledger.after_sequence,
    'after_hash', encode(coalesce(before.hash, ''), 'hex'),
    'transaction_count', wallet.transaction_count,
    'last_hash', encode(wallet.last_hash, 'hex')
  ));
  return query
  select private.checked_line(private.transaction_line(transactions.*))
  from private.transactions
  where transactions.account_id = export_ledger.account_id
    and transactions.sequence > export_ledger.after_sequence
    and transactions.sequence <= through
  order by transactions.sequence;
  return query
  select private.checked_line(
    case
      when through < wallet.transaction_count then jsonb_build_object('type', 'more', 'through_sequence', through)
      else private.wallet_line(wallet)
    end
  );
end
$$;

comment on function api.export_ledger is
  'A page of an account''s ledger as lines of JSON, for npm run ledger:verify. A last line of type more says through which transaction the page goes: ask for the next one after that, and write the pages one after the other into one file.';

grant execute on function api.export_ledger to authenticated, service_role;
