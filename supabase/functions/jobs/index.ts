import { readEnv, requireEnv } from '../_shared/env.ts';
import { openRazorpay } from '../_shared/razorpay.ts';
import { rpc } from '../_shared/rpc.ts';
import { handleJobs } from './handler.ts';
import { tasks } from './tasks.ts';

const keyId = Deno.env.get('RAZORPAY_KEY_ID');
const mailUrl = Deno.env.get('MAIL_URL');
const deps = {
  env: readEnv(),
  openRouterUrl: requireEnv('OPENROUTER_BASE_URL'),
  openRouterKey: Deno.env.get('OPENROUTER_API_KEY') ?? '',
  razorpay: keyId
    ? openRazorpay({
        baseUrl: Deno.env.get('RAZORPAY_BASE_URL') ?? 'https://api.razorpay.com',
        keyId,
        keySecret: requireEnv('RAZORPAY_KEY_SECRET'),
      })
    : undefined,
  mail: mailUrl
    ? {
        url: mailUrl,
        key: Deno.env.get('MAIL_KEY'),
        from: Deno.env.get('MAIL_FROM') ?? 'OneAI <billing@localhost>',
        siteUrl: Deno.env.get('SITE_URL') ?? 'http://localhost',
      }
    : undefined,
  fetch: globalThis.fetch,
  rpc,
  tasks,
};

Deno.serve((request) => handleJobs(request, deps));
