import { corsHeaders } from './cors.ts';
import { secondsUntil } from './seconds-until.ts';

/** What the database says to a wish to call a model: `private.verdict`. */
export interface Verdict {
  allowed: boolean;
  run_id: string | null;
  is_replay: boolean;
  status: number | null;
  reason: string | null;
  rule: string | null;
  detail: string | null;
  hint: string | null;
  shortfall_micros: number | null;
  resets_at: string | null;
  model_ids: string[] | null;
  route_reason: string | null;
  max_tokens: number | null;
  is_clamped: boolean | null;
  hold_micros: number | null;
  available_micros: number | null;
  max_prompt_usd: number | string | null;
  max_completion_usd: number | string | null;
  rate_limit: number | null;
  rate_remaining: number | null;
  rate_resets_at: string | null;
  quota_limit: number | null;
  quota_remaining: number | null;
  quota_resets_at: string | null;
  /** How the upstream names the models, one by one. */
  upstream_names: string[] | null;
}

/** An allowed one that was not allowed before. */
export interface Permit extends Verdict {
  run_id: string;
  model_ids: string[];
  max_tokens: number;
}

/** A refusal in the site's shape of an error, with what the next step needs. */
export function refusalResponse(verdict: Verdict, requestId: string, now = Date.now()): Response {
  const { status, reason, detail, hint, rule, shortfall_micros, resets_at } = verdict;
  const error = { code: reason, message: detail, hint, request_id: requestId };
  const wait = secondsUntil(resets_at, now);
  return Response.json(
    { error: { ...error, rule, shortfall_micros, resets_at } },
    {
      status: status ?? 500,
      headers: {
        ...corsHeaders,
        'x-request-id': requestId,
        ...(wait === null ? {} : { 'retry-after': String(wait) }),
      },
    },
  );
}

/** The limits as the IETF's drafts write them. */
export function limitHeaders(verdict: Verdict, now = Date.now()): Record<string, string> {
  const policies: string[] = [];
  const states: string[] = [];
  const add = (name: string, window: number | null, limit: number | null, left: number | null) => {
    if (limit === null || left === null) return;
    policies.push(`"${name}";q=${limit}${window === null ? '' : `;w=${window}`}`);
    states.push(`"${name}";r=${Math.max(0, left)}`);
  };
  add('minute', 60, verdict.rate_limit, verdict.rate_remaining);
  add('month', null, verdict.quota_limit, verdict.quota_remaining);
  const resets = [verdict.rate_resets_at, verdict.quota_resets_at].map((at) =>
    secondsUntil(at, now),
  );
  if (policies.length === 0) return {};
  return {
    'ratelimit-policy': policies.join(', '),
    ratelimit: states
      .map((state) => {
        const wait = state.startsWith('"minute"') ? resets[0] : resets[1];
        return wait === null ? state : `${state};t=${wait}`;
      })
      .join(', '),
  };
}
