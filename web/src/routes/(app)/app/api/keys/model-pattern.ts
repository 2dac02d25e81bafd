/** What is allowed once a typed pattern has joined it. */
export function withPattern(patterns: readonly string[], typed: string): string[] {
  const pattern = typed.trim().toLowerCase();
  // Everything and something is everything; whoever names something means no more than that.
  if (!pattern) return [...patterns];
  if (pattern === '*') return ['*'];
  return [...patterns.filter((one) => one !== '*' && one !== pattern), pattern];
}

/** The models a pattern stands for, as the database reads it: `*` is any text, the rest itself. */
export function matching(pattern: string, ids: readonly string[]): string[] {
  const source = pattern
    .toLowerCase()
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  const like = new RegExp(`^${source}$`);
  return ids.filter((id) => like.test(id));
}
