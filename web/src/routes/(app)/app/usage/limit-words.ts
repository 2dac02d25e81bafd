import type { Model } from '#lib/api/models.ts';
import type { TokenQuota } from '#lib/api/limits.ts';
import type { Budget } from '#lib/api/keys.ts';

type Named = Pick<Model, 'id' | 'name'>;

/** The models of a quota in words. A model counts under the longest pattern that fits it. */
export function quotaText(
  { pattern }: Pick<TokenQuota, 'pattern'>,
  quotas: readonly Pick<TokenQuota, 'pattern'>[],
  models: readonly Named[],
): string {
  if (!pattern.includes('*')) return models.find(({ id }) => id === pattern)?.name ?? pattern;
  const [before = '', ...rest] = pattern.split('*');
  const isPrefix = rest.join('') === '';
  const hasNarrower =
    isPrefix &&
    quotas.some((one) => one.pattern.length > pattern.length && one.pattern.startsWith(before));
  if (isPrefix && before === '') return hasNarrower ? 'All other models' : 'All models';
  const group =
    isPrefix && before.endsWith('/')
      ? `models of ${makerName(before, models)}`
      : `models like ${pattern}`;
  return hasNarrower ? `Other ${group}` : `M${group.slice(1)}`;
}

/** "Anthropic" for "anthropic/", as the models' own names begin: "Anthropic: Claude Opus". */
function makerName(prefix: string, models: readonly Named[]): string {
  const name = models.find(({ id }) => id.startsWith(prefix))?.name ?? '';
  const end = name.indexOf(': ');
  return end > 0 ? name.slice(0, end) : prefix.slice(0, -1);
}

/** When something begins anew: a day, or for what begins anew each day the time. */
export function resetText(at: string, period: Budget['period'], locale?: string): string {
  const moment = new Date(at);
  return period === 'day'
    ? `at ${moment.toLocaleTimeString(locale, { timeStyle: 'short' })}`
    : `on ${moment.toLocaleDateString(locale, { day: 'numeric', month: 'long' })}`;
}
