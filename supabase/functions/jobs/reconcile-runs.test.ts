import type { Rpc } from '../_shared/rpc.ts';
import { assertEquals } from '../_shared/testing.ts';
import { reconcileRuns } from './reconcile-runs.ts';

const record = {
  id: 'gen-1',
  model: 'openai/gpt-4o-mini-2024-07-18',
  total_cost: 0.00042,
  cancelled: false,
  finish_reason: 'stop',
  native_tokens_prompt: 12,
  native_tokens_completion: 34,
  native_tokens_cached: 4,
  native_tokens_reasoning: 5,
};

async function run(answers: Record<string, () => Response | Promise<Response>>) {
  const reports: Record<string, { outcome: string; used: Record<string, unknown> }> = {};
  const rpc = ((name: string, parameters: Record<string, unknown>) => {
    if (name === 'claim_reconciliations') {
      return Promise.resolve(
        Object.keys(answers).map((id) => ({ run_id: `run-${id}`, generation_id: id })),
      );
    }
    assertEquals(name, 'finish_run');
    reports[parameters['run_id'] as string] = parameters['report'] as (typeof reports)[string];
    return Promise.resolve([]);
  }) as Rpc;
  const result = await reconcileRuns({
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
    openRouterUrl: 'http://openrouter/api/v1',
    openRouterKey: 'the-key',
    fetch: (input, init) => {
      assertEquals(new Headers(init?.headers).get('authorization'), 'Bearer the-key');
      const id = new URL(String(input)).searchParams.get('id') ?? '';
      return Promise.resolve((answers[id] as () => Response)());
    },
    rpc,
    requestId: 'the-id-of-it',
    signal: new AbortController().signal,
  });
  return { result, reports };
}

Deno.test('a record settles its run with what it says was used', async () => {
  const { result, reports } = await run({ 'gen-1': () => Response.json({ data: record }) });
  assertEquals(result, { claimed: 1, settled: 1 });
  assertEquals(reports['run-gen-1'], {
    outcome: 'completed',
    is_reconciled: true,
    model_id: 'openai/gpt-4o-mini-2024-07-18',
    generation_id: 'gen-1',
    finish_reason: 'stop',
    upstream_usd: '0.00042',
    used: {
      prompt_tokens: 12,
      completion_tokens: 34,
      cache_read_tokens: 4,
      reasoning_tokens: 5,
      searches: undefined,
    },
  });
});

Deno.test('a cancelled call was stopped, one that ended in an error failed', async () => {
  const { reports } = await run({
    cancelled: () => Response.json({ data: { ...record, cancelled: true } }),
    broken: () => Response.json({ data: { ...record, finish_reason: 'error' } }),
  });
  assertEquals(reports['run-cancelled']?.outcome, 'stopped');
  assertEquals(reports['run-broken']?.outcome, 'failed');
});

Deno.test('an id with odd signs cannot change the address that is asked', async () => {
  const odd = 'a&id=b#c/../d?e';
  const { result } = await run({ [odd]: () => Response.json({ data: record }) });
  assertEquals(result, { claimed: 1, settled: 1 });
});

const silent: Record<string, () => Response | Promise<Response>> = {
  'has no record yet': () => new Response('{"error":{"code":404}}', { status: 404 }),
  refuses: () => new Response('no', { status: 500 }),
  'cannot be reached': () => Promise.reject(new TypeError('connection refused')),
  'sends no JSON': () => new Response('<html>'),
  'sends no record': () => Response.json({}),
};

for (const [name, answer] of Object.entries(silent)) {
  Deno.test(
    `an upstream that ${name} leaves the run for later, and the others settle`,
    async () => {
      const { result, reports } = await run({
        late: answer,
        'gen-1': () => Response.json({ data: record }),
      });
      assertEquals(result, { claimed: 2, settled: 1 });
      assertEquals(Object.keys(reports), ['run-gen-1']);
    },
  );
}

Deno.test('a record that does not say yet what was produced is asked for again', async () => {
  const { native_tokens_completion: _, ...rest } = record;
  const { result, reports } = await run({
    early: () => Response.json({ data: rest }),
    free: () => Response.json({ data: { ...rest, total_cost: 0 } }),
  });
  assertEquals([result, Object.keys(reports)], [{ claimed: 2, settled: 1 }, ['run-free']]);
});
