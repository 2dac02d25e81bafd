import postgres, { type Sql, type TransactionSql } from 'postgres';
import { test as base, inject } from 'vitest';
import { scratchAt, type ScratchDatabase } from '../../scripts/db/scratch.ts';
import type { Template } from './global-setup.ts';

/** Who asks, as the Data API tells the database: nobody, a person by id, or our own server. */
export type Caller = 'anon' | 'service_role' | { user: string };

export interface TestDatabase extends AsyncDisposable {
  url: ScratchDatabase['url'];
  /** A pool as the owner of the schema, for what a test prepares and looks at. */
  owner: Sql;
  /** Runs work in one transaction as the Data API would, on a connection of its own. */
  as<T>(caller: Caller, work: (tx: TransactionSql) => Promise<T>): Promise<T>;
  /** Another pool, for as many connections at once as a race needs. */
  connect(role: 'postgres' | 'authenticator', connections: number): Sql;
}

let opened = 0;

/** A database of its own, cloned in a tenth of a second and dropped in the end. */
export async function openDatabase(template: Template = 'tests'): Promise<TestDatabase> {
  const { url, templates } = inject('databaseServer');
  const name = `test_${process.pid}_${(opened += 1)}`;
  const parent = { name: templates[template], url: () => url };
  const database = await scratchAt(url).database(name, parent);
  const pools: Sql[] = [];
  const connect: TestDatabase['connect'] = (role, connections) => {
    const pool = postgres(database.url(role), { max: connections, onnotice: () => {} });
    pools.push(pool);
    return pool;
  };
  const owner = connect('postgres', 10);
  const gateway = connect('authenticator', 32);

  return {
    url: database.url,
    owner,
    connect,
    as: (caller, work) =>
      gateway.begin(async (tx) => {
        const { role, claims } = tokenOf(caller);
        await tx`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true),
          set_config('role', ${role}, true)`;
        return work(tx);
      }) as Promise<never>,
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((pool) => pool.end()));
      const server = postgres(url, { max: 1, onnotice: () => {} });
      await server`drop database ${server(name)} with (force)`;
      await server.end();
    },
  };
}

/** Vitest's `test`, with a fresh database for every test that asks for one. */
export const test = base.extend('database', async ({}, { onCleanup }) => {
  const database = await openDatabase();
  onCleanup(() => database[Symbol.asyncDispose]());
  return database;
});

function tokenOf(caller: Caller): { role: string; claims: object } {
  if (typeof caller === 'string') return { role: caller, claims: { role: caller } };
  const role = 'authenticated';
  return { role, claims: { sub: caller.user, role, aud: role, aal: 'aal1' } };
}
