import type { Entity } from '../_shared/razorpay.ts';
import { asService, call, type CallDeps } from '../_shared/razorpay-call.ts';
import { requireRazorpay, type TaskDeps } from './tasks.ts';

interface Todo {
  price_id: number;
  request: Record<string, unknown>;
}

/** Makes a plan at Razorpay for every price of a plan that has none there, and never a second one. */
export async function syncPrices(deps: TaskDeps): Promise<unknown> {
  const work: CallDeps = { ...deps, razorpay: requireRazorpay(deps) };
  const todo = await asService<Todo[]>(work, 'prices_to_sync', {});
  if (todo.length === 0) return { made: 0, found: 0 };
  const there = await work.razorpay.list('/plans');
  let made = 0;
  for (const { price_id, request } of todo) {
    const same = (plan: Entity) =>
      (plan['notes'] as Record<string, unknown> | null)?.['oneai_price'] === String(price_id);
    let plan = there.find(same);
    if (!plan) {
      const find = async () => (await work.razorpay.list('/plans')).find(same);
      // deno-lint-ignore no-await-in-loop -- a command that runs now and then, gentle with Razorpay
      plan = await call(work, { act: 'create_plan', fact: `price:${price_id}` }, () =>
        work.razorpay.ask('post', '/plans', request, find),
      );
      made += 1;
    }
    // deno-lint-ignore no-await-in-loop
    await asService(work, 'note_price', { price_id, razorpay_plan_id: plan.id });
  }
  return { made, found: todo.length - made };
}
