import { describe, expect, test } from 'vitest';
import type { Budget, Key } from '#lib/api/keys.ts';
import { draftOf, emptyDraft, localMoment, readDraft } from './key-draft.ts';

const key: Key = {
  id: 'k',
  account_id: 'a',
  created_by: 'u',
  name: 'Backend',
  prefix: 'sk-oneai-abcdef',
  scopes: ['completions'],
  allowed_models: ['openai/*'],
  expires_at: '2027-01-31T12:00:30Z',
  previous_until: null,
  revoked_at: null,
  last_used_at: null,
  created_at: '2026-11-21T00:00:00Z',
  requests_per_minute: 60,
  requests_per_hour: null,
  requests_per_day: null,
  max_cost_micros: 2_500_000,
};
const budget: Budget = {
  account_id: 'a',
  subject: 'key',
  subject_id: 'k',
  period: 'month',
  limit_micros: 1_000_000_000,
  spent_micros: 0,
  held_micros: 0,
  resets_at: null,
};

describe('the form of a key', () => {
  test('what was not touched is not sent', () => {
    const before = draftOf(key, [budget]);
    expect(before).toMatchObject({ month: '1000', maxCost: '2.5', perMinute: '60', day: '' });
    expect(readDraft({ ...before }, before)).toEqual({
      changes: { settings: {}, budgets: [] },
      problems: null,
    });
  });

  test('an emptied field takes the limit off; zero is sent, for the database to judge', () => {
    const before = draftOf(key, [budget]);
    const draft = { ...before, expiresAt: '', perMinute: '', maxCost: '0', month: '', day: '12' };
    expect(readDraft(draft, before).changes).toEqual({
      settings: { expires_at: null, requests_per_minute: null, max_cost_micros: 0 },
      budgets: [
        { period: 'day', limitMicros: 12_000_000 },
        { period: 'month', limitMicros: null },
      ],
    });
  });

  test('every field that cannot be read is named, and nothing is sent', () => {
    const draft = { ...emptyDraft, scopes: [], models: [], perHour: '-1', total: 'lots' };
    const { changes, problems } = readDraft(draft, emptyDraft);
    expect(changes).toBeNull();
    expect(Object.keys(problems ?? {}).sort()).toEqual([
      'models',
      'name',
      'perHour',
      'scopes',
      'total',
    ]);
  });

  test('a model that was typed and not added is what the key may call, and no more', () => {
    const draft = { ...emptyDraft, name: 'x', model: ' OpenAI/gpt-4o ' };
    expect(readDraft(draft, emptyDraft).changes?.settings.allowed_models).toEqual([
      'openai/gpt-4o',
    ]);
  });

  test('a moment is kept through the field and back, to the minute', () => {
    const local = localMoment('2027-01-31T12:00:30Z');
    expect(new Date(local).toISOString()).toBe('2027-01-31T12:00:00.000Z');
    const { changes } = readDraft({ ...emptyDraft, name: 'x', expiresAt: local }, emptyDraft);
    expect(changes?.settings.expires_at).toBe('2027-01-31T12:00:00.000Z');
  });
});
