const ours = `('api', 'private')`;

/** Rules of the house that the catalogue can answer for: each query names its offenders. */
export const catalogueRules: Record<string, string> = {
  'nothing is in public': `
    select relname as offender from pg_class where relnamespace = 'public'::regnamespace
    union all
    select proname from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select typname from pg_type where typnamespace = 'public'::regnamespace`,

  'api holds views and functions only': `
    select oid::regclass::text as offender from pg_class
    where relnamespace = 'api'::regnamespace and relkind not in ('v', 'c')`,

  'every view of api runs as its caller': `
    select oid::regclass::text as offender from pg_class
    where relnamespace = 'api'::regnamespace and relkind = 'v'
      and not coalesce('security_invoker=true' = any (reloptions), false)`,

  'no function of api runs as its owner': `
    select oid::regprocedure::text as offender from pg_proc
    where pronamespace = 'api'::regnamespace and prosecdef`,

  // A body that is bound to what it names when it is made reads no path.
  'every function has an empty search path': `
    select oid::regprocedure::text as offender from pg_proc
    where pronamespace::regnamespace::text in ${ours} and prosqlbody is null
      and not coalesce('search_path=""' = any (proconfig), false)`,

  'every table of private has row level security': `
    select oid::regclass::text as offender from pg_class
    where relnamespace = 'private'::regnamespace and relkind in ('r', 'p') and not relrowsecurity`,

  'every table of private has a comment': `
    select oid::regclass::text as offender from pg_class
    where relnamespace = 'private'::regnamespace and relkind in ('r', 'p') and not relispartition
      and obj_description(oid, 'pg_class') is null`,

  'every view and function of api has a comment': `
    select oid::regclass::text as offender from pg_class
    where relnamespace = 'api'::regnamespace and relkind <> 'c'
      and obj_description(oid, 'pg_class') is null
    union all
    select oid::regprocedure::text from pg_proc
    where pronamespace = 'api'::regnamespace and obj_description(oid, 'pg_proc') is null`,

  'nothing is granted to everybody': `
    select nspname || ' to public' as offender from pg_namespace, aclexplode(nspacl)
    where nspname in ${ours} and grantee = 0
    union all
    select oid::regclass || ' to public' from pg_class, aclexplode(relacl)
    where relnamespace::regnamespace::text in ${ours} and grantee = 0
    union all
    select attrelid::regclass || '.' || attname || ' to public'
    from pg_attribute join pg_class on pg_class.oid = attrelid, aclexplode(attacl)
    where relnamespace::regnamespace::text in ${ours} and grantee = 0
    union all
    select oid::regprocedure || ' to public'
    from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
    where pronamespace::regnamespace::text in ${ours} and grantee = 0`,

  'every policy names its role and covers one operation': `
    select policyname || ' on ' || tablename as offender from pg_policies
    where schemaname in ('private', 'storage', 'realtime') and (roles = '{public}' or cmd = 'ALL')`,

  'no policy asks who the caller is once per row': `
    select policyname || ' on ' || tablename as offender from pg_policies
    where schemaname in ('private', 'storage', 'realtime')
      and concat(qual, ' ', with_check) ~* 'auth\\.(uid|jwt|role|email)\\(\\)'
      and regexp_replace(concat(qual, ' ', with_check), '\\(\\s*select auth\\.\\w+\\(\\)', '', 'gi')
        ~* 'auth\\.(uid|jwt|role|email)\\(\\)'`,
};

/** Foreign keys without an index, whole or partial, that starts with their columns, as `schema.table.constraint`. */
export const unindexedForeignKeys = `
  select conrelid::regclass || '.' || conname as offender
  from pg_constraint
  where contype = 'f' and conparentid = 0 and connamespace::regnamespace::text in ${ours}
    and not exists (
      select from pg_index
      where indrelid = conrelid
        and (string_to_array(indkey::text, ' ')::smallint[])[1:cardinality(conkey)] @> conkey
    )`;
