import type { Sql } from 'postgres';

/**
 * Rewrites a function of a test database, to see whether the tests notice. A pattern that is not
 * found stops the test: a break that breaks nothing proves nothing.
 */
export async function breakFunction(
  sql: Sql,
  name: string,
  changes: (readonly [pattern: RegExp, replacement: string])[],
): Promise<void> {
  const [found] = await sql<
    { text: string }[]
  >`select pg_get_functiondef(${name}::regproc) as text`;
  let text = found?.text ?? '';
  for (const [pattern, replacement] of changes) {
    if (!pattern.test(text)) throw new Error(`${name} has nothing like ${String(pattern)}`);
    text = text.replace(pattern, replacement);
  }
  await sql.unsafe(text);
}
