import type { Env } from '../_shared/env.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { reconcileRuns } from './reconcile-runs.ts';
import { syncModels } from './sync-models.ts';

export interface TaskDeps {
  env: Env;
  openRouterUrl: string;
  openRouterKey: string;
  fetch: typeof fetch;
  rpc: Rpc;
  requestId: string;
  signal: AbortSignal;
}

/** Does its work and says what came of it, for the log of whoever asked. */
export type Task = (deps: TaskDeps) => Promise<unknown>;

/** By the name that private.schedules calls it. */
export const tasks: Record<string, Task> = {
  'reconcile-runs': reconcileRuns,
  'sync-models': syncModels,
};
