// The Data API's rpc on a connection of the test's own: the same roles, claims and errors, and a
// clock that stands where the test puts it.
import postgres, { type Sql } from 'postgres';
import type { DatabaseError } from '../../functions/_shared/errors.ts';
import { fromDatabase } from '../../functions/_shared/errors.ts';
import type { Rpc, RpcOptions } from '../../functions/_shared/rpc.ts';

interface Signature {
  isSet: boolean;
  isVoid: boolean;
  types: Record<string, string>;
}

/** `now` is asked for each call, in milliseconds. */
export function createRpc(sql: Sql, now: () => number): Rpc {
  const signatures = new Map<string, Promise<Signature>>();

  const signatureOf = async (name: string): Promise<Signature> => {
    const [found] = await sql<
      { is_set: boolean; is_void: boolean; names: string[] | null; types: string[] }[]
    >`
      select proretset as is_set, prorettype = 'void'::regtype as is_void, proargnames as names,
        (select coalesce(array_agg(format_type(type, null) order by place), '{}')
         from unnest(proargtypes::oid[]) with ordinality as given (type, place)) as types
      from pg_proc where oid = ${`api.${name}`}::regproc`;
    if (!found) throw new Error(`There is no api.${name}`);
    const types = found.types.map((type, at) => [found.names?.[at] ?? '', type] as const);
    return { isSet: found.is_set, isVoid: found.is_void, types: Object.fromEntries(types) };
  };

  return async <Result>(
    name: string,
    parameters: Record<string, unknown>,
    { bearer }: RpcOptions,
  ): Promise<Result> => {
    const signature = await (signatures.get(name) ??
      signatures.set(name, signatureOf(name)).get(name)!);
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    const list = given
      .map(([key], at) => `${key} => $${at + 1}::text::${signature.types[key] ?? 'text'}`)
      .join(', ');
    const call = signature.isSet
      ? `select coalesce(jsonb_agg(to_jsonb(one)), '[]') as answer from api.${name}(${list}) as one`
      : signature.isVoid
        ? `select null as answer from api.${name}(${list}) as one`
        : `select to_jsonb(one) as answer from api.${name}(${list}) as one`;
    const values = given.map(([key, value]) => literal(value, signature.types[key]));
    try {
      return (await sql.begin(async (tx) => {
        const claims = bearer ? claimsOf(bearer) : { role: 'service_role' };
        await tx`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true),
          set_config('tests.now', ${new Date(now()).toISOString()}, true),
          set_config('role', ${claims.role}, true)`;
        const [row] = await tx.unsafe<{ answer: unknown }[]>(call, values);
        return row?.answer;
      })) as Result;
    } catch (error) {
      if (!(error instanceof postgres.PostgresError)) throw error;
      const { code, message, detail, hint } = error;
      const told: DatabaseError = { code, message, details: detail ?? null, hint: hint ?? null };
      throw fromDatabase(code.startsWith('PT') ? Number(code.slice(2)) : 500, told);
    }
  };
}

/** A token as far as the tests look into it. */
export function tokenOf(userId: string): string {
  const claims = { sub: userId, role: 'authenticated', aud: 'authenticated', aal: 'aal1' };
  return `e.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
}

function claimsOf(bearer: string): { role: string } {
  return JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString()) as {
    role: string;
  };
}

function literal(value: unknown, type = ''): string | null {
  if (value === null) return null;
  if (type.endsWith('[]')) return `{${(value as unknown[]).join(',')}}`;
  return typeof value === 'string' && type !== 'jsonb' ? value : JSON.stringify(value);
}
