// Every argument of every function of api, and every field of the JSON it takes, at its worst:
// the answer is a sane one or an error with a stable reason, and no balance moves by it.
import type { TransactionSql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type TestDatabase } from './database.ts';
import { attempt, type Who } from './matrix.ts';

const megabyte = 'x'.repeat(1_000_000);
const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

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

interface Call {
  who: Who;
  /** A call that is let through, argument by argument. */
  sound: Record<string, string>;
  /** Paths inside a JSON argument that are put at their worst as well. */
  fields?: Record<string, string[]>;
  /** What has to be so before the call, besides the set-up of all of them. */
  given?: string;
}

const shape =
  '{"prompt_bytes": 100, "messages": 1, "images": 0, "max_tokens": 10, "choices": 1, "searches": 0}';
const features =
  '{"has_code": true, "has_math": false, "has_images": false, "has_tools": false, "language": "en", "prompt_tokens": 5, "context_tokens": 5, "excluded_models": ["acme/none"]}';
const used =
  '{"prompt_tokens": 100, "completion_tokens": 5, "cache_read_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 0, "audio_tokens": 0, "images": 0, "searches": 0}';
const report = `{"outcome": "completed", "model_id": "acme/small", "generation_id": "gen-1", "finish_reason": "stop", "error_code": null, "used": ${used}, "produced_bytes": 20, "upstream_usd": "0.000001", "attempts": [{"model": "acme/small"}], "first_token_ms": 5, "is_reconciled": false}`;
const fieldsOf = (json: string, under = '') =>
  Object.keys(JSON.parse(json) as object).map((key) => `${under}${key}`);

const start = {
  models: `'{acme/small}'`,
  shape: text(shape),
  features: text(features),
  task: `'completion'`,
  max_cost_micros: '1000000',
  idempotency_key: `'once'`,
  request_hash: `repeat('0f', 32)`,
};
const startFields = { shape: fieldsOf(shape), features: fieldsOf(features) };
const settings =
  '{"scopes": ["completions"], "allowed_models": ["acme/*"], "expires_at": "2090-01-01T00:00:00Z", "requests_per_minute": 5, "requests_per_hour": 50, "requests_per_day": 500, "max_cost_micros": 1000000}';
const aKey = '(select id from private.api_keys)';
const aKeyHash = `encode(sha256('sk-oneai-test'), 'hex')`;
const account = '(select id from private.accounts where personal_user_id = auth.uid())';
const aRun = '(select id from private.runs)';
const conversation = text('00000000-0000-4000-8000-0000000000c1');
const aMessage = text('00000000-0000-4000-8000-0000000000d1');
const answer = text('00000000-0000-4000-8000-0000000000e1');
const message =
  '{"id": "00000000-0000-4000-8000-0000000000d2", "parent_id": null, "content": "Hi"}';
const options =
  '{"max_tokens": 10, "max_cost_micros": 1000000, "system": "Be brief.", "excluded_models": ["acme/none"], "reasoning_effort": "low"}';
const pieces = '[{"number": 1, "body": "data: Hi"}]';
const aShare = `'${'s'.repeat(22)}'`;
const imported = {
  id: 'one',
  title: 'Old times',
  created_at: 1700000000.5,
  updated_at: '2024-01-01T00:00:00Z',
  model: 'gpt-4',
  leaf_id: 'a',
  messages: [
    {
      id: 'a',
      parent_id: null,
      role: 'assistant',
      content: 'Hello',
      reasoning: 'Hm',
      model: 'gpt-4',
      created_at: 1700000000,
    },
    { id: 'b', parent_id: 'a', role: 'user', content: 'Hello' },
  ],
};
const list = {
  from_at: `'2020-01-01'`,
  to_at: `'2040-01-01'`,
  model: `'acme/small'`,
  folder_id: 'null',
  archived: 'false',
  cursor: 'null',
  max_rows: '30',
};

const priceOf = (plan: string) => `(select id from api.prices where plan_id = '${plan}')`;
const aPackagePrice = `(select id from api.prices where package_id = 'small')`;
const aNotice = '(select array_agg(id) from private.notices)';
const aSubscription = `
  insert into private.subscriptions (
    account_id, user_id, price_id, request_key, razorpay_subscription_id, status, current_start, current_end
  )
  select accounts.id, personal_user_id, prices.id, 'subscribed-1', 'sub_Extreme1', 'active',
    private.clock() - interval '10 days', private.clock() + interval '20 days'
  from private.accounts, private.prices where prices.plan_id = 'test';
  insert into private.subscription_prices (subscription_id, price_id, valid_from, state)
  select id, price_id, current_start, 'agreed' from private.subscriptions;
  insert into private.subscription_prices (subscription_id, price_id, valid_from, state)
  select subscriptions.id, prices.id, private.clock(), 'asked'
  from private.subscriptions, private.prices where prices.plan_id = 'better'`;
const anAutomaticOrder = `
  insert into private.orders (account_id, price_id, request_key, is_automatic, currency, amount_minor, credits_micros)
  select accounts.id, prices.id, 'automatic', true, prices.currency, amount_minor, credits_micros
  from private.accounts, private.prices where package_id = 'small'`;

/** All that Razorpay may tell of at once: a period of a subscription is paid, refunded in part and disputed. */
const told = {
  subscription: {
    id: 'sub_Extreme1',
    plan_id: 'plan_Extreme1',
    status: 'active',
    current_start: 1700000000,
    current_end: 4000000000,
    charge_at: 4000000000,
    ended_at: null,
    paid_count: 1,
    auth_attempts: 0,
    has_scheduled_changes: false,
    short_url: 'https://example.com/pay',
    payment_method: 'card',
    notes: { oneai_subscription: 'none' },
  },
  order: {
    id: 'order_Extreme1',
    receipt: 'none',
    status: 'paid',
    currency: 'INR',
    amount: 10000,
  },
  invoice: {
    id: 'inv_Extreme1',
    subscription_id: 'sub_Extreme1',
    payment_id: 'pay_Extreme2',
    status: 'issued',
    currency: 'INR',
    amount: 10000,
    billing_start: 1700000000,
    billing_end: 4000000000,
    issued_at: 1700000000,
    created_at: 1700000000,
    short_url: 'https://example.com/invoice',
  },
  payment: {
    id: 'pay_Extreme2',
    order_id: null,
    invoice_id: 'inv_Extreme1',
    status: 'captured',
    captured: true,
    currency: 'INR',
    amount: 10000,
    amount_refunded: 0,
    method: 'card',
    card: { network: 'Visa', last4: '1111' },
    vpa: null,
    international: false,
    token_id: 'token_Extreme1',
    error_code: null,
    error_description: null,
    created_at: 1700000000,
  },
  refund: {
    id: 'rfnd_Extreme1',
    payment_id: 'pay_Extreme2',
    receipt: null,
    status: 'processed',
    amount: 5000,
    created_at: 1700000000,
  },
  dispute: {
    id: 'disp_Extreme1',
    payment_id: 'pay_Extreme2',
    status: 'open',
    phase: 'chargeback',
    reason_code: 'fraud',
    amount: 10000,
    amount_deducted: 0,
    respond_by: 1700000000,
    created_at: 1700000000,
  },
  token: {
    id: 'token_Extreme1',
    method: 'card',
    card: { network: 'Visa', last4: '1111' },
    recurring: true,
    recurring_details: { status: 'confirmed', failure_reason: null },
    max_amount: 10000,
    expired_at: 4000000000,
  },
};
const payload = JSON.stringify(
  Object.fromEntries(Object.entries(told).map(([kind, entity]) => [kind, { entity }])),
);

const calls: Record<string, Call> = {
  update_profile: {
    who: 'owner',
    sound: {
      name: `'Ada'`,
      avatar_url: `'https://example.com/a.png'`,
      locale: `'en'`,
      theme: `'dark'`,
      default_model: `'acme/small'`,
      smart_routing: 'true',
      custom_instructions: `'Be brief.'`,
    },
  },
  sum_usage: {
    who: 'owner',
    sound: {
      account_id: account,
      since: `'2027-01-01'`,
      until: `'2027-01-31'`,
      grouped_by: `'model'`,
      measure: `'credits'`,
      model_id: `'acme/small'`,
      key: `'chat'`,
      user_id: 'null',
    },
  },
  sync_models: { who: 'service', sound: { payload: text('{"data": [{"id": "acme/new"}]}') } },
  redeem_code: { who: 'owner', sound: { account_id: account, code: `'NO-SUCH-CODE'` } },
  set_budget: {
    who: 'owner',
    sound: {
      account_id: account,
      subject: `'member'`,
      subject_id: 'auth.uid()',
      period: `'day'`,
      limit_micros: '1000',
    },
  },
  preview_cost: {
    who: 'owner',
    sound: {
      account_id: account,
      model: `'acme/small'`,
      shape: text(shape),
      features: text(features),
    },
    fields: startFields,
  },
  start_run: { who: 'owner', sound: { account_id: account, ...start }, fields: startFields },
  touch_run: {
    who: 'service',
    sound: { run_id: aRun, generation_id: `'g'` },
  },
  stop_run: { who: 'owner', sound: { run_id: aRun } },
  finish_run: {
    who: 'service',
    sound: { run_id: aRun, report: text(report) },
    fields: { report: [...fieldsOf(report), ...fieldsOf(used, 'used,')] },
  },
  claim_reconciliations: { who: 'service', sound: { max_runs: '20' } },
  start_answer: {
    who: 'owner',
    sound: {
      account_id: account,
      conversation_id: conversation,
      answer_id: 'gen_random_uuid()',
      models: `'{acme/small}'`,
      message: text(message),
      answer_to: 'null',
      options: text(options),
      request_hash: `repeat('0f', 32)`,
    },
    fields: { message: fieldsOf(message), options: fieldsOf(options) },
  },
  read_answer: { who: 'owner', sound: { run_id: aRun, after: '0' } },
  append_frames: {
    who: 'service',
    sound: { run_id: aRun, first: '1', frames: text('[["c", "Hi"]]'), generation_id: `'g'` },
    fields: { frames: ['0', '0,0', '0,1'] },
  },
  finish_answer: {
    who: 'service',
    sound: { run_id: aRun, report: text(report), first: '1', frames: text('[["c", "Hi"]]') },
    fields: { frames: ['0', '0,0', '0,1'] },
  },
  title_conversation: {
    who: 'service',
    sound: { conversation_id: conversation, title: `'Greetings'` },
  },
  rename_conversation: { who: 'owner', sound: { conversation_id: conversation, title: `'Mine'` } },
  move_conversation: { who: 'owner', sound: { conversation_id: conversation, folder_id: 'null' } },
  pin_conversation: { who: 'owner', sound: { conversation_id: conversation, pinned: 'true' } },
  archive_conversation: {
    who: 'owner',
    sound: { conversation_id: conversation, archived: 'true' },
  },
  delete_conversation: { who: 'owner', sound: { conversation_id: conversation } },
  restore_conversation: { who: 'owner', sound: { conversation_id: conversation } },
  select_branch: {
    who: 'owner',
    sound: { conversation_id: conversation, message_id: aMessage },
  },
  create_share: {
    who: 'owner',
    sound: { conversation_id: conversation, leaf_id: aMessage, expires_at: `'2090-01-01'` },
  },
  revoke_share: { who: 'owner', sound: { share_id: aShare } },
  read_share: { who: 'anonymous', sound: { share_id: aShare } },
  fork_share: { who: 'owner', sound: { share_id: aShare, account_id: account } },
  fork_conversation: {
    who: 'owner',
    sound: { conversation_id: conversation, message_id: aMessage },
  },
  import_conversations: {
    who: 'owner',
    sound: {
      account_id: account,
      source: `'chatgpt'`,
      conversations: text(JSON.stringify([imported])),
      dry_run: 'false',
    },
    fields: {
      conversations: ['0'].concat(
        fieldsOf(JSON.stringify(imported), '0,'),
        fieldsOf(JSON.stringify(imported.messages[0]), '0,messages,0,'),
      ),
    },
  },
  create_folder: { who: 'owner', sound: { account_id: account, name: `'Work'` } },
  rename_folder: {
    who: 'owner',
    sound: { folder_id: '(select id from private.folders)', name: `'Play'` },
  },
  delete_folder: { who: 'owner', sound: { folder_id: '(select id from private.folders)' } },
  list_conversations: { who: 'owner', sound: { account_id: account, ...list } },
  search_conversations: { who: 'owner', sound: { account_id: account, query: `'hi'`, ...list } },
  create_key: {
    who: 'owner',
    sound: { account_id: account, name: `'Robot'`, settings: text(settings) },
    fields: { settings: fieldsOf(settings) },
  },
  update_key: {
    who: 'owner',
    sound: { key_id: aKey, changes: text(settings) },
    fields: { changes: fieldsOf(settings) },
  },
  rotate_key: { who: 'owner', sound: { key_id: aKey, overlap_seconds: '60' } },
  revoke_key: { who: 'owner', sound: { key_id: aKey } },
  // Its JSON is read by the same functions as start_run's.
  start_call: { who: 'service', sound: { key_hash: aKeyHash, ...start } },
  keep_call: {
    who: 'service',
    sound: { run_id: aRun, generation_id: `'g'`, pieces: text(pieces) },
    fields: { pieces: ['0', '0,number', '0,body'] },
  },
  finish_call: {
    who: 'service',
    sound: { run_id: aRun, report: text(report), pieces: text(pieces), closing: text('{}') },
    fields: { pieces: ['0', '0,number', '0,body'] },
  },
  read_stored_answer: { who: 'service', sound: { run_id: aRun, after: '0' } },
  list_excluded_models: { who: 'owner', sound: { account_id: account } },
  is_person: { who: 'owner', sound: {} },
  is_key: { who: 'service', sound: { key_hash: aKeyHash } },
  describe_key: { who: 'service', sound: { key_hash: aKeyHash } },
  list_key_models: { who: 'service', sound: { key_hash: aKeyHash } },
  find_key_receipt: { who: 'service', sound: { key_hash: aKeyHash, id: `'gen-1'` } },
  export_ledger: {
    who: 'owner',
    sound: { account_id: account, after_sequence: '0', max_transactions: '10' },
  },
  start_top_up: {
    who: 'owner',
    sound: {
      account_id: account,
      price_id: aPackagePrice,
      request_key: `'request-1'`,
      keeps_card: 'true',
    },
  },
  start_card_removal: { who: 'owner', sound: { account_id: account } },
  start_subscription: {
    who: 'owner',
    sound: { account_id: account, price_id: priceOf('test'), request_key: `'request-1'` },
  },
  find_checkout: { who: 'owner', sound: { id: `(select id from api.orders)` } },
  preview_plan_change: {
    who: 'owner',
    sound: { account_id: account, price_id: priceOf('better') },
    given: aSubscription,
  },
  preview_cancel: { who: 'owner', sound: { account_id: account }, given: aSubscription },
  start_plan_change: {
    who: 'owner',
    sound: { account_id: account, price_id: priceOf('better'), request_key: `'request-1'` },
    given: aSubscription,
  },
  start_subscription_act: {
    who: 'owner',
    sound: { account_id: account, act: `'cancel_now'` },
    given: aSubscription,
  },
  billing_overview: { who: 'owner', sound: { account_id: account }, given: aSubscription },
  read_notices: {
    who: 'owner',
    sound: { notice_ids: aNotice, account_id: account },
  },
  receive_webhook: {
    who: 'service',
    sound: {
      event_id: `'evt_Extreme2'`,
      event_body: text(`{"event": "payment.failed", "created_at": 1700000000, "payload": {}}`),
    },
  },
  replay_webhooks: { who: 'service', sound: { event_id: `'evt_Extreme1'` } },
  begin_call: {
    who: 'service',
    sound: {
      act: `'create_order'`,
      fact: `'order-1'`,
      account_id: '(select id from private.accounts)',
      user_id: 'gen_random_uuid()',
    },
  },
  end_call: {
    who: 'service',
    sound: {
      call_id: '(select id from private.razorpay_calls)',
      state: `'done'`,
      attempts: '1',
      answer: text('{"id": "order_Extreme1"}'),
    },
  },
  note_customer: {
    who: 'service',
    sound: {
      account_id: '(select id from private.accounts)',
      razorpay_customer_id: `'cust_Extreme1'`,
    },
  },
  note_entities: {
    who: 'service',
    sound: { payload: text(payload), seen_at: '1700000000', asked_at: `'2026-11-21'` },
    fields: {
      payload: Object.entries(told).flatMap(([kind, entity]) => [
        kind,
        ...fieldsOf(JSON.stringify(entity), `${kind},entity,`),
      ]),
    },
    given: aSubscription,
  },
  note_plan_change: {
    who: 'service',
    sound: { change_id: '(select max(id) from private.subscription_prices)', state: `'agreed'` },
    given: aSubscription,
  },
  ask_refund: {
    who: 'service',
    sound: {
      payment_id: `'pay_Extreme1'`,
      amount_minor: '100',
      reason: `'Bought twice'`,
      author: `'Ada'`,
      reference: `'once'`,
    },
  },
  prices_to_sync: { who: 'service', sound: {} },
  note_price: {
    who: 'service',
    sound: { price_id: aPackagePrice, razorpay_plan_id: `'plan_Extreme3'` },
  },
  claim_sweep: { who: 'service', sound: { most: '200' }, given: aSubscription },
  end_sweep: { who: 'service', sound: { until: '1700000000' } },
  claim_auto_top_ups: { who: 'service', sound: { most: '20' } },
  fail_auto_top_up: {
    who: 'service',
    sound: {
      order_id: '(select id from private.orders where is_automatic)',
      reason: `'It was refused'`,
    },
    given: anAutomaticOrder,
  },
  claim_notices: { who: 'service', sound: { most: '50' } },
  note_mailed: { who: 'service', sound: { notice_ids: aNotice } },
  set_auto_top_up: {
    who: 'owner',
    sound: {
      account_id: account,
      enabled: 'true',
      threshold_micros: '1000000',
      package_id: `'small'`,
      currency: `'INR'`,
      ceiling_minor: '100000',
    },
  },
  set_alert_thresholds: {
    who: 'owner',
    sound: { account_id: account, thresholds: `'{1000000,5000000}'` },
  },
  set_billing_details: {
    who: 'owner',
    sound: {
      account_id: account,
      name: `'Ada'`,
      email: `'ada@example.com'`,
      address: `'1 High Street'`,
      tax_number: `'GB1'`,
    },
  },
};

/** The credits of the one payment that note_entities is told of. */
const paidFor = 4_000_000n;

const setUp = `
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
    select balance_micros as balance, wallets.held_micros as held,
      wallets.held_micros between 0 and balance_micros
      and balance_micros = (select sum(amount_micros) from private.transactions)
      and balance_micros = (select sum(remaining_micros) from private.lots)
      and wallets.held_micros = (
        select coalesce(sum(amount_micros), 0) from private.holds
        where id not in (select hold_id from private.resolutions)
      ) as sound
    from private.wallets`;
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
