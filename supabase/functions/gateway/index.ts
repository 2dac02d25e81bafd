import { readEnv, requireEnv } from '../_shared/env.ts';
import { rpc } from '../_shared/rpc.ts';
import type { GatewayDeps } from './answer-call.ts';
import { handleGateway } from './handler.ts';
import { createMemoryRoom } from '../_shared/memory-room.ts';

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const deps: GatewayDeps = {
  env: readEnv(),
  openRouterUrl: requireEnv('OPENROUTER_BASE_URL'),
  openRouterKey: Deno.env.get('OPENROUTER_API_KEY') ?? '',
  fetch: globalThis.fetch,
  rpc,
  room: createMemoryRoom(),
  keepAlive: (work) => EdgeRuntime.waitUntil(work),
};

Deno.serve((request) => handleGateway(request, deps));
