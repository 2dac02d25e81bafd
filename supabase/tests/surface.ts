import type { Sql } from 'postgres';

const roles = ['anon', 'authenticated', 'service_role'];

// What each role may do with a relation: a verb on the whole, or on the columns named.
const relationGrants = `
  select string_agg(format('    %-14s %s', role, verbs), E'\\n' order by role)
  from unnest($1::text[]) as role
  cross join lateral (
    select string_agg(coalesce(whole, verb || ' (' || partly || ')'), ', ' order by place) as verbs
    from unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
      with ordinality as verbs (verb, place)
    cross join lateral (
      select case when has_table_privilege(role, c.oid, verb) then verb end as whole,
        (
          select string_agg(attname, ', ' order by attnum)
          from pg_attribute
          where attrelid = c.oid and attnum > 0 and not attisdropped
            and verb in ('select', 'insert', 'update', 'references')
            and has_column_privilege(role, c.oid, attnum, verb)
        ) as partly
    ) as granted
    where whole is not null or partly is not null
  ) as granted
  where verbs is not null`;

const executors = `
  select string_agg(role, ', ' order by role) from unnest($1::text[]) as role
  where has_function_privilege(role, p.oid, 'execute')`;

const functionLine = `
  format(E'  %s(%s)\\n    returns %s; %s; as its %s; for %s',
    p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
    case when p.prosecdef then 'OWNER' else 'caller' end, coalesce((${executors}), 'nobody'))`;

const functions = (where: string) => `
  select ${functionLine} from pg_proc as p
  where ${where} order by p.proname, pg_get_function_identity_arguments(p.oid)`;

const relations = (schema: string) => `
  select format('  %s %s%s%s', c.relname,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
      when 'f' then 'foreign table' when 'p' then 'partitioned table' else 'table' end,
    case when c.relkind in ('r', 'p') then
      case when c.relrowsecurity then ', row level security' else ', OPEN TO WHOEVER HAS A GRANT' end
    else '' end,
    coalesce(E'\\n' || (${relationGrants}), ', for nobody'))
  from pg_class as c
  where c.relnamespace = '${schema}'::regnamespace and c.relkind not in ('i', 'I', 'c', 't')
    and not c.relispartition
  order by c.relname collate "C"`;

const chapters: [string, string][] = [
  [
    'Schemas, and who may use them',
    `select format('  %s: %s', nspname, coalesce(
       (select string_agg(role, ', ') from unnest($1::text[]) as role
        where has_schema_privilege(role, n.oid, 'usage')), 'nobody'))
     from pg_namespace as n where nspname in ('api', 'private', 'public') order by nspname`,
  ],
  ['Relations of api', relations('api')],
  ['Functions of api', functions(`p.pronamespace = 'api'::regnamespace`)],
  [
    'Types of api',
    `select '  ' || t.typname from pg_type as t left join pg_class as c on c.oid = t.typrelid
     where t.typnamespace = 'api'::regnamespace and t.typcategory <> 'A'
       and (c.oid is null or c.relkind = 'c') order by t.typname`,
  ],
  [
    'Functions of private that anon or authenticated may execute',
    functions(`p.pronamespace = 'private'::regnamespace and (
      has_function_privilege('anon', p.oid, 'execute')
      or has_function_privilege('authenticated', p.oid, 'execute'))`),
  ],
  [
    'Functions that run as their owner',
    functions(`p.pronamespace in ('api'::regnamespace, 'private'::regnamespace) and p.prosecdef`),
  ],
  ['Relations of private', relations('private')],
];

/** Everything that can be reached, and by whom, as a text to read in review. */
export async function describeSurface(sql: Sql): Promise<string> {
  let text = '';
  for (const [title, query] of chapters) {
    const lines = await sql.unsafe(query, query.includes('$1') ? [roles] : []).values();
    text += `${title}\n\n${lines.map(([line]) => String(line)).join('\n') || '  none'}\n\n`;
  }
  return `${text.trimEnd()}\n`;
}
