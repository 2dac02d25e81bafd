import postgres, { type Sql } from 'postgres';

/** What the database said: rows, or an error with its code. Nothing else is thrown. */
export type Answer =
  | { rows: Row[]; error?: undefined }
  | { rows?: undefined; error: { code: string; message: string } };

/** Whole numbers come as text, as they may be larger than a JavaScript number holds; times as milliseconds. */
export type Row = Record<string, unknown>;

export type Caller = 'owner' | 'service' | { user: string };

/** A pool that keeps 64-bit numbers exact. */
export function connect(url: string, connections: number): Sql {
  return postgres(url, {
    max: connections,
    onnotice: () => {},
    types: { time: { to: 1184, from: [1184], serialize: String, parse: readTime } },
  });
}

/**
 * Runs one statement as somebody at a moment, in one transaction and one round trip. Claims, role
 * and clock are set in the same message, so an error takes them back with everything else.
 */
export async function ask(
  sql: Sql,
  caller: Caller,
  at: number,
  statement: string,
): Promise<Answer> {
  const claims =
    typeof caller === 'object'
      ? { sub: caller.user, role: 'authenticated', aud: 'authenticated', aal: 'aal1' }
      : { role: caller === 'service' ? 'service_role' : 'postgres' };
  const settings = [
    `set_config('tests.now', ${quote(new Date(at).toISOString())}, true)`,
    `set_config('request.jwt.claims', ${quote(JSON.stringify(claims))}, true)`,
    ...(caller === 'owner' ? [] : [`set_config('role', ${quote(claims.role)}, true)`]),
  ];
  try {
    const results = await sql.unsafe(`select ${settings.join(', ')};\n${statement}`);
    // The driver makes a result of every statement that has columns; one without adds none.
    const last = results.at(-1) as unknown as Row[] | undefined;
    return { rows: Array.isArray(last) ? [...last] : [] };
  } catch (error) {
    if (error instanceof postgres.PostgresError) {
      return { error: { code: error.code, message: error.message } };
    }
    // The driver's own: the connection is gone.
    const { code } = error as { code?: string };
    if (code) return { error: { code, message: String(error) } };
    throw error;
  }
}

/** Whether the connection went away, so that nobody knows what became of the statement. */
export function isLost({ error }: Answer): boolean {
  return error !== undefined && /^(57P01|CONNECTION_|ECONN|EPIPE)/.test(error.code);
}

/** Asks again as a caller would whose connection is gone. */
export async function persist(work: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await work();
    if (!isLost(answer) || tries === 5) return answer;
  }
}

/** A value as SQL writes it. */
export function quote(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `array[${value.map(quote).join(', ')}]::text[]`;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.replaceAll("'", "''")}'`;
}

function readTime(text: string): number {
  if (text === 'infinity') return Infinity;
  if (text === '-infinity') return -Infinity;
  return Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
}
