/** Sent with every answer to a browser: the caller is known by its token, never by a cookie. */
export const corsHeaders: Record<string, string> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'x-request-id, request-id, retry-after, x-should-retry, ratelimit, ratelimit-policy, x-generation-id, idempotent-replayed, ' +
    'x-oneai-run-id, x-oneai-models, x-oneai-route-reason, x-oneai-hold-credits, ' +
    'x-oneai-max-tokens, x-oneai-clamped, x-oneai-ignored, x-ratelimit-limit-requests, ' +
    'x-ratelimit-remaining-requests, x-ratelimit-reset-requests',
};

/** The answer to a preflight, which the platform leaves to the function. */
export function preflight(request: Request): Response | undefined {
  if (request.method !== 'OPTIONS') return undefined;
  return new Response(null, {
    status: 204,
    headers: {
      ...corsHeaders,
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers':
        request.headers.get('access-control-request-headers') ??
        'authorization, apikey, content-type, x-client-info, x-request-id, idempotency-key',
      'access-control-max-age': '86400',
    },
  });
}
