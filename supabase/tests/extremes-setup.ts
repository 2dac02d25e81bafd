// What a call is, and what has to be there before every call at its worst.
import type { Who } from './matrix.ts';

export interface Call {
  who: Who;
  /** A call that is let through, argument by argument. */
  sound: Record<string, string>;
  /** Paths inside a JSON argument that are put at their worst as well. */
  fields?: Record<string, string[]>;
  /** What has to be so before the call, besides the set-up of all of them. */
  given?: string;
}

export const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

export const fieldsOf = (json: string, under = '') =>
  Object.keys(JSON.parse(json) as object).map((key) => `${under}${key}`);

export const account = '(select id from private.accounts where personal_user_id = auth.uid())';
export const conversation = text('00000000-0000-4000-8000-0000000000c1');
export const aMessage = text('00000000-0000-4000-8000-0000000000d1');
export const answer = text('00000000-0000-4000-8000-0000000000e1');
export const aShare = `'${'s'.repeat(22)}'`;

/** The credits of the one payment that note_entities is told of. */
export const paidFor = 4_000_000n;

export const setUp = `
  select tests.create_user('Ada');
  insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
  values ('acme/small', 'Small', 32000, 4000, 0.000001, 0.000002);
  select private.reprice();
  insert into private.plans (id, name) values ('test', 'Test');
  insert into private.plan_models (plan_id, priority, pattern, allowed) values ('test', 1, '*', true);
  update private.account_plans set plan_id = 'test';
  insert into private.coupons (code, credits_micros) values ('REAL-CODE', 9007199254740991);
  insert into private.api_keys (account_id, created_by, name, prefix, hash)
  select accounts.id, personal_user_id, 'Robot', 'sk-oneai-t', sha256('sk-oneai-test') from private.accounts;
  select private.authorize_run(row(
    accounts.id, personal_user_id, null, 'completion', '{acme/small}', row(100, 1, 0, 10, 1, 0)::private.request_shape, null, null, null, null
  )::private.run_request)
  from private.accounts;
  insert into private.folders (account_id, user_id, name)
  select id, personal_user_id, 'Folder' from private.accounts;
  insert into private.conversations (id, account_id, user_id, title)
  select ${conversation}, id, personal_user_id, 'Chat' from private.accounts;
  insert into private.messages (conversation_id, id, user_id, parent_id, role, status, content, run_id)
  select ${conversation}, given.id::uuid, personal_user_id, given.parent_id::uuid, given.role::private.message_role,
    given.status::private.message_status, given.content, given.run_id
  from private.accounts, (values
    (${aMessage}, null, 'user', 'complete', 'Hello', null),
    (${answer}, ${aMessage}, 'assistant', 'streaming', '', (select id from private.runs))
  ) as given (id, parent_id, role, status, content, run_id);
  insert into private.shares (id, conversation_id, user_id, leaf_id, title, messages, message_count)
  select ${aShare}, ${conversation}, personal_user_id, ${aMessage}, 'Chat', '[{"role": "user", "content": "Hello", "created_at": "2026-11-21"}]', 1
  from private.accounts;
  insert into private.plans (id, name, position) values ('better', 'Better', 1);
  insert into private.packages (id, name) values ('small', 'Small');
  insert into private.prices (plan_id, package_id, period, currency, amount_minor, credits_micros, razorpay_plan_id)
  values
    ('test', null, 'month', 'INR', 10000, ${paidFor}, 'plan_Extreme1'),
    ('better', null, 'month', 'INR', 20000, 5000000, 'plan_Extreme2'),
    (null, 'small', 'once', 'INR', 10000, 1000000, null);
  insert into private.customers (account_id) select id from private.accounts;
  insert into private.orders (account_id, price_id, request_key, currency, amount_minor, credits_micros, razorpay_order_id)
  select accounts.id, prices.id, 'by-hand-1', prices.currency, amount_minor, credits_micros, 'order_Extreme1'
  from private.accounts, private.prices where package_id = 'small';
  insert into private.payments (id, account_id, currency, amount_minor, status, is_captured, paid_at)
  select 'pay_Extreme1', id, 'INR', 10000, 'captured', true, private.clock() from private.accounts;
  insert into private.mandates (id, account_id, payment_id, currency, max_minor, status, expires_at, agreed_at)
  select 'token_Extreme1', id, 'pay_Extreme1', 'INR', 10000, 'confirmed', '2040-01-01', private.clock() from private.accounts;
  insert into private.auto_top_ups (account_id, enabled, threshold_micros, package_id, currency, ceiling_minor)
  select id, true, 9007199254740991, 'small', 'INR', 100000 from private.accounts;
  select private.notify(id, 'paused', 'extreme', 'Paused', 'Nothing is charged.') from private.accounts;
  insert into private.webhook_events (id, body, state) values ('evt_Extreme1', '{}', 'dead');
  insert into private.razorpay_calls (act, fact) values ('create_order', 'extreme');`;
