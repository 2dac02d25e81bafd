import type { Env } from './env.ts';
import type { Asked, Entity, RazorpayClient } from './razorpay.ts';
import { RazorpayError } from './razorpay.ts';
import type { Rpc } from './rpc.ts';

/** What whoever asks Razorpay for something has at hand. */
export interface CallDeps {
  env: Env;
  rpc: Rpc;
  razorpay: RazorpayClient;
  requestId: string;
  signal?: AbortSignal;
}

export interface Call {
  act: string;
  /** Our id that makes a repetition harmless. */
  fact: string;
  accountId?: string | undefined;
  userId?: string | undefined;
}

/** Asks Razorpay to change something, with a row written before and completed after. */
export async function call(
  deps: CallDeps,
  { act, fact, accountId, userId }: Call,
  work: () => Promise<Asked>,
): Promise<Entity> {
  const callId = await asService<number>(deps, 'begin_call', {
    act,
    fact,
    account_id: accountId ?? null,
    user_id: userId ?? null,
  });
  const end = (state: string, attempts: number, answer: unknown) =>
    asService(deps, 'end_call', { call_id: callId, state, attempts, answer });
  try {
    const { answer, attempts } = await work();
    await end('done', attempts, { id: answer.id, status: answer['status'] ?? null });
    return answer;
  } catch (error) {
    const passing = !(error instanceof RazorpayError) || error.isPassing;
    const said = { error: error instanceof Error ? error.message.slice(0, 300) : String(error) };
    await end(passing ? 'unknown' : 'refused', 0, said);
    throw error;
  }
}

/**
 * Gives the database what Razorpay said, in the form of its webhooks. `askedAt` is a moment by the
 * database's own clock, from before Razorpay was asked: what was heard until then is older news.
 */
export async function note(
  deps: CallDeps,
  kind: string,
  entity: Entity,
  more: Record<string, Entity> = {},
  askedAt: string | null = null,
): Promise<string> {
  const payload = Object.fromEntries(
    Object.entries({ [kind]: entity, ...more }).map(([name, one]) => [name, { entity: one }]),
  );
  const seen_at = deps.razorpay.seenAt(entity);
  return await asService<string>(deps, 'note_entities', { payload, seen_at, asked_at: askedAt });
}

export function asService<Result>(
  { env, rpc, requestId, signal }: CallDeps,
  name: string,
  parameters: Record<string, unknown>,
): Promise<Result> {
  return rpc<Result>(name, parameters, { env, requestId, ...(signal ? { signal } : {}) });
}
