import postgres from 'postgres';

/** What the Data API must know of a database function to call it by its argument names. */
export interface ApiFunction {
  schema: string;
  name: string;
  /** The arguments one may give, in order, with their types as SQL writes them. */
  arguments: { name: string; type: string }[];
  /** How many of the last arguments may be left out. */
  optional: number;
  returns: 'void' | 'scalar' | 'row';
  returnsSet: boolean;
  readOnly: boolean;
}

interface Row {
  schema: string;
  name: string;
  names: string[] | null;
  modes: string[] | null;
  types: string[];
  optional: number;
  returns: ApiFunction['returns'];
  returns_set: boolean;
  read_only: boolean;
}

export async function readApiFunctions(url: string, schemas: string[]): Promise<ApiFunction[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { search_path: '' } });
  try {
    const rows = await sql<Row[]>`
      select
        n.nspname as schema,
        p.proname as name,
        p.proargnames as names,
        p.proargmodes::text[] as modes,
        array(
          select format_type(one.type, null)
          from unnest(p.proargtypes) with ordinality as one (type, at) order by one.at
        ) as types,
        p.pronargdefaults as optional,
        case
          when t.oid = 'void'::regtype then 'void'
          when t.typtype = 'c' or t.oid = 'record'::regtype then 'row'
          else 'scalar'
        end as returns,
        p.proretset as returns_set,
        p.provolatile <> 'v' as read_only
      from pg_proc as p
      join pg_namespace as n on n.oid = p.pronamespace
      join pg_type as t on t.oid = p.prorettype
      where n.nspname = any(${schemas})
        and p.prokind = 'f'
        and p.provariadic = 0
        and t.oid not in ('trigger'::regtype, 'event_trigger'::regtype)`;
    return rows.flatMap(toFunction);
  } finally {
    await sql.end();
  }
}

function toFunction(row: Row): ApiFunction[] {
  const { names, modes, types } = row;
  const given = (names ?? []).filter((_, at) => !modes || 'ib'.includes(modes[at] as string));
  // An argument without a name cannot be given by name.
  if (types.length !== given.length || given.includes('')) return [];
  return [
    {
      schema: row.schema,
      name: row.name,
      arguments: given.map((name, at) => ({ name, type: types[at] as string })),
      optional: row.optional,
      returns: row.returns,
      returnsSet: row.returns_set,
      readOnly: row.read_only,
    },
  ];
}
