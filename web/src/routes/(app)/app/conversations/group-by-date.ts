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

/** The list as it came, with a heading wherever the next stretch of time begins. */
export function groupByDate(items: readonly Listed[], now: Date, locale: string): Group[] {
  const groups: Group[] = [];
  for (const item of items) {
    const label = labelOf(item, now, locale);
    const last = groups.at(-1);
    if (last?.label === label) last.items.push(item);
    else groups.push({ label, items: [item] });
  }
  return groups;
}
