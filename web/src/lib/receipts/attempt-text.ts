import type { Attempt } from '#lib/api/usage.ts';

/** One attempt that did not lead to the answer, as a line; nothing for the one that did. */
export function attemptText(attempt: Attempt): string | null {
  const problem = attempt.error ?? attempt.error_code;
  const failed =
    problem || (attempt.status !== null && attempt.status !== undefined && attempt.status >= 400);
  if (!failed) return null;
  const model = attempt.model_id ?? attempt.model ?? 'A model';
  const what = problem ?? `answered ${attempt.status}`;
  return `${model}${attempt.provider ? ` at ${attempt.provider}` : ''}: ${what}`;
}
