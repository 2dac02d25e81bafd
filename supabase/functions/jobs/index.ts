import { readEnv, requireEnv } from '../_shared/env.ts';
import { rpc } from '../_shared/rpc.ts';
import { handleJobs } from './handler.ts';
import { tasks } from './tasks.ts';

const deps = {
  env: readEnv(),
  openRouterUrl: requireEnv('OPENROUTER_BASE_URL'),
  openRouterKey: Deno.env.get('OPENROUTER_API_KEY') ?? '',
  fetch: globalThis.fetch,
  rpc,
  tasks,
};

Deno.serve((request) => handleJobs(request, deps));
