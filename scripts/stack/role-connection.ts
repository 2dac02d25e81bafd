import { AsyncLocalStorage } from 'node:async_hooks';
import type { ConnectionContextOptions, IntrospectResult, VarsContext } from '@supabase/lite';
import { PostgresConnection } from '@supabase/lite/postgres';
import { type Kysely, sql } from 'kysely';
import { jsonTypes } from './json-types.ts';
import { type RequestFacts, requestSettings } from './request-settings.ts';

export const currentRequest = new AsyncLocalStorage<RequestFacts>();

interface Options {
  url: string;
  /** A superuser reads the catalogue: the login role itself sees only what is granted to it. */
  catalogUrl: string;
  searchPath: string;
  maxConnections: number;
}

/**
 * Runs each request as PostgREST does: one transaction, the caller's role and claims set in one
 * statement, reads in a read-only transaction, and nothing kept of a request that fails. The
 * library's own way grants every table of every schema to the API roles on first use and spends
 * six statements on the same work.
 */
export class RoleConnection extends PostgresConnection {
  readonly #options: Options;
  #catalog: Promise<IntrospectResult> | undefined;

  constructor(options: Options) {
    super({
      url: options.url,
      postgresOptions: { max: options.maxConnections, onnotice: () => {}, types: jsonTypes },
    });
    this.#options = options;
  }

  override introspect(): Promise<IntrospectResult> {
    this.#catalog ??= readCatalog(this.#options.catalogUrl);
    return this.#catalog;
  }

  forgetCatalog(): void {
    this.#catalog = undefined;
  }

  override async withContext<T>(
    vars: VarsContext | undefined,
    // The library's own type: what a table holds is not known here.
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    work: (db: Kysely<any>) => Promise<T>,
    options?: ConnectionContextOptions,
  ): Promise<T> {
    const begin = async (tx: Parameters<typeof work>[0]) => {
      await sql`select ${sql.join(this.#settings(vars))}`.execute(tx);
      return work(tx);
    };
    if (options?.transaction) return begin(options.transaction);
    try {
      return await this.kysely.transaction().execute(async (tx) => {
        const result = await begin(tx);
        const refused = !options?.rpc && result instanceof Response && result.status >= 400;
        // Storage asks what a policy would say by doing it and taking it back.
        if (refused || options?.forceRollback) throw new TakenBack(result);
        return result;
      });
    } catch (error) {
      if (error instanceof TakenBack) return error.result as T;
      throw error;
    }
  }

  #settings(vars: VarsContext | undefined) {
    const { auth, storage } = (vars ?? {}) as {
      auth?: { role?: string; jwt?: Record<string, unknown> | null };
      storage?: { operation?: string };
    };
    const request = currentRequest.getStore();
    const settings = requestSettings({
      claims: auth?.jwt ?? { role: auth?.role ?? 'anon' },
      searchPath: this.#options.searchPath,
      readOnly: request?.method === 'GET' || request?.method === 'HEAD',
      request,
      storageOperation: storage?.operation ?? '',
    });
    return settings.map(([name, value]) => sql`set_config(${name}, ${value}, true)`);
  }
}

/** PostgREST rolls back what it answers with an error; the library would commit it. */
class TakenBack extends Error {
  readonly result: unknown;
  constructor(result: unknown) {
    super('taken back');
    this.result = result;
  }
}

async function readCatalog(url: string): Promise<IntrospectResult> {
  const connection = new PostgresConnection({
    url,
    postgresOptions: { max: 1, onnotice: () => {} },
  });
  try {
    return await connection.introspect();
  } finally {
    await connection.close();
  }
}
