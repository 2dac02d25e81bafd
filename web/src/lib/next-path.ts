const home = '/app';

/**
 * Where to go after signing in. Only a path on this site is followed: a link in a mail must never
 * be able to send a freshly signed-in person elsewhere.
 */
export function nextPath(wanted: string | null | undefined, origin: string): string {
  if (!wanted?.startsWith('/') || !URL.canParse(wanted, origin)) return home;
  const url = new URL(wanted, origin);
  // Backslashes, tabs and doubled slashes are read by URL as another host, so the parsed one counts.
  if (url.origin !== new URL(origin).origin) return home;
  return url.pathname + url.search + url.hash;
}
