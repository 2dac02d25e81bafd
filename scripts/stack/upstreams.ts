// The services outside that functions talk to. What the environment or .env names is used as it is;
// otherwise a sandbox speaks the same wire format on a port of its own.
import { join } from 'node:path';
import { startOpenRouter } from '../sandbox/openrouter.ts';
import { sandboxKeys, startRazorpay } from '../sandbox/razorpay.ts';
import type { Ports } from './ports.ts';

export interface Upstreams {
  /** Exactly what functions and `.stack/env` are given. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

interface Options {
  env: NodeJS.ProcessEnv;
  ports: Ports;
  dataDir: string;
  log: (line: string) => void;
}

const razorpayNames = [
  'RAZORPAY_BASE_URL',
  'RAZORPAY_KEY_ID',
  'RAZORPAY_KEY_SECRET',
  'RAZORPAY_WEBHOOK_SECRET',
];

export function wantsOpenRouterSandbox(env: NodeJS.ProcessEnv): boolean {
  return !env['OPENROUTER_BASE_URL'] && !env['OPENROUTER_API_KEY'];
}

export function wantsRazorpaySandbox(env: NodeJS.ProcessEnv): boolean {
  return razorpayNames.every((name) => !env[name]);
}

export async function startUpstreams(options: Options): Promise<Upstreams> {
  await using parts = new AsyncDisposableStack();
  const openRouter = await startModels(options);
  parts.defer(openRouter.stop);
  const razorpay = await startPayments(options);
  parts.defer(razorpay.stop);
  const running = parts.move();
  return {
    env: { ...openRouter.env, ...razorpay.env },
    stop: () => running.disposeAsync(),
  };
}

async function startModels({ env, ports, log }: Options): Promise<Upstreams> {
  if (!wantsOpenRouterSandbox(env)) {
    const real = 'https://openrouter.ai/api/v1';
    const given = pick(env, ['OPENROUTER_BASE_URL', 'OPENROUTER_API_KEY']);
    return { env: { OPENROUTER_BASE_URL: real, ...given }, stop: async () => {} };
  }
  const sandbox = await startOpenRouter({ port: ports.openrouter, log });
  return {
    env: { OPENROUTER_BASE_URL: `${sandbox.url}/api/v1`, OPENROUTER_API_KEY: 'sandbox' },
    stop: () => sandbox.stop(),
  };
}

async function startPayments({ env, ports, dataDir, log }: Options): Promise<Upstreams> {
  if (!wantsRazorpaySandbox(env)) {
    const real = 'https://api.razorpay.com';
    return { env: { RAZORPAY_BASE_URL: real, ...pick(env, razorpayNames) }, stop: async () => {} };
  }
  const webhook = `http://127.0.0.1:${ports.origin}/functions/v1/razorpay-webhook`;
  const sandbox = await startRazorpay({
    port: ports.razorpay,
    file: join(dataDir, 'razorpay.json'),
    webhook: { url: webhook, secret: sandboxKeys.RAZORPAY_WEBHOOK_SECRET },
    log,
  });
  return {
    env: { RAZORPAY_BASE_URL: sandbox.url, ...sandboxKeys },
    stop: () => sandbox.stop(),
  };
}

function pick(env: NodeJS.ProcessEnv, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
