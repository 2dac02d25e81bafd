/** What one running sandbox remembers, and the clock it lives by. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type {
  Customer,
  Dispute,
  Invoice,
  Order,
  Payment,
  Plan,
  Refund,
  Subscription,
  Token,
} from './entities.ts';
import type { Courier } from './webhooks.ts';

/** What the sandbox knows of a subscription and Razorpay never shows. */
export interface Hidden {
  /** Whether its card or mandate pays the next charges. */
  pays: boolean;
  international: boolean;
  cancelAtEnd: boolean;
  nextPlan: string | null;
  /** When a failed charge is tried again. */
  retryAt: number | null;
  /** The invoice of the period that is not paid. */
  openInvoice: string | null;
}

/** A card that its owner agreed to be charged again. */
export interface Kept {
  token: Token;
  customerId: string;
  /** Whether its bank pays the next charges. */
  pays: boolean;
}

/** What whoever pays an order agrees to besides. */
export interface Agreement {
  customerId: string;
  maxAmount: number;
  expireAt: number;
}

export interface World {
  plans: Map<string, Plan>;
  customers: Map<string, Customer>;
  orders: Map<string, Order>;
  payments: Map<string, Payment>;
  subscriptions: Map<string, Subscription>;
  hidden: Map<string, Hidden>;
  invoices: Map<string, Invoice>;
  refunds: Map<string, Refund>;
  refundKeys: Map<string, string>;
  disputes: Map<string, Dispute>;
  tokens: Map<string, Kept>;
  /** By the order that was made to ask for it. */
  agreements: Map<string, Agreement>;
  clock: Clock;
  courier: Courier;
  keySecret: string;
  url: string;
}

export interface Clock {
  /** Seconds, as everywhere at Razorpay. */
  now(): number;
  moveTo(moment: number): void;
}

/** Runs with the real one until it is moved, and from then on stands where it was put. */
export function createClock(startAt?: number): Clock {
  let moment = startAt;
  return {
    now: () => moment ?? Math.floor(Date.now() / 1000),
    moveTo(to) {
      moment = to;
    },
  };
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export function newId(prefix: string): string {
  const letters = Array.from(randomBytes(14), (byte) => alphabet[byte % alphabet.length]);
  return `${prefix}_${letters.join('')}`;
}

/** The same day `count` months later, or the last of the month where there is none. */
export function addPeriod(from: number, plan: Plan, count = 1): number {
  const months = count * plan.interval * (plan.period === 'yearly' ? 12 : 1);
  const start = new Date(from * 1000);
  const end = new Date(start);
  end.setUTCDate(1);
  end.setUTCMonth(end.getUTCMonth() + months);
  const last = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate();
  end.setUTCDate(Math.min(start.getUTCDate(), last));
  return Math.floor(end.getTime() / 1000);
}

/** What a request says in a field, when it is a text or a number. */
export function textOf(value: unknown, otherwise = ''): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : otherwise;
}

/** What is remembered from start to start, so that a kept database still finds its plans and payments. */
export function loadWorld(world: World, file: string): void {
  if (!existsSync(file)) return;
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Record<string, [string, never][]>;
  for (const [name, shelf] of shelvesOf(world)) {
    for (const [id, entity] of kept[name] ?? []) shelf.set(id, entity);
  }
}

export function saveWorld(world: World, file: string): void {
  const kept = Object.fromEntries(shelvesOf(world).map(([name, shelf]) => [name, [...shelf]]));
  writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function shelvesOf(world: World): [string, Map<string, never>][] {
  return Object.entries(world).filter(
    (entry): entry is [string, Map<string, never>] => entry[1] instanceof Map,
  );
}
