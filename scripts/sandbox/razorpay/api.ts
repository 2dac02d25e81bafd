/** Razorpay's REST API: what is asked with a key. */
import type { Customer, Plan } from './entities.ts';
import { capturePayment, createOrder, notesOf, refundPayment } from './payments.ts';
import { notFound, Refusal } from './refusal.ts';
import {
  cancelSubscription,
  createSubscription,
  pauseSubscription,
  resumeSubscription,
  updateSubscription,
} from './subscriptions.ts';
import { chargeToken, deleteToken, findToken } from './tokens.ts';
import { newId, textOf, type World } from './world.ts';

export interface Asked {
  method: string;
  /** Without the leading /v1. */
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  headers: Record<string, string | undefined>;
}

type Answer = (world: World, asked: Asked, id: string, other: string) => object;

const routes: [RegExp, Answer][] = [
  [/^POST \/plans$/, (world, { body }) => createPlan(world, body)],
  [/^POST \/customers$/, (world, { body }) => createCustomer(world, body)],
  [/^POST \/orders$/, (world, { body }) => createOrder(world, body)],
  [/^POST \/subscriptions$/, (world, { body }) => createSubscription(world, body)],
  [
    /^PATCH \/subscriptions\/(\w+)$/,
    (world, { body }, id) => updateSubscription(world, find(world.subscriptions, id), body),
  ],
  [
    /^POST \/subscriptions\/(\w+)\/cancel$/,
    (world, { body }, id) => {
      const atEnd = ['1', 'true'].includes(String(body['cancel_at_cycle_end']));
      return cancelSubscription(world, find(world.subscriptions, id), atEnd);
    },
  ],
  [
    /^POST \/subscriptions\/(\w+)\/pause$/,
    (world, _, id) => pauseSubscription(world, find(world.subscriptions, id)),
  ],
  [
    /^POST \/subscriptions\/(\w+)\/resume$/,
    (world, _, id) => resumeSubscription(world, find(world.subscriptions, id)),
  ],
  [
    /^GET \/orders\/(\w+)\/payments$/,
    (world, _, id) => collection([...world.payments.values()].filter((one) => one.order_id === id)),
  ],
  [
    /^POST \/payments\/(\w+)\/capture$/,
    (world, { body }, id) => {
      const payment = find(world.payments, id);
      if (payment.status !== 'authorized') {
        throw new Refusal(400, 'This payment has already been captured');
      }
      if (body['amount'] !== payment.amount || body['currency'] !== payment.currency) {
        throw new Refusal(400, 'Capture amount must be equal to the amount authorized');
      }
      capturePayment(world, payment);
      return payment;
    },
  ],
  [
    /^POST \/payments\/(\w+)\/refund$/,
    (world, { body, headers }, id) =>
      refundPayment(world, find(world.payments, id), body, headers['x-refund-idempotency']),
  ],
  [/^POST \/payments\/create\/recurring$/, (world, { body }) => chargeToken(world, body)],
  [
    /^GET \/customers\/(\w+)\/tokens\/(\w+)$/,
    (world, _, customer, id) => findToken(world, customer, id).token,
  ],
  [
    /^DELETE \/customers\/(\w+)\/tokens\/(\w+)$/,
    (world, _, customer, id) => deleteToken(world, findToken(world, customer, id)),
  ],
  [/^GET \/(\w+)$/, (world, { query }, name) => list(world, name, query)],
  [
    /^GET \/(\w+)\/\w+$/,
    (world, { path }, name) => {
      const id = path.split('/')[2] as string;
      return find(shelf(world, name), id);
    },
  ],
];

export function answerApi(world: World, asked: Asked): object {
  const name = `${asked.method} ${asked.path}`;
  for (const [pattern, answer] of routes) {
    const found = pattern.exec(name);
    if (found) return answer(world, asked, found[1] ?? '', found[2] ?? '');
  }
  throw new Refusal(404, 'The requested URL was not found on the server.');
}

function find<Entity>(from: Map<string, Entity>, id: string): Entity {
  const entity = from.get(id);
  if (!entity) throw notFound();
  return entity;
}

function shelf(world: World, name: string): Map<string, object> {
  const shelves: Record<string, Map<string, object>> = {
    plans: world.plans,
    customers: world.customers,
    orders: world.orders,
    payments: world.payments,
    subscriptions: world.subscriptions,
    invoices: world.invoices,
    refunds: world.refunds,
    disputes: world.disputes,
  };
  const found = shelves[name];
  if (!found) throw new Refusal(404, 'The requested URL was not found on the server.');
  return found;
}

function collection(items: object[]): object {
  return { entity: 'collection', count: items.length, items };
}

const filters = ['receipt', 'subscription_id', 'plan_id', 'payment_id'];

/** Newest first, by when a thing was made, at most a hundred at once. */
function list(world: World, name: string, query: URLSearchParams): object {
  const from = Number(query.get('from') ?? 0);
  const to = Number(query.get('to') ?? Infinity);
  const items = [...shelf(world, name).values()]
    .map((entity) => entity as Record<string, unknown>)
    .filter((entity) => (entity['created_at'] as number) >= from)
    .filter((entity) => (entity['created_at'] as number) <= to)
    .filter((entity) => filters.every((key) => !query.has(key) || entity[key] === query.get(key)))
    .reverse();
  const skip = Number(query.get('skip') ?? 0);
  const count = Math.min(Number(query.get('count') ?? 10), 100);
  return collection(items.slice(skip, skip + count));
}

function createPlan(world: World, body: Record<string, unknown>): Plan {
  const item = body['item'] as { name?: string; amount?: number; currency?: string } | undefined;
  if (!item || !Number.isInteger(item.amount)) throw new Refusal(400, 'The item field is required');
  const plan: Plan = {
    id: newId('plan'),
    entity: 'plan',
    interval: Number(body['interval'] ?? 1),
    period: body['period'] === 'yearly' ? 'yearly' : 'monthly',
    item: {
      id: newId('item'),
      active: true,
      name: String(item.name),
      amount: item.amount as number,
      currency: String(item.currency),
    },
    notes: notesOf(body['notes']),
    created_at: world.clock.now(),
  };
  world.plans.set(plan.id, plan);
  return plan;
}

function createCustomer(world: World, body: Record<string, unknown>): Customer {
  const same = [...world.customers.values()].find((one) => one.email === body['email']);
  if (same && textOf(body['fail_existing'], '1') === '0') return same;
  if (same) throw new Refusal(400, 'Customer already exists for the merchant');
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : null);
  const customer: Customer = {
    id: newId('cust'),
    entity: 'customer',
    name: text('name'),
    email: text('email'),
    contact: text('contact'),
    gstin: null,
    notes: notesOf(body['notes']),
    created_at: world.clock.now(),
  };
  world.customers.set(customer.id, customer);
  return customer;
}
