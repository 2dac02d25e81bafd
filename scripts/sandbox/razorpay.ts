/**
 * A stand-in for Razorpay that runs on this machine: the same wire format, its checkout, its webhooks
 * and a clock that can be moved. `node scripts/sandbox/razorpay.ts --port 55201 --webhook URL` runs it
 * alone. `GET /sandbox` lists what it can be asked beyond Razorpay's own API.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { answerApi } from './razorpay/api.ts';
import { checkoutPage, checkoutScript } from './razorpay/checkout.ts';
import type { Method } from './razorpay/entities.ts';
import {
  authorizePayment,
  capturePayment,
  type Choice,
  disputePayment,
  endDispute,
  type Outcome,
  payOrder,
  signCheckout,
} from './razorpay/payments.ts';
import { notFound, Refusal } from './razorpay/refusal.ts';
import { advanceTo, agreeTo, hiddenOf, payOpen, planOf } from './razorpay/subscriptions.ts';
import { createCourier, type Event, type Target } from './razorpay/webhooks.ts';
import { setTokenStatus } from './razorpay/tokens.ts';
import { createClock, loadWorld, saveWorld, textOf, type World } from './razorpay/world.ts';

export const sandboxKeys = {
  RAZORPAY_KEY_ID: 'rzp_test_sandbox',
  RAZORPAY_KEY_SECRET: 'sandbox-key-secret',
  RAZORPAY_WEBHOOK_SECRET: 'sandbox-webhook-secret',
};

/** What goes wrong with an answer of the API. */
export const FAULTS = {
  drop: 'The connection closes without an answer; nothing was done.',
  'lose-answer': 'It is done, and then the connection closes without an answer.',
  hang: 'Nothing is ever answered; nothing was done.',
  slow: 'Answered after three seconds.',
  'rate-limited': 'Status 429.',
  'server-error': 'Status 500.',
  unavailable: 'Status 503 with a page of HTML.',
  html: 'Status 200 with a page of HTML.',
  'wrong-json': 'Status 200 with JSON that is no entity.',
} as const;
export type Fault = keyof typeof FAULTS;

export interface RazorpayOptions {
  /** 0 takes a free one. */
  port: number;
  webhook?: Target;
  /** Where the clock stands, in seconds; without it, it runs with the real one. */
  now?: number;
  /** Remembers what there is in this file, from start to start. */
  file?: string;
  log?: (line: string) => void;
}

export interface RazorpaySandbox {
  url: string;
  world: World;
  events(): Event[];
  /** The next answers of the API go wrong; only those whose path fits, if one is given. */
  fail(fault: Fault, times?: number, path?: RegExp): void;
  /** How often the API was asked to do what. */
  asked(): string[];
  stop(): Promise<void>;
}

interface Trouble {
  fault: Fault;
  times: number;
  path: RegExp;
}

export async function startRazorpay(options: RazorpayOptions): Promise<RazorpaySandbox> {
  const { log = () => {} } = options;
  const asked: string[] = [];
  let trouble: Trouble | undefined;
  const courier = createCourier(options.webhook, log);
  const world: World = {
    plans: new Map(),
    customers: new Map(),
    orders: new Map(),
    payments: new Map(),
    subscriptions: new Map(),
    hidden: new Map(),
    invoices: new Map(),
    refunds: new Map(),
    refundKeys: new Map(),
    disputes: new Map(),
    tokens: new Map(),
    agreements: new Map(),
    clock: createClock(options.now),
    courier,
    keySecret: sandboxKeys.RAZORPAY_KEY_SECRET,
    url: '',
  };
  if (options.file) loadWorld(world, options.file);
  const fail: RazorpaySandbox['fail'] = (fault, times = 1, path = /./) => {
    trouble = { fault, times, path };
  };
  const nextFault = (path: string): Fault | undefined => {
    if (!trouble || trouble.times <= 0 || !trouble.path.test(path)) return undefined;
    trouble.times -= 1;
    return trouble.fault;
  };

  const server = createServer((request, response) => {
    response.once('close', () => {
      log(`${request.method} ${request.url} ${response.statusCode}`);
      if (options.file && request.method !== 'GET') saveWorld(world, options.file);
    });
    void handle(request, response);
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    try {
      const body = await readBody(request);
      if (url.pathname.startsWith('/sandbox')) {
        return sendJson(response, 200, await control(request.method ?? '', url.pathname, body));
      }
      if (url.pathname.startsWith('/v1/checkout') || url.pathname.startsWith('/i/')) {
        return checkout(request.method ?? '', url, body, response);
      }
      if (!url.pathname.startsWith('/v1/')) throw new Refusal(404, 'Not found');
      requireKey(request);
      await api(request, url, body, response);
    } catch (error) {
      if (error instanceof Refusal) return sendJson(response, error.status, error);
      sendJson(response, 500, new Refusal(500, `Sandbox failure: ${String(error)}`));
    }
  }

  async function api(
    request: IncomingMessage,
    url: URL,
    body: Record<string, unknown>,
    response: ServerResponse,
  ): Promise<void> {
    const path = url.pathname.slice('/v1'.length);
    const name = `${request.method} ${path}`;
    asked.push(name);
    const fault = nextFault(name);
    switch (fault) {
      case 'drop':
        return void response.destroy();
      case 'hang':
        return;
      case 'slow':
        await sleep(3_000);
        break;
      case 'rate-limited':
        throw new Refusal(429, 'Request failed: too many requests', 'BAD_REQUEST_ERROR');
      case 'server-error':
        throw new Refusal(500, 'We are facing some trouble', 'SERVER_ERROR');
      case 'unavailable':
        return sendText(response, 503, 'text/html', '<h1>503</h1>');
      case 'html':
        return sendText(response, 200, 'text/html', '<h1>Hello</h1>');
      case 'wrong-json':
        return sendJson(response, 200, { ok: true });
    }
    const answer = answerApi(world, {
      method: request.method ?? '',
      path,
      query: url.searchParams,
      body,
      headers: request.headers as Record<string, string | undefined>,
    });
    if (fault === 'lose-answer') return void response.destroy();
    response.setHeader('date', new Date(world.clock.now() * 1000).toUTCString());
    sendJson(response, 200, answer);
  }

  function checkout(
    method: string,
    url: URL,
    body: Record<string, unknown>,
    response: ServerResponse,
  ): void {
    if (url.pathname === '/v1/checkout.js') {
      return sendText(response, 200, 'text/javascript', checkoutScript(world.url));
    }
    if (url.pathname === '/v1/checkout/embedded') {
      return sendText(response, 200, 'text/html; charset=utf-8', embedded(url.searchParams));
    }
    if (method === 'POST' && url.pathname === '/v1/checkout/pay') {
      return sendJson(response, 200, decide(body));
    }
    const subscription = world.subscriptions.get(url.pathname.slice('/i/'.length));
    if (!subscription) throw notFound();
    const plan = planOf(world, subscription.plan_id);
    const page = checkoutPage({
      title: plan.item.name,
      description: 'A renewal that could not be charged',
      amount: price(plan.item.currency, plan.item.amount),
      email: '',
      action: '/v1/checkout/pay',
      fields: { subscription_id: subscription.id, open: '1' },
      parent: '',
      agreement: '',
    });
    sendText(response, 200, 'text/html; charset=utf-8', page);
  }

  function embedded(query: URLSearchParams): string {
    const order = world.orders.get(query.get('order_id') ?? '');
    const subscription = world.subscriptions.get(query.get('subscription_id') ?? '');
    const plan = subscription && planOf(world, subscription.plan_id);
    if (!order && !plan) throw notFound();
    const agreement = order && world.agreements.get(order.id);
    // Razorpay's checkout keeps a card only for the customer that the order was made for.
    if (
      agreement &&
      (query.get('customer_id') !== agreement.customerId || !query.has('recurring'))
    ) {
      throw new Refusal(400, 'The customer of a recurring order is missing');
    }
    return checkoutPage({
      title: query.get('name') ?? '',
      description: query.get('description') ?? '',
      amount: order
        ? price(order.currency, order.amount)
        : price(plan!.item.currency, plan!.item.amount),
      email: query.get('email') ?? '',
      action: '/v1/checkout/pay',
      fields: order ? { order_id: order.id } : { subscription_id: subscription!.id },
      parent: query.get('parent') ?? '',
      agreement: agreement
        ? `You agree that this card is charged again, at most ${price(order.currency, agreement.maxAmount)} each time, until ${new Date(agreement.expireAt * 1000).getUTCFullYear()}.`
        : '',
    });
  }

  /** What the customer chose, answered as the checkout answers the page that opened it. */
  function decide(body: Record<string, unknown>): object {
    const order = world.orders.get(textOf(body['order_id']));
    const subscription = world.subscriptions.get(textOf(body['subscription_id']));
    const choice: Choice = {
      outcome: (body['outcome'] as Outcome | undefined) ?? 'success',
      method: (body['method'] as Method | undefined) ?? 'card',
      bankWaits: Boolean(body['bank_waits']),
    };
    const pay = () => {
      if (order) return payOrder(world, order, choice);
      if (!subscription) throw notFound();
      return body['open']
        ? payOpen(world, subscription, choice)
        : agreeTo(world, subscription, choice);
    };
    const payment = pay();
    if (payment.status === 'failed') {
      const { error_code: code, error_description: description } = payment;
      const metadata = { payment_id: payment.id, order_id: payment.order_id };
      return { error: { code, description, source: 'bank', reason: 'payment_failed', metadata } };
    }
    return {
      razorpay_payment_id: payment.id,
      ...(order ? { razorpay_order_id: order.id } : { razorpay_subscription_id: subscription!.id }),
      razorpay_signature: signCheckout(world, payment, subscription?.id),
    };
  }

  /** What tests and a curious developer ask of the sandbox itself. */
  async function control(
    method: string,
    path: string,
    body: Record<string, unknown>,
  ): Promise<object> {
    const [, , noun, id, verb] = path.split('/');
    switch (`${method} ${noun ?? ''}`) {
      case 'GET ':
        return { faults: FAULTS, control: CONTROL, delivery: courier.behaviour() };
      case 'GET events':
        return { items: courier.events() };
      case 'GET asked':
        return { items: asked };
      case 'POST pay':
        return decide(body);
      case 'POST faults':
        fail(
          body['fault'] as Fault,
          Number(body['times'] ?? 1),
          new RegExp(textOf(body['path'], '.')),
        );
        return { ok: true };
      case 'POST delivery':
        courier.behave(body);
        return courier.behaviour();
      case 'POST clock': {
        const by = Number(body['advance_seconds'] ?? 0);
        const moment = Number(body['to'] ?? world.clock.now() + by);
        advanceTo(world, moment);
        await courier.idle();
        return { now: world.clock.now() };
      }
      case 'POST subscriptions': {
        const subscription = world.subscriptions.get(id ?? '');
        if (!subscription) throw notFound();
        // Whether its card pays from now on.
        hiddenOf(world, subscription).pays = verb !== 'break';
        return subscription;
      }
      case 'POST tokens': {
        const kept = world.tokens.get(id ?? '');
        if (!kept) throw notFound();
        if (verb === 'break' || verb === 'mend') kept.pays = verb === 'mend';
        else setTokenStatus(world, kept, verb as 'confirmed');
        return kept.token;
      }
      case 'POST payments': {
        const payment = world.payments.get(id ?? '');
        if (!payment) throw notFound();
        if (verb === 'dispute') {
          return disputePayment(world, payment, Number(body['amount'] ?? payment.amount));
        }
        // The bank agrees after all.
        if (payment.status !== 'failed') throw new Refusal(400, 'The payment has not failed');
        authorizePayment(world, payment);
        if (verb === 'settle') capturePayment(world, payment);
        return payment;
      }
      case 'POST disputes': {
        const dispute = world.disputes.get(id ?? '');
        if (!dispute) throw notFound();
        endDispute(world, dispute, verb as 'won');
        return dispute;
      }
      default:
        throw new Refusal(404, 'Not found');
    }
  }

  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  world.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: world.url,
    world,
    events: () => courier.events(),
    fail,
    asked: () => asked,
    stop: () =>
      new Promise((resolve) => {
        courier.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const CONTROL = {
  'POST /sandbox/pay':
    '{order_id | subscription_id, outcome, method, bank_waits, open}: the checkout.',
  'POST /sandbox/clock': '{advance_seconds | to}: what is due until then happens.',
  'POST /sandbox/faults': '{fault, times, path}: the next answers of the API go wrong.',
  'POST /sandbox/delivery':
    '{mode, copies, delayMs, lost, reverse, retries, retryMs}: how webhooks travel.',
  'POST /sandbox/subscriptions/ID/break': 'Its card fails from now on; `mend` makes it pay again.',
  'POST /sandbox/tokens/ID/break':
    'The same for a card that is kept; `confirmed`, `rejected`, `paused`, `cancelled` by its bank.',
  'POST /sandbox/payments/ID/authorize':
    'A failed payment is authorised late; `settle` captures it too; `dispute` {amount}.',
  'POST /sandbox/disputes/ID/lost': 'Or won, closed, under_review.',
  'GET /sandbox/events': 'Every event, with its body, signature and deliveries.',
};
const mostBodyBytes = 2_000_000;

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > mostBodyBytes) throw new Refusal(413, 'The request is too large');
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  if (text === '') return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Refusal(400, 'The request body is no JSON object');
}

function requireKey(request: IncomingMessage): void {
  const { RAZORPAY_KEY_ID: id, RAZORPAY_KEY_SECRET: secret } = sandboxKeys;
  const wanted = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  if (request.headers.authorization !== wanted) {
    throw new Refusal(401, 'Authentication failed');
  }
}

function price(currency: string, minor: number): string {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).format(minor / 100);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json', JSON.stringify(value));
}

function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
  });
  response.end(text);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '55201' },
      webhook: { type: 'string' },
    },
  });
  const secret = sandboxKeys.RAZORPAY_WEBHOOK_SECRET;
  try {
    const { url, stop } = await startRazorpay({
      port: Number(values.port),
      ...(values.webhook ? { webhook: { url: values.webhook, secret } } : {}),
      log: console.log,
    });
    console.log(`Sandbox Razorpay: ${url}, and what it can be asked: ${url}/sandbox`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
  } catch (error) {
    console.error(`The sandbox Razorpay cannot use port ${values.port}: ${String(error)}`);
    process.exitCode = 1;
  }
}
