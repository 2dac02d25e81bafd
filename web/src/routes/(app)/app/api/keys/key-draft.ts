import type { Budget, Key, KeySettings, Period } from '#lib/api/keys.ts';
import { creditsField, readCredits } from '#lib/amount.ts';
import { withPattern } from './with-pattern.ts';

/** A key as the form has it: what is typed, before anything is made of it. */
export interface KeyDraft {
  name: string;
  scopes: string[];
  models: string[];
  /** One more model, typed and not added yet. */
  model: string;
  /** As a field of date and time has it, in the time of this place. */
  expiresAt: string;
  perMinute: string;
  perHour: string;
  perDay: string;
  maxCost: string;
  day: string;
  month: string;
  total: string;
}

export type Problems = Partial<Record<keyof KeyDraft, string>>;

export interface KeyChanges {
  settings: Partial<KeySettings>;
  budgets: { period: Period; limitMicros: number | null }[];
}

export const scopes = [
  { value: 'completions', label: 'Answers', hint: 'Chat completions, responses, messages' },
  { value: 'embeddings', label: 'Embeddings', hint: 'Texts as vectors' },
  { value: 'read', label: 'Reading', hint: 'Models, this key, credits, receipts' },
] as const;

export const periods: readonly { value: Period; label: string }[] = [
  { value: 'day', label: 'A day' },
  { value: 'month', label: 'A month' },
  { value: 'total', label: 'In all' },
];

export const emptyDraft: KeyDraft = {
  name: '',
  scopes: scopes.map(({ value }) => value),
  models: ['*'],
  model: '',
  expiresAt: '',
  perMinute: '',
  perHour: '',
  perDay: '',
  maxCost: '',
  day: '',
  month: '',
  total: '',
};

const credits = (micros: number | null | undefined) =>
  micros === null || micros === undefined ? '' : creditsField(micros);
const count = (value: number | null) => (value === null ? '' : String(value));

/** 2027-01-31T12:00 in the time of this place. */
export function localMoment(iso: string): string {
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function draftOf(key: Key, budgets: readonly Budget[]): KeyDraft {
  const limit = (period: Period) =>
    credits(budgets.find((budget) => budget.period === period)?.limit_micros);
  return {
    name: key.name,
    scopes: key.scopes,
    models: key.allowed_models,
    model: '',
    expiresAt: key.expires_at ? localMoment(key.expires_at) : '',
    perMinute: count(key.requests_per_minute),
    perHour: count(key.requests_per_hour),
    perDay: count(key.requests_per_day),
    maxCost: credits(key.max_cost_micros),
    day: limit('day'),
    month: limit('month'),
    total: limit('total'),
  };
}

const counts = [
  ['perMinute', 'requests_per_minute'],
  ['perHour', 'requests_per_hour'],
  ['perDay', 'requests_per_day'],
] as const;

/** What differs from before, in the database's terms; or what in the form cannot be read. */
export function readDraft(
  draft: KeyDraft,
  before: KeyDraft,
): { changes: KeyChanges; problems: null } | { changes: null; problems: Problems } {
  const problems: Problems = {};
  const settings: Partial<KeySettings> = {};
  const budgets: KeyChanges['budgets'] = [];
  const differs = (field: keyof KeyDraft) =>
    JSON.stringify(draft[field]) !== JSON.stringify(before[field]);

  if (!draft.name.trim()) problems.name = 'Give it a name.';
  if (differs('name')) settings.name = draft.name.trim();
  if (draft.scopes.length === 0) problems.scopes = 'Choose at least one.';
  if (differs('scopes')) settings.scopes = draft.scopes;
  const models = withPattern(draft.models, draft.model);
  if (models.length === 0) problems.models = 'Name at least one model, or * for all.';
  if (JSON.stringify(models) !== JSON.stringify(before.models)) settings.allowed_models = models;
  if (differs('expiresAt')) {
    settings.expires_at = draft.expiresAt ? new Date(draft.expiresAt).toISOString() : null;
  }
  for (const [field, column] of counts) {
    const text = draft[field].trim();
    if (text && !/^\d{1,10}$/.test(text)) problems[field] = 'Write a whole number.';
    else if (differs(field)) settings[column] = text ? Number(text) : null;
  }
  const amount = (field: 'maxCost' | Period) => {
    if (!draft[field].trim()) return null;
    const { value, problem } = readCredits(draft[field]);
    if (problem) problems[field] = problem;
    return value;
  };
  const maxCost = amount('maxCost');
  if (differs('maxCost')) settings.max_cost_micros = maxCost;
  for (const { value: period } of periods) {
    const limitMicros = amount(period);
    if (differs(period)) budgets.push({ period, limitMicros });
  }
  if (Object.keys(problems).length > 0) return { changes: null, problems };
  return { changes: { settings, budgets }, problems: null };
}
