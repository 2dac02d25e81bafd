import { readBounded } from '../_shared/read-bounded.ts';
import type { TaskDeps } from './tasks.ts';

const timeoutMs = 10_000;
const maxBytes = 100_000;

interface Claimed {
  run_id: string;
  generation_id: string;
}

/** Asks OpenRouter what calls cost that ended without saying so, and has the database settle them. */
export async function reconcileRuns(deps: TaskDeps): Promise<unknown> {
  const { env, requestId, rpc, signal } = deps;
  const claimed = await rpc<Claimed[]>('claim_reconciliations', {}, { env, requestId, signal });
  const settled = await Promise.all(claimed.map((run) => reconcile(run, deps)));
  return { claimed: claimed.length, settled: settled.filter(Boolean).length };
}

/** Whether the run could be settled; one that could not comes up again by itself. */
async function reconcile(run: Claimed, deps: TaskDeps): Promise<boolean> {
  const { env, requestId, rpc, signal } = deps;
  const report = await fetchReport(run.generation_id, deps);
  if (!report) return false;
  await rpc('finish_run', { run_id: run.run_id, report }, { env, requestId, signal });
  return true;
}

async function fetchReport(generationId: string, deps: TaskDeps) {
  const { fetch, openRouterUrl, openRouterKey, signal } = deps;
  try {
    const url = `${openRouterUrl}/generation?id=${encodeURIComponent(generationId)}`;
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${openRouterKey}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await readBounded(response, maxBytes);
    // 404 means that the record is not written yet, or that there never was such a call.
    return response.ok ? toReport(JSON.parse(text)) : undefined;
  } catch {
    return undefined;
  }
}

function toReport(answer: unknown) {
  const data = (answer as { data?: Record<string, unknown> } | null)?.data;
  if (!data) return undefined;
  const prompt = data['native_tokens_prompt'] ?? data['tokens_prompt'];
  const completion = data['native_tokens_completion'] ?? data['tokens_completion'];
  // A record that costs something and does not say yet for what is asked for again.
  if (typeof completion !== 'number' && data['total_cost'] !== 0) return undefined;
  return {
    outcome:
      data['finish_reason'] === 'error' ? 'failed' : data['cancelled'] ? 'stopped' : 'completed',
    is_reconciled: true,
    model_id: data['model'],
    generation_id: data['id'],
    finish_reason: data['finish_reason'],
    upstream_usd: String(data['total_cost'] ?? ''),
    used: {
      prompt_tokens: prompt,
      completion_tokens: completion,
      cache_read_tokens: data['native_tokens_cached'],
      reasoning_tokens: data['native_tokens_reasoning'],
      searches: data['num_search_results'],
    },
  };
}
