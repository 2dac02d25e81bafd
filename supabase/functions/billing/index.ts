import { readEnv, requireEnv } from '../_shared/env.ts';
import { openRazorpay } from '../_shared/razorpay.ts';
import { rpc } from '../_shared/rpc.ts';
import { handleBilling } from './handler.ts';

const deps = {
  env: readEnv(),
  rpc,
  fetch: globalThis.fetch,
  razorpay: openRazorpay({
    baseUrl: Deno.env.get('RAZORPAY_BASE_URL') ?? 'https://api.razorpay.com',
    keyId: requireEnv('RAZORPAY_KEY_ID'),
    keySecret: requireEnv('RAZORPAY_KEY_SECRET'),
  }),
};

Deno.serve((request) => handleBilling(request, deps));
