import { failure } from '../_shared/errors.ts';
import { readBounded } from '../_shared/read-bounded.ts';
import type { TaskDeps } from './tasks.ts';

const timeoutMs = 30_000;
const maxBytes = 10_000_000;

/** Brings the catalogue up to date with OpenRouter's; the database decides what of it counts. */
export async function syncModels(deps: TaskDeps): Promise<unknown> {
  const { env, openRouterUrl, requestId, rpc, signal } = deps;
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  // Models that make vectors are on a list of their own.
  const lists = await Promise.all(
    ['/models', '/embeddings/models'].map((path) =>
      fetchModels(deps.fetch, openRouterUrl + path, timeout),
    ),
  );
  const payload = { data: lists.flatMap(({ data }) => data) };
  return rpc('sync_models', { payload }, { env, requestId, signal, timeoutMs });
}

async function fetchModels(fetch: TaskDeps['fetch'], url: string, signal: AbortSignal) {
  try {
    const response = await fetch(url, { signal });
    const text = response.ok ? await readBounded(response, maxBytes) : undefined;
    const payload: unknown = text === undefined ? undefined : JSON.parse(text);
    if (isCatalogue(payload)) return payload;
    await response.body?.cancel().catch(() => {});
  } catch {
    // Refused, cut off, too late, too large or not JSON: for the caller it is all the same.
  }
  throw failure('upstream_unavailable', 'The list of models could not be fetched.');
}

function isCatalogue(payload: unknown): payload is { data: unknown[] } {
  const data = (payload as { data?: unknown } | null | undefined)?.data;
  return Array.isArray(data) && data.length > 0;
}
