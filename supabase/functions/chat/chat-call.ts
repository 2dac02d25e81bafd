import type { Env } from '../_shared/env.ts';
import type { RequestLog } from '../_shared/log.ts';
import type { MemoryRoom, MemoryShare } from '../_shared/memory-room.ts';
import type { Limits } from '../_shared/metered-stream.ts';
import type { Rpc } from '../_shared/rpc.ts';

export interface ChatDeps {
  env: Env;
  openRouterUrl: string;
  openRouterKey: string;
  fetch: typeof fetch;
  rpc: Rpc;
  room: MemoryRoom;
  /** Runs of this worker, by id, and how to stop them. */
  running: Map<string, () => void>;
  /** Keeps the worker alive for work that outlasts its request. */
  waitUntil(work: Promise<unknown>): void;
  limits?: Partial<Limits>;
}

type Call = <Result>(name: string, parameters: Record<string, unknown>) => Promise<Result>;

/** One request: who asks, under which id, and the two ways to the database. */
export interface ChatCall {
  deps: ChatDeps;
  requestId: string;
  /** What it holds of the worker's memory. */
  share: MemoryShare;
  asUser: Call;
  asService: Call;
  note: RequestLog['note'];
  /** The request's line in the log waits for this work, which outlives its answer. */
  logAfter(work: Promise<unknown>): void;
}

export function chatCall(
  deps: ChatDeps,
  requestId: string,
  bearer: string,
  { share, note, logAfter }: Pick<ChatCall, 'share' | 'note' | 'logAfter'>,
): ChatCall {
  const { env, rpc } = deps;
  return {
    deps,
    requestId,
    share,
    note,
    logAfter,
    asUser: (name, parameters) => rpc(name, parameters, { env, requestId, bearer }),
    asService: (name, parameters) => rpc(name, parameters, { env, requestId }),
  };
}
