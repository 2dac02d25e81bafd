import type { Env } from '../_shared/env.ts';
import { failure } from '../_shared/errors.ts';
import type { RazorpayClient } from '../_shared/razorpay.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { autoTopUps } from './auto-top-ups.ts';
import { mailNotices } from './mail-notices.ts';
import { reconcileRuns } from './reconcile-runs.ts';
import { sweepPayments } from './sweep-payments.ts';
import { syncModels } from './sync-models.ts';
import { syncPrices } from './sync-prices.ts';

export interface TaskDeps {
  env: Env;
  openRouterUrl: string;
  openRouterKey: string;
  /** Unset where nothing is sold. */
  razorpay?: RazorpayClient | undefined;
  /** Unset where notices are not mailed. */
  mail?: MailService | undefined;
  fetch: typeof fetch;
  rpc: Rpc;
  requestId: string;
  signal: AbortSignal;
}

/** Where a mail is handed in: a POST of `{from, to, subject, text}`, as many services take it. */
export interface MailService {
  url: string;
  key: string | undefined;
  from: string;
  siteUrl: string;
}

/** Does its work and says what came of it, for the log of whoever asked. */
export type Task = (deps: TaskDeps) => Promise<unknown>;

/** By the name that private.schedules calls it. */
export const tasks: Record<string, Task> = {
  'auto-top-ups': autoTopUps,
  'mail-notices': mailNotices,
  'reconcile-runs': reconcileRuns,
  'sweep-payments': sweepPayments,
  'sync-models': syncModels,
  'sync-prices': syncPrices,
};

export function requireRazorpay({ razorpay }: TaskDeps): RazorpayClient {
  if (razorpay) return razorpay;
  throw failure('upstream_unavailable', 'Razorpay is not set up: RAZORPAY_KEY_ID is empty.');
}
