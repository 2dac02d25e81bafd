/** JSON as Postgres writes a jsonb value: shorter keys first, then by bytes, with a space after : and , */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}: ${canonicalJson(member)}`);
  return `{${members.join(', ')}}`;
}
