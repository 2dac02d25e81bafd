import type { Attempt } from '#lib/api/usage.ts';

/** One attempt that did not lead to the answer, as a line; nothing for the one that did. */
export function attemptText({ model, status, error, reason }: Attempt): string | null {
  if (reason === 'fell_back') return `${model}: passed over by its provider`;
  const problem = error ?? reason ?? (status && status >= 400 ? `answered ${status}` : null);
  return problem && `${model}: ${problem}`;
}
