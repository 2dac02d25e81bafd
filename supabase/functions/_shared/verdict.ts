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
  hour_limit: number | null;
  hour_remaining: number | null;
  day_limit: number | null;
  day_remaining: number | null;
}

/** An allowed one that was not allowed before. */
export interface Permit extends Verdict {
  run_id: string;
  model_ids: string[];
  max_tokens: number;
}

/** A refusal in the site's shape of an error, with what the next step needs. */
export function refusalResponse(
  verdict: Verdict,
  stored: boolean,
  requestId: string,
  now = Date.now(),
): Response {
  const { status, reason, detail, hint, rule, shortfall_micros, resets_at } = verdict;
  const error = { code: reason, message: detail, hint, request_id: requestId };
  const wait = secondsUntil(resets_at, now);
  return Response.json(
    { error: { ...error, rule, shortfall_micros, resets_at, stored } },
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

export interface Window {
  name: 'minute' | 'hour' | 'day' | 'month';
  /** In seconds; a month of a plan has no fixed length. */
  length: number | null;
  limit: number;
  left: number;
  /** In how many seconds there is room again, or all of it. */
  wait: number | null;
}

/** What a verdict knows of each limit in numbers of requests. */
export function windowsOf(verdict: Verdict, now = Date.now()): Window[] {
  const { rule, resets_at, rate_resets_at, quota_resets_at } = verdict;
  const window = (
    name: Window['name'],
    length: number | null,
    limit: number | null,
    left: number | null,
    wait: number | null,
  ): Window[] => {
    if (limit === null || left === null) return [];
    const isFull = rule === `requests_per_${name}`;
    const room = isFull ? (secondsUntil(resets_at, now) ?? wait) : wait;
    return [{ name, length, limit, left: Math.max(0, left), wait: room }];
  };
  const inMinute = secondsUntil(rate_resets_at, now);
  return [
    ...window('minute', 60, verdict.rate_limit, verdict.rate_remaining, inMinute),
    ...window('hour', 3600, verdict.hour_limit, verdict.hour_remaining, 3600),
    ...window('day', 86_400, verdict.day_limit, verdict.day_remaining, 86_400),
    ...window(
      'month',
      null,
      verdict.quota_limit,
      verdict.quota_remaining,
      secondsUntil(quota_resets_at, now),
    ),
  ];
}

/** The limits as the IETF's drafts write them. */
export function limitHeaders(windows: readonly Window[]): Record<string, string> {
  if (windows.length === 0) return {};
  const policy = ({ name, limit, length }: Window) =>
    `"${name}";q=${limit}${length === null ? '' : `;w=${length}`}`;
  const state = ({ name, left, wait }: Window) =>
    `"${name}";r=${left}${wait === null ? '' : `;t=${wait}`}`;
  return {
    'ratelimit-policy': windows.map((window) => policy(window)).join(', '),
    ratelimit: windows.map((window) => state(window)).join(', '),
  };
}
