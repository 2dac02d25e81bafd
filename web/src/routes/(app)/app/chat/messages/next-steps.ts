import type { Failure } from '#lib/chat/failure.ts';

/** What a person can do about a failure; the page makes a button of each. */
export type Step = 'retry' | 'wait' | 'other-model' | 'shorten' | 'top-up' | 'plans' | 'reconnect';

const steps: Record<string, readonly Step[]> = {
  insufficient_credits: ['top-up', 'other-model', 'shorten'],
  rate_limited: ['wait'],
  quota_exceeded: ['plans', 'wait'],
  too_large: ['shorten', 'other-model'],
  not_found: ['other-model'],
  forbidden: ['other-model'],
  invalid_input: ['shorten'],
  upstream_unavailable: ['retry', 'other-model'],
};

export function nextSteps({ code, rule, resetsAt }: Failure): readonly Step[] {
  // The whole account is meant, whatever model is asked.
  if (rule === 'suspended') return [];
  if (code === 'upstream_unavailable' && resetsAt) return ['wait'];
  if (rule === 'context') return ['shorten', 'other-model'];
  if (rule === 'plan_models') return ['other-model', 'plans'];
  if (rule === 'price_cap') return ['other-model', 'plans', 'shorten'];
  return steps[code] ?? ['retry', 'other-model'];
}
