import { jsonAnswer, type PlainAnswer } from './web-handler.ts';

interface PostgresFailure {
  code?: string;
  message: string;
  detail?: string;
  hint?: string;
}

// PostgREST's table: the first entry that a code starts with counts.
const statuses: [prefix: string, status: number][] = [
  ['08', 503],
  ['09', 500],
  ['0L', 403],
  ['0P', 403],
  ['23503', 409],
  ['23505', 409],
  ['25006', 405],
  ['25', 500],
  ['28', 403],
  ['2D', 500],
  ['38', 500],
  ['39', 500],
  ['3B', 500],
  ['40', 500],
  ['53400', 500],
  ['53', 503],
  ['54', 413],
  ['55', 500],
  ['57P01', 503],
  ['57', 500],
  ['58', 500],
  ['F0', 500],
  ['HV', 500],
  ['P0001', 400],
  ['P0', 500],
  ['XX', 500],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
];

/** A refusal of the database, in the status and the shape that PostgREST gives it. */
export function answerDatabaseError(error: unknown, anonymous: boolean): PlainAnswer {
  const { code = '', message, detail, hint } = error as PostgresFailure;
  const known = /^[0-9A-Z]{5}$/.test(code);
  const body = known
    ? { code, message, details: detail || null, hint: hint || null }
    : {
        code: 'PGRST001',
        message: 'Database client error. Retrying the connection.',
        details: null,
        hint: null,
      };
  return jsonAnswer(known ? statusOf(code, anonymous) : 503, body);
}

function statusOf(code: string, anonymous: boolean): number {
  const chosen = /^PT([1-5]\d\d)$/.exec(code)?.[1];
  if (chosen) return Number(chosen);
  if (code === '42501') return anonymous ? 401 : 403;
  return statuses.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 400;
}
