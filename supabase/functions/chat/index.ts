import { readEnv, requireEnv } from '../_shared/env.ts';
import { createMemoryRoom } from '../_shared/memory-room.ts';
import { rpc } from '../_shared/rpc.ts';
import type { ChatDeps } from './chat-call.ts';
import { handleChat } from './handler.ts';

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const deps: ChatDeps = {
  env: readEnv(),
  openRouterUrl: requireEnv('OPENROUTER_BASE_URL'),
  openRouterKey: Deno.env.get('OPENROUTER_API_KEY') ?? '',
  fetch: globalThis.fetch,
  rpc,
  room: createMemoryRoom(),
  running: new Map(),
  waitUntil: (work) => EdgeRuntime.waitUntil(work),
};

Deno.serve((request) => handleChat(request, deps));
