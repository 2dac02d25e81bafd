-- helpers: what the words of 00_helpers.sql do, since every other test trusts them.

begin;
select plan(14);

select tests.create_user('Ada Lovelace');
select tests.create_user('Bob', 'bob@example.org');

select is(
  (select email::text from auth.users where id = tests.id_of('Ada Lovelace')), 'ada.lovelace@example.com',
  'a person who is given no address gets one'
);
select is(
  (select name from private.profiles where user_id = tests.id_of('Bob')), 'Bob',
  'signing somebody up runs the real trigger'
);
select isnt(tests.account_of('Bob'), null, 'a person has an account');

select tests.sign_in_as('Ada Lovelace');
select is(current_user::text, 'authenticated', 'a signed-in person has the role of the Data API');
select is(auth.uid(), tests.id_of('Ada Lovelace'), 'the token names the person');
select tests.is_refused('delete from private.profiles', 'a person has no rights of the owner');

select tests.sign_in_as_service();
select is(current_user::text, 'service_role', 'the server can act after a person did');
select is(auth.uid(), null, 'the server is nobody');

select tests.sign_in_anonymously();
select is(current_user::text, 'anon', 'a visitor is anonymous');

select tests.sign_out();
select is(current_user::text, 'postgres', 'signing out gives the owner back');

select throws_ok('select tests.sign_in_as(null::uuid)', 'P0001', null, 'signing in as nobody is a mistake of the test');

select tests.throws(
  $$select private.fail(402, 'insufficient_credits', 'Too little.')$$, 402, 'insufficient_credits',
  'an error is known by its status and its reason'
);

select tests.changes_rows(
  $$update private.profiles set name = 'B' where name = 'Bob'$$, 1, 'changed rows can be counted'
);

select tests.travel_to('2027-01-31 23:59:59+00');
select tests.travel('1 month');
select is(private.clock(), '2027-02-28 23:59:59+00', 'time can be moved, also on from where it was moved to');

select * from finish();
rollback;
