-- matrix, second part: Ada, her team with Mia in it, and a row of theirs in every table, made
-- by the calls the product makes where there is one. None of it is any business of Eve's.

select tests.create_user('Ada'), tests.create_user('Mia');

insert into private.accounts (kind, name) values ('team', 'Engine');
insert into private.members (account_id, user_id, role)
select id, tests.id_of('Ada'), 'owner'::private.member_role from private.accounts where name = 'Engine'
union all
select id, tests.id_of('Mia'), 'member' from private.accounts where name = 'Engine';

insert into private.api_keys (account_id, created_by, name, prefix, hash)
select id, tests.id_of('Ada'), 'Robot', 'sk-oneai-test', extensions.digest('sk-oneai-test', 'sha256')
from private.accounts where name = 'Engine';

insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
select id, id, 1000, 'A good customer' from private.accounts where name = 'Engine';
insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
select id, account_id, 100, 'A good key' from private.api_keys;

select private.grant_credits(
  id, 5000000000, 'top_up', 'payment:test', 'Top-up', 'tests', null
) from private.accounts where name = 'Engine';

select tests.sign_in_as('Ada');

select api.redeem_code(id, 'WELCOME-ALL') from api.accounts where name = 'Engine';
select api.redeem_code(id, 'NO-SUCH-CODE') from api.accounts where name = 'Engine';
select api.set_budget(id, 'member', tests.id_of('Mia'), 'month', 1000000000) from api.accounts where name = 'Engine';

-- One call that has ended and one that still runs.
select api.start_run(id, '{acme/large,acme/small}', '{"prompt_bytes": 400, "messages": 1, "max_tokens": 100}')
from api.accounts, generate_series(1, 2) where name = 'Engine';

-- A conversation in a folder, and an answer that has begun.
select api.create_folder(id, 'Plans') from api.accounts where name = 'Engine';
select api.start_answer(
  id, md5('conversation')::uuid, md5('answer')::uuid, '{acme/small}',
  jsonb_build_object('id', md5('message')::uuid, 'content', 'Hello')
)
from api.accounts
where name = 'Engine';
select api.create_share(md5('conversation')::uuid, md5('message')::uuid);

select tests.sign_in_as_service();

select api.append_frames(
  (select messages.run_id from private.messages where messages.id = md5('answer')::uuid), 1, '[["c", "Good day"]]'
);

select api.finish_run(
  (select id from api.runs where requested_model = 'acme/large' order by id limit 1),
  '{
    "outcome": "completed", "model_id": "acme/small", "finish_reason": "stop",
    "used": { "prompt_tokens": 100, "completion_tokens": 50 }, "upstream_usd": "0.0002",
    "attempts": [{ "model": "acme/large", "error": "upstream_unavailable" }, { "model": "acme/small" }]
  }'
);

-- A call of Ada's key, whose answer is kept.
select api.keep_call(
  (
    api.start_call(
      encode(extensions.digest('sk-oneai-test', 'sha256'), 'hex'), '{acme/small}', '{"prompt_bytes": 400}', '{}', 'completion', null,
      'a request', repeat('0', 64)
    ) #>> '{verdict,run_id}'
  )::uuid,
  'gen-test', '[{"number": 1, "body": "data: Hello"}]'
);
-- And the key asks what it may.
select api.describe_key(encode(extensions.digest('sk-oneai-test', 'sha256'), 'hex'));

select tests.sign_out();

-- What the team bought, what became of it, and what it wants to be told.
select tests.sign_in_as('Ada');

select api.set_billing_details(id, name => 'Engine Ltd') from api.accounts where name = 'Engine';
select api.set_auto_top_up(id, false, 1000000, 'starter', 'GBP', 5000) from api.accounts where name = 'Engine';
select api.set_alert_thresholds(id, '{1000000}') from api.accounts where name = 'Engine';
select api.start_subscription(
  accounts.id, (select id from api.prices where plan_id = 'pro' and currency = 'GBP' and period = 'month'), 'matrix-subscription'
) from api.accounts where name = 'Engine';
select api.start_top_up(
  accounts.id, (select id from api.prices where package_id = 'starter' and currency = 'GBP'), 'matrix-order', true
) from api.accounts where name = 'Engine';

select tests.sign_in_as_service();

select api.begin_call('create_order', 'matrix', account_id) from private.orders;
select api.note_entities(jsonb_build_object('order', jsonb_build_object('entity', jsonb_build_object(
  'id', 'order_matrix', 'receipt', id, 'amount', 500, 'currency', 'GBP', 'status', 'created'
))), 1800000000) from private.orders;
select api.receive_webhook('evt_matrix', '{"event": "refund.processed", "payload": {
  "payment": {"entity": {"id": "pay_matrix", "order_id": "order_matrix", "amount": 500, "currency": "GBP", "status": "captured", "captured": true, "token_id": "token_matrix"}},
  "refund": {"entity": {"id": "rfnd_matrix", "payment_id": "pay_matrix", "amount": 100, "status": "processed"}},
  "dispute": {"entity": {"id": "disp_matrix", "payment_id": "pay_matrix", "amount": 100, "status": "open"}}
}}');

select tests.sign_out();

select private.roll_up_books();
select tests.travel('11 minutes');
select private.roll_up_usage();
select tests.travel('-11 minutes');
select from admin.audit_ledger();
