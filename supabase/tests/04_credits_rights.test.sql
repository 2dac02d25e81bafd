-- credits, rights: who sees whose books, that nobody but the ledger's own functions writes them,
-- and that what is written there cannot be changed or take a wrong shape.

begin;
select no_plan();

select tests.create_user(name) from unnest(array['Ada', 'Adam', 'Bill', 'Mia', 'Vic', 'Eve']) as name;
insert into private.accounts (kind, name) values ('team', 'Engine');
create temporary table ids as select id as engine from private.accounts where name = 'Engine';
grant select on ids to public;
insert into private.members (account_id, user_id, role)
select engine, tests.id_of(name), role::private.member_role
from ids, (values ('Ada', 'owner'), ('Adam', 'admin'), ('Bill', 'billing'), ('Mia', 'member'), ('Vic', 'viewer')) as person (name, role);

insert into private.coupons (code, credits_micros) values ('GIFT', 5);
select private.grant_credits(engine, 1000, 'top_up', 'payment', 'For tests', 'tests') from ids;
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd) values ('acme/small', 'Small', 1000, 100, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/small', 1, 0, 0.001);
update private.account_plans set plan_id = 'enterprise' from ids where account_id = engine;
-- One call that was charged, of a member who has gone, and one that is open.
create temporary table calls as
select private.authorize_run(row(
  engine, md5('gone')::uuid, null, 'completion', '{acme/small}', row(10, 1, 0, 100, 1, 0)::private.request_shape, null, null, null, null
)::private.run_request) as verdict
from ids, generate_series(1, 2);
select private.finish_run(
  (verdict).run_id,
  row('completed', null, null, null, null, row(1, 70, 0, 0, 0, 0, 0, 0)::private.token_counts, null, null, null, null, null)::private.run_report
)
from calls order by (verdict).run_id limit 1;
insert into private.redemptions (coupon_id, account_id, user_id)
select coupons.id, engine, tests.id_of('Ada') from ids, private.coupons where code = 'GIFT';

-- reading -------------------------------------------------------------------------------------

create function pg_temp.rows_seen()
returns text
language sql
as $$
  select format(
    'wallets %s, transactions %s, lots %s, allocations %s, runs %s, holds %s, resolutions %s, codes %s',
    (select count(*) from api.wallets, ids where account_id = engine),
    (select count(*) from api.transactions, ids where account_id = engine),
    (select count(*) from api.lots, ids where account_id = engine),
    (select count(*) from api.allocations),
    (select count(*) from api.runs),
    (select count(*) from private.holds),
    (select count(*) from private.resolutions),
    (select count(*) from api.redemptions)
  )
$$;
grant execute on function pg_temp.rows_seen to public;

select tests.sign_in_as('Ada');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 2, lots 1, allocations 1, runs 1, holds 2, resolutions 1, codes 1', 'an owner sees all the books'
);
select tests.sign_in_as('Adam');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 2, lots 1, allocations 1, runs 1, holds 2, resolutions 1, codes 1', 'so does an admin'
);
select tests.sign_in_as('Bill');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 2, lots 1, allocations 1, runs 1, holds 2, resolutions 1, codes 1', 'and who does the billing'
);
select tests.sign_in_as('Mia');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 0, lots 0, allocations 0, runs 0, holds 0, resolutions 0, codes 0', 'a member sees what there is to spend, not the books'
);
select tests.sign_in_as('Vic');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 0, lots 0, allocations 0, runs 0, holds 0, resolutions 0, codes 0', 'as does who only looks'
);
select tests.sign_in_as('Eve');
select is(
  pg_temp.rows_seen(), 'wallets 0, transactions 0, lots 0, allocations 0, runs 0, holds 0, resolutions 0, codes 0', 'a stranger sees nothing of it'
);
select results_eq('select count(*) from api.wallets', 'values (1::bigint)', 'but her own wallet');
select results_eq($$select kind::text from api.transactions$$, $$values ('grant')$$, 'and the grant that welcomed her');
select results_eq(
  $$select balance_micros::bigint, held_micros::bigint, available_micros::bigint, debt_micros::bigint from api.wallets$$,
  $$values (500000000::bigint, 0::bigint, 500000000::bigint, 0::bigint)$$, 'which is 500 credits'
);

select tests.sign_in_as('Ada');
select results_eq(
  $$select balance_micros::bigint, held_micros::bigint, available_micros::bigint from api.wallets, ids where account_id = engine$$,
  $$values (930::bigint, 100::bigint, 830::bigint)$$, 'a wallet says what is left'
);
select results_eq(
  $$select hash from api.transactions, ids where account_id = engine order by sequence desc limit 1$$,
  $$select last_hash from api.wallets, ids where account_id = engine$$, 'the statement ends where the wallet''s chain ends'
);

select tests.sign_in_anonymously();
select tests.is_refused('select * from ' || relation, 'a visitor does not read ' || relation)
from unnest(array[
  'api.wallets', 'api.transactions', 'api.lots', 'api.allocations', 'api.redemptions', 'private.wallets', 'private.transactions',
  'private.lots', 'private.allocations', 'private.runs', 'private.repeatable_runs', 'private.holds', 'private.resolutions', 'private.redemptions', 'private.coupons',
  'private.book_balances', 'private.entries'
]) as relation;
select tests.sign_in_as('Ada');
select tests.is_refused('select * from ' || relation, 'an owner does not read ' || relation)
from unnest(array['private.coupons', 'private.book_balances', 'private.entries', 'private.repeatable_runs']) as relation;

select tests.sign_in_as_service();
select isnt_empty('select * from private.' || name, 'the server reads all ' || name)
from unnest(array['wallets', 'allowances', 'balances', 'transactions', 'lots', 'allocations', 'runs', 'holds', 'resolutions', 'usage_events', 'redemptions', 'coupons']) as name;

-- writing -------------------------------------------------------------------------------------

select tests.sign_out();
create temporary table books as
select unnest(array[
  'wallets', 'transactions', 'lots', 'allocations', 'runs', 'repeatable_runs', 'usage_events', 'redemptions', 'coupons', 'book_balances'
]) as name;
grant select on books to public;

select tests.sign_in_as('Ada');
select tests.is_refused(format(statement, name), format('an owner is refused: ' || statement, name))
from books
cross join unnest(array['delete from private.%s', 'truncate private.%s', 'insert into private.%s default values']) as statement;
select tests.is_refused('update private.wallets set balance_micros = 9', 'an owner sets no balance');
select tests.is_refused('update private.lots set remaining_micros = amount_micros', 'nor fills a lot');
select tests.is_refused('update api.lots set remaining_micros = amount_micros', 'not through the view either');

select tests.sign_in_as_service();
select tests.is_refused(format(statement, name), format('the server is refused: ' || statement, name))
from books
cross join unnest(array['delete from private.%s', 'truncate private.%s', 'insert into private.%s default values']) as statement;
select tests.is_refused('update private.wallets set balance_micros = 9', 'the server sets no balance');
select tests.is_refused('update private.transactions set amount_micros = 9', 'and rewrites no history');

select tests.sign_out();
select is(
  (
    select string_agg(role || ' ' || proname, ', ' order by role, proname)
    from pg_proc
    cross join unnest(array['anon', 'authenticated', 'service_role']) as role
    where pronamespace = 'private'::regnamespace
      and proname in (
        'post', 'replay', 'burn_lots', 'pay_debt', 'note_lots', 'grant_credits', 'settle_hold', 'expire_lots',
        'expire_due_lots', 'refund_charge', 'reverse_grant', 'adjust_credits', 'grant_top_up', 'roll_up_books', 'redeem_code',
        'require_wallet', 'lock_calls', 'lock_money', 'lock_account', 'try_lock_account', 'take_back_room', 'make_room',
        'grant_monthly_credits', 'open_account', 'authorize_run', 'finish_run', 'sweep_runs', 'count_in_budgets', 'renew_allowance', 'roll_up_usage', 'forget_repeatable_runs'
      )
      and has_function_privilege(role, oid, 'execute')
  ),
  'authenticated redeem_code', 'of all that moves money people may call one function, which decides by their own id'
);
select ok(
  (select count(*) from pg_proc where pronamespace = 'private'::regnamespace and proname in (
    'post', 'burn_lots', 'settle_hold', 'grant_credits', 'authorize_run', 'finish_run', 'lock_account', 'try_lock_account', 'make_room', 'renew_allowance'
  )) = 10,
  'and those functions are there under these names'
);

-- history -------------------------------------------------------------------------------------

select tests.throws(
  format(statement, name), 409, 'append_only', format('the owner of the schema is refused: ' || statement, name)
)
from unnest(array['transactions', 'allocations', 'usage_events']) as name
cross join unnest(array['delete from private.%s', 'truncate private.%s cascade', 'delete from private.%s where false']) as statement;
select tests.throws(format(statement, name), 409, 'append_only', format('no wallet and no room in one ever goes: ' || statement, name))
from unnest(array['wallets', 'allowances']) as name
cross join unnest(array['delete from private.%s', 'truncate private.%s cascade', 'delete from private.%s where false']) as statement;
select throws_ok(statement, code::char(5), null, 'what was held and how it ended follows from calls and receipts: ' || statement)
from (
  values
    ('delete from private.holds', '55000'), ('update private.holds set amount_micros = 1', '55000'),
    ('insert into private.holds default values', '55000'), ($$update private.resolutions set outcome = 'released'$$, '0A000'),
    ('update private.resolutions set charged_micros = 0', 'PT409'), ('delete from private.resolutions', 'PT409')
) as tampering (statement, code);
select tests.throws(
  format('update private.%s set %s', name, change), 409, 'append_only', format('the owner of the schema does not set %s of %s', change, name)
)
from (
  values
    ('transactions', 'amount_micros = 1'), ('transactions', $$reason = 'x'$$), ('allocations', 'amount_micros = 1'),
    ('usage_events', 'charged_micros = 1'), ('usage_events', 'held_micros = 1'), ('usage_events', $$outcome = 'failed'$$),
    ('usage_events', 'transaction_id = null')
) as tampering (name, change);

-- shapes ---------------------------------------------------------------------------------------

create function pg_temp.breaks(statement text, code text, description text)
returns text
language sql
as $$
  select throws_ok(statement, code::char(5), null, description)
$$;

select pg_temp.breaks(
  format('update private.wallets set %s from ids where account_id = engine', change), '23514', 'a wallet refuses ' || change
)
from unnest(array[
  'set_aside_micros = -1', 'debt_micros = -1', 'set_aside_micros = 931', 'balance_micros = -1', 'balance_micros = 9007199254740992',
  'balance_micros = -9007199254740992, debt_micros = 9007199254740992'
]) as change;
select pg_temp.breaks('insert into private.wallets (account_id) select engine from ids', '23505', 'an account has one wallet');
select pg_temp.breaks('insert into private.wallets (account_id) values (gen_random_uuid())', '23503', 'a wallet is of an account there is');
select pg_temp.breaks('delete from private.accounts where name = ''Engine''', '23503', 'an account with books stays');

-- A transaction that is well formed but for one column.
create function pg_temp.inserts(odd text, value text)
returns text
language sql
as $$
  select format(
    'insert into private.transactions (%s) select %s from ids',
    string_agg(name, ', '), string_agg(case when name = odd then value else sound end, ', ')
  )
  from (
    values
      ('account_id', 'engine'), ('sequence', '(select max(sequence) + 1 from private.transactions)'), ('kind', $v$'grant'$v$), ('book', $v$'issuance'$v$), ('amount_micros', '1'),
      ('balance_micros', '931'), ('fact', 'gen_random_uuid()::text'), ('reason', $v$'reason'$v$), ('author', $v$'author'$v$),
      ('previous_hash', $v$'\x00'$v$), ('hash', $v$sha256('x')$v$)
  ) as columns (name, sound)
$$;
select lives_ok(pg_temp.inserts(null, null), 'a well-formed transaction is taken');
select pg_temp.breaks(pg_temp.inserts(odd, value), code, format('but not with %s as its %s', value, odd))
from (
  values
    ('sequence', '0', '23514'), ('sequence', '1', '23505'), ('book', $$'wallet'$$, '22P02'), ('amount_micros', '0', '23514'),
    ('amount_micros', '9007199254740992', '23514'), ('amount_micros', '-9007199254740992', '23514'), ('fact', $$''$$, '23514'),
    ('fact', $$repeat('x', 401)$$, '23514'), ('reason', $$''$$, '23514'), ('reason', $$repeat('x', 2001)$$, '23514'),
    ('author', $$''$$, '23514'), ('author', $$repeat('x', 2001)$$, '23514'), ('hash', $$'\x00'$$, '23514'),
    ('fact', $$'payment'$$, '23505'), ('fact', 'null', '23502'),
    ('reason', 'null', '23502'), ('author', 'null', '23502'), ('hash', 'null', '23502'), ('amount_micros', 'null', '23502')
) as wrong (odd, value, code);

select pg_temp.breaks(format('update private.lots set %s from ids where account_id = engine', change), '23514', 'a lot refuses ' || change)
from unnest(array[
  'remaining_micros = -1', 'remaining_micros = amount_micros + 1', 'amount_micros = 0, remaining_micros = 0', 'priority = -1', 'priority = 1001'
]) as change;
select pg_temp.breaks(
  $$insert into private.allocations (transaction_id, lot_id, amount_micros) select transaction_id, lot_id, 0 from private.allocations limit 1$$,
  '23514', 'an allocation is of something'
);
select pg_temp.breaks(
  $$insert into private.allocations (transaction_id, lot_id, amount_micros) select transaction_id, lot_id, 1 from private.allocations limit 1$$,
  '23505', 'and says once what a lot paid'
);
select pg_temp.breaks(
  format('update private.runs set held_micros = %s', amount), '23514', 'no call holds ' || amount
)
from unnest(array['-1', '9007199254740992']) as amount;
select pg_temp.breaks(
  format($$insert into private.usage_events select (jsonb_populate_record(usage_events, jsonb_build_object('run_id', gen_random_uuid(), %s))).* from private.usage_events$$, odd),
  '23514', 'no receipt says ' || odd
)
from unnest(array[
  $$'charged_micros', -1$$, $$'charged_micros', 101$$, $$'held_micros', -1$$, $$'held_micros', 69$$, $$'upstream_micros', -1$$,
  $$'held_micros', 9007199254740992$$, $$'charged_micros', 9007199254740992, 'held_micros', 9007199254740991$$
]) as odd;
select pg_temp.breaks(
  format($$insert into private.usage_events select (jsonb_populate_record(usage_events, jsonb_build_object('run_id', gen_random_uuid(), '%s', null))).* from private.usage_events$$, col),
  '23502', 'a receipt has its ' || col
)
from unnest(array['account_id', 'user_id', 'outcome', 'price_version_id', 'used', 'held_micros', 'charged_micros', 'cost_label', 'finished_at']) as col;
select pg_temp.breaks(
  'insert into private.usage_events select * from private.usage_events', '23505', 'a call ends once'
);
select pg_temp.breaks('insert into private.runs select * from private.runs', '23505', 'and is open once');
select pg_temp.breaks($$insert into private.book_balances (book) values ('wallet')$$, '22P02', 'a wallet is none of our books');

select * from finish();
rollback;
