// A call of every function of api that is let through.
import { aMessage, aShare, conversation, text } from './extremes-setup.ts';
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

const shape =
  '{"prompt_bytes": 100, "messages": 1, "images": 0, "max_tokens": 10, "choices": 1, "searches": 0}';
const features =
  '{"text": "Good day", "has_code": true, "has_math": false, "has_images": false, "has_tools": false, "language": "en", "prompt_tokens": 5, "context_tokens": 5}';
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
export const account = '(select id from private.accounts where personal_user_id = auth.uid())';
const aRun = '(select id from private.runs)';
const message =
  '{"id": "00000000-0000-4000-8000-0000000000d2", "parent_id": null, "content": "Hi"}';
const options =
  '{"max_tokens": 10, "max_cost_micros": 1000000, "system": "Be brief.", "reasoning_effort": "low"}';
const pieces = '[{"number": 1, "body": "data: Hi"}]';
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

export const calls: Record<string, Call> = {
  change_exclusions: {
    who: 'owner',
    sound: { added: `'{acme/none,other/*}'`, removed: `'{acme/small}'` },
  },
  update_profile: {
    who: 'owner',
    sound: {
      name: `'Ada'`,
      avatar_url: `'https://example.com/a.png'`,
      locale: `'en'`,
      theme: `'dark'`,
      default_model: `'acme/small'`,
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
  start_temporary_answer: {
    who: 'owner',
    sound: {
      account_id: account,
      answer_id: 'gen_random_uuid()',
      models: `'{acme/small}'`,
      roles: `'{user}'`,
      sizes: `'{5}'`,
      content: `'Hello'`,
      options: text(options),
      request_hash: `repeat('0f', 32)`,
    },
    fields: { options: fieldsOf(options) },
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
