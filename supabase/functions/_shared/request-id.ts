/** The id that follows one request from the browser to the ledger; made here if nobody gave one. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id');
  return given && /^[\w.:-]{8,100}$/.test(given) ? given : crypto.randomUUID();
}
