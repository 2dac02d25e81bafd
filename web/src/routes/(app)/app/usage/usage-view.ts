import type { Group, Measure, UsageFilter } from '#lib/api/usage-log.ts';
import { chat } from './usage-sums.ts';

/** What the page shows, as its address says it: so that it can be sent to somebody, and gone back to. */
export interface UsageView extends UsageFilter {
  group: Group;
  measure: Measure;
}

export const groups: readonly { value: Group; label: string }[] = [
  { value: 'model', label: 'Model' },
  { value: 'key', label: 'Key' },
  { value: 'member', label: 'Member' },
];

export const measures: readonly { value: Measure; label: string }[] = [
  { value: 'credits', label: 'Credits' },
  { value: 'requests', label: 'Requests' },
  { value: 'tokens', label: 'Tokens' },
  { value: 'errors', label: 'Errors' },
  { value: 'latency', label: 'Mean time' },
];

const dayMs = 86_400_000;
const mostDays = 366;

export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function startOf(day: string | null): number | null {
  if (!day || !/^\d{4}-\d\d-\d\d$/.test(day)) return null;
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(at) ? null : at;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function idOf(text: string | null): string | null {
  return text && uuid.test(text) ? text : null;
}

/** Whatever is odd in an address is read as what is usual: the last thirty days, by model. */
export function readView(parameters: Pick<URLSearchParams, 'get'>, now: number): UsageView {
  const until = startOf(parameters.get('to')) ?? startOf(dayOf(now)) ?? now;
  const since = startOf(parameters.get('from')) ?? until - 29 * dayMs;
  const from = Math.max(Math.min(since, until), until - (mostDays - 1) * dayMs);
  const group = groups.find(({ value }) => value === parameters.get('by'))?.value;
  const measure = measures.find(({ value }) => value === parameters.get('show'))?.value;
  return {
    from: dayOf(from),
    to: dayOf(until),
    model: parameters.get('model') || null,
    key: parameters.get('key') === chat ? chat : idOf(parameters.get('key')),
    member: idOf(parameters.get('member')),
    group: group ?? 'model',
    measure: measure ?? 'credits',
  };
}

/** The address of a view, without what is usual anyway. */
export function writeView(view: UsageView, now: number): string {
  const usual = readView(new URLSearchParams(), now);
  const { from, to, model, key, member, group, measure } = view;
  const parameters = new URLSearchParams();
  const put = (name: string, value: string | null, normal: string | null) => {
    if (value && value !== normal) parameters.set(name, value);
  };
  if (from !== usual.from || to !== usual.to) {
    parameters.set('from', from);
    parameters.set('to', to);
  }
  put('model', model, null);
  put('key', key, null);
  put('member', member, null);
  put('by', group, usual.group);
  put('show', measure, usual.measure);
  const text = String(parameters);
  return text ? `?${text}` : '?';
}

/** Every day of a view, the empty ones too. */
export function daysOf({ from, to }: UsageFilter): string[] {
  const days: string[] = [];
  const last = startOf(to) ?? 0;
  for (let at = startOf(from) ?? 0; at <= last; at += dayMs) days.push(dayOf(at));
  return days;
}
