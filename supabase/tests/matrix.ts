import postgres, { type TransactionSql } from 'postgres';

export const everybody = ['anonymous', 'owner', 'member', 'stranger', 'service'] as const;
export type Who = (typeof everybody)[number];

/** What came of an attempt: refused by a code, or let through, with the rows it touched. */
export type Outcome = { code: string; message: string } | { rows: string[][] };

export interface Relation {
  name: string;
  isTable: boolean;
  columns: string[];
  /** Those that can be written at all, which what is generated cannot. */
  writable: string[];
  count: number;
}

const roles = { anonymous: 'anon', service: 'service_role', person: 'authenticated' };
const people = { owner: 'Ada', member: 'Mia', stranger: 'Eve' };
class Undo extends Error {}

/** Runs a statement as somebody and undoes it; `look` sees, as the owner, what it did before that. */
export async function attempt(
  tx: TransactionSql,
  who: Who,
  statement: string,
  look: (tx: TransactionSql) => Promise<void> = async () => {},
): Promise<Outcome> {
  let outcome: Outcome = { rows: [] };
  try {
    await tx.savepoint(async (inner) => {
      await signIn(inner, who);
      const result = await inner.unsafe(statement).values();
      outcome = {
        rows: result.length > 0 ? result.map((row) => row.map(String)) : blank(result.count),
      };
      await inner`select tests.sign_out()`;
      await look(inner);
      throw new Undo();
    });
  } catch (error) {
    if (error instanceof Undo) return outcome;
    if (!(error instanceof postgres.PostgresError)) throw error;
    return { code: error.code, message: error.message };
  }
  return outcome;
}

async function signIn(tx: TransactionSql, who: Who): Promise<void> {
  if (who === 'anonymous') await tx`select tests.sign_in_anonymously()`;
  else if (who === 'service') await tx`select tests.sign_in_as_service()`;
  else await tx`select tests.sign_in_as(${people[who]}::text)`;
}

function blank(count: number | null): string[][] {
  return Array.from({ length: count ?? 0 }, () => []);
}

export async function relationsOf(tx: TransactionSql): Promise<Relation[]> {
  const found = await tx<Omit<Relation, 'count'>[]>`
    select c.oid::regclass::text as name, c.relkind in ('r', 'p') as "isTable",
      array_agg(a.attname order by a.attnum) as columns,
      coalesce(array_agg(a.attname order by a.attnum) filter (where a.attgenerated = '' and a.attidentity <> 'a'), '{}') as writable
    from pg_class as c
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace in ('api'::regnamespace, 'private'::regnamespace)
      and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
    group by c.oid order by c.oid::regclass::text collate "C"`;
  const relations: Relation[] = [];
  for (const one of found) {
    const [row] = await tx.unsafe<{ n: number }[]>(`select count(*)::int as n from ${one.name}`);
    const writable = one.isTable ? one.writable : await writableOfView(tx, one);
    relations.push({ ...one, writable, count: row?.n ?? 0 });
  }
  return relations;
}

/** A view does not say which of its columns are generated below; its owner's attempt does. */
async function writableOfView(
  tx: TransactionSql,
  { name, columns }: { name: string; columns: string[] },
): Promise<string[]> {
  const writable: string[] = [];
  for (const column of columns) {
    const plan = `explain update ${name} set ${column} = ${column}`;
    const done = await tx.savepoint((inner) => inner.unsafe(plan)).catch(() => null);
    if (done) writable.push(column);
  }
  return writable.length > 0 ? writable : columns;
}

/** The columns of a relation that a role was granted, or all of them when that is none. */
export async function columnsToTry(
  tx: TransactionSql,
  who: Who,
  verb: 'select' | 'update',
  relation: Relation,
): Promise<string[]> {
  const columns = verb === 'select' ? relation.columns : relation.writable;
  const role = who === 'anonymous' || who === 'service' ? roles[who] : roles.person;
  const rows = await tx<{ name: string }[]>`
    select name from unnest(${columns}::text[]) as name
    where has_column_privilege(${role}, ${relation.name}, name, ${verb})`;
  return rows.length > 0 ? rows.map(({ name }) => name) : columns;
}

/**
 * Every row of every table, as text: two of these tell what happened between them. Its place is
 * part of it, so that an update that changes nothing is seen as well.
 */
export async function everyRow(tx: TransactionSql): Promise<Set<string>> {
  const tables = (await relationsOf(tx)).filter(({ isTable }) => isTable);
  const queries = tables.map(
    ({ name }) => `select concat_ws(' ', '${name}', t.ctid, t) as row from ${name} as t`,
  );
  const rows = await tx.unsafe<{ row: string }[]>(queries.join('\nunion all\n'));
  return new Set(rows.map(({ row }) => row));
}

/** A request that would be answered, so that what a role is refused is refused for its role. */
const request = Object.entries({
  key_hash: 'ab'.repeat(32),
  model: 'acme/small',
  models: '{acme/small}',
  shape: '{"prompt_bytes": 400}',
  task: 'completion',
});

/** Each function of api with Ada's ids and the request, as far as it asks for them, and nothing for the rest. */
export async function callsOfApi(
  tx: TransactionSql,
): Promise<{ name: string; statement: string }[]> {
  const [ids] = await tx`
    select tests.id_of('Ada') as user_id, accounts.id as account_id, runs.id as run_id
    from private.accounts join private.runs on runs.account_id = accounts.id
    where accounts.name = 'Engine' limit 1`;
  const known = new Map(
    [...Object.entries(ids ?? {}), ...request].map(([name, value]) => [name, `'${String(value)}'`]),
  );
  const functions = await tx<{ name: string; args: string[]; types: string[] }[]>`
    select oid::regproc::text as name, coalesce(proargnames[1:pronargs], '{}') as args,
      (select coalesce(array_agg(format_type(type, null) order by at), '{}')
       from unnest(proargtypes::oid[]) with ordinality as types (type, at)) as types
    from pg_proc where pronamespace = 'api'::regnamespace
    order by oid::regprocedure::text collate "C"`;
  return functions.map(({ name, args, types }) => {
    const given = args.map((arg, index) => {
      const type = types[index] ?? 'text';
      const value = known.get(arg) ?? (type === 'uuid' ? known.get('user_id') : undefined);
      return `${arg} => ${value ?? 'null'}::${type}`;
    });
    return { name, statement: `select * from ${name}(${given.join(', ')})` };
  });
}
