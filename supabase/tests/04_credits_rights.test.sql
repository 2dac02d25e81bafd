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
update private.wallets set held_micros = 100 from ids where account_id = engine;
insert into private.holds (id, account_id, amount_micros, expires_at) select md5('hold')::uuid, engine, 100, now() from ids;
select private.resolve_hold(md5('hold')::uuid, 'settled', 70, 'acme/small');
insert into private.redemptions (coupon_id, account_id, user_id)
select coupons.id, engine, tests.id_of('Ada') from ids, private.coupons where code = 'GIFT';

-- reading -------------------------------------------------------------------------------------

create function pg_temp.rows_seen()
returns text
language sql
as $$
  select format(
    'wallets %s, transactions %s, lots %s, allocations %s, holds %s, resolutions %s, codes %s',
    (select count(*) from api.wallets, ids where account_id = engine),
    (select count(*) from api.transactions, ids where account_id = engine),
    (select count(*) from api.lots, ids where account_id = engine),
    (select count(*) from api.allocations),
    (select count(*) from private.holds),
    (select count(*) from private.resolutions),
    (select count(*) from api.redemptions)
  )
$$;
grant execute on function pg_temp.rows_seen to public;

select tests.sign_in_as('Ada');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 2, lots 1, allocations 1, holds 1, resolutions 1, codes 1', 'an owner sees all the books'
);
select tests.sign_in_as('Adam');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 2, lots 1, allocations 1, holds 1, resolutions 1, codes 1', 'so does an admin'
);
select tests.sign_in_as('Bill');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 2, lots 1, allocations 1, holds 1, resolutions 1, codes 1', 'and who does the billing'
);
select tests.sign_in_as('Mia');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 0, lots 0, allocations 0, holds 0, resolutions 0, codes 0', 'a member sees what there is to spend, not the books'
);
select tests.sign_in_as('Vic');
select is(
  pg_temp.rows_seen(), 'wallets 1, transactions 0, lots 0, allocations 0, holds 0, resolutions 0, codes 0', 'as does who only looks'
);
select tests.sign_in_as('Eve');
select is(
  pg_temp.rows_seen(), 'wallets 0, transactions 0, lots 0, allocations 0, holds 0, resolutions 0, codes 0', 'a stranger sees nothing of it'
);
select results_eq('select count(*) from api.wallets', 'values (1::bigint)', 'but her own wallet');
select results_eq($$select kind::text from api.transactions$$, $$values ('grant')$$, 'and the grant that welcomed her');
select results_eq(
  $$select balance_micros, held_micros, available_micros, debt_micros from api.wallets$$,
  $$values (500000000::bigint, 0::bigint, 500000000::bigint, 0::bigint)$$, 'which is 500 credits'
);

select tests.sign_in_as('Ada');
select results_eq(
  $$select balance_micros, held_micros, available_micros from api.wallets, ids where account_id = engine$$,
  $$values (930::bigint, 0::bigint, 930::bigint)$$, 'a wallet says what is left'
);
select results_eq(
  $$select hash from api.transactions, ids where account_id = engine order by sequence desc limit 1$$,
  $$select last_hash from api.wallets, ids where account_id = engine$$, 'the statement ends where the wallet''s chain ends'
);

select tests.sign_in_anonymously();
select tests.is_refused('select * from ' || relation, 'a visitor does not read ' || relation)
from unnest(array[
  'api.wallets', 'api.transactions', 'api.lots', 'api.allocations', 'api.redemptions', 'private.wallets', 'private.transactions',
  'private.lots', 'private.allocations', 'private.holds', 'private.resolutions', 'private.redemptions', 'private.coupons',
  'private.book_balances', 'private.entries'
]) as relation;
select tests.sign_in_as('Ada');
select tests.is_refused('select * from ' || relation, 'an owner does not read ' || relation)
from unnest(array['private.coupons', 'private.book_balances', 'private.entries']) as relation;

select tests.sign_in_as_service();
select isnt_empty('select * from private.' || name, 'the server reads all ' || name)
from unnest(array['wallets', 'transactions', 'lots', 'allocations', 'holds', 'resolutions', 'redemptions', 'coupons']) as name;

-- writing -------------------------------------------------------------------------------------

select tests.sign_out();
create temporary table books as
select unnest(array[
  'wallets', 'transactions', 'lots', 'allocations', 'holds', 'resolutions', 'redemptions', 'coupons', 'book_balances'
]) as name;
grant select on books to public;

select tests.sign_in_as('Ada');
select tests.is_refused(format(statement, name), format('an owner is refused: ' || statement, name))
from books
cross join unnest(array['delete from private.%s', 'truncate private.%s', 'insert into private.%s default values']) as statement;
select tests.is_refused('update private.wallets set balance_micros = 9', 'an owner sets no balance');
select tests.is_refused('update private.lots set remaining_micros = amount_micros', 'nor fills a lot');
select tests.is_refused('update api.wallets set balance_micros = 9', 'not through the view either');

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
        'post', 'replay', 'burn_lots', 'pay_debt', 'note_next_expiry', 'grant_credits', 'resolve_hold', 'expire_lots',
        'expire_due_lots', 'refund_charge', 'reverse_grant', 'adjust_credits', 'grant_top_up', 'roll_up_books', 'redeem_code',
        'require_wallet', 'grant_monthly_credits', 'open_account', 'authorize_run', 'finish_run', 'sweep_runs', 'hold_budgets'
      )
      and has_function_privilege(role, oid, 'execute')
  ),
  'authenticated redeem_code', 'of all that moves money people may call one function, which decides by their own id'
);
select ok(
  (select count(*) from pg_proc where pronamespace = 'private'::regnamespace and proname in ('post', 'burn_lots', 'grant_credits', 'authorize_run', 'finish_run')) = 5,
  'and those functions are there under these names'
);

-- history -------------------------------------------------------------------------------------

select tests.throws(
  format(statement, name), 409, 'append_only', format('the owner of the schema is refused: ' || statement, name)
)
from unnest(array['transactions', 'allocations', 'holds', 'resolutions']) as name
cross join unnest(array['delete from private.%s', 'truncate private.%s cascade', 'delete from private.%s where false']) as statement;
select tests.throws(
  format('update private.%s set %s', name, change), 409, 'append_only', format('the owner of the schema does not set %s of %s', change, name)
)
from (
  values
    ('transactions', 'amount_micros = 1'), ('transactions', $$reason = 'x'$$), ('allocations', 'amount_micros = 1'),
    ('holds', 'amount_micros = 1'), ('holds', $$expires_at = 'infinity'$$), ('resolutions', $$outcome = 'released'$$)
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
  'held_micros = -1', 'debt_micros = -1', 'held_micros = 931', 'balance_micros = -1', 'balance_micros = 9007199254740992',
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
    ('sequence', '0', '23514'), ('sequence', '1', '23505'), ('book', $$'wallet'$$, '23514'), ('amount_micros', '0', '23514'),
    ('amount_micros', '9007199254740992', '23514'), ('amount_micros', '-9007199254740992', '23514'), ('fact', $$''$$, '23514'),
    ('fact', $$repeat('x', 401)$$, '23514'), ('reason', $$''$$, '23514'), ('reason', $$repeat('x', 2001)$$, '23514'),
    ('author', $$''$$, '23514'), ('author', $$repeat('x', 401)$$, '23514'), ('hash', $$'\x00'$$, '23514'),
    ('fact', $$'payment'$$, '23505'), ('account_id', 'gen_random_uuid()', '23503'), ('fact', 'null', '23502'),
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
  format($$insert into private.holds (id, account_id, amount_micros, expires_at) select gen_random_uuid(), engine, %s, now() from ids$$, amount),
  '23514', 'no hold of ' || amount
)
from unnest(array['-1', '9007199254740992']) as amount;
select pg_temp.breaks(
  format('insert into private.resolutions (hold_id, outcome, charged_micros, transaction_id) values (gen_random_uuid(), %s)', odd),
  '23514', 'no hold ends with ' || odd
)
from unnest(array[
  $$'settled', -1, null$$, $$'released', 1, 1$$, $$'expired', 1, 1$$, $$'settled', 1, null$$, $$'settled', 0, 1$$
]) as odd;
select pg_temp.breaks(
  $$insert into private.resolutions (hold_id, outcome, charged_micros) values (md5('hold')::uuid, 'released', 0)$$, '23505',
  'a hold ends once'
);
select pg_temp.breaks($$insert into private.book_balances (book) values ('wallet')$$, '23514', 'a wallet is none of our books');

select * from finish();
rollback;
