/** What is allowed once a typed pattern has joined it. */
export function withPattern(patterns: readonly string[], typed: string): string[] {
  const pattern = typed.trim().toLowerCase();
  // Everything and something is everything; whoever names something means no more than that.
  if (!pattern) return [...patterns];
  if (pattern === '*') return ['*'];
  return [...patterns.filter((one) => one !== '*' && one !== pattern), pattern];
}
