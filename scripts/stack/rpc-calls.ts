// Calls of database functions, made as PostgREST makes them: the arguments go to Postgres as the
// JSON that came, and the answer is the JSON that Postgres writes. The library in front of the
// tables would turn a jsonb argument into a string and round large numbers on the way.
import { availableParallelism } from 'node:os';
import postgres from 'postgres';
import { type ApiFunction, readApiFunctions } from './api-functions.ts';
import { answerDatabaseError } from './database-error.ts';
import type { Claims } from './jwt.ts';
import { type RequestFacts, requestSettings } from './request-settings.ts';
import { jsonAnswer, type PlainAnswer } from './web-handler.ts';

export interface RpcCalls {
  /** The answer, or nothing when the request asks for more than a plain call. */
  call(asked: AskedCall): Promise<PlainAnswer | undefined>;
  reload(): void;
  stop(): Promise<void>;
}

export interface AskedCall {
  schema: string;
  name: string;
  body: string;
  accept: string;
  claims: Claims;
  facts: RequestFacts;
}

interface Options {
  url: string;
  catalogUrl: string;
  schemas: string[];
  searchPath: string;
}

// Few, as a pool of PostgREST's: calls that come at once are then answered one after the other, half
// of them early, where many at a time would all be late.
const connections = 2 * availableParallelism() + 1;
const oneObject = 'application/vnd.pgrst.object+json';

export function openRpcCalls({ url, catalogUrl, schemas, searchPath }: Options): RpcCalls {
  const sql = postgres(url, {
    max: connections,
    onnotice: () => {},
    connection: { TimeZone: 'UTC' },
  });
  let catalog: Promise<ApiFunction[]> | undefined;

  return {
    async call({ schema, name, body, accept, claims, facts }) {
      catalog ??= readApiFunctions(catalogUrl, schemas);
      const given = argumentNames(body);
      const named = (await catalog).filter((one) => one.schema === schema && one.name === name);
      const [match, ...others] = named.filter((one) => given && accepts(one, given));
      if (!match || !given || others.length > 0) return undefined;

      const settings = requestSettings({
        claims,
        searchPath,
        readOnly: match.readOnly,
        request: facts,
      });
      try {
        const wantsOne = accept.startsWith(oneObject);
        const rows = await inTransaction(settings, callText(match, given), body || '{}', wantsOne);
        return answerCall(match, rows, wantsOne);
      } catch (error) {
        return answerDatabaseError(error, claims['role'] === 'anon');
      }
    },
    reload() {
      catalog = undefined;
    },
    stop: () => sql.end({ timeout: 5 }),
  };

  /** Sent in one go: no statement waits for the answer to the one before. */
  async function inTransaction(
    settings: [name: string, value: string][],
    text: string,
    body: string,
    wantsOne: boolean,
  ): Promise<Called> {
    const names = settings.map(([name]) => name);
    const values = settings.map(([, value]) => value);
    const connection = await sql.reserve();
    let isLost = false;
    try {
      const called = connection.unsafe<Called[]>(text, [body], { prepare: true });
      const statements = [
        connection`begin`,
        connection`select set_config(s.name, s.value, true) from unnest(${names}::text[], ${values}::text[]) as s (name, value)`,
        called,
        // After a failure it rolls back. A single object may still turn out to be none or many.
        ...(wantsOne ? [] : [connection`commit`]),
      ];
      const failed = (await Promise.allSettled(statements)).find(
        (one) => one.status === 'rejected',
      );
      const [row] = failed ? [] : await called;
      const isRefused = wantsOne && Number(row?.rows) !== 1;
      if (wantsOne) await (isRefused || failed ? connection`rollback` : connection`commit`);
      if (failed) throw failed.reason as Error;
      return row as Called;
    } catch (error) {
      isLost = /^CONNECTION_/.test(String((error as { code?: string }).code));
      throw error;
    } finally {
      // One that was lost has left the pool's hands already.
      if (!isLost) connection.release();
    }
  }
}

interface Called {
  body: string | null;
  rows: string;
  status: string | null;
  headers: string | null;
}

/** Nothing when the body is not an object of arguments. */
function argumentNames(body: string): string[] | undefined {
  if (body.trim() === '') return [];
  try {
    const value: unknown = JSON.parse(body);
    return value && typeof value === 'object' && !Array.isArray(value)
      ? Object.keys(value)
      : undefined;
  } catch {
    return undefined;
  }
}

function accepts(one: ApiFunction, given: string[]): boolean {
  const known = one.arguments.map(({ name }) => name);
  const required = known.slice(0, known.length - one.optional);
  return (
    given.every((name) => known.includes(name)) && required.every((name) => given.includes(name))
  );
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

// As text, because the driver would write a JSON parameter as a JSON string.
function callText(one: ApiFunction, given: string[]): string {
  const used = one.arguments.filter(({ name }) => given.includes(name));
  const columns = used.map(({ name, type }) => `${quote(name)} ${type}`).join(', ');
  const passed = used.map(({ name }) => `${quote(name)} => a.${quote(name)}`).join(', ');
  const call = `${quote(one.schema)}.${quote(one.name)}(${passed})`;
  // The unused parameter of a call without arguments still needs a type.
  const from =
    used.length > 0 ? `json_to_record($1::text::json) as a (${columns})` : `(select $1::text) as a`;
  return `
    with called as materialized (${resultText(one, call, from)})
    select body, rows::text as rows,
      nullif(current_setting('response.status', true), '') as status,
      nullif(current_setting('response.headers', true), '') as headers
    from called`;
}

function resultText({ returns, returnsSet }: ApiFunction, call: string, from: string): string {
  const result =
    returns === 'row'
      ? `select r.* from ${from} cross join lateral ${call} as r`
      : `select ${call} as r from ${from}`;
  const value = returns === 'row' ? 'to_json(t)' : 'to_json(t.r)';
  if (returns === 'void')
    return `select null::text as body, count(t.r) as rows from (${result}) as t`;
  if (!returnsSet) return `select ${value}::text as body, 1 as rows from (${result}) as t`;
  return `select coalesce(json_agg(${value}), '[]')::text as body, count(*) as rows from (${result}) as t`;
}

function answerCall(one: ApiFunction, called: Called, wantsOne: boolean): PlainAnswer {
  const status = called.status ? Number(called.status) : undefined;
  const headers = givenHeaders(called.headers);
  if (one.returns === 'void') return { status: status ?? 204, headers, body: null };
  const rows = Number(called.rows);
  if (wantsOne && one.returnsSet && rows !== 1) return notOne(rows);
  headers['content-type'] = `${wantsOne ? oneObject : 'application/json'}; charset=utf-8`;
  headers['content-range'] = rows === 0 ? '*/*' : `0-${rows - 1}/*`;
  const text = called.body ?? 'null';
  // json_agg of one value puts exactly a bracket on either side.
  const body = wantsOne && one.returnsSet ? text.slice(1, -1) : text;
  return { status: status ?? 200, headers, body };
}

/** `[{"Retry-After": "5"}, …]`, as PostgREST takes it. */
function givenHeaders(text: string | null): PlainAnswer['headers'] {
  const headers: Record<string, string | string[]> = {};
  const list = text ? (JSON.parse(text) as Record<string, string>[]) : [];
  for (const [name, value] of list.flatMap((one) => Object.entries(one))) {
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value : [known, value].flat();
  }
  return headers;
}

function notOne(rows: number): PlainAnswer {
  const message = 'Cannot coerce the result to a single JSON object';
  const details = `The result contains ${rows} rows`;
  return jsonAnswer(406, { code: 'PGRST116', message, details, hint: null });
}
