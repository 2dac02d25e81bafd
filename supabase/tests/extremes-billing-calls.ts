// A call of every function of api about plans and payments that is let through.
import { account, type Call, fieldsOf, text } from './extremes-setup.ts';

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

export const billingCalls: Record<string, Call> = {
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
