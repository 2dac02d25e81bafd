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
