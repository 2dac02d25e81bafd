import { readEnv, requireEnv } from '../_shared/env.ts';
import { rpc } from '../_shared/rpc.ts';
import { handleWebhook } from './handler.ts';

const previous = Deno.env.get('RAZORPAY_WEBHOOK_SECRET_PREVIOUS');
const deps = {
  env: readEnv(),
  // Without a secret anybody could sign: then this function does not start at all.
  secrets: [requireEnv('RAZORPAY_WEBHOOK_SECRET'), ...(previous ? [previous] : [])],
  rpc,
};

Deno.serve((request) => handleWebhook(request, deps));
