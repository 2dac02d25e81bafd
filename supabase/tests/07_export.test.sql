-- export: who may read a ledger as lines, what the lines say, and that pages make one whole.

begin;
select plan(27);

select tests.create_user('Ada');
select tests.create_user('Eve');
select tests.create_user('Bill');
select tests.create_user('Mia');
insert into private.members (account_id, user_id, role)
values
  (tests.account_of('Ada'), tests.id_of('Bill'), 'billing'),
  (tests.account_of('Ada'), tests.id_of('Mia'), 'member');
select private.grant_credits(
  tests.account_of('Ada'), 1000 * nth, 'top_up', 'payment:' || nth, 'Payment', 'system', now() + interval '1 year'
)
from generate_series(1, 4) as nth;
select private.adjust_credits(tests.account_of('Ada'), -500001000, 'adjustment:1', 'Too much', 'admin:ada');

select function_privs_are('api', 'export_ledger', '{uuid,bigint,integer}', 'anon', '{}', 'a visitor has no ledger');

-- the owner -----------------------------------------------------------------------------------
select tests.sign_in_as('Ada');
select is(
  array(select line ->> 'type' from api.export_ledger(tests.account_of('Ada')) as line),
  '{header,transaction,transaction,transaction,transaction,transaction,transaction,wallet}',
  'an owner gets a header, every transaction and the wallet'
);
select is(
  array(select (line ->> 'sequence')::bigint from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'type' = 'transaction'),
  '{1,2,3,4,5,6}', 'transactions come in order'
);
select is(
  (select line - '{account_id,last_hash,exported_at,check}'::text[] from api.export_ledger(tests.account_of('Ada')) as line limit 1),
  '{"type": "header", "format": "oneai-ledger/1", "after_sequence": 0, "after_hash": "", "transaction_count": 6}',
  'the header says how far the ledger goes'
);
select is(
  (
    select (line #- '{lot,id}') - '{id,check,created_at,hash,previous_hash}'::text[]
    from api.export_ledger(tests.account_of('Ada')) as line
    where line ->> 'fact' = 'payment:1'
  ),
  jsonb_build_object(
    'type', 'transaction', 'sequence', 2, 'kind', 'grant', 'book', 'issuance', 'amount_micros', 1000,
    'balance_micros', 500001000, 'fact', 'payment:1', 'refers_to', null, 'reason', 'Payment', 'author', 'system',
    'lot', jsonb_build_object(
      'source', 'top_up', 'priority', 100, 'amount_micros', 1000, 'expires_at', private.utc_text(now() + interval '1 year')
    ),
    'allocations', '[]'::jsonb
  ),
  'a grant comes with the lot it made'
);
select is(
  (
    select line -> 'allocations'
    from api.export_ledger(tests.account_of('Ada')) as line
    where line ->> 'fact' = 'adjustment:1'
  ),
  (
    select jsonb_agg(jsonb_build_object('lot_id', allocations.lot_id, 'amount_micros', allocations.amount_micros) order by lot_id)
    from private.allocations
    join private.transactions on transactions.id = allocations.transaction_id
    where transactions.fact = 'adjustment:1'
  ),
  'what was taken comes with the lots that paid'
);
select is(
  (select line - '{account_id,last_hash,open_lots,check}'::text[] from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'type' = 'wallet'),
  '{"type": "wallet", "transaction_count": 6, "balance_micros": 9000, "held_micros": 0, "debt_micros": 0, "open_holds": []}',
  'the last line says how the account stands'
);
select is(
  (
    select sum((lot ->> 'remaining_micros')::bigint)
    from api.export_ledger(tests.account_of('Ada')) as line
    cross join jsonb_array_elements(line -> 'open_lots') as lot
  ),
  9000::numeric, 'the open lots add up to the balance'
);
select is(
  (select line ->> 'last_hash' from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'type' = 'wallet'),
  (select line ->> 'hash' from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'sequence' = '6'),
  'the last hash is the hash of the last transaction'
);
select is(
  (
    select count(*)
    from api.export_ledger(tests.account_of('Ada')) as line
    where line ->> 'check' = encode(sha256(convert_to((line - 'check')::text, 'UTF8')), 'hex')
  ),
  8::bigint, 'every line carries the SHA-256 of itself'
);
set local time zone 'Asia/Kolkata';
select is(
  (select line ->> 'created_at' from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'sequence' = '1'),
  to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'times are in UTC, whatever the session thinks'
);

-- pages ---------------------------------------------------------------------------------------
select is(
  (select line - 'check' from api.export_ledger(tests.account_of('Ada'), 0, 4) as line where line ->> 'type' = 'more'),
  '{"type": "more", "through_sequence": 4}', 'a page that is not the last says how far it goes'
);
select is(
  (select line ->> 'after_hash' from api.export_ledger(tests.account_of('Ada'), 4, 4) as line limit 1),
  (select line ->> 'hash' from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'sequence' = '4'),
  'the next page names the hash it follows'
);
select results_eq(
  $$select line from api.export_ledger(tests.account_of('Ada'), 0, 4) as line where line ->> 'type' = 'transaction'
    union all
    select line from api.export_ledger(tests.account_of('Ada'), 4, 4) as line where line ->> 'type' in ('transaction', 'wallet')$$,
  $$select line from api.export_ledger(tests.account_of('Ada')) as line where line ->> 'type' in ('transaction', 'wallet')$$,
  'pages say the same as the whole'
);
select is(
  array(select line ->> 'type' from api.export_ledger(tests.account_of('Ada'), 6) as line), '{header,wallet}',
  'after the last transaction there is only the wallet'
);

-- bad input -----------------------------------------------------------------------------------
select tests.throws($$select api.export_ledger(tests.account_of('Ada'), -1)$$, 422, 'invalid_input', 'nothing is before the first transaction');
select tests.throws($$select api.export_ledger(tests.account_of('Ada'), 7)$$, 422, 'invalid_input', 'a page cannot start after the end');
select tests.throws($$select api.export_ledger(tests.account_of('Ada'), null)$$, 422, 'invalid_input', 'a page starts somewhere');
select tests.throws($$select api.export_ledger(tests.account_of('Ada'), 0, 0)$$, 422, 'invalid_input', 'a page has at least one transaction');
select tests.throws($$select api.export_ledger(tests.account_of('Ada'), 0, 999)$$, 422, 'invalid_input', 'a page fits into one answer of the Data API');
select tests.throws($$select api.export_ledger(tests.account_of('Ada'), 0, null)$$, 422, 'invalid_input', 'a page has a size');

-- others --------------------------------------------------------------------------------------
select tests.sign_in_as('Bill');
select is((select count(*) from api.export_ledger(tests.account_of('Ada'))), 8::bigint, 'a billing member may export the ledger');
select tests.sign_in_as('Mia');
select tests.throws($$select api.export_ledger(tests.account_of('Ada'))$$, 403, 'forbidden', 'a plain member sees the wallet, not its books');
select tests.sign_in_as('Eve');
select tests.throws(
  format('select api.export_ledger(%L)', tests.account_of('Ada')), 404, 'not_found', 'a stranger learns nothing of an account'
);
select tests.throws(
  'select api.export_ledger(gen_random_uuid())', 404, 'not_found', 'an account that is not there looks the same'
);
select is(
  (select count(*) from api.export_ledger((select accounts.id from api.accounts))), 3::bigint,
  'everybody has a ledger of their own'
);
select tests.sign_in_as_service();
select is((select count(*) from api.export_ledger(tests.account_of('Ada'))), 8::bigint, 'the server may export any ledger');

select * from finish();
rollback;
