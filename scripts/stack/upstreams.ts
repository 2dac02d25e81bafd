// The services outside that functions talk to. What the environment or .env names is used as it is;
// otherwise a sandbox speaks the same wire format on a port of its own.
import { startOpenRouter } from '../sandbox/openrouter.ts';
import type { Ports } from './ports.ts';

export interface Upstreams {
  /** Exactly what functions and `.stack/env` are given. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

interface Options {
  env: NodeJS.ProcessEnv;
  ports: Ports;
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

export async function startUpstreams({ env, ports, log }: Options): Promise<Upstreams> {
  const razorpay = pick(env, razorpayNames);
  if (!wantsOpenRouterSandbox(env)) {
    const real = 'https://openrouter.ai/api/v1';
    const given = pick(env, ['OPENROUTER_BASE_URL', 'OPENROUTER_API_KEY']);
    return { env: { OPENROUTER_BASE_URL: real, ...given, ...razorpay }, stop: async () => {} };
  }
  const sandbox = await startOpenRouter({ port: ports.openrouter, log });
  return {
    env: {
      OPENROUTER_BASE_URL: `${sandbox.url}/api/v1`,
      OPENROUTER_API_KEY: 'sandbox',
      ...razorpay,
    },
    stop: () => sandbox.stop(),
  };
}

function pick(env: NodeJS.ProcessEnv, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
