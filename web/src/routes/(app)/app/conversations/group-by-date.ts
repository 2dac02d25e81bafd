import type { Listed } from '#lib/api/chat.ts';

export interface Group {
  label: string;
  items: Listed[];
}

const day = 86_400_000;

function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

function labelOf(item: Listed, now: Date, locale: string): string {
  if (item.pinned_at) return 'Pinned';
  const at = new Date(item.updated_at);
  const days = Math.round((startOfDay(now) - startOfDay(at)) / day);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days <= 7) return 'Last 7 days';
  if (days <= 30) return 'Last 30 days';
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return at.toLocaleDateString(locale, { month: 'long', year });
}

function order(one: Listed, other: Listed): number {
  return (
    Number(!!other.pinned_at) - Number(!!one.pinned_at) ||
    Date.parse(other.updated_at) - Date.parse(one.updated_at)
  );
}

/**
 * Each stretch of time once, with what belongs in it. One that was just pinned, or was found by a
 * search that is over, stands elsewhere in the list until that is read again.
 */
export function groupByDate(items: readonly Listed[], now: Date, locale: string): Group[] {
  const groups = Map.groupBy(items.toSorted(order), (item) => labelOf(item, now, locale));
  return [...groups].map(([label, items]) => ({ label, items }));
}
